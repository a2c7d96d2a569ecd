/** The default profile: Standard Webhooks, as the specification at standardwebhooks.com describes them. */
import type { Profile } from '../domain/profile.ts';
import { DAY_OVERLAP_MS } from '../domain/signing-secret.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

export const standard: Profile = {
  name: 'standard',
  payload: 'standard',
  contentType: 'application/json',
  headers: [
    ['webhook-id', '{event_id}'],
    ['webhook-timestamp', '{timestamp}'],
  ],
  metadataHeaderPrefix: null,
  signature: {
    header: 'webhook-signature',
    signed: '{event_id}.{timestamp}.{body}',
    algorithm: 'sha256',
    encoding: 'base64',
    each: 'v1,{signature}',
    separator: ' ',
    value: '{signatures}',
    eachEd25519: 'v1a,{signature}',
  },
  secret: {
    prefix: 'whsec_',
    key: 'base64',
    minBytes: 24,
    maxBytes: 64,
    generated: { bytes: 32, encoding: 'base64' },
    shown: 'value',
    scope: 'destination',
    ed25519: true,
    overlapMs: DAY_OVERLAP_MS,
  },
  success: { fromStatus: 200, toStatus: 299 },
  // 410 Gone: the receiver says that it will never want this.
  retried: { statuses: { allBut: [410] }, reasons: null },
  retry: {
    delaysMs: [
      5 * SECOND_MS,
      5 * MINUTE_MS,
      30 * MINUTE_MS,
      2 * HOUR_MS,
      5 * HOUR_MS,
      10 * HOUR_MS,
      14 * HOUR_MS,
      20 * HOUR_MS,
      24 * HOUR_MS,
    ],
    jitter: 0.1,
    windowMs: null,
  },
  timeoutMs: 15 * SECOND_MS,
  ratePerMinute: null,
  rateCounts: 'attempts',
  ending: {
    consecutiveFailures: null,
    withoutSuccessMs: 5 * 24 * HOUR_MS,
    onExhausted: false,
    failureShare: null,
    onGone: 'disable',
    hearsDisable: true,
    mailsFailures: false,
    lifetimeMs: null,
  },
};
