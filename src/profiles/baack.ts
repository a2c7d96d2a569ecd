/**
 * Baack's webhook subscriptions: thin messages that say which resource changed, signed over body, timestamp and
 * idempotency key, tried fast and then slowly for 16 hours.
 */
import type { Profile } from '../domain/profile.ts';
import { DAY_OVERLAP_MS } from '../domain/signing-secret.ts';

const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;

export const baack: Profile = {
  name: 'baack',
  payload: 'thin',
  contentType: 'application/json',
  headers: [
    ['Idempotency-Key', '{idempotency_key}'],
    ['X-Baack-Timestamp', '{timestamp_utc}'],
    ['X-Baack-Nonce', '{nonce}'],
    // The headers whose values follow the body in what is signed, in order.
    ['Signed-Headers', 'x-baack-timestamp, idempotency-key'],
  ],
  metadataHeaderPrefix: null,
  signature: {
    header: 'X-Baack-Signature',
    signed: '{body}{timestamp_utc}{idempotency_key}',
    algorithm: 'sha256',
    encoding: 'hex',
    each: '{signature}',
    separator: ',',
    value: '{signatures}',
    eachEd25519: null,
  },
  secret: {
    prefix: '',
    key: 'utf8',
    minBytes: 1,
    maxBytes: 1024,
    generated: null,
    shown: 'sha256',
    scope: 'destination',
    ed25519: false,
    overlapMs: DAY_OVERLAP_MS,
  },
  success: { fromStatus: 200, toStatus: 299 },
  retried: {
    statuses: { only: [408, 418, 429, 503, 504] },
    reasons: ['timeout', 'dns', 'connection', 'tls', 'protocol', 'auth'],
  },
  retry: {
    // Ten attempts, the last 16 hours after the first; where the receiver asks for more time, up to a day after the event.
    delaysMs: [8, 16, 60, 480, 1800, 3600, 7200, 14_400, 30_036].map((s) => s * SECOND_MS),
    jitter: 0,
    windowMs: 24 * HOUR_MS,
  },
  timeoutMs: 10 * SECOND_MS,
  ratePerMinute: null,
  rateCounts: 'attempts',
  ending: {
    consecutiveFailures: null,
    withoutSuccessMs: null,
    onExhausted: true,
    failureShare: { share: 0.5, windowMs: HOUR_MS, minAttempts: 20 },
    onGone: 'nothing',
    hearsDisable: false,
    mailsFailures: false,
    lifetimeMs: 90 * 24 * HOUR_MS,
  },
};
