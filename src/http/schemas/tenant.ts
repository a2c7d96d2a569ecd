/** Tenants, as the API shows them. */
import type { TenantRecord } from '../../storage/storage.ts';
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

export const TenantSchema = object(
  {
    id: string(),
    destinations_count: integer(),
    topics: arrayOf(string(), { description: 'All that its destinations take.' }),
    metadata: StringMap,
    created_at: Time,
    updated_at: Time,
  },
  { $id: 'Tenant' },
);

export interface TenantBody {
  readonly metadata?: Readonly<Record<string, string>> | null;
}

export const TenantBodySchema = closedObject({ metadata: optional(nullable(StringMap)) });

export function tenantJson(tenant: TenantRecord) {
  return {
    id: tenant.id,
    destinations_count: tenant.destinationsCount,
    topics: tenant.topics,
    metadata: tenant.metadata,
    created_at: formatTime(tenant.createdAtMs),
    updated_at: formatTime(tenant.updatedAtMs),
  };
}
