/** What a lane asks before it starts an attempt: may I, and if not, when? */
import type { Outcome } from '../domain/attempt.ts';

/** Ask again when an attempt of the lane has ended, not at some time. */
export const WHEN_ONE_ENDS = Infinity;

export interface LanePolicy {
  /**
   * When the next attempt may start, on the wall clock, in milliseconds; not after `nowMs`: at once.
   * `WHEN_ONE_ENDS` where no clock can tell.
   */
  mayStartAtMs(inFlight: number, nowMs: number): number;
  attemptStarted(nowMs: number): void;
  attemptEnded(outcome: Outcome, nowMs: number): void;
}

/** The receiver does not keep up, or is not there; an answer below 500 comes from one that works. */
export function isOverload(outcome: Outcome & { kind: 'failed' }): boolean {
  return (
    outcome.reason === 'timeout' || (outcome.response !== null && outcome.response.status >= 500)
  );
}
