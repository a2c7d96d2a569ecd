/** What an attempt is and what came of it. An outcome is a value; a failed attempt is never an exception. */

export const ATTEMPT_KINDS = ['first', 'retry', 'manual', 'replay', 'test'] as const;
export type AttemptKind = (typeof ATTEMPT_KINDS)[number];

/**
 * Why an attempt failed; a closed list.
 *
 * http_status         the receiver answered, with a status that is no success
 * timeout             the total deadline passed: DNS, connect, TLS, headers and body together
 * dns                 the name did not resolve
 * connection          refused, reset or closed before a whole answer
 * tls                 handshake or certificate
 * blocked_address     the address is not one that may be delivered to
 * protocol            the answer is not HTTP
 * response_too_large  the answer's headers are over the limit
 * rejected            a broker or service refused the message
 * payload             the event could not be put into the destination's format
 * invalid_destination the stored configuration cannot be used (a secret that does not decrypt, say)
 * auth                the token server of the destination's OAuth 2.0 client gave no token
 */
export const FAILURE_REASONS = [
  'http_status',
  'timeout',
  'dns',
  'connection',
  'tls',
  'blocked_address',
  'protocol',
  'response_too_large',
  'rejected',
  'payload',
  'invalid_destination',
  'auth',
] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

/** Milliseconds with one decimal; `null` where the step did not happen (a reused connection has no DNS, connect, TLS). */
export interface Timings {
  readonly dnsMs: number | null;
  readonly connectMs: number | null;
  readonly tlsMs: number | null;
  readonly firstByteMs: number | null;
  readonly totalMs: number;
}

/**
 * Headers as they are kept: lines of name, value, name, value ... A header holds no line break, and repeated names stay
 * apart. One string is far cheaper to hand between threads than a list.
 */
export type HeaderLines = string;

export function headerLines(namesAndValues: readonly string[]): HeaderLines {
  return namesAndValues.join('\n');
}

export function parseHeaderLines(lines: HeaderLines): [name: string, value: string][] {
  if (lines === '') return [];
  const parts = lines.split('\n');
  return Array.from({ length: parts.length >> 1 }, (_, index) => [
    parts[index * 2] ?? '',
    parts[index * 2 + 1] ?? '',
  ]);
}

export interface AttemptRequest {
  /** Give the same object for all requests that share it: then it is written once. */
  readonly shape: RequestShape;
  /** The headers of this attempt alone, secrets masked. */
  readonly headers: HeaderLines;
}

/** What the requests to a destination have in common. */
export interface RequestShape {
  readonly url: string;
  /** Those that stand in each of them, secrets masked. */
  readonly headers: HeaderLines;
  /** With the event it gives the bytes that were sent (domain/payload.ts). */
  readonly payload: string;
}

export interface AttemptResponse {
  readonly status: number;
  readonly headers: HeaderLines;
  /** At most 16 KiB, decompressed. */
  readonly body: Uint8Array;
  /** True where the receiver sent more than was kept. */
  readonly truncated: boolean;
}

/** What the receiver says of itself with its answer: that it is gone for good (410), or that it wants no more. */
export type ReceiverWish = 'gone' | 'disable';

export type Outcome =
  | {
      readonly kind: 'delivered';
      readonly wish?: ReceiverWish;
      readonly timings: Timings;
      readonly response: AttemptResponse | null;
    }
  | {
      readonly kind: 'failed';
      readonly wish?: ReceiverWish;
      readonly reason: FailureReason;
      /** One sentence for the tenant: coarse, without addresses or secrets. */
      readonly detail: string;
      readonly retryable: boolean;
      /** What `Retry-After` asked for, if it did, in milliseconds from now. */
      readonly retryAfterMs?: number;
      readonly timings: Timings;
      readonly response: AttemptResponse | null;
    };

/** What lists show of an attempt: the HTTP status that decided it, else the reason of its failure, else `ok`. */
export function attemptCode(reason: FailureReason | null, status: number | null): string {
  if (reason !== null && reason !== 'http_status') return reason;
  return status === null ? 'ok' : String(status);
}
