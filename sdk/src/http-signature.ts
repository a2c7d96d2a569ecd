/** HTTP message signatures (RFC 9421) with `hmac-sha256` and `ed25519`, over a body by its digest (RFC 9530). */
import { utf8 } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { checkContentDigest } from './content-digest.ts';
import { readHeaders } from './header-fields.ts';
import type { HeaderFields, HeadersInput } from './header-fields.ts';
import { keysOfJwks } from './json-web-key.ts';
import type { NamedKey, VerificationJwk, VerificationJwks } from './json-web-key.ts';
import { keysOf } from './keys.ts';
import type { Secrets } from './keys.ts';
import { parseBody, readBody } from './message-body.ts';
import type { BodyInput } from './message-body.ts';
import { checkTime } from './message-time.ts';
import type { TimeOptions } from './message-time.ts';
import { isProfileName, PROFILES } from './profiles.ts';
import type { ProfileName } from './profiles.ts';
import type { Scheme } from './scheme.ts';
import { readParameters, signatureBase } from './signature-base.ts';
import type { RequestLine } from './signature-base.ts';
import { findMatch } from './signatures.ts';
import type { SignatureAlgorithm } from './signatures.ts';
import { parseDictionary } from './structured-fields.ts';
import type { Member } from './structured-fields.ts';
import { refused } from './verification.ts';
import type { Refused } from './verification.ts';

/** More than any rotation needs: each costs work. */
const MAX_SIGNATURES = 8;
const REQUIRED = ['@method', '@authority', '@path', 'content-digest'];
/** As `Signature-Input` names them. */
const ALGORITHMS: readonly SignatureAlgorithm[] = ['hmac-sha256', 'ed25519'];

export interface SignedRequest extends RequestLine {
  readonly headers: HeadersInput;
  readonly body: BodyInput;
}

export interface HttpSignatureOptions extends TimeOptions {
  /** The sender's public keys; a function is asked with each signature, with its key id. */
  readonly keys?: KeySet | ((keyId: string | null) => KeySet | Promise<KeySet>);
  /** The secret or secrets of `hmac-sha256`. */
  readonly secret?: Secrets;
  /**
   * Whose rule makes a key of a secret. Without it a secret that begins with `whsec_` or `whpk_` is read as the profile
   * `standard` does, and of any other the UTF-8 bytes are the key.
   */
  readonly profile?: ProfileName | Scheme;
  /** What has to be covered; default `@method`, `@authority`, `@path`, `content-digest`. */
  readonly required?: readonly string[];
}

export type KeySet = VerificationJwks | VerificationJwk | readonly VerificationJwk[];

export interface VerifiedRequest {
  readonly ok: true;
  /** Of the signature, in `Signature-Input`. */
  readonly label: string;
  readonly keyId: string | null;
  readonly algorithm: SignatureAlgorithm;
  /** What is covered, in order: trust nothing else of the request. */
  readonly components: readonly string[];
  readonly createdMs: number | null;
  readonly nonce: string | null;
  /** The body's JSON; `undefined` where it is none. */
  readonly payload: unknown;
}

/**
 * Verifies that a request carries a good signature of one of the keys, which covers what it has to, is young enough, and
 * names the digest of this body. Of several signatures one has to be good.
 *
 * It does not throw, whatever was received; what a function given as `keys` throws, it does.
 */
export async function verifyHttpSignature(
  request: SignedRequest,
  options: HttpSignatureOptions,
): Promise<VerifiedRequest | Refused> {
  const body = readBody(request.body);
  if ('ok' in body) return body;
  const fields = readHeaders(request.headers);
  const inputs = readField(fields, 'signature-input');
  if ('ok' in inputs) return inputs;
  const signatures = readField(fields, 'signature');
  if ('ok' in signatures) return signatures;

  let first: Refused | null = null;
  for (const [label, input] of [...inputs].slice(0, MAX_SIGNATURES)) {
    const [item] = signatures.get(label)?.items ?? [];
    const signature = item?.value;
    const judged =
      signature instanceof Uint8Array
        ? await judge({ label, input, signature, request, fields, body }, options)
        : refused('malformed_header', `the header signature has no bytes for ${label}`);
    if (judged.ok) return judged;
    first ??= judged;
  }
  return first ?? refused('malformed_header', 'the header signature-input names no signature');
}

function readField(fields: HeaderFields, name: string): ReadonlyMap<string, Member> | Refused {
  const value = fields.get(name);
  if (value === undefined) return refused('missing_header', `there is no header ${name}`);
  return (
    parseDictionary(value) ??
    refused('malformed_header', `the header ${name} is no dictionary of structured fields`)
  );
}

interface Claimed {
  readonly label: string;
  readonly input: Member;
  readonly signature: Bytes;
  readonly request: SignedRequest;
  readonly fields: HeaderFields;
  readonly body: Bytes;
}

async function judge(
  { label, input, signature, request, fields, body }: Claimed,
  options: HttpSignatureOptions,
): Promise<VerifiedRequest | Refused> {
  if (!input.isList)
    return refused('malformed_header', `the header signature-input has no list for ${label}`);
  const parameters = readParameters(input);
  if ('ok' in parameters) return parameters;
  const { keyId, algorithm, created, expires, nonce } = parameters;
  const base = signatureBase(input, request, fields);
  if ('ok' in base) return base;
  const left = (options.required ?? REQUIRED).find((name) => !base.components.includes(name));
  if (left !== undefined)
    return refused('insufficient_coverage', `the signature ${label} does not cover "${left}"`);

  const algorithms = ALGORITHMS.filter((known) => algorithm === null || known === algorithm);
  if (algorithms.length === 0)
    return refused('unsupported_algorithm', `the signature ${label} is of an unknown algorithm`);
  const keys = await namedKeys(options, keyId);
  if ('ok' in keys) return keys;
  const fitting = keys.filter((key) => key.keyId === null || keyId === null || key.keyId === keyId);
  if (fitting.length === 0)
    return refused('unknown_key', `no key has the id that the signature ${label} names`);
  const candidates = algorithms.map((known) => ({ algorithm: known, bytes: signature, text: '' }));
  const match = await findMatch(candidates, fitting, utf8(base.text));
  if (match === null)
    return refused(
      'signature_mismatch',
      `the signature ${label} is not of these headers, this request line and one of the keys`,
    );
  if ('ok' in match) return match;

  const digest = base.components.includes('content-digest') ? fields.get('content-digest') : null;
  const wrongBody = typeof digest === 'string' ? await checkContentDigest(digest, body) : null;
  const refusal = wrongBody ?? checkAge(created, expires, options);
  if (refusal !== null) return refusal;
  return {
    ok: true,
    label,
    keyId,
    algorithm: match.signature.algorithm,
    components: base.components,
    createdMs: created === null ? null : created * 1000,
    nonce,
    payload: parseBody(body),
  };
}

async function namedKeys(
  { keys, secret, profile }: HttpSignatureOptions,
  keyId: string | null,
): Promise<readonly NamedKey[] | Refused> {
  const found: NamedKey[] = [];
  if (keys !== undefined)
    found.push(...keysOfJwks(typeof keys === 'function' ? await keys(keyId) : keys));
  if (secret !== undefined) {
    for (const [secretIndex, one] of (typeof secret === 'string' ? [secret] : secret).entries()) {
      const made = keysOf(schemeFor(one, profile), one);
      if ('ok' in made) return made;
      for (const { kind, bytes } of made) found.push({ kind, bytes, secretIndex, keyId: null });
    }
  }
  return found.length > 0
    ? found
    : refused('malformed_secret', 'neither a secret nor a key that can be used is given');
}

function schemeFor(secret: unknown, profile: ProfileName | Scheme | undefined): Scheme {
  if (isProfileName(profile)) return PROFILES[profile];
  if (typeof profile === 'object') return profile;
  const isStandard = typeof secret === 'string' && /^wh(?:sec|pk|sk)_/.test(secret);
  return isStandard ? PROFILES.standard : PROFILES.basekit;
}

/** A signature has to say when it was made, unless any age is good. */
function checkAge(
  created: number | null,
  expires: number | null,
  options: TimeOptions,
): Refused | null {
  const { toleranceS, now = Date.now } = options;
  if (expires !== null && now() > expires * 1000)
    return refused('timestamp_too_old', 'the signature has expired, as it says itself');
  if (toleranceS === Number.POSITIVE_INFINITY) return null;
  if (created === null)
    return refused('malformed_header', 'the signature does not say when it was created');
  return checkTime(created * 1000, options, 1000);
}
