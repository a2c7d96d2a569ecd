/** When a destination ends, and whether it is disabled: what is there, and what is asked for, put together. */
import type { FieldProblem } from '../destinations/destination-type.ts';
import type { Destination } from '../domain/destination.ts';

export type DestinationEnd = Pick<Destination, 'disabledAtMs' | 'disabledReason' | 'expiresAtMs'>;

/** What is left out stays as it was. */
export interface EndChange {
  readonly disabledAtMs?: number | null;
  readonly expiresAtMs?: number | null;
}

/**
 * `lifetimeMs`: that of the profile. Where it has one, a destination always has an end, and none that is further away.
 *
 * One that has expired is enabled by a new end, and gets a new one when it is enabled: as long as its profile gives, or
 * none.
 */
export function endAfter(
  before: DestinationEnd | null,
  change: EndChange,
  lifetimeMs: number | null,
  nowMs: number,
): { readonly end: DestinationEnd; readonly problems: FieldProblem[] } {
  const fullMs = lifetimeMs === null ? null : nowMs + lifetimeMs;
  const hadExpired = before?.disabledReason === 'expired';
  const isRenewed = hadExpired && typeof change.expiresAtMs === 'number';
  const disabledAtMs =
    change.disabledAtMs === undefined
      ? isRenewed
        ? null
        : (before?.disabledAtMs ?? null)
      : change.disabledAtMs;
  const isEnabledAgain = hadExpired && disabledAtMs === null;
  const expiresAtMs =
    change.expiresAtMs === undefined
      ? laid(isEnabledAgain ? null : (before?.expiresAtMs ?? null), fullMs)
      : (change.expiresAtMs ?? fullMs);
  const disabledReason = disabledAtMs === null ? null : (before?.disabledReason ?? 'by_hand');
  return {
    end: { disabledAtMs, disabledReason, expiresAtMs },
    problems: problemsOf(change.expiresAtMs ?? null, lifetimeMs, nowMs),
  };
}

/** An end from before, under a profile that gives at most `fullMs`. */
function laid(expiresAtMs: number | null, fullMs: number | null): number | null {
  if (fullMs === null) return expiresAtMs;
  return expiresAtMs === null ? fullMs : Math.min(expiresAtMs, fullMs);
}

const DAY_MS = 24 * 60 * 60 * 1000;

function problemsOf(
  askedMs: number | null,
  lifetimeMs: number | null,
  nowMs: number,
): FieldProblem[] {
  if (askedMs === null) return [];
  const problem = (message: string) => [{ pointer: '/expires_at', code: 'range', message }];
  if (askedMs <= nowMs) return problem('The end of a destination lies ahead: give a later time.');
  if (lifetimeMs === null || askedMs <= nowMs + lifetimeMs) return [];
  return problem(
    `With this profile a destination ends within ${lifetimeMs / DAY_MS} days: give an earlier time, and renew it.`,
  );
}
