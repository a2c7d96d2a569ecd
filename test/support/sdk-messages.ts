/**
 * Messages of every profile as its document says that they are signed: by node:crypto, and with nothing of the kit, so that
 * both would have to be wrong in the same way.
 */
import { createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import type { ProfileName } from '../../sdk/src/index.ts';

export interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Signing {
  /** The current one first. */
  readonly secrets: readonly string[];
  readonly id: string;
  readonly atMs: number;
}

export interface ProfileCase {
  readonly profile: ProfileName;
  readonly secret: string;
  readonly otherSecret: string;
  readonly body: string;
  readonly sign: (body: string, signing: Signing) => Message;
  /** The headers that the signature covers, and the one that it stands in. */
  readonly signedHeaders: readonly string[];
  readonly signatureHeader: string;
  readonly topic: string;
}

export const AT_MS = Date.UTC(2026, 10, 21, 10, 0, 0);
export const EVENT_ID = 'evt_abc123xyz';

const whsec = (fill: number) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`;
const hexHmac = (secret: string, content: string) =>
  createHmac('sha256', Buffer.from(secret, 'utf8')).update(content, 'utf8').digest('hex');

export const CASES: readonly ProfileCase[] = [
  {
    profile: 'standard',
    secret: whsec(1),
    otherSecret: whsec(2),
    body: '{"type":"room.created","timestamp":"2026-11-21T09:59:59.000Z","data":{"n":1.0,"é":"ü"}}',
    signedHeaders: ['webhook-id', 'webhook-timestamp'],
    signatureHeader: 'webhook-signature',
    topic: 'room.created',
    sign(body, { secrets, id, atMs }) {
      const timestamp = String(Math.floor(atMs / 1000));
      const signatures = secrets.map((secret) => {
        const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
        const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`);
        return `v1,${hmac.digest('base64')}`;
      });
      return {
        headers: {
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': signatures.join(' '),
        },
        body,
      };
    },
  },
  {
    profile: 'baack',
    secret: 'chosen by the client',
    otherSecret: 'another one',
    body: '{"urn":"evt_abc123xyz","subject":"ENTITY","event":"UPDATE","resource":"urn:room:1","vectorClock":{"a":3,"b":1},"timestamp":"2026-11-21T09:59:59.000","trigger":{"urn":"t-1","event":"UPDATE","timestamp":"2026-11-21T09:59:59.000"}}',
    signedHeaders: ['x-baack-timestamp', 'idempotency-key', 'signed-headers'],
    signatureHeader: 'x-baack-signature',
    topic: 'ENTITY.UPDATE',
    sign(body, { secrets, id, atMs }) {
      const timestamp = new Date(atMs).toISOString().replace('Z', '');
      const signatures = secrets.map((secret) => hexHmac(secret, body + timestamp + id));
      return {
        headers: {
          'X-Baack-Timestamp': timestamp,
          'X-Baack-Nonce': 'n-1',
          'Idempotency-Key': id,
          'Signed-Headers': 'x-baack-timestamp, idempotency-key',
          'X-Baack-Signature': signatures.join(' '),
        },
        body,
      };
    },
  },
  {
    profile: 'basekit',
    secret: 'one-an-environment',
    otherSecret: 'of-another-environment',
    body: '{"event":"site.published","id":1,"name":"é"}',
    signedHeaders: [],
    signatureHeader: 'x-delivery-hmac-sha256',
    topic: 'site.published',
    sign: (body, { secrets, id }) => ({
      headers: {
        'X-Delivery-Id': id,
        'X-Delivery-Hmac-SHA256': secrets.map((secret) => hexHmac(secret, body)).join(', '),
      },
      body,
    }),
  },
  {
    profile: 'balkanid',
    secret: whsec(3),
    otherSecret: whsec(4),
    body: '{"id":1, "name":"é"}',
    signedHeaders: [],
    signatureHeader: 'x-outpost-signature',
    topic: 'user.created',
    sign: (body, { secrets, id, atMs }) => ({
      headers: {
        'x-outpost-event-id': id,
        'x-outpost-topic': 'user.created',
        'x-outpost-timestamp': new Date(atMs).toISOString(),
        'x-outpost-signature': `v0=${secrets.map((secret) => hexHmac(secret, body)).join(',')}`,
      },
      body,
    }),
  },
  {
    profile: 'baxcloud',
    secret: whsec(5),
    otherSecret: whsec(6),
    body: `{"id":"${EVENT_ID}","type":"room.created","created":${AT_MS / 1000},"data":{"object":{"id":1}}}`,
    signedHeaders: [],
    signatureHeader: 'x-baxcloud-signature',
    topic: 'room.created',
    sign: (body, { secrets }) => ({
      headers: {
        'x-baxcloud-signature': secrets.map((secret) => hexHmac(secret, body)).join(','),
      },
      body,
    }),
  },
];

export function caseOf(profile: ProfileName): ProfileCase {
  const found = CASES.find((one) => one.profile === profile);
  if (found === undefined) throw new Error(`no messages of ${profile}`);
  return found;
}

/** A good message, signed at `AT_MS` unless said otherwise. */
export function messageOf(profile: ProfileName, signing: Partial<Signing> = {}): Message {
  const { sign: signWith, body, secret } = caseOf(profile);
  return signWith(body, { secrets: [secret], id: EVENT_ID, atMs: AT_MS, ...signing });
}

export interface AsymmetricPair {
  /** `whpk_...` */
  readonly publicKey: string;
  readonly jwk: { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };
  /** The base64 of the signature of a text. */
  readonly sign: (content: string) => string;
}

export function createAsymmetricPair(): AsymmetricPair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  const key = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return {
    publicKey: `whpk_${Buffer.from(x, 'base64url').toString('base64')}`,
    jwk: { kty: 'OKP', crv: 'Ed25519', x },
    sign: (content) => sign(null, Buffer.from(content), key).toString('base64'),
  };
}
