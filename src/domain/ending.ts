/**
 * When a destination is given up: the rule, as a profile has it and a destination's policy may lay over it. What counts
 * is counted in health.ts.
 */

export interface EndingRule {
  /** Failed attempts in a row; `null`: however many. */
  readonly consecutiveFailures: number | null;
  /** Attempts failed for so long without a success between them; `null`: however long. */
  readonly withoutSuccessMs: number | null;
  /** A delivery used up its schedule. */
  readonly onExhausted: boolean;
  /** `null`: whatever the share is. */
  readonly failureShare: FailureShareRule | null;
}

/** So large a part of the attempts within a window failed. */
export interface FailureShareRule {
  /** Above 0, at most 1. */
  readonly share: number;
  readonly windowMs: number;
  /** With fewer attempts in the window, the share says nothing. */
  readonly minAttempts: number;
}

/** How a profile ends: its rule, and what is the profile's alone. */
export interface ProfileEnding extends EndingRule {
  /** What an answer of 410 (Gone) does, beside ending its delivery: `unsubscribe` deletes the destination. */
  readonly onGone: GoneRule;
  /** Whether a receiver that answers `webhook-delivery: disable` is disabled. */
  readonly hearsDisable: boolean;
  /** Each delivery that failed for good is mailed to the tenant's contacts, with a link to retry it. */
  readonly mailsFailures: boolean;
  /** A destination ends so long after it was created or renewed, or earlier; `null`: it has an end only if it is given one. */
  readonly lifetimeMs: number | null;
}

export const GONE_RULES = ['disable', 'unsubscribe', 'nothing'] as const;
export type GoneRule = (typeof GONE_RULES)[number];

/** A destination's wishes, spelled as the API spells it; what is left out is the profile's. */
export interface DisablePolicy {
  readonly consecutive_failures?: number;
  readonly without_success_s?: number;
  readonly on_exhausted?: boolean;
  readonly failure_share?: {
    readonly share: number;
    readonly window_s: number;
    readonly min_attempts: number;
  };
}

/** While it is disabled, its events are dropped, or kept until it is enabled again. */
export const WHILE_DISABLED = ['drop', 'hold'] as const;
export type WhileDisabled = (typeof WHILE_DISABLED)[number];

/**
 * Why a destination is disabled.
 *
 * by_hand               somebody asked for it
 * consecutive_failures  so many attempts failed in a row
 * without_success       attempts failed for so long
 * exhausted             a delivery used up its schedule
 * failure_share         too large a part of the attempts failed
 * gone                  the receiver answered 410
 * receiver_asked        the receiver answered `webhook-delivery: disable`
 * expired               its time was over
 */
export const DISABLED_REASONS = [
  'by_hand',
  'consecutive_failures',
  'without_success',
  'exhausted',
  'failure_share',
  'gone',
  'receiver_asked',
  'expired',
] as const;
export type DisabledReason = (typeof DISABLED_REASONS)[number];

export function endingRule(profile: EndingRule, policy: DisablePolicy | undefined): EndingRule {
  if (policy === undefined) return profile;
  const { failure_share: share } = policy;
  return {
    consecutiveFailures: policy.consecutive_failures ?? profile.consecutiveFailures,
    withoutSuccessMs:
      policy.without_success_s === undefined
        ? profile.withoutSuccessMs
        : policy.without_success_s * 1000,
    onExhausted: policy.on_exhausted ?? profile.onExhausted,
    failureShare:
      share === undefined
        ? profile.failureShare
        : {
            share: share.share,
            windowMs: share.window_s * 1000,
            minAttempts: share.min_attempts,
          },
  };
}

/** A destination that ends at `expiresAtMs` gets nothing from that moment on. */
export function isExpired(expiresAtMs: number | null, nowMs: number): boolean {
  return expiresAtMs !== null && nowMs >= expiresAtMs;
}
