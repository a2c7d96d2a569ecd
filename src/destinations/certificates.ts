/** Certificates and keys in PEM, as tenants and operators give them. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const MAX_PEM_LENGTH = 64 * 1024;

/** What PEM a certificate can be given as; for messages. */
export const EXPECTED_CERTIFICATES =
  'Write certificates in PEM (“-----BEGIN CERTIFICATE-----”), one after the other, 64 KiB at most.';

/** All certificates of a text, in order; `undefined` where there is none, one is broken, or a key is among them. */
export function parseCertificates(text: string): X509Certificate[] | undefined {
  if (text.length > MAX_PEM_LENGTH || text.includes('PRIVATE KEY-----')) return undefined;
  const blocks = text.match(CERTIFICATE) ?? [];
  // One whose end is missing, or of another kind, is not among the blocks.
  if (blocks.length === 0 || blocks.length !== text.split('-----BEGIN ').length - 1)
    return undefined;
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return undefined;
  }
}

/** In the one spelling that is stored. */
export function certificatesPem(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join('');
}

/** `undefined` where it is no private key in PEM, or is encrypted. */
export function parsePrivateKey(text: string): KeyObject | undefined {
  if (text.length > MAX_PEM_LENGTH) return undefined;
  try {
    return createPrivateKey(text);
  } catch {
    return undefined;
  }
}
