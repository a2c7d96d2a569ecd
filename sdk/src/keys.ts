/** Secrets as their owner has them, and the keys that they stand for. */
import { fromBase64, utf8 } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import type { KeyForm, Scheme } from './scheme.ts';
import { refused } from './verification.ts';
import type { Refused } from './verification.ts';

/** One secret, or several of which any may have signed: while a secret is rotated, the new and the old one. */
export type Secrets = string | readonly string[];

export interface Key {
  readonly kind: 'hmac' | 'ed25519';
  readonly bytes: Bytes;
  /** Its place in what was given. */
  readonly secretIndex: number;
}

/** All secrets have to be good: one that is not would be found out in the middle of a rotation otherwise. */
export function keysOf(scheme: Scheme, secrets: Secrets): readonly Key[] | Refused {
  const given: readonly unknown[] = Array.isArray(secrets) ? secrets : [secrets];
  if (given.length === 0) return refused('malformed_secret', 'no secret is given');
  const keys: Key[] = [];
  for (const [secretIndex, secret] of given.entries()) {
    const key = keyOf(scheme, secret, secretIndex);
    if ('ok' in key) return key;
    keys.push(key);
  }
  return keys;
}

function keyOf(scheme: Scheme, secret: unknown, secretIndex: number): Key | Refused {
  const wrong = (what: string) =>
    refused(
      'malformed_secret',
      `secret ${secretIndex + 1} ${what}: see the profile ${scheme.name}`,
    );
  if (typeof secret !== 'string' || secret === '') return wrong('is no text, or empty');
  const form = scheme.keys.find(({ prefix }) => secret.startsWith(prefix));
  if (form === undefined) {
    const prefixes = scheme.keys.map(({ prefix }) => prefix).join(' or ');
    return wrong(
      secret.startsWith('whsk_')
        ? `begins with whsk_, which is the sender’s private key: give the public one, ${prefixes}`
        : `has to begin with ${prefixes}`,
    );
  }
  const bytes = form.bytes === 'utf8' ? utf8(secret) : fromBase64(secret.slice(form.prefix.length));
  if (bytes === null) return wrong(`has no base64 after ${form.prefix}`);
  if (bytes.length < form.minBytes || bytes.length > form.maxBytes)
    return wrong(`has ${bytes.length} bytes after ${form.prefix}, not ${sizeOf(form)}`);
  return { kind: form.kind, bytes, secretIndex };
}

function sizeOf({ minBytes, maxBytes }: KeyForm): string {
  return minBytes === maxBytes ? String(minBytes) : `${minBytes} to ${maxBytes}`;
}
