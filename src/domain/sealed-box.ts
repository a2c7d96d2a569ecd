/**
 * Secrets at rest: AES-256-GCM under a key that the database does not hold.
 *
 * A sealed box is: version (1 byte), key id (4 bytes: the head of the key's SHA-256), nonce (12), tag (16), ciphertext.
 * The additional data bind it to its tenant and row, so that a box copied to another row does not open there.
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import type { Random } from './id.ts';

const VERSION = 1;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES;

/** Length of an encryption key. */
export const ENCRYPTION_KEY_BYTES = 32;

/** A box that no key at hand opens, or that was changed or moved. */
export class UnsealError extends Error {
  override readonly name = 'UnsealError';
}

export interface SealedBoxes {
  /** Seals under the first key. `place` names the tenant and row. */
  seal(text: string, place: string): Uint8Array;
  /** Opens a box of any of the keys; throws `UnsealError`. */
  open(box: Uint8Array, place: string): string;
  /** Whether the box says that it was sealed under the first key. */
  isCurrent(box: Uint8Array): boolean;
}

/** `keys`: the current one first, then those that are being rotated out; each 32 bytes. */
export function createSealedBoxes(keys: readonly Uint8Array[], random: Random): SealedBoxes {
  const [current] = keys;
  if (current === undefined) throw new TypeError('at least one encryption key is needed');
  const currentId = keyId(current);
  const byId = new Map(keys.map((key) => [keyId(key).toString('hex'), key]));

  return {
    seal(text, place) {
      const nonce = random.bytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', current, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(place));
      const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([Buffer.of(VERSION), currentId, nonce, cipher.getAuthTag(), ciphertext]);
    },
    isCurrent: (box) => box[0] === VERSION && currentId.equals(box.subarray(1, 1 + KEY_ID_BYTES)),
    open(box, place) {
      const bytes = Buffer.from(box.buffer, box.byteOffset, box.byteLength);
      if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION)
        throw new UnsealError('this is no sealed secret');
      const id = bytes.toString('hex', 1, 1 + KEY_ID_BYTES);
      const key = byId.get(id);
      if (key === undefined)
        throw new UnsealError(`sealed with a key (id ${id}) that is not among those given`);
      const nonceAt = 1 + KEY_ID_BYTES;
      const tagAt = nonceAt + NONCE_BYTES;
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(nonceAt, tagAt), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(place));
      decipher.setAuthTag(bytes.subarray(tagAt, HEAD_BYTES));
      try {
        return (
          decipher.update(bytes.subarray(HEAD_BYTES), undefined, 'utf8') + decipher.final('utf8')
        );
      } catch {
        throw new UnsealError('a sealed secret was changed or belongs to another row');
      }
    },
  };
}

/** Where a destination's credentials belong. */
export function credentialsPlace(tenantId: string, destinationId: string): string {
  return `${tenantId}\0destination\0${destinationId}`;
}

/** Where the secrets belong that a tenant's destinations share. */
export function tenantSecretsPlace(tenantId: string): string {
  return `${tenantId}\0tenant`;
}

/** Where the token and the certificate of an API client belong. */
export function clientPlace(tenantId: string, urn: string): string {
  return `${tenantId}\0client\0${urn}`;
}

function keyId(key: Uint8Array): Buffer {
  return createHash('sha256').update(key).digest().subarray(0, KEY_ID_BYTES);
}
