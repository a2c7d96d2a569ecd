/**
 * The instance's own ed25519 keys, by which anybody can tell that a message is from it. They derive from the encryption
 * keys (HKDF, RFC 5869), so there is nothing more to keep: the first one signs, and all are published, so that a key is
 * known to receivers before it signs, and after.
 */
import { createHash, createPublicKey, hkdfSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ED25519_SEED_BYTES, ed25519FromSeed } from './signing-secret.ts';

export interface InstanceKey {
  /** Thumbprint of the public key (RFC 7638), in base64url. */
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: PublicJwk;
}

/** RFC 8037. */
export interface PublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: 'EdDSA';
}

/** What the key is for: a key for something else would have another text here. */
const PURPOSE = 'angarium http message signatures ed25519';

/** The key that derives from an encryption key. */
export function deriveInstanceKey(encryptionKey: Uint8Array): InstanceKey {
  const seed = hkdfSync('sha256', encryptionKey, '', PURPOSE, ED25519_SEED_BYTES);
  const privateKey = ed25519FromSeed(new Uint8Array(seed));
  const x = String(createPublicKey(privateKey).export({ format: 'jwk' }).x);
  const id = jwkThumbprint(x);
  return {
    id,
    privateKey,
    publicJwk: { kty: 'OKP', crv: 'Ed25519', x, kid: id, use: 'sig', alg: 'EdDSA' },
  };
}

/** RFC 7638 of an ed25519 key: the digest of the members that it has to have, in order of their names. */
export function jwkThumbprint(x: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url');
}
