/** When a retry has to come, worked out from the destination's policy alone. */
import type { Profile } from '../../src/domain/profile.ts';
import { baack } from '../../src/profiles/baack.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { basekit } from '../../src/profiles/basekit.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { standard } from '../../src/profiles/standard.ts';
import type { ReceivedRequest } from '../support/simulated-receivers.ts';

export interface ExpectedSchedule {
  readonly delaysMs: readonly number[];
  readonly jitter: number;
  readonly windowMs: number | null;
}

export type RetryOfPolicy = { readonly jitter?: number; readonly window_s?: number } & (
  | { readonly delays_s: readonly number[] }
  | {
      readonly base_s: number;
      readonly factor: number;
      readonly cap_s: number;
      readonly count: number;
    }
);

/** What may follow from a failure. On the wall clock, both included; from later than to: nothing but the end. */
export interface Expected {
  readonly from: number;
  readonly to: number;
  readonly mayBeOver: boolean;
}

const PROFILES = new Map(
  [standard, baack, balkanid, basekit, baxcloud].map((profile) => [profile.name, profile]),
);
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;
const OVER: Expected = { from: Infinity, to: -Infinity, mayBeOver: true };

/** Those of no profile have the standard one. */
export function profileOf(name: string | null | undefined): Profile {
  return PROFILES.get(name ?? standard.name) ?? standard;
}

/** Without a policy of its own a destination has its profile's. */
export function scheduleOf(policy: RetryOfPolicy | undefined, profile: string): ExpectedSchedule {
  if (policy === undefined) return profileOf(profile).retry;
  return {
    delaysMs: delaysS(policy).map((delayS) => delayS * 1000),
    jitter: policy.jitter ?? standard.retry.jitter,
    windowMs: policy.window_s === undefined ? null : policy.window_s * 1000,
  };
}

function delaysS(policy: RetryOfPolicy): readonly number[] {
  if ('delays_s' in policy) return policy.delays_s;
  const delays: number[] = [];
  for (let next = policy.base_s; delays.length < policy.count; next *= policy.factor)
    delays.push(Math.min(next, policy.cap_s));
  return delays;
}

export function expectedNext(
  { delaysMs, jitter, windowMs }: ExpectedSchedule,
  failures: number,
  firstDueAtMs: number,
  { endedAtMs, outcome }: ReceivedRequest,
): Expected {
  const delayMs = delaysMs[failures - 1];
  if (delayMs === undefined || endedAtMs === null) return OVER;
  const askedMs =
    outcome?.kind === 'failed' ? Math.min(outcome.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS) : 0;
  const lastMs = windowMs === null ? Infinity : firstDueAtMs + windowMs;
  const untilMs = Math.min(endedAtMs + Math.round(askedMs), lastMs);
  const from = endedAtMs + Math.round(delayMs * (1 - jitter));
  const to = endedAtMs + Math.round(delayMs * (1 + jitter));
  return {
    from: Math.max(from, untilMs),
    to: Math.max(Math.min(to, lastMs), untilMs),
    mayBeOver: to > lastMs,
  };
}
