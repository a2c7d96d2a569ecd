/**
 * HTTP message signatures (RFC 9421) with the digest of the body (RFC 9530), for destinations that ask for them. All that
 * is the same for each message is put together once: the request line does not change, so only the digest and the time
 * are new.
 */
import { createHmac, hash, sign } from 'node:crypto';
import type { InstanceKey } from '../../domain/instance-keys.ts';
import type {
  HttpSignature,
  HttpSignatureAlgorithm,
  HttpSignatureComponent,
} from '../../domain/http-signature.ts';
import type { SigningKey } from '../../domain/signing-secret.ts';

/** Header names, in lower case. */
export const HTTP_SIGNATURE_HEADERS: readonly string[] = [
  'content-digest',
  'signature-input',
  'signature',
];

/** Of the id of an HMAC key, hexadecimal. */
const KEY_ID_DIGITS = 16;

export interface HttpSigner {
  /** Flat list of names and values; `keys`: the destination's, the current one first. */
  headers(body: Uint8Array, nowMs: number, keys: readonly SigningKey[]): string[];
}

export interface HttpSignerOptions {
  readonly url: URL;
  readonly instanceKey: InstanceKey;
}

export function createHttpSigner(
  { algorithm, components }: HttpSignature,
  { url, instanceKey }: HttpSignerOptions,
): HttpSigner {
  const method = methodOf(algorithm, instanceKey);
  const covered = components.map((name) => sfString(name)).join(' ');

  return {
    headers(body, nowMs, keys) {
      const digest = contentDigest(body);
      const head = `(${covered});created=${Math.floor(nowMs / 1000)}`;
      const lines = components.map((name) => `"${name}": ${valueOf(name, url, digest)}\n`).join('');
      const inputs: string[] = [];
      const signatures: string[] = [];
      for (const key of method(keys)) {
        const label = `sig${inputs.length + 1}`;
        const parameters = `${head};keyid=${sfString(key.id)};alg=${sfString(algorithm)}`;
        inputs.push(`${label}=${parameters}`);
        const signature = key.signed(`${lines}"@signature-params": ${parameters}`);
        signatures.push(`${label}=${sfByteSequence(signature)}`);
      }
      return [
        'Content-Digest',
        digest,
        'Signature-Input',
        inputs.join(', '),
        'Signature',
        signatures.join(', '),
      ];
    },
  };
}

/** What signs, by the name that receivers know it by. */
interface NamedKey {
  readonly id: string;
  signed(text: string): Buffer;
}

function methodOf(
  algorithm: HttpSignatureAlgorithm,
  { id, privateKey }: InstanceKey,
): (keys: readonly SigningKey[]) => readonly NamedKey[] {
  switch (algorithm) {
    case 'ed25519': {
      const named = { id, signed: (text: string) => sign(null, Buffer.from(text), privateKey) };
      return () => [named];
    }
    case 'hmac-sha256': {
      const named = new Map<SigningKey, NamedKey>();
      return (keys) => keys.flatMap((key) => (key.kind === 'hmac' ? [hmacKey(key, named)] : []));
    }
  }
}

/**
 * Its id is the head of the key's SHA-256: a secret has the same one for as long as it is valid, so that receivers find
 * the signature by theirs while two of them sign.
 */
function hmacKey(
  key: SigningKey & { readonly kind: 'hmac' },
  known: Map<SigningKey, NamedKey>,
): NamedKey {
  let named = known.get(key);
  if (named === undefined) {
    const id = hash('sha256', key.bytes, 'hex').slice(0, KEY_ID_DIGITS);
    named = { id, signed: (text) => createHmac('sha256', key.bytes).update(text).digest() };
    known.set(key, named);
  }
  return named;
}

/**
 * RFC 9421, 2.2. The URL is normalised, and sent as it is written: its host is in lower case and has no default port, its
 * path is never empty.
 */
function valueOf(name: HttpSignatureComponent, url: URL, digest: string): string {
  switch (name) {
    case '@method':
      return 'POST';
    case '@authority':
      return url.host;
    case '@path':
      return url.pathname;
    case '@query':
      return url.search === '' ? '?' : url.search;
    case 'content-digest':
      return digest;
  }
}

/** By body: the destinations of an event share it, and its attempts do. */
const digests = new WeakMap<Uint8Array, string>();

function contentDigest(body: Uint8Array): string {
  let digest = digests.get(body);
  if (digest === undefined) {
    digest = `sha-256=${sfByteSequence(hash('sha256', body, 'buffer'))}`;
    digests.set(body, digest);
  }
  return digest;
}

/** A string of structured fields (RFC 9651, 4.1.6), of a text that needs no escapes: names and ids of ours. */
function sfString(text: string): string {
  return `"${text}"`;
}

/** RFC 9651, 4.1.8. */
function sfByteSequence(bytes: Buffer): string {
  return `:${bytes.toString('base64')}:`;
}
