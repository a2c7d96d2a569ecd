/**
 * Signing secrets: what they look like in a profile, the keys that they hold, and several of them while one is rotated
 * out. The current one signs first, the oldest last (Standard Webhooks, "Zero downtime secret rotation").
 */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Random } from './id.ts';

/** A secret is `prefix` and a rest. */
export interface SecretFormat {
  readonly prefix: string;
  /** The key: the bytes that the rest spells in base64, or the UTF-8 bytes of the whole secret, prefix included. */
  readonly key: 'base64' | 'utf8';
  /** Bounds of what the rest holds: decoded bytes, or bytes of its text. */
  readonly minBytes: number;
  readonly maxBytes: number;
  /** What we make where none is given: that many bytes of chance, so spelled; `null`: one has to be given. */
  readonly generated: { readonly bytes: number; readonly encoding: 'base64' | 'hex' } | null;
  /** What its owner reads: the secret, or only its SHA-256 in hexadecimal digits. */
  readonly shown: 'value' | 'sha256';
  /** One for each destination, or one for all destinations of a tenant that have the profile. */
  readonly scope: 'destination' | 'tenant';
  /** Secrets `whsk_...` are taken too: an ed25519 key (Standard Webhooks, "Asymmetric"). */
  readonly ed25519: boolean;
  /** How long the secret before signs beside a new one, unless the rotation says otherwise; 0: not at all. */
  readonly overlapMs: number;
}

export type SigningKey =
  | { readonly kind: 'hmac'; readonly bytes: Uint8Array }
  | { readonly kind: 'ed25519'; readonly key: KeyObject };

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** The usual overlap of a rotation. */
export const DAY_OVERLAP_MS = 24 * 60 * 60 * 1000;
const ED25519_PREFIX = 'whsk_';
const ED25519_PUBLIC_PREFIX = 'whpk_';
export const ED25519_SEED_BYTES = 32;
/** PKCS #8 of an ed25519 key, up to its seed (RFC 8410). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Throws where the format has to be given. */
export function generateSigningSecret(format: SecretFormat, random: Random): string {
  const { generated, prefix } = format;
  if (generated === null) throw new TypeError('a secret of this format is chosen by its owner');
  return prefix + Buffer.from(random.bytes(generated.bytes)).toString(generated.encoding);
}

export function generateEd25519Secret(random: Random): string {
  return ED25519_PREFIX + Buffer.from(random.bytes(ED25519_SEED_BYTES)).toString('base64');
}

/** The key, or `undefined` where the secret is not of the format. */
export function signingKey(secret: string, format: SecretFormat): SigningKey | undefined {
  if (format.ed25519 && secret.startsWith(ED25519_PREFIX)) {
    const key = ed25519Key(secret);
    return key === undefined ? undefined : { kind: 'ed25519', key };
  }
  if (!secret.startsWith(format.prefix)) return undefined;
  const rest = secret.slice(format.prefix.length);
  if (format.key === 'base64' && !BASE64.test(rest)) return undefined;
  // What cannot stand in UTF-8, or not in a text of a database, signs nothing that a receiver could verify.
  if (!rest.isWellFormed() || rest.includes('\0')) return undefined;
  const bytes = Buffer.from(rest, format.key);
  if (bytes.length < format.minBytes || bytes.length > format.maxBytes) return undefined;
  return { kind: 'hmac', bytes: format.key === 'base64' ? bytes : Buffer.from(secret) };
}

/** `whpk_...` of a secret `whsk_...`, which receivers verify with; `null` for other secrets. */
export function publicKeyOf(secret: string): string | null {
  const key = secret.startsWith(ED25519_PREFIX) ? ed25519Key(secret) : undefined;
  if (key === undefined) return null;
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return ED25519_PUBLIC_PREFIX + Buffer.from(String(x), 'base64url').toString('base64');
}

/** `seed`: 32 bytes. */
export function ed25519FromSeed(seed: Uint8Array): KeyObject {
  return createPrivateKey({
    key: Buffer.concat([PKCS8_HEAD, seed]),
    format: 'der',
    type: 'pkcs8',
  });
}

/** What its owner reads of a secret. */
export function shownSecret(secret: string, { shown }: SecretFormat): string {
  return shown === 'value' ? secret : createHash('sha256').update(secret).digest('hex');
}

/** What a secret has to look like, for a message to the caller. */
export function describeSecretFormat(format: SecretFormat): string {
  const { prefix, key, minBytes, maxBytes, ed25519 } = format;
  const what = key === 'base64' ? 'the base64 of' : 'a text of';
  const head = prefix === '' ? what : `"${prefix}" followed by ${what}`;
  const also = ed25519 ? `, or "${ED25519_PREFIX}" followed by the base64 of an ed25519 key` : '';
  return `${head} ${minBytes} to ${maxBytes} bytes${also}`;
}

/** The seed, or the seed followed by the public key. */
function ed25519Key(secret: string): KeyObject | undefined {
  const encoded = secret.slice(ED25519_PREFIX.length);
  if (!BASE64.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length !== ED25519_SEED_BYTES && bytes.length !== 2 * ED25519_SEED_BYTES)
    return undefined;
  const seed = bytes.subarray(0, ED25519_SEED_BYTES);
  const key = ed25519FromSeed(seed);
  if (bytes.length === ED25519_SEED_BYTES) return key;
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  const given = bytes.subarray(ED25519_SEED_BYTES);
  return Buffer.from(String(x), 'base64url').equals(given) ? key : undefined;
}
