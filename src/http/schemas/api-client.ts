/** API clients, as the API takes and shows them: never the token, save in the answers that make one. */
import type { ApiClient } from '../../domain/api-client.ts';
import type { ClientPermission, ClientScope } from '../../domain/caller.ts';
import { SUBJECT, SUBJECT_EVENTS } from '../../domain/subject.ts';
import { formatTime, formatTimeOrNull } from '../time.ts';
import { Time, TimeOrNull } from './fields.ts';
import {
  arrayOf,
  boolean,
  closedObject,
  integer,
  nullable,
  object,
  oneOf,
  optional,
  string,
} from './json-schema.ts';

/** As Baack's portal names them, and as we do. */
const SCOPES = ['webhook', 'api', 'webhook.baack.co'] as const;
const DEFAULT_OVERLAP_S = 24 * 60 * 60;
/** Of a certificate with its chain, of a key. */
const MAX_PEM = 64 * 1024;

const Name = string({ minLength: 1, maxLength: 255, description: 'For people.' });
const ClientId = string({
  pattern: '^[^\\x00-\\x1f\\x7f]{1,255}$',
  description:
    'Free text, unique in the tenant: the user name of Basic and Digest towards the receiver. By default the urn.',
});
const Permissions = arrayOf(
  closedObject({
    subject: string({ pattern: SUBJECT.source }),
    events: arrayOf(oneOf(SUBJECT_EVENTS), { minItems: 1, maxItems: SUBJECT_EVENTS.length }),
  }),
  { maxItems: 1000, description: 'What it may subscribe to, where it has not full access.' },
);

const MEMBERS = {
  urn: string({ description: 'A UUID.' }),
  tenant_id: string(),
  name: Name,
  client_id: string(),
  scope: oneOf(['webhook', 'api'], {
    description:
      '`webhook`: its subscriptions, hooks and their deliveries; `api`: publishing, reading, retrying and replaying.',
  }),
  full_access: boolean({ description: 'It may subscribe to every subject and event.' }),
  permissions: Permissions,
  token_prefix: string({ description: 'How its token begins.' }),
  previous_token_valid_until: nullable(Time, {
    description: 'Until then the token before the last rotation opens this API as well.',
  }),
  client_certificate_expires_at: nullable(Time, {
    description: 'End of its client certificate; null: it has none.',
  }),
  created_at: Time,
  updated_at: Time,
  expires_at: TimeOrNull,
  revoked_at: TimeOrNull,
};

export const ApiClientSchema = object(MEMBERS, { $id: 'ApiClient' });

export const IssuedApiClientSchema = object({
  ...MEMBERS,
  token: string({ description: 'The bearer token. Shown only in this answer.' }),
});

export interface ApiClientBody {
  readonly tenant_id?: string;
  readonly name: string;
  readonly client_id?: string;
  readonly scope: (typeof SCOPES)[number];
  readonly full_access: boolean;
  readonly permissions?: readonly ClientPermission[];
  readonly expires_at?: string | null;
}

export const ApiClientBodySchema = closedObject({
  tenant_id: optional(string({ description: 'Left out by a tenant’s token.' })),
  name: Name,
  client_id: optional(ClientId),
  scope: oneOf(SCOPES, { description: '`webhook.baack.co` is taken for `webhook`.' }),
  full_access: boolean(),
  permissions: optional(Permissions),
  expires_at: optional(TimeOrNull),
});

export interface ApiClientPatch {
  readonly name?: string;
  readonly client_id?: string;
  readonly full_access?: boolean;
  readonly permissions?: readonly ClientPermission[];
  readonly expires_at?: string | null;
}

export const ApiClientPatchSchema = closedObject(
  {
    name: optional(Name),
    client_id: optional(ClientId),
    full_access: optional(boolean()),
    permissions: optional(Permissions),
    expires_at: optional(TimeOrNull),
  },
  { description: 'What is left out stays. Subscriptions that are there stay as they are.' },
);

export interface RotateClientBody {
  readonly overlap_s?: number;
}

export const RotateClientBodySchema = closedObject({
  overlap_s: optional(
    integer({
      minimum: 0,
      maximum: 365 * 24 * 60 * 60,
      description: `How long the token before still opens this API; ${DEFAULT_OVERLAP_S} (a day) by default.`,
    }),
  ),
});

export function overlapMsOf({ overlap_s: overlapS = DEFAULT_OVERLAP_S }: RotateClientBody): number {
  return overlapS * 1000;
}

export interface CertificateBody {
  readonly certificate: string;
  readonly key: string;
  readonly ca?: string | null;
}

export const CertificateBodySchema = closedObject({
  certificate: string({
    maxLength: MAX_PEM,
    description: 'PEM, with its intermediate ones after it.',
  }),
  key: string({ maxLength: MAX_PEM, description: 'PEM, not encrypted; never shown again.' }),
  ca: optional(
    nullable(string({ maxLength: MAX_PEM }), {
      description: 'PEM: trusted instead of the public authorities.',
    }),
  ),
});

export function scopeOf(scope: ApiClientBody['scope']): ClientScope {
  return scope === 'webhook.baack.co' ? 'webhook' : scope;
}

export function apiClientJson(client: ApiClient) {
  return {
    urn: client.urn,
    tenant_id: client.tenantId,
    name: client.name,
    client_id: client.clientId,
    scope: client.scope,
    full_access: client.permissions === 'all',
    permissions: client.permissions === 'all' ? [] : client.permissions,
    token_prefix: client.token.prefix,
    previous_token_valid_until: formatTimeOrNull(client.previousToken?.untilMs ?? null),
    client_certificate_expires_at: formatTimeOrNull(client.certificateExpiresAtMs),
    created_at: formatTime(client.createdAtMs),
    updated_at: formatTime(client.updatedAtMs),
    expires_at: formatTimeOrNull(client.expiresAtMs),
    revoked_at: formatTimeOrNull(client.revokedAtMs),
  };
}
