/** The key that signs tenants' tokens, made of an encryption key, so that the operator has no third secret to keep. */
import { hkdfSync } from 'node:crypto';

const KEY_BYTES = 32;
const PURPOSE = 'angarium tenant token v1';

/** HKDF with SHA-256 (RFC 5869); what it gives tells nothing of the encryption key. */
export function deriveTokenKey(encryptionKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', encryptionKey, '', PURPOSE, KEY_BYTES));
}
