/** When a retry has to come, worked out from the destination's policy alone. */
import { standard } from '../../src/profiles/standard.ts';
import type { ReceivedRequest } from '../support/simulated-receivers.ts';

export interface ExpectedSchedule {
  readonly delaysMs: readonly number[];
  readonly jitter: number;
}

/** Without a policy of its own a destination has its profile's. */
export function scheduleOf(
  policy: { readonly delays_s: readonly number[]; readonly jitter?: number } | undefined,
): ExpectedSchedule {
  if (policy === undefined) return standard.retry;
  return {
    delaysMs: policy.delays_s.map((delayS) => delayS * 1000),
    jitter: policy.jitter ?? standard.retry.jitter,
  };
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
