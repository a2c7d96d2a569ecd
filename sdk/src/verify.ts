/** Whether a message is the sender's: the way through all steps, each of which may refuse it. */
import type { Bytes } from './bytes.ts';
import { readHeaders } from './header-fields.ts';
import type { HeaderFields, HeadersInput } from './header-fields.ts';
import { keysOf } from './keys.ts';
import type { Secrets } from './keys.ts';
import { isObject, memberOf, parseBody, readBody } from './message-body.ts';
import type { BodyInput } from './message-body.ts';
import { checkTime, describeFormat, parseTime } from './message-time.ts';
import type { TimeOptions } from './message-time.ts';
import { isProfileName, PROFILES } from './profiles.ts';
import type { ProfileName } from './profiles.ts';
import { isSigned } from './scheme.ts';
import type { Scheme, Source, TimeSource } from './scheme.ts';
import { findMatch, readSignatures } from './signatures.ts';
import type { Match } from './signatures.ts';
import { signedContent } from './signed-content.ts';
import { parseVectorClock } from './vector-clock.ts';
import { refused } from './verification.ts';
import type { Refused, ResourceVersion, Verification, Verified } from './verification.ts';

export type VerifyOptions = TimeOptions;

/**
 * Verifies the signature of a message, in constant time, and then its age.
 *
 * Only the profiles `standard` and `baack` sign the moment of the attempt, and only theirs is held against the tolerance.
 * With `basekit`, `balkanid` and `baxcloud` a message that somebody caught stays good for as long as the secret is: there
 * a replay guard is what protects, and https.
 *
 * It does not throw, whatever was received: every refusal is a value with a reason.
 *
 * @param profile the name of a built-in profile, or a scheme of your own
 * @param headers as the runtime has them; names in any case
 * @param body the bytes as they came, before anything parses them
 * @param secret as the sender shows it, prefix included; several while it is rotated
 */
export async function verify(
  profile: ProfileName | Scheme,
  headers: HeadersInput,
  body: BodyInput,
  secret: Secrets,
  options: VerifyOptions = {},
): Promise<Verification> {
  const scheme = schemeOf(profile);
  if (scheme === null)
    return refused(
      'unknown_profile',
      `there is no such profile: choose one of ${Object.keys(PROFILES).join(', ')}`,
    );
  const keys = keysOf(scheme, secret);
  if ('ok' in keys) return keys;
  const bytes = readBody(body);
  if ('ok' in bytes) return bytes;
  const fields = readHeaders(headers);

  const match = await matchOf(scheme, fields, bytes, keys);
  if ('ok' in match) return match;

  const payload = parseBody(bytes);
  if (scheme.bodyIsObject === true && !isObject(payload))
    return refused('unreadable_body', `the body is no JSON object, as ${scheme.name} has to send`);
  const time = timeOf(scheme, fields, payload, options);
  if (typeof time === 'object' && time !== null) return time;
  return describe(scheme, { fields, payload, match, timestampMs: time });
}

function schemeOf(profile: ProfileName | Scheme): Scheme | null {
  if (isProfileName(profile)) return PROFILES[profile];
  return typeof profile === 'object' && profile !== null ? profile : null;
}

async function matchOf(
  scheme: Scheme,
  fields: HeaderFields,
  body: Bytes,
  keys: Parameters<typeof findMatch>[1],
): Promise<Match | Refused> {
  const { header } = scheme.signature;
  const value = fields.get(header);
  if (value === undefined || value === '')
    return refused('missing_header', `there is no header ${header}`);
  const content = signedContent(scheme, fields, body);
  if ('ok' in content) return content;
  const signatures = readSignatures(scheme.signature, value);
  if ('ok' in signatures) return signatures;
  const match = await findMatch(signatures, keys, content);
  if (match !== null) return match;
  const kinds = new Set(signatures.map(({ algorithm }) => kindOf(algorithm)));
  return refused(
    'signature_mismatch',
    keys.some(({ kind }) => kinds.has(kind))
      ? `no signature in ${header} is of this body, these headers and ${keys.length === 1 ? 'the secret' : 'one of the secrets'}`
      : `the signatures in ${header} are for another kind of secret than the one that is given`,
  );
}

function kindOf(algorithm: string): 'hmac' | 'ed25519' {
  return algorithm === 'ed25519' ? 'ed25519' : 'hmac';
}

/** The time that the message says; a refusal where one that counts is bad or too far off. */
function timeOf(
  scheme: Scheme,
  fields: HeaderFields,
  payload: unknown,
  options: TimeOptions,
): number | null | Refused {
  const { time } = scheme;
  if (time === null) return null;
  const text = read(time.from, fields, payload);
  const timeMs = text === null ? null : parseTime(time.format, text);
  if (!counts(scheme, time)) return timeMs;
  if (timeMs === null) {
    const where = 'header' in time.from ? `the header ${time.from.header}` : 'the time in the body';
    return refused('malformed_header', `${where} is not ${describeFormat(time.format)}`);
  }
  return checkTime(timeMs, options, time.format === 'unix_seconds' ? 1000 : 1) ?? timeMs;
}

function counts(scheme: Scheme, time: TimeSource): boolean {
  return time.of === 'attempt' && isSigned(scheme, time.from);
}

interface Facts {
  readonly fields: HeaderFields;
  readonly payload: unknown;
  readonly match: Match;
  readonly timestampMs: number | null;
}

function describe(scheme: Scheme, { fields, payload, match, timestampMs }: Facts): Verified {
  const sources = { id: scheme.id, topic: scheme.topic, timestamp: scheme.time?.from ?? null };
  const unsigned = (['id', 'topic', 'timestamp'] as const).filter((fact) => {
    const source = sources[fact];
    return source !== null && !isSigned(scheme, source);
  });
  return {
    ok: true,
    profile: scheme.name,
    id: scheme.id === null ? null : read(scheme.id, fields, payload),
    topic: scheme.topic === null ? null : read(scheme.topic, fields, payload),
    timestampMs,
    unsigned,
    version: versionOf(scheme, payload),
    signature: match.signature.text,
    secretIndex: match.key.secretIndex,
    payload,
  };
}

function versionOf(scheme: Scheme, payload: unknown): ResourceVersion | null {
  if (scheme.version === undefined) return null;
  const resource = memberOf(payload, scheme.version.resource);
  const clock = parseVectorClock(memberOf(payload, scheme.version.clock));
  return typeof resource === 'string' && clock !== null ? { resource, clock } : null;
}

function read(source: Source, fields: HeaderFields, payload: unknown): string | null {
  if ('header' in source) return fields.get(source.header) ?? null;
  if ('member' in source) return textOfMember(payload, source.member);
  const texts = source.members.map((member) => textOfMember(payload, member));
  return texts.includes(null) ? null : texts.join('.');
}

function textOfMember(payload: unknown, name: string): string | null {
  const value = memberOf(payload, name);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}
