/**
 * How a destination has fared since it was enabled, as a state machine without effects of its own: `afterAttempt` takes
 * what an attempt came to, and tells the health after it and what follows. Total: no clock that jumps, and no rule that
 * changes meanwhile, makes it throw or count below zero.
 */
import type { DisabledReason, EndingRule, FailureShareRule } from './ending.ts';

export interface Health {
  /** Failed attempts since the last success. */
  readonly consecutiveFailures: number;
  /** The first of them; `null`: there is none. */
  readonly failingSinceMs: number | null;
  readonly lastFailureAtMs: number | null;
  readonly lastSuccessAtMs: number | null;
  /** The highest stage on the way to being disabled that was told of in this run of failures. */
  readonly warnedPercent: WarnedPercent;
  /** It was told that it fails. */
  readonly isFailing: boolean;
  /** Attempts of the window of `failureShare`, in slices, oldest first; empty without that rule. */
  readonly slices: readonly HealthSlice[];
}

export interface HealthSlice {
  readonly startMs: number;
  readonly attempts: number;
  readonly failures: number;
}

export const WARNED_PERCENTS = [0, 50, 70, 90] as const;
export type WarnedPercent = (typeof WARNED_PERCENTS)[number];

/** What an attempt came to, as far as health goes. */
export interface HealthOutcome {
  readonly kind: 'delivered' | 'failed';
  /** It was the last of its delivery's schedule. */
  readonly isExhausted: boolean;
}

export type HealthEffect =
  | { readonly kind: 'failing' }
  /** So far on the way to being disabled. */
  | { readonly kind: 'warn'; readonly percent: Exclude<WarnedPercent, 0> }
  | { readonly kind: 'recovered' }
  | { readonly kind: 'disable'; readonly reason: DisabledReason };

export const NEW_HEALTH: Health = {
  consecutiveFailures: 0,
  failingSinceMs: null,
  lastFailureAtMs: null,
  lastSuccessAtMs: null,
  warnedPercent: 0,
  isFailing: false,
  slices: [],
};

/** Failed attempts in a row from which on a destination counts as failing: one or two happen to everybody. */
const FAILING_FROM = 3;
/** Parts of the window of a share: what is older than the window is forgotten part by part. */
const SLICES = 12;

export interface HealthStep {
  readonly health: Health;
  /** In the order in which they are to be told. */
  readonly effects: readonly HealthEffect[];
}

const NO_EFFECTS: readonly HealthEffect[] = [];

export function afterAttempt(
  before: Health,
  outcome: HealthOutcome,
  nowMs: number,
  rule: EndingRule,
): HealthStep {
  const isFailed = outcome.kind === 'failed';
  const slices =
    rule.failureShare === null
      ? []
      : withAttempt(before.slices, isFailed, nowMs, rule.failureShare);
  if (!isFailed) {
    const health: Health = { ...NEW_HEALTH, lastSuccessAtMs: nowMs, slices };
    return { health, effects: before.isFailing ? [{ kind: 'recovered' }] : NO_EFFECTS };
  }
  const failed = afterFailure(before, slices, nowMs, rule);
  const reason = disabledReason(failed, outcome, nowMs, rule);
  if (reason !== null) return { health: failed, effects: [{ kind: 'disable', reason }] };
  const isFailing = failed.consecutiveFailures >= FAILING_FROM;
  const warnedPercent = stageOf(failed, nowMs, rule);
  const effects: HealthEffect[] = [];
  if (isFailing && !failed.isFailing) effects.push({ kind: 'failing' });
  if (warnedPercent > failed.warnedPercent && warnedPercent !== 0)
    effects.push({ kind: 'warn', percent: warnedPercent });
  const health: Health = {
    ...failed,
    isFailing: isFailing || failed.isFailing,
    warnedPercent: warnedPercent > failed.warnedPercent ? warnedPercent : failed.warnedPercent,
  };
  return { health, effects };
}

/** One more failure. A run in which nothing was tried for as long as the rule waits begins anew: silence is no failure. */
function afterFailure(
  before: Health,
  slices: readonly HealthSlice[],
  nowMs: number,
  { withoutSuccessMs }: EndingRule,
): Health {
  const { failingSinceMs, lastFailureAtMs } = before;
  const isLongAgo =
    withoutSuccessMs !== null &&
    lastFailureAtMs !== null &&
    nowMs - lastFailureAtMs >= withoutSuccessMs;
  return {
    ...before,
    consecutiveFailures: before.consecutiveFailures + 1,
    // A clock that was set back makes no run longer.
    failingSinceMs: failingSinceMs === null || isLongAgo ? nowMs : Math.min(failingSinceMs, nowMs),
    lastFailureAtMs: nowMs,
    slices,
  };
}

function disabledReason(
  health: Health,
  { isExhausted }: HealthOutcome,
  nowMs: number,
  rule: EndingRule,
): DisabledReason | null {
  if (rule.onExhausted && isExhausted) return 'exhausted';
  const { consecutiveFailures, withoutSuccessMs, failureShare } = rule;
  if (consecutiveFailures !== null && health.consecutiveFailures >= consecutiveFailures)
    return 'consecutive_failures';
  if (withoutSuccessMs !== null && failingForMs(health, nowMs) >= withoutSuccessMs)
    return 'without_success';
  return failureShare === null ? null : shareReason(health.slices, failureShare);
}

/** How far on the way it is, by the rule that is nearest. */
function stageOf(
  health: Health,
  nowMs: number,
  { consecutiveFailures, withoutSuccessMs }: EndingRule,
): WarnedPercent {
  const percent = Math.max(
    consecutiveFailures === null ? 0 : (health.consecutiveFailures * 100) / consecutiveFailures,
    withoutSuccessMs === null ? 0 : (failingForMs(health, nowMs) * 100) / withoutSuccessMs,
  );
  return WARNED_PERCENTS.findLast((stage) => percent >= stage) ?? 0;
}

function failingForMs({ failingSinceMs }: Health, nowMs: number): number {
  return failingSinceMs === null ? 0 : nowMs - failingSinceMs;
}

function shareReason(
  slices: readonly HealthSlice[],
  { share, minAttempts }: FailureShareRule,
): 'failure_share' | null {
  let attempts = 0;
  let failures = 0;
  for (const slice of slices) {
    attempts += slice.attempts;
    failures += slice.failures;
  }
  return attempts >= minAttempts && failures > 0 && failures >= share * attempts
    ? 'failure_share'
    : null;
}

function withAttempt(
  slices: readonly HealthSlice[],
  isFailed: boolean,
  nowMs: number,
  { windowMs }: FailureShareRule,
): readonly HealthSlice[] {
  const sliceMs = windowMs / SLICES;
  const startMs = Math.floor(nowMs / sliceMs) * sliceMs;
  const failures = isFailed ? 1 : 0;
  const last = slices.at(-1);
  // Also where the clock was set back: what is ahead of it counts as now.
  if (last !== undefined && last.startMs >= startMs) {
    const counted = { ...last, attempts: last.attempts + 1, failures: last.failures + failures };
    return [...slices.slice(0, -1), counted];
  }
  const kept = slices.filter((slice) => slice.startMs > startMs - windowMs);
  return [...kept, { startMs, attempts: 1, failures }];
}
