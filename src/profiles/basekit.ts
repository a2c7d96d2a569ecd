/** BaseKit's REST hooks: the topic and the members of the data in one object, signed with the tenant's one secret. */
import type { Profile } from '../domain/profile.ts';
import { DAY_OVERLAP_MS } from '../domain/signing-secret.ts';
import { standard } from './standard.ts';

export const basekit: Profile = {
  name: 'basekit',
  payload: 'event_and_data',
  contentType: 'application/json',
  headers: [['X-Delivery-Id', '{delivery_id}']],
  metadataHeaderPrefix: null,
  signature: {
    header: 'X-Delivery-Hmac-SHA256',
    signed: '{body}',
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
    minBytes: 16,
    maxBytes: 255,
    generated: { bytes: 32, encoding: 'hex' },
    shown: 'value',
    scope: 'tenant',
    ed25519: false,
    overlapMs: DAY_OVERLAP_MS,
  },
  success: standard.success,
  retried: standard.retried,
  retry: { ...standard.retry, jitter: 0 },
  timeoutMs: standard.timeoutMs,
  ratePerMinute: null,
  rateCounts: 'attempts',
  // The hook is unsubscribed by its receiver, and by nothing else.
  ending: {
    ...standard.ending,
    withoutSuccessMs: null,
    onGone: 'unsubscribe',
    hearsDisable: false,
  },
};
