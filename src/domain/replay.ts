/**
 * A replay: events of a time range again, to one destination. It goes through them once, in their order, makes their
 * deliveries due a few at a time, and counts what becomes of them.
 *
 * running    it goes on, or waits for its rate and for what it has made due
 * paused     nothing more is made due until it is resumed
 * completed  it went through, and everything that it made due has had its attempt
 * canceled   somebody ended it; what was due already was sent all the same
 * stopped    it could not go on: its destination is deleted or disabled
 */

/**
 * all     every event, also one that the destination never had; what is still pending is on its way, and left alone
 * failed  those whose delivery failed or was canceled
 * missed  those that the destination wants and never had
 */
export const REPLAY_SELECTIONS = ['all', 'failed', 'missed'] as const;
export type ReplaySelection = (typeof REPLAY_SELECTIONS)[number];

export const REPLAY_STATUSES = ['running', 'paused', 'completed', 'canceled', 'stopped'] as const;
export type ReplayStatus = (typeof REPLAY_STATUSES)[number];

export const STOP_REASONS = ['destination_deleted', 'destination_disabled'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** What somebody may ask for. Doing it once more changes nothing, and is no mistake. */
export type ReplayTrigger = 'pause' | 'resume' | 'cancel';

/** `null`: it has ended otherwise. */
const TRANSITIONS: Record<ReplayStatus, Record<ReplayTrigger, ReplayStatus | null>> = {
  running: { pause: 'paused', resume: 'running', cancel: 'canceled' },
  paused: { pause: 'paused', resume: 'running', cancel: 'canceled' },
  completed: { pause: null, resume: null, cancel: null },
  canceled: { pause: null, resume: null, cancel: 'canceled' },
  stopped: { pause: null, resume: null, cancel: null },
};

export function replayTransition(
  status: ReplayStatus,
  trigger: ReplayTrigger,
): ReplayStatus | null {
  return TRANSITIONS[status][trigger];
}

/**
 * In which order it goes through the events: by their time, as lists do, or by their number, in which they were
 * published. The latter is what destinations that are ordered by key are promised.
 */
export type ReplayOrder = 'time' | 'number';

export interface ReplayCriteria {
  readonly select: ReplaySelection;
  /** Half-open, of the events' own time. */
  readonly time: { readonly fromMs: number | null; readonly toMs: number | null };
  /** Topics and patterns; empty: all. */
  readonly topics: readonly string[];
  /** Compact JSON of a filter (filter.ts); `null`: none. */
  readonly filter: string | null;
  readonly order: ReplayOrder;
}
