/** Profiles, as the API shows them: what a receiver has to know of them, and what an operator has to choose by. */
import { GONE_RULES } from '../../domain/ending.ts';
import type { ProfileEnding } from '../../domain/ending.ts';
import { HMAC_ALGORITHMS, RATE_COUNTS } from '../../domain/profile.ts';
import type { Profile } from '../../domain/profile.ts';
import { describeSecretFormat } from '../../domain/signing-secret.ts';
import {
  arrayOf,
  boolean,
  integer,
  nullable,
  number,
  object,
  oneOf,
  string,
  union,
} from './json-schema.ts';
import { scheduleJson, ShownSchedule } from './retry-schedule.ts';

const DAY_MS = 86_400_000;
const Statuses = arrayOf(integer());

export const ProfileSchema = object(
  {
    name: string(),
    default: boolean({ description: 'Of destinations that name none, nor do their tenants.' }),
    payload: string({ description: 'Shape of the body.' }),
    content_type: string(),
    headers: arrayOf(object({ name: string(), value: string() }), {
      description: 'Beside the signature; values are templates, docs/guides/profiles.md.',
    }),
    metadata_header_prefix: nullable(string()),
    signature: nullable(
      object({
        header: string(),
        signed: string({ description: 'What is signed.' }),
        algorithm: oneOf(HMAC_ALGORITHMS),
        encoding: oneOf(['hex', 'base64']),
        each: string(),
        separator: string(),
        value: string(),
        each_ed25519: nullable(string()),
      }),
    ),
    secret: object({
      format: string({ description: 'In words.' }),
      generated: boolean({ description: 'Where none is given, one is made.' }),
      shown: oneOf(['value', 'sha256']),
      scope: oneOf(['destination', 'tenant']),
      overlap_s: number({
        description: 'How long the secret before signs beside a new one, unless the rotation says.',
      }),
    }),
    success: union(object({ from_status: integer(), to_status: integer() }), Statuses),
    retried: object({
      statuses: union(object({ only: Statuses }), object({ all_but: Statuses })),
      reasons: nullable(arrayOf(string()), { description: 'null: whatever the reason.' }),
    }),
    retry: ShownSchedule,
    timeout_ms: integer(),
    rate_per_minute: nullable(integer(), {
      description: 'Attempts of one destination; null: as many as its receiver bears.',
    }),
    rate_counts: oneOf(RATE_COUNTS, {
      description: '`first_attempts`: retries are not part of the rate.',
    }),
    ending: object(
      {
        consecutive_failures: nullable(integer()),
        without_success_s: nullable(number()),
        on_exhausted: boolean({ description: 'After a delivery used up its schedule.' }),
        failure_share: nullable(
          object({ share: number(), window_s: number(), min_attempts: integer() }),
        ),
        on_gone: oneOf(GONE_RULES, {
          description: 'After an answer of 410: `unsubscribe` deletes the destination.',
        }),
        hears_disable: boolean({
          description: 'After an answer with the header `webhook-delivery: disable`.',
        }),
        mails_failures: boolean({
          description: 'Deliveries that failed for good are mailed to the tenant’s contacts.',
        }),
        lifetime_days: nullable(number(), { description: 'After its creation or renewal.' }),
      },
      { description: 'When a destination is given up; null: there is no such rule.' },
    ),
  },
  { $id: 'Profile' },
);

export function profileJson(profile: Profile, isDefault: boolean) {
  const { signature, secret, success, retried, retry } = profile;
  return {
    name: profile.name,
    default: isDefault,
    payload: profile.payload,
    content_type: profile.contentType,
    headers: profile.headers.map(([name, value]) => ({ name, value })),
    metadata_header_prefix: profile.metadataHeaderPrefix,
    signature: signature === null ? null : signatureJson(signature),
    secret: {
      format: describeSecretFormat(secret),
      generated: secret.generated !== null,
      shown: secret.shown,
      scope: secret.scope,
      overlap_s: secret.overlapMs / 1000,
    },
    success:
      'only' in success
        ? success.only
        : { from_status: success.fromStatus, to_status: success.toStatus },
    retried: {
      statuses:
        'only' in retried.statuses
          ? { only: retried.statuses.only }
          : { all_but: retried.statuses.allBut },
      reasons: retried.reasons,
    },
    retry: scheduleJson(retry),
    timeout_ms: profile.timeoutMs,
    rate_per_minute: profile.ratePerMinute,
    rate_counts: profile.rateCounts,
    ending: endingJson(profile.ending),
  };
}

function endingJson({ withoutSuccessMs, failureShare, lifetimeMs, ...ending }: ProfileEnding) {
  return {
    consecutive_failures: ending.consecutiveFailures,
    without_success_s: withoutSuccessMs === null ? null : withoutSuccessMs / 1000,
    on_exhausted: ending.onExhausted,
    failure_share:
      failureShare === null
        ? null
        : {
            share: failureShare.share,
            window_s: failureShare.windowMs / 1000,
            min_attempts: failureShare.minAttempts,
          },
    on_gone: ending.onGone,
    hears_disable: ending.hearsDisable,
    mails_failures: ending.mailsFailures,
    lifetime_days: lifetimeMs === null ? null : lifetimeMs / DAY_MS,
  };
}

function signatureJson(signature: NonNullable<Profile['signature']>) {
  const { eachEd25519, ...rest } = signature;
  return { ...rest, each_ed25519: eachEd25519 };
}
