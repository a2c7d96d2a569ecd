/** The signatures that a message carries, and whether one of them is a key's. */
import { equalInConstantTime, fromBase64, fromHex } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import type { Key } from './keys.ts';
import type { SignatureField, SignatureForm } from './scheme.ts';
import { refused } from './verification.ts';
import type { Refused } from './verification.ts';

/** More than any rotation needs: each costs work. */
const MAX_SIGNATURES = 8;

export type SignatureAlgorithm = SignatureForm['algorithm'];

export interface Signature {
  readonly algorithm: SignatureAlgorithm;
  readonly bytes: Bytes;
  /** As it stands in the header, without the prefix. */
  readonly text: string;
}

export interface Match {
  readonly key: Key;
  readonly signature: Signature;
}

/** Those of a known form. What else stands in the list is for other receivers: Standard Webhooks asks to skip it. */
export function readSignatures(
  field: SignatureField,
  value: string,
): readonly Signature[] | Refused {
  const words = value.split(new RegExp(`[${field.separators}]+`)).filter((word) => word !== '');
  const wrong = (what: string) => refused('malformed_header', `the header ${field.header} ${what}`);
  if (words.length > MAX_SIGNATURES) return wrong(`has more than ${MAX_SIGNATURES} signatures`);
  const found = words.flatMap((word, place) => readSignature(field.forms, word, place) ?? []);
  if (found.length > 0) return found;
  const forms = field.forms.map(({ prefix, encoding }) => `${prefix}<${encoding}>`).join(' or ');
  return wrong(`has no signature of the form ${forms}`);
}

function readSignature(
  forms: readonly SignatureForm[],
  word: string,
  place: number,
): Signature | null {
  const [only, second] = forms;
  const bare = place > 0 && second === undefined ? only : undefined;
  const form = forms.find(({ prefix }) => word.startsWith(prefix)) ?? bare;
  if (form === undefined) return null;
  const text = word.startsWith(form.prefix) ? word.slice(form.prefix.length) : word;
  const bytes = form.encoding === 'hex' ? fromHex(text) : fromBase64(text);
  return bytes === null || bytes.length === 0 ? null : { algorithm: form.algorithm, bytes, text };
}

/**
 * The first signature that one of the keys has made of the content; `null` where there is none, or a refusal where one
 * might be that this runtime cannot verify. Each key's own signature
 * is computed once, however many the message carries.
 */
export async function findMatch(
  signatures: readonly Signature[],
  keys: readonly Key[],
  content: Bytes,
): Promise<Match | Refused | null> {
  const algorithms = [...new Set(signatures.map(({ algorithm }) => algorithm))];
  let unsupported: Refused | null = null;
  for (const algorithm of algorithms) {
    const candidates = signatures.filter((signature) => signature.algorithm === algorithm);
    const kind = algorithm === 'ed25519' ? 'ed25519' : 'hmac';
    for (const key of keys.filter((one) => one.kind === kind)) {
      const signature =
        algorithm === 'ed25519'
          ? await findEd25519(candidates, key.bytes, content)
          : await findHmac(candidates, HASHES[algorithm], key.bytes, content);
      if (signature === 'unsupported')
        unsupported = refused(
          'unsupported_algorithm',
          'the WebCrypto of this runtime has no Ed25519',
        );
      else if (signature !== undefined) return { key, signature };
    }
  }
  return unsupported;
}

const HASHES = {
  'hmac-sha1': 'SHA-1',
  'hmac-sha256': 'SHA-256',
  'hmac-sha512': 'SHA-512',
} as const;

async function findHmac(
  candidates: readonly Signature[],
  hash: string,
  keyBytes: Bytes,
  content: Bytes,
): Promise<Signature | undefined> {
  const { subtle } = globalThis.crypto;
  const key = await subtle.importKey('raw', keyBytes, { name: 'HMAC', hash }, false, ['sign']);
  const expected = new Uint8Array(await subtle.sign('HMAC', key, content));
  return candidates.find(({ bytes }) => equalInConstantTime(bytes, expected));
}

async function findEd25519(
  candidates: readonly Signature[],
  keyBytes: Bytes,
  content: Bytes,
): Promise<Signature | 'unsupported' | undefined> {
  const { subtle } = globalThis.crypto;
  let key;
  try {
    key = await subtle.importKey('raw', keyBytes, 'Ed25519', false, ['verify']);
  } catch (error) {
    // A key of the right length is imported wherever the algorithm is known; bytes that are no point match nothing.
    return error instanceof Error && error.name === 'NotSupportedError' ? 'unsupported' : undefined;
  }
  for (const signature of candidates)
    if (await subtle.verify('Ed25519', key, signature.bytes, content)) return signature;
  return undefined;
}
