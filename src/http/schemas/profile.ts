/** Profiles, as the API shows them: what a receiver has to know of them, and what an operator has to choose by. */
import { HMAC_ALGORITHMS } from '../../domain/profile.ts';
import type { Profile } from '../../domain/profile.ts';
import { describeSecretFormat } from '../../domain/signing-secret.ts';
import {
  arrayOf,
  boolean,
  integer,
  nullable,
  object,
  oneOf,
  string,
  union,
} from './json-schema.ts';
import { scheduleJson, ShownSchedule } from './retry-schedule.ts';

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
    }),
    success: union(object({ from_status: integer(), to_status: integer() }), Statuses),
    retried: object({
      statuses: union(object({ only: Statuses }), object({ all_but: Statuses })),
      reasons: nullable(arrayOf(string()), { description: 'null: whatever the reason.' }),
    }),
    retry: ShownSchedule,
    timeout_ms: integer(),
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
  };
}

function signatureJson(signature: NonNullable<Profile['signature']>) {
  const { eachEd25519, ...rest } = signature;
  return { ...rest, each_ed25519: eachEd25519 };
}
