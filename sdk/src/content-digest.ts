/** Whether the body is the one that a `Content-Digest` names (RFC 9530). */
import { equalInConstantTime } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { parseDictionary } from './structured-fields.ts';
import { refused } from './verification.ts';
import type { Refused } from './verification.ts';

const HASHES: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'SHA-256'],
  ['sha-512', 'SHA-512'],
]);

/** Every digest of a known algorithm has to be right, and one has to be there. */
export async function checkContentDigest(value: string, body: Bytes): Promise<Refused | null> {
  const members = parseDictionary(value);
  const known = [...(members ?? [])].filter(([algorithm]) => HASHES.has(algorithm));
  if (known.length === 0)
    return refused('malformed_header', 'the header content-digest has neither sha-256 nor sha-512');
  for (const [algorithm, { items }] of known) {
    const [item] = items;
    const hash = HASHES.get(algorithm) ?? 'SHA-256';
    const digest = new Uint8Array(await globalThis.crypto.subtle.digest(hash, body));
    if (!(item?.value instanceof Uint8Array) || !equalInConstantTime(digest, item.value))
      return refused('digest_mismatch', `the body is not the one of content-digest (${algorithm})`);
  }
  return null;
}
