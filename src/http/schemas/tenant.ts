/** Tenants, as the API shows them. */
import { OPERATOR_TENANT } from '../../domain/operator-tenant.ts';
import { MAX_ORDINAL } from '../../domain/id.ts';
import type { TenantSettingsChange } from '../../domain/tenant.ts';
import type { TenantRecord } from '../../storage/storage.ts';
import { validationFailed } from '../errors.ts';
import { formatTime } from '../time.ts';
import { StringMap, Time } from './fields.ts';
import {
  closedObject,
  integer,
  arrayOf,
  nullable,
  object,
  optional,
  string,
} from './json-schema.ts';

/** Visible ASCII, without what is special in paths, as `.` and `..` are as a whole. */
const TENANT_ID = /^(?!\.{1,2}$)[\x21-\x24\x26-\x2e\x30-\x3e\x40-\x5b\x5d-\x7e]{1,255}$/;

/** Of a tenant that may come to be; throws what is wrong. */
export function checkTenantId(id: string): void {
  if (id === OPERATOR_TENANT) {
    const message = 'This is the operator’s own tenant: it is made with its first destination.';
    throw validationFailed([{ pointer: '/tenant_id', code: 'reserved', message }]);
  }
  if (TENANT_ID.test(id)) return;
  const message =
    'A tenant’s id has 1 to 255 visible ASCII characters, none of them / \\ ? or %, and is not . or .. itself.';
  throw validationFailed([{ pointer: '/tenant_id', code: 'format', message }]);
}

/** One `@`, with something on both sides: whether mail arrives, only mail can tell. */
const EMAIL = '^[^\\s@\\x00-\\x1f\\x7f]{1,64}@[^\\s@\\x00-\\x1f\\x7f]{1,189}$';

const SETTINGS = {
  name: string({ maxLength: 255 }),
  contacts: arrayOf(closedObject({ email: string({ pattern: EMAIL, maxLength: 254 }) }), {
    maxItems: 20,
    description: 'Who gets mail when deliveries fail.',
  }),
  profile: string({ description: 'Profile of its destinations that name none.' }),
  limits: closedObject(
    {
      destinations: optional(integer({ minimum: 0, maximum: MAX_ORDINAL })),
      publish_per_minute: optional(integer({ minimum: 1, maximum: 100_000_000 })),
      payload_bytes: optional(
        integer({
          minimum: 1,
          maximum: 1024 ** 3,
          description: 'Of the data of an event; the instance’s limit holds beside it.',
        }),
      ),
      concurrency: optional(
        integer({
          minimum: 1,
          maximum: 1_000_000,
          description: 'Attempts of all its destinations at the same time.',
        }),
      ),
      concurrency_per_origin: optional(
        integer({
          minimum: 1,
          maximum: 1_000_000,
          description:
            'Those to one receiving origin (scheme, host, port) at the same time; the instance’s bound of an origin holds beside it.',
        }),
      ),
      events_per_minute: optional(
        integer({
          minimum: 1,
          maximum: 1_000_000,
          description: 'What a webhook subscription may ask for at most; 6000 by default.',
        }),
      ),
    },
    { description: 'What is left out is limited as the instance is.' },
  ),
};

export const TenantSchema = object(
  {
    id: string(),
    destinations_count: integer(),
    topics: arrayOf(string(), { description: 'All that its destinations take.' }),
    metadata: StringMap,
    name: optional(SETTINGS.name),
    contacts: optional(SETTINGS.contacts),
    profile: optional(SETTINGS.profile),
    limits: optional(SETTINGS.limits),
    created_at: Time,
    updated_at: Time,
  },
  { $id: 'Tenant' },
);

export interface TenantBody extends TenantSettingsChange {
  readonly metadata?: Readonly<Record<string, string>> | null;
}

export const TenantBodySchema = closedObject(
  {
    metadata: optional(nullable(StringMap)),
    name: optional(nullable(SETTINGS.name)),
    contacts: optional(nullable(SETTINGS.contacts)),
    profile: optional(nullable(SETTINGS.profile)),
    limits: optional(nullable(SETTINGS.limits)),
  },
  {
    description:
      'Metadata are replaced. A setting that is left out stays; `null` goes back to the instance’s.',
  },
);

export function tenantJson(tenant: TenantRecord) {
  return {
    id: tenant.id,
    destinations_count: tenant.destinationsCount,
    topics: tenant.topics,
    metadata: tenant.metadata,
    ...tenant.settings,
    created_at: formatTime(tenant.createdAtMs),
    updated_at: formatTime(tenant.updatedAtMs),
  };
}
