/** What a verification ends with: a value, whatever came. */
import type { VectorClock } from './vector-clock.ts';

/**
 * Why a message is not taken. The first three are faults of the receiver's own set-up, the others of the message.
 *
 * - `unknown_profile`: there is no profile of that name.
 * - `malformed_secret`: none is given, or one is not of the profile's form.
 * - `unsupported_algorithm`: this runtime's WebCrypto, or this kit, cannot verify such signatures.
 * - `unreadable_body`: the body is not the bytes as they came, or not of the form that the profile has to have.
 * - `missing_header`, `malformed_header`: the detail names it.
 * - `signature_mismatch`: none of the signatures is of that body, those headers and one of the secrets.
 * - `digest_mismatch`: the body is not the one of the `Content-Digest` (RFC 9530) that was signed.
 * - `insufficient_coverage`: an HTTP message signature (RFC 9421) leaves out a component that has to be signed.
 * - `unknown_key`: no key has the id that the signature names.
 * - `timestamp_too_old`, `timestamp_too_new`: signed well, but outside the tolerance.
 */
export type RefusalReason =
  | 'unknown_profile'
  | 'malformed_secret'
  | 'unsupported_algorithm'
  | 'unreadable_body'
  | 'missing_header'
  | 'malformed_header'
  | 'signature_mismatch'
  | 'digest_mismatch'
  | 'insufficient_coverage'
  | 'unknown_key'
  | 'timestamp_too_old'
  | 'timestamp_too_new';

export interface Refused {
  readonly ok: false;
  readonly reason: RefusalReason;
  /** A sentence for a log; it holds no secret. */
  readonly detail: string;
}

/** A message whose signature is good. What the message does not say is `null`. */
export interface Verified {
  readonly ok: true;
  readonly profile: string;
  /** The same over all attempts: the key by which duplicates are told. */
  readonly id: string | null;
  readonly topic: string | null;
  /** Milliseconds since 1970: of the attempt, or where the profile does not say that of the event. */
  readonly timestampMs: number | null;
  /**
   * Which of these the signature does not cover. Whoever can catch a message can send it again with others of these:
   * no decision about trust may rest on them.
   */
  readonly unsigned: readonly ('id' | 'topic' | 'timestamp')[];
  /** The version of a resource, for an order guard (profile `baack`). */
  readonly version: ResourceVersion | null;
  /** The signature that matched, as it was written. */
  readonly signature: string;
  /** Which of the given secrets it was: 0 is the first. */
  readonly secretIndex: number;
  /** The body's JSON; `undefined` where it is none. */
  readonly payload: unknown;
}

export interface ResourceVersion {
  readonly resource: string;
  readonly clock: VectorClock;
}

export type Verification = Verified | Refused;

export function refused(reason: RefusalReason, detail: string): Refused {
  return { ok: false, reason, detail };
}
