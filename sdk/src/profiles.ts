/** The built-in profiles. */
import type { KeyForm, Scheme, SignatureField } from './scheme.ts';

export type ProfileName = 'standard' | 'baack' | 'basekit' | 'balkanid' | 'baxcloud';

/** The whole secret as it is, prefix included. */
const TEXT_KEY: KeyForm = {
  kind: 'hmac',
  prefix: '',
  bytes: 'utf8',
  minBytes: 1,
  maxBytes: Number.POSITIVE_INFINITY,
};

const hexOf = (header: string, prefix = ''): SignatureField => ({
  header,
  separators: ', ',
  forms: [{ algorithm: 'hmac-sha256', encoding: 'hex', prefix }],
});

/** Standard Webhooks, "Signature scheme" and "Webhook headers". */
const standard: Scheme = {
  name: 'standard',
  signed: [
    { header: 'webhook-id', without: '.' },
    { text: '.' },
    { header: 'webhook-timestamp', without: '.' },
    { text: '.' },
    { body: true },
  ],
  signature: {
    header: 'webhook-signature',
    separators: ' ',
    forms: [
      { algorithm: 'hmac-sha256', encoding: 'base64', prefix: 'v1,' },
      { algorithm: 'ed25519', encoding: 'base64', prefix: 'v1a,' },
    ],
  },
  keys: [
    { kind: 'hmac', prefix: 'whsec_', bytes: 'base64', minBytes: 24, maxBytes: 64 },
    { kind: 'ed25519', prefix: 'whpk_', bytes: 'base64', minBytes: 32, maxBytes: 32 },
  ],
  id: { header: 'webhook-id' },
  topic: { member: 'type' },
  time: { from: { header: 'webhook-timestamp' }, format: 'unix_seconds', of: 'attempt' },
};

const baack: Scheme = {
  name: 'baack',
  signed: [
    { body: true },
    { headersNamedIn: 'signed-headers', atLeast: ['x-baack-timestamp', 'idempotency-key'] },
  ],
  signature: hexOf('x-baack-signature'),
  keys: [TEXT_KEY],
  id: { header: 'idempotency-key' },
  topic: { members: ['subject', 'event'] },
  time: { from: { header: 'x-baack-timestamp' }, format: 'utc', of: 'attempt' },
  bodyIsObject: true,
  version: { resource: 'resource', clock: 'vectorClock' },
};

const basekit: Scheme = {
  name: 'basekit',
  signed: [{ body: true }],
  signature: hexOf('x-delivery-hmac-sha256'),
  keys: [TEXT_KEY],
  id: { header: 'x-delivery-id' },
  topic: { member: 'event' },
  time: null,
};

const balkanid: Scheme = {
  name: 'balkanid',
  signed: [{ body: true }],
  signature: hexOf('x-outpost-signature', 'v0='),
  keys: [TEXT_KEY],
  id: { header: 'x-outpost-event-id' },
  topic: { header: 'x-outpost-topic' },
  time: { from: { header: 'x-outpost-timestamp' }, format: 'rfc3339', of: 'attempt' },
};

const baxcloud: Scheme = {
  name: 'baxcloud',
  signed: [{ body: true }],
  signature: hexOf('x-baxcloud-signature'),
  keys: [TEXT_KEY],
  id: { member: 'id' },
  topic: { member: 'type' },
  time: { from: { member: 'created' }, format: 'unix_seconds', of: 'event' },
};

export const PROFILES: Readonly<Record<ProfileName, Scheme>> = Object.freeze({
  standard,
  baack,
  basekit,
  balkanid,
  baxcloud,
});

export function isProfileName(name: unknown): name is ProfileName {
  return typeof name === 'string' && Object.hasOwn(PROFILES, name);
}
