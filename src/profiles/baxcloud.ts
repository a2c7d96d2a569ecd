/** BaxCloud's webhooks: an `evt_` envelope around the object, signed in hexadecimal digits; only 200 is success. */
import type { Profile } from '../domain/profile.ts';

const SECOND_MS = 1000;

export const baxcloud: Profile = {
  name: 'baxcloud',
  payload: 'envelope',
  contentType: 'application/json',
  headers: [],
  metadataHeaderPrefix: null,
  signature: {
    header: 'x-baxcloud-signature',
    signed: '{body}',
    algorithm: 'sha256',
    encoding: 'hex',
    each: '{signature}',
    separator: ',',
    value: '{signatures}',
    eachEd25519: null,
  },
  secret: {
    prefix: 'whsec_',
    key: 'utf8',
    minBytes: 8,
    maxBytes: 255,
    generated: { bytes: 32, encoding: 'base64' },
    shown: 'value',
    scope: 'destination',
    ed25519: false,
    // Its receivers compare the header as a whole: with two signatures in it they would refuse every message.
    overlapMs: 0,
  },
  success: { fromStatus: 200, toStatus: 200 },
  retried: { statuses: { allBut: [] }, reasons: null },
  retry: {
    // Six attempts: the first and five retries.
    delaysMs: [5, 30, 120, 600, 1800].map((s) => s * SECOND_MS),
    jitter: 0,
    windowMs: null,
  },
  timeoutMs: 10 * SECOND_MS,
  ratePerMinute: null,
  rateCounts: 'attempts',
  ending: {
    consecutiveFailures: null,
    withoutSuccessMs: null,
    onExhausted: false,
    failureShare: null,
    onGone: 'nothing',
    hearsDisable: false,
    mailsFailures: true,
    lifetimeMs: null,
  },
};
