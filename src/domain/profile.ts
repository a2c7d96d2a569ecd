/**
 * A profile: the wire format and delivery policy of a kind of webhook, as data. What a destination leaves open comes
 * from its profile.
 */
import type { FailureReason } from './attempt.ts';
import type { ProfileEnding } from './ending.ts';
import type { Payload } from './payload.ts';
import type { RetrySchedule } from './retry-schedule.ts';
import type { SecretFormat } from './signing-secret.ts';

export interface Profile {
  readonly name: string;
  readonly payload: Payload;
  readonly contentType: string;
  /** Names and templates (domain/template.ts) of the headers of each message, in order; one of no text is left out. */
  readonly headers: readonly HeaderTemplate[];
  /**
   * Each pair of the destination's `delivery_metadata` and of the event's `metadata` goes along as a header of this
   * prefix and its name; `null`: none does.
   */
  readonly metadataHeaderPrefix: string | null;
  /** `null`: not signed. */
  readonly signature: SignatureScheme | null;
  readonly secret: SecretFormat;
  /** Statuses of an answer that mean: delivered. */
  readonly success: SuccessRule;
  readonly retried: RetryRule;
  readonly retry: RetrySchedule;
  /** The total deadline of one attempt. */
  readonly timeoutMs: number;
  /** Attempts a minute of one destination, at most; `null`: as many as its receiver bears. */
  readonly ratePerMinute: number | null;
  /** Which attempts that bounds. */
  readonly rateCounts: RateCounts;
  /** When a destination is given up. */
  readonly ending: ProfileEnding;
}

/**
 * attempts        first ones, retries and replays together
 * first_attempts  first ones and replays: retries go while those wait, and use nothing up
 */
export const RATE_COUNTS = ['attempts', 'first_attempts'] as const;
export type RateCounts = (typeof RATE_COUNTS)[number];

export type HeaderTemplate = readonly [name: string, template: string];

/** How a message is signed: what, with which algorithm, and how that is written into its header. */
export interface SignatureScheme {
  readonly header: string;
  /** Template of the bytes that are signed; `{body}` stands in it once, for the bytes that are sent. */
  readonly signed: string;
  readonly algorithm: HmacAlgorithm;
  readonly encoding: 'hex' | 'base64';
  /** Template of one signature, `{signature}` in it; there is one for each secret that is valid. */
  readonly each: string;
  /** Between them. */
  readonly separator: string;
  /** Template of the header's value, `{signatures}` in it. */
  readonly value: string;
  /** As `each`, of signatures by ed25519 keys, which are in base64; `null`: the profile has none. */
  readonly eachEd25519: string | null;
}

export const HMAC_ALGORITHMS = ['sha256', 'sha512', 'sha1'] as const;
export type HmacAlgorithm = (typeof HMAC_ALGORITHMS)[number];

export type SuccessRule =
  | { readonly fromStatus: number; readonly toStatus: number }
  | { readonly only: readonly number[] };

/** Which failures are tried again. */
export interface RetryRule {
  /** By status of the answer, where that was no success. */
  readonly statuses: { readonly only: readonly number[] } | { readonly allBut: readonly number[] };
  /** Where there was no answer; `null`: whatever the reason. */
  readonly reasons: readonly FailureReason[] | null;
}

export function isSuccess({ success }: Pick<Profile, 'success'>, status: number): boolean {
  if ('only' in success) return success.only.includes(status);
  return status >= success.fromStatus && status <= success.toStatus;
}

/** Whether an answer of that status, which is no success, is worth another attempt. */
export function retriesStatus(
  { retried: { statuses } }: Pick<Profile, 'retried'>,
  status: number,
): boolean {
  return 'only' in statuses ? statuses.only.includes(status) : !statuses.allBut.includes(status);
}

export function retriesReason(
  { retried: { reasons } }: Pick<Profile, 'retried'>,
  reason: FailureReason,
): boolean {
  return reasons === null || reasons.includes(reason);
}
