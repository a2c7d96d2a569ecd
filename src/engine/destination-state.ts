/** How a destination stands, as its readers see it. */
import type { Destination } from '../domain/destination.ts';
import { isExpired } from '../domain/ending.ts';
import type { DisabledReason } from '../domain/ending.ts';
import type { Health } from '../domain/health.ts';

export const DESTINATION_STATUSES = ['healthy', 'failing', 'disabled', 'expired'] as const;

export interface DestinationState {
  readonly status: (typeof DESTINATION_STATUSES)[number];
  /** `null`: it is healthy. */
  readonly reason: DisabledReason | 'failures' | null;
  /** Since when; `null`: it is healthy. */
  readonly sinceMs: number | null;
  /** Failed attempts since the last success. */
  readonly consecutiveFailures: number;
  readonly lastSuccessAtMs: number | null;
  /** Until when nothing is tried, because nobody answered; `null`: it is tried. */
  readonly breakerUntilMs: number | null;
}

export function destinationState(
  { disabledAtMs, disabledReason, expiresAtMs }: Destination,
  health: Health,
  breakerUntilMs: number | null,
  nowMs: number,
): DestinationState {
  const { consecutiveFailures, lastSuccessAtMs } = health;
  const counted = { consecutiveFailures, lastSuccessAtMs, breakerUntilMs };
  if (disabledAtMs !== null && disabledReason !== 'expired')
    return {
      ...counted,
      status: 'disabled',
      reason: disabledReason ?? 'by_hand',
      sinceMs: disabledAtMs,
    };
  if (disabledAtMs !== null || isExpired(expiresAtMs, nowMs)) {
    const sinceMs = expiresAtMs ?? disabledAtMs;
    return { ...counted, status: 'expired', reason: 'expired', sinceMs };
  }
  if (health.isFailing)
    return { ...counted, status: 'failing', reason: 'failures', sinceMs: health.failingSinceMs };
  return { ...counted, status: 'healthy', reason: null, sinceMs: null };
}
