/**
 * The signing secrets of a webhook destination: the current one, and those that still sign while receivers change over.
 * The fields are Outpost's (`secret`, `previous_secret`, `previous_secret_invalid_at`, and `rotate_secret` to ask for a
 * new one); where several rotations overlap, the still older ones are kept beside them and not shown.
 */
import type { Credentials } from '../../domain/destination.ts';
import type { Random } from '../../domain/id.ts';
import type { Profile } from '../../domain/profile.ts';
import {
  DAY_OVERLAP_MS,
  describeSecretFormat,
  generateEd25519Secret,
  generateSigningSecret,
  publicKeyOf,
  shownSecret,
  signingKey,
} from '../../domain/signing-secret.ts';
import type { SigningKey } from '../../domain/signing-secret.ts';
import type { FieldProblem, RenewedDestination } from '../destination-type.ts';

export const SECRET_FIELDS = [
  'secret',
  'previous_secret',
  'previous_secret_invalid_at',
  'rotate_secret',
] as const;

const MAX_OVERLAP_MS = 366 * 24 * 60 * 60 * 1000;
/** Secrets of one destination that sign at the same time. */
const MAX_VALID = 5;

interface RetiredSecret {
  readonly secret: string;
  readonly invalidAtMs: number;
}

export interface ValidKey {
  readonly key: SigningKey;
  /** `Infinity`: the current one. */
  readonly invalidAtMs: number;
}

/** All keys, the current one first and the oldest last. Throws where one is not of the profile's format. */
export function validKeys(credentials: Credentials, { secret: format }: Profile): ValidKey[] {
  const current = { secret: credentials['secret'] ?? '', invalidAtMs: Infinity };
  return [current, ...retiredSecrets(credentials)].flatMap(({ secret, invalidAtMs }) => {
    const key = signingKey(secret, format);
    if (key !== undefined) return [{ key, invalidAtMs }];
    if (invalidAtMs === Infinity)
      throw new Error('the stored secret is not of its profile’s format');
    // It was one of another profile, which the destination had before.
    return [];
  });
}

/** The secrets after what the caller said of them; what is wrong is added to `problems`. */
export function checkSecrets(
  given: Readonly<Record<string, unknown>>,
  current: Credentials | null,
  { profile, random, nowMs }: { profile: Profile; random: Random; nowMs: number },
  problems: FieldProblem[],
): Credentials {
  const { secret: format } = profile;
  const wrong = (field: string, code: string, message: string) =>
    problems.push({ pointer: `/credentials/${field}`, code, message });
  if (profile.signature === null) {
    for (const field of SECRET_FIELDS.filter((each) => given[each] !== undefined))
      wrong(field, 'conflict', `Messages of the profile ${profile.name} are not signed.`);
    return current ?? {};
  }
  const before = current?.['secret'];
  const rotates = flag(given['rotate_secret']);
  if (rotates === undefined) wrong('rotate_secret', 'type', '`rotate_secret` is true or false.');
  if (rotates === true && before === undefined)
    wrong('rotate_secret', 'conflict', 'There is no secret yet that could be rotated.');

  const invalidAt = endOf(given['previous_secret_invalid_at'], nowMs);
  if (invalidAt === undefined) {
    wrong(
      'previous_secret_invalid_at',
      'format',
      'The time at which the previous secret ends is RFC 3339, at most a year ahead.',
    );
  }

  const secret = nextSecret();
  const retired = nextRetired();
  return storedSecrets(secret, retired, nowMs);

  function nextSecret(): string {
    const asked = given['secret'];
    if (asked === undefined && before !== undefined && rotates !== true) {
      if (signingKey(before, format) !== undefined) return before;
      wrong(
        'secret',
        'secret_format',
        `The secret that is there is none of the profile ${profile.name}: ${expected()}`,
      );
      return before;
    }
    if (asked === undefined || asked === null) {
      if (format.generated === null) {
        wrong(
          'secret',
          'required',
          `The profile ${profile.name} asks for a secret of your own: ${expected()}`,
        );
        return '';
      }
      const wasEd25519 = before !== undefined && publicKeyOf(before) !== null;
      return wasEd25519 && format.ed25519
        ? generateEd25519Secret(random)
        : generateSigningSecret(format, random);
    }
    if (typeof asked !== 'string' || signingKey(asked, format) === undefined) {
      const hint = format.generated === null ? '' : ' Leave it out and one is generated.';
      wrong('secret', 'secret_format', `${expected()}${hint}`);
      return '';
    }
    return asked;
  }

  function nextRetired(): RetiredSecret[] {
    const kept = current === null ? [] : retiredSecrets(current);
    const previous = given['previous_secret'];
    if (previous === null) return [];
    if (previous !== undefined) {
      if (typeof previous !== 'string' || signingKey(previous, format) === undefined) {
        wrong('previous_secret', 'secret_format', expected());
        return kept;
      }
      return [{ secret: previous, invalidAtMs: invalidAt ?? nowMs + DAY_OVERLAP_MS }];
    }
    if (rotates === true && before !== undefined)
      return [{ secret: before, invalidAtMs: invalidAt ?? nowMs + format.overlapMs }, ...kept];
    const [newest, ...older] = kept;
    if (given['previous_secret_invalid_at'] === undefined) return kept;
    if (newest === undefined) {
      wrong('previous_secret_invalid_at', 'conflict', 'There is no previous secret.');
      return kept;
    }
    return [{ secret: newest.secret, invalidAtMs: invalidAt ?? nowMs }, ...older];
  }

  function expected(): string {
    return `A signing secret of the profile ${profile.name} is ${describeSecretFormat(format)}.`;
  }
}

/** With a new one of ours; the one before signs beside it for the profile's time. */
export function renewedSecrets(
  { credentials, profile, nowMs }: RenewedDestination,
  random: Random,
): Credentials {
  const asked = credentials === null ? {} : { rotate_secret: true };
  const problems: FieldProblem[] = [];
  const renewed = checkSecrets(asked, credentials, { profile, random, nowMs }, problems);
  const [problem] = problems;
  if (problem !== undefined) throw new TypeError(problem.message);
  return renewed;
}

/** What its owner reads. */
export function shownSecrets(
  credentials: Credentials,
  { secret: format, signature }: Profile,
  nowMs: number,
): Credentials {
  const { secret } = credentials;
  if (secret === undefined || signature === null) return {};
  const previous = retiredSecrets(credentials).find((each) => each.invalidAtMs > nowMs);
  const publicKey = publicKeyOf(secret);
  return {
    secret: shownSecret(secret, format),
    ...(publicKey === null ? {} : { public_key: publicKey }),
    ...(previous === undefined
      ? {}
      : {
          previous_secret: shownSecret(previous.secret, format),
          previous_secret_invalid_at: new Date(previous.invalidAtMs).toISOString(),
        }),
  };
}

function storedSecrets(
  secret: string,
  retired: readonly RetiredSecret[],
  nowMs: number,
): Credentials {
  const valid = retired
    .filter((each) => each.invalidAtMs > nowMs && each.secret !== secret)
    .slice(0, MAX_VALID - 1);
  return valid.length === 0 ? { secret } : { secret, retired_secrets: JSON.stringify(valid) };
}

/** Newest first. */
function retiredSecrets(credentials: Credentials): RetiredSecret[] {
  const text = credentials['retired_secrets'];
  // JSON of ours.
  return text === undefined ? [] : (JSON.parse(text) as RetiredSecret[]);
}

function flag(value: unknown): boolean | undefined {
  if (value === undefined || value === null || value === false || value === 'false') return false;
  return value === true || value === 'true' ? true : undefined;
}

/** `null`: not said; `undefined`: wrong. */
function endOf(value: unknown, nowMs: number): number | null | undefined {
  if (value === undefined || value === null) return null;
  const timeMs =
    typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : NaN;
  return timeMs <= nowMs + MAX_OVERLAP_MS ? timeMs : undefined;
}
