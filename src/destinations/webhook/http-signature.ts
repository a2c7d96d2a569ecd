/**
 * HTTP message signatures (RFC 9421) with the digest of the body (RFC 9530), for destinations that ask for them. All that
 * is the same for each message is put together once: the request line does not change, so only the digest and the time
 * are new.
 */
import { createHmac, hash, sign } from 'node:crypto';
import type { HttpSignature, HttpSignatureComponent } from '../../domain/http-signature.ts';
import type { SigningKey } from '../../domain/signing-secret.ts';
import type { WebhookOptions } from './options.ts';

/** Header names, in lower case. */
export const HTTP_SIGNATURE_HEADERS: readonly string[] = [
  'content-digest',
  'signature-input',
  'signature',
];

export interface HttpSigner {
  /** Flat list of names and values; `keys`: the destination's, the current one first. */
  headers(body: Uint8Array, nowMs: number, keys: readonly SigningKey[]): string[];
}

export interface HttpSignerOptions {
  readonly url: URL;
  readonly destinationId: string;
  readonly instanceKey: WebhookOptions['instanceKey'];
}

export function createHttpSigner(
  { algorithm, components }: HttpSignature,
  { url, destinationId, instanceKey }: HttpSignerOptions,
): HttpSigner {
  const covered = components.map((name) => sfString(name)).join(' ');
  const keyId = algorithm === 'ed25519' ? instanceKey.id : destinationId;
  const parameters = `keyid=${sfString(keyId)};alg=${sfString(algorithm)}`;

  return {
    headers(body, nowMs, keys) {
      const digest = contentDigest(body);
      const input = `(${covered});created=${Math.floor(nowMs / 1000)};${parameters}`;
      const lines = components.map((name) => `"${name}": ${valueOf(name, url, digest)}`);
      const base = [...lines, `"@signature-params": ${input}`].join('\n');
      const signatures = signaturesOf(base, keys);
      return [
        'Content-Digest',
        digest,
        'Signature-Input',
        signatures.map((_signature, index) => `sig${index + 1}=${input}`).join(', '),
        'Signature',
        signatures
          .map((signature, index) => `sig${index + 1}=${sfByteSequence(signature)}`)
          .join(', '),
      ];
    },
  };

  function signaturesOf(base: string, keys: readonly SigningKey[]): Buffer[] {
    switch (algorithm) {
      case 'ed25519':
        return [sign(null, Buffer.from(base), instanceKey.privateKey)];
      case 'hmac-sha256':
        return keys.flatMap((key) =>
          key.kind === 'hmac' ? [createHmac('sha256', key.bytes).update(base).digest()] : [],
        );
    }
  }
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

/** A string of structured fields (RFC 9651, 4.1.6); the text is visible ASCII, as ids are. */
function sfString(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** RFC 9651, 4.1.8. */
function sfByteSequence(bytes: Buffer): string {
  return `:${bytes.toString('base64')}:`;
}
