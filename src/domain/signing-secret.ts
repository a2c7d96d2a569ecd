/** Signing secrets in a profile's format. */
import type { Random } from './id.ts';
import type { SecretFormat } from './profile.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function generateSigningSecret(format: SecretFormat, random: Random): string {
  return format.prefix + Buffer.from(random.bytes(format.generatedBytes)).toString('base64');
}

/** The bytes that sign, or `undefined` where the secret is not of the format. */
export function signingKey(secret: string, format: SecretFormat): Uint8Array | undefined {
  if (!secret.startsWith(format.prefix)) return undefined;
  const encoded = secret.slice(format.prefix.length);
  if (!BASE64.test(encoded)) return undefined;
  const key = Buffer.from(encoded, 'base64');
  return key.length >= format.minBytes && key.length <= format.maxBytes ? key : undefined;
}

/** What a secret has to look like, for a message to the caller. */
export function describeSecretFormat(format: SecretFormat): string {
  return `"${format.prefix}" followed by the base64 of ${format.minBytes} to ${format.maxBytes} bytes`;
}
