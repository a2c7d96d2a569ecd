import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { systemRandom } from '../../src/domain/id.ts';
import {
  describeSecretFormat,
  generateSigningSecret,
  signingKey,
} from '../../src/domain/signing-secret.ts';
import { standard } from '../../src/profiles/standard.ts';

const { secret: format } = standard;

describe('a signing secret', () => {
  it('that was made up is of the format, and each is another', () => {
    const secrets = Array.from({ length: 100 }, () => generateSigningSecret(format, systemRandom));
    expect(new Set(secrets).size).toBe(100);
    for (const secret of secrets) {
      expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
      expect(bytesOf(secret)).toHaveLength(32);
    }
  });

  it('stands for its bytes, from 24 to 64 of them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 90 }), (bytes) => {
        const key = bytesOf(`whsec_${Buffer.from(bytes).toString('base64')}`);
        if (bytes.length < 24 || bytes.length > 64) expect(key).toBeUndefined();
        else expect(Buffer.from(bytes).equals(key ?? Buffer.alloc(0))).toBe(true);
      }),
    );
  });

  it.each([23, 24, 64, 65])('of %i bytes is judged at the limit', (count) => {
    const key = bytesOf(`whsec_${randomBytes(count).toString('base64')}`);
    expect(key?.length).toBe(count >= 24 && count <= 64 ? count : undefined);
  });

  const good = Buffer.alloc(32, 0xfb).toString('base64');
  it.each([
    '',
    'whsec_',
    good,
    `WHSEC_${good}`,
    `whsk_${good}=`,
    `whsk_${good.slice(4)}`,
    ` whsec_${good}`,
    `whsec_${good} `,
    `whsec_${good}\n`,
    `whsec_ ${good}`,
    `whsec_${good.slice(0, -1)}`,
    `whsec_${good}=`,
    `whsec_${good.replaceAll('+', '-').replaceAll('/', '_')}`,
    `whsec_${good.slice(0, 10)}=${good.slice(11)}`,
    `whsec_${'ä'.repeat(44)}`,
    `whsec_${'*'.repeat(44)}`,
  ])('is not %j', (secret) => {
    expect(signingKey(secret, format)).toBeUndefined();
  });

  it('is described', () => {
    expect(describeSecretFormat(format)).toBe(
      '"whsec_" followed by the base64 of 24 to 64 bytes, or "whsk_" followed by the base64 of an ed25519 key',
    );
  });
});

/** The key's bytes, where it is one of HMAC. */
function bytesOf(secret: string): Uint8Array | undefined {
  const key = signingKey(secret, format);
  return key?.kind === 'hmac' ? key.bytes : undefined;
}
