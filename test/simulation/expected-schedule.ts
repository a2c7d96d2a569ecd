/** When a retry has to come, worked out from the destination's policy alone. */
import type { ReceivedRequest } from '../support/simulated-receivers.ts';

export interface ExpectedSchedule {
  readonly delaysMs: readonly number[];
  readonly jitter: number;
}

/** Every destination of the simulation has a schedule of its own: the profile's would take days. */
export function scheduleOf(
  policy: { readonly delays_s: readonly number[]; readonly jitter: number } | undefined,
): ExpectedSchedule {
  if (policy === undefined) throw new TypeError('a simulated destination has no schedule');
  return { delaysMs: policy.delays_s.map((delayS) => delayS * 1000), jitter: policy.jitter };
}

/** On the wall clock, both included; `null`: there is no further attempt. */
export function nextAttemptBoundsMs(
  { delaysMs, jitter }: ExpectedSchedule,
  failures: number,
  { endedAtMs, outcome }: ReceivedRequest,
): { from: number; to: number } | null {
  const delayMs = delaysMs[failures - 1];
  if (delayMs === undefined || endedAtMs === null) return null;
  const askedMs = outcome?.kind === 'failed' ? (outcome.retryAfterMs ?? 0) : 0;
  return {
    from: endedAtMs + Math.round(Math.max(delayMs * (1 - jitter), askedMs)),
    to: endedAtMs + Math.round(Math.max(delayMs * (1 + jitter), askedMs)),
  };
}
