/**
 * Keys of the operator. A token is `ank_` and 32 random bytes in base64url; what is kept of it is its SHA-256, which
 * for a text of that much chance needs no salt and no slow function, and its beginning, by which people and look-ups
 * tell keys apart.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import type { KeyScope } from './caller.ts';
import type { Random } from './id.ts';

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scope: KeyScope;
  /** The first twelve characters of the token. */
  readonly prefix: string;
  /** SHA-256 of the token. */
  readonly hash: Uint8Array;
  readonly createdAtMs: number;
  /** `null`: it does not expire. */
  readonly expiresAtMs: number | null;
  /** Written at most once a minute. */
  readonly lastUsedAtMs: number | null;
  readonly revokedAtMs: number | null;
  /** Raised by each change; the guard against lost updates. */
  readonly revision: number;
}

export const TOKEN_PREFIX = 'ank_';
const TOKEN_BYTES = 32;
const LOOK_UP_LENGTH = 12;

export interface NewToken {
  /** Shown once, kept nowhere. */
  readonly token: string;
  readonly prefix: string;
  readonly hash: Uint8Array;
}

/** `head`: tells kinds of tokens apart. */
export function newToken(random: Random, head: string = TOKEN_PREFIX): NewToken {
  const token = head + Buffer.from(random.bytes(TOKEN_BYTES)).toString('base64url');
  return { token, prefix: lookUpPrefix(token), hash: tokenDigest(token) };
}

export function lookUpPrefix(token: string): string {
  return token.slice(0, LOOK_UP_LENGTH);
}

export function tokenDigest(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** In constant time. */
export function isSameDigest(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

/** Whether it opens anything at that moment. */
export function isKeyValid(key: ApiKey, nowMs: number): boolean {
  return key.revokedAtMs === null && (key.expiresAtMs === null || nowMs < key.expiresAtMs);
}
