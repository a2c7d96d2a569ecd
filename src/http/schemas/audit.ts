/** Entries of the audit log, as the API shows them. */
import { ACTOR_KINDS, AUDIT_ACTIONS } from '../../domain/audit.ts';
import type { AuditRecord } from '../../storage/reading.ts';
import { formatTime } from '../time.ts';
import { Time } from './fields.ts';
import { anything, nullable, object, oneOf, record, string } from './json-schema.ts';

const Snapshot = nullable(record(anything), { description: 'Without secrets.' });

export const AuditEntrySchema = object(
  {
    id: string({ description: 'A number that grows in the order of the changes.' }),
    time: Time,
    actor: object({
      type: oneOf([...ACTOR_KINDS]),
      id: nullable(string(), {
        description:
          'Of the key, the tenant or the API client; null: the key of the configuration, or the engine.',
      }),
      name: string({
        description:
          'Of the key or the API client; the role of a tenant’s token; the rule by which the engine did it.',
      }),
    }),
    action: oneOf([...AUDIT_ACTIONS]),
    tenant_id: nullable(string(), { description: 'Null where it concerns no tenant.' }),
    resource: object({
      type: oneOf([
        'tenant',
        'destination',
        'event',
        'delivery',
        'replay',
        'topic',
        'key',
        'client',
      ]),
      id: string(),
    }),
    before: Snapshot,
    after: Snapshot,
    address: string({ description: 'Where the request came from; empty: there was none.' }),
    request_id: string(),
  },
  { $id: 'AuditEntry' },
);

export function auditJson(entry: AuditRecord) {
  const { actor, resource } = entry;
  return {
    id: String(entry.seq),
    time: formatTime(entry.atMs),
    actor: { type: actor.kind, id: actor.id, name: actor.name },
    action: entry.action,
    tenant_id: entry.tenantId,
    resource: { type: resource.kind, id: resource.id },
    before: entry.before,
    after: entry.after,
    address: entry.address,
    request_id: entry.requestId,
  };
}
