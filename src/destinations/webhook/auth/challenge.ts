/** Challenges of a 401 (RFC 9110, 11.6.1), and what of them is a Digest challenge that can be answered (RFC 7616, 3.3). */

export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  readonly algorithm: DigestAlgorithm;
  /** `null`: the older form without (RFC 2069). */
  readonly qop: 'auth' | 'auth-int' | null;
  /** The receiver wants the hash of the user name. */
  readonly userhash: boolean;
}

export interface DigestAlgorithm {
  /** As the challenge names it; `undefined`: it did not, and means MD5. */
  readonly name: string | undefined;
  /** As `node:crypto` names it. */
  readonly hash: 'md5' | 'sha256' | 'sha512-256';
  /** The `-sess` forms: the key is bound to the nonces. */
  readonly isSession: boolean;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** `name=value`, or a scheme and perhaps its one value. */
const PART = new RegExp(
  `[ \\t,]*(?:(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))|(${TOKEN})(?:[ \\t]+[A-Za-z0-9._~+/-]+=*(?=[ \\t]*(?:,|$)))?)`,
  'gy',
);
const HASHES = new Map<string, DigestAlgorithm['hash']>([
  ['MD5', 'md5'],
  ['SHA-256', 'sha256'],
  ['SHA-512-256', 'sha512-256'],
]);

/**
 * The first Digest challenge that can be answered, as the receiver orders them (RFC 7616, 3.7); `undefined`: none. `values`
 * are those of all `www-authenticate` fields.
 */
export function digestChallenge(values: readonly string[]): DigestChallenge | undefined {
  for (const value of values) {
    for (const { scheme, parameters } of challenges(value)) {
      const challenge = scheme === 'digest' ? understood(parameters) : undefined;
      if (challenge !== undefined) return challenge;
    }
  }
  return undefined;
}

/** The members of an `authentication-info` field (RFC 9110, 11.6.3). */
export function authenticationInfo(value: string): ReadonlyMap<string, string> {
  return challenges(`info ${value}`)[0]?.parameters ?? new Map<string, string>();
}

interface Challenge {
  /** Lower case. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Map<string, string>;
}

/** As far as it can be read. */
function challenges(text: string): Challenge[] {
  const found: Challenge[] = [];
  for (const [, name, quoted, plain, scheme] of text.matchAll(PART)) {
    if (scheme !== undefined)
      found.push({ scheme: scheme.toLowerCase(), parameters: new Map<string, string>() });
    else if (name !== undefined) {
      const value = quoted === undefined ? (plain ?? '') : quoted.replaceAll(/\\(.)/gs, '$1');
      found.at(-1)?.parameters.set(name.toLowerCase(), value);
    }
  }
  return found;
}

function understood(parameters: ReadonlyMap<string, string>): DigestChallenge | undefined {
  const realm = parameters.get('realm');
  const nonce = parameters.get('nonce');
  const algorithm = algorithmOf(parameters.get('algorithm'));
  const qop = qopOf(parameters.get('qop'));
  if (realm === undefined || nonce === undefined) return undefined;
  if (algorithm === undefined || qop === undefined) return undefined;
  // Without qop there is no cnonce, which the key of these forms needs.
  if (algorithm.isSession && qop === null) return undefined;
  const userhash = parameters.get('userhash')?.toLowerCase() === 'true';
  return { realm, nonce, opaque: parameters.get('opaque'), algorithm, qop, userhash };
}

function algorithmOf(name: string | undefined): DigestAlgorithm | undefined {
  const [, base = '', session] = /^(.*?)(-sess)?$/i.exec(name ?? 'MD5') ?? [];
  const hash = HASHES.get(base.toUpperCase());
  return hash === undefined ? undefined : { name, hash, isSession: session !== undefined };
}

/** `auth` where both are offered: `auth-int` has the whole body hashed once more, and the signature covers it. */
function qopOf(text: string | undefined): DigestChallenge['qop'] | undefined {
  // Some say the older form so.
  if (text === undefined || text.trim() === '') return null;
  const offered = new Set(text.split(',').map((each) => each.trim().toLowerCase()));
  return (['auth', 'auth-int'] as const).find((qop) => offered.has(qop));
}
