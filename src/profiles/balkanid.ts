/** BalkanID's destinations, which are Outpost's: the data as published, everything else in headers. */
import type { Profile } from '../domain/profile.ts';
import { exponentialDelays } from '../domain/retry-schedule.ts';
import { DAY_OVERLAP_MS } from '../domain/signing-secret.ts';
import { standard } from './standard.ts';

const SECOND_MS = 1000;

export const balkanid: Profile = {
  name: 'balkanid',
  payload: 'data',
  contentType: 'application/json',
  headers: [
    ['x-outpost-event-id', '{event_id}'],
    ['x-outpost-topic', '{topic}'],
    ['x-outpost-timestamp', '{timestamp_rfc3339}'],
  ],
  metadataHeaderPrefix: 'x-outpost-',
  signature: {
    header: 'x-outpost-signature',
    signed: '{body}',
    algorithm: 'sha256',
    encoding: 'hex',
    each: '{signature}',
    separator: ',',
    value: 'v0={signatures}',
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
    overlapMs: DAY_OVERLAP_MS,
  },
  success: standard.success,
  retried: standard.retried,
  retry: {
    delaysMs: exponentialDelays(30 * SECOND_MS, 2, Infinity, 10),
    jitter: 0,
    windowMs: null,
  },
  timeoutMs: 5 * SECOND_MS,
  ratePerMinute: null,
  rateCounts: 'attempts',
  ending: {
    ...standard.ending,
    consecutiveFailures: 100,
    withoutSuccessMs: null,
    onGone: 'nothing',
    hearsDisable: false,
  },
};
