/** The value of `authorization` that answers a Digest challenge (RFC 7616, 3.4; without qop: RFC 2069, 2.1.2). */
import { createHash } from 'node:crypto';
import type { AuthorizedRequest } from './authenticator.ts';
import type { DigestChallenge } from './challenge.ts';
import type { NameAndPassword } from './name-and-password.ts';

export interface DigestAnswer {
  readonly challenge: DigestChallenge;
  readonly user: NameAndPassword;
  readonly cnonce: string;
  /** How many requests have had this nonce, this one among them. */
  readonly count: number;
}

export function digestAuthorization(answer: DigestAnswer, request: AuthorizedRequest): string {
  const { challenge, user, cnonce, count } = answer;
  const { realm, nonce, opaque, algorithm, qop, userhash } = challenge;
  const hash = (...parts: readonly (string | Uint8Array)[]) => hashOf(algorithm.hash, parts);
  const nc = count.toString(16).padStart(8, '0');

  const password = hash(user.username, ':', bytesOf(realm), ':', user.password);
  const key = algorithm.isSession ? hash(password, ':', nonce, ':', cnonce) : password;
  const subject =
    qop === 'auth-int'
      ? hash(request.method, ':', request.path, ':', hash(request.body))
      : hash(request.method, ':', request.path);
  const response =
    qop === null
      ? hash(key, ':', nonce, ':', subject)
      : hash(key, ':', nonce, ':', nc, ':', cnonce, ':', qop, ':', subject);

  return [
    `Digest ${userhash ? `username=${quoted(hash(user.username, ':', bytesOf(realm)))}` : usernameOf(user)}`,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(nonce)}`,
    `uri=${quoted(request.path)}`,
    ...(algorithm.name === undefined ? [] : [`algorithm=${algorithm.name}`]),
    `response="${response}"`,
    ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
    ...(qop === null ? [] : [`qop=${qop}`, `nc=${nc}`, `cnonce="${cnonce}"`]),
    ...(userhash ? ['userhash=true'] : []),
  ].join(', ');
}

function hashOf(name: string, parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** What no header can carry is percent-encoded UTF-8 (RFC 7616, 3.4; RFC 8187). */
function usernameOf({ username }: NameAndPassword): string {
  if (/^[\x20-\x7e]*$/.test(username)) return `username=${quoted(username)}`;
  const escaped = encodeURIComponent(username).replaceAll(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `username*=UTF-8''${escaped}`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** undici reads headers as Latin-1: these are the receiver's bytes. */
function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
