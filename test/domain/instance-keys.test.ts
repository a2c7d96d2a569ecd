import { createPublicKey, sign, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { deriveInstanceKey, jwkThumbprint } from '../../src/domain/instance-keys.ts';

const FIRST = Buffer.alloc(32, 1);
const SECOND = Buffer.alloc(32, 2);

describe('the instance’s key', () => {
  it('is the same each time, and another for another encryption key', () => {
    const [first, again, second] = [FIRST, FIRST, SECOND].map(deriveInstanceKey);
    expect(again?.publicJwk).toEqual(first?.publicJwk);
    expect(second?.publicJwk.x).not.toBe(first?.publicJwk.x);
    expect(second?.id).not.toBe(first?.id);
  });

  it('publishes the key that verifies what it signs, and nothing private', () => {
    const { privateKey, publicJwk } = deriveInstanceKey(FIRST);
    const { kty, crv, x } = publicJwk;
    const text = Buffer.from('what is signed');
    const publicKey = createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
    expect(verify(null, text, publicKey, sign(null, text, privateKey))).toBe(true);
    expect(Object.keys(publicJwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
    expect(publicJwk.x).not.toBe(privateKey.export({ format: 'jwk' }).d);
  });

  it('does not give the encryption key away: the seed is another', () => {
    const { d } = deriveInstanceKey(FIRST).privateKey.export({ format: 'jwk' });
    expect(Buffer.from(String(d), 'base64url').equals(FIRST)).toBe(false);
  });

  it('is named by its thumbprint: RFC 8037, A.3', () => {
    expect(jwkThumbprint('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo')).toBe(
      'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    );
    const { id, publicJwk } = deriveInstanceKey(SECOND);
    expect(publicJwk.kid).toBe(id);
    expect(id).toBe(jwkThumbprint(publicJwk.x));
  });
});
