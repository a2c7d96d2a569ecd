/** Tenants, as the API shows them. */
import { Type } from 'typebox';
import type { TenantRecord } from '../../storage/storage.ts';
import { formatTime } from '../time.ts';
import { StringMap, Time } from './fields.ts';

export const TenantSchema = Type.Object(
  {
    id: Type.String(),
    destinations_count: Type.Integer(),
    topics: Type.Array(Type.String(), { description: 'All that its destinations take.' }),
    metadata: StringMap,
    created_at: Time,
    updated_at: Time,
  },
  { $id: 'Tenant' },
);

export const TenantBody = Type.Object(
  { metadata: Type.Optional(StringMap) },
  { additionalProperties: false },
);

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
