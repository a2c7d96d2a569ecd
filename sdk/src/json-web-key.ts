/** Keys as JSON Web Keys (RFC 7517): `OKP` with Ed25519 (RFC 8037), and `oct`. */
import { fromBase64 } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import type { Key } from './keys.ts';

/** Only the members that count here; others are left alone. */
export interface VerificationJwk {
  readonly kty?: string;
  readonly kid?: string;
  readonly crv?: string;
  /** Of `OKP`: the public key. */
  readonly x?: string;
  /** Of `oct`: the secret. */
  readonly k?: string;
}

export interface VerificationJwks {
  readonly keys: readonly VerificationJwk[];
}

export interface NamedKey extends Key {
  /** `null`: for signatures of any key id. */
  readonly keyId: string | null;
}

/** Those that can be used: a set may hold keys for other purposes. */
export function keysOfJwks(input: unknown): readonly NamedKey[] {
  const given: readonly unknown[] = isSet(input)
    ? input.keys
    : Array.isArray(input)
      ? input
      : [input];
  return given.flatMap((jwk, secretIndex) => {
    const key = rawKeyOf(jwk ?? {}, secretIndex);
    return key === null ? [] : [key];
  });
}

function isSet(input: unknown): input is { readonly keys: readonly unknown[] } {
  return (
    typeof input === 'object' && input !== null && 'keys' in input && Array.isArray(input.keys)
  );
}

function rawKeyOf(jwk: VerificationJwk, secretIndex: number): NamedKey | null {
  const { kty, kid, crv, x, k } = jwk;
  const keyId = typeof kid === 'string' ? kid : null;
  if (kty === 'OKP' && crv === 'Ed25519') {
    const bytes = fromBase64Url(x);
    return bytes?.length === 32 ? { kind: 'ed25519', bytes, keyId, secretIndex } : null;
  }
  if (kty !== 'oct') return null;
  const bytes = fromBase64Url(k);
  return bytes === null || bytes.length === 0 ? null : { kind: 'hmac', bytes, keyId, secretIndex };
}

function fromBase64Url(text: unknown): Bytes | null {
  if (typeof text !== 'string' || !/^[\w-]*$/.test(text)) return null;
  const digits = text.replaceAll('-', '+').replaceAll('_', '/');
  return fromBase64(digits.padEnd(Math.ceil(digits.length / 4) * 4, '='));
}
