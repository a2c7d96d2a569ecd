/** An entry of the audit log as the drivers have it: in columns of the same names. */
import type { AuditAction, AuditActor, AuditSnapshot } from '../domain/audit.ts';
import type { AuditRecord } from './reading.ts';

export function auditRecord(row: Readonly<Record<string, unknown>>): AuditRecord {
  return {
    seq: Number(row['seq']),
    atMs: Number(row['time_ms']),
    // This driver has written what the types say.
    actor: {
      kind: String(row['actor_kind']) as AuditActor['kind'],
      id: textOrNull(row['actor_id']),
      name: String(row['actor_name']),
    },
    action: String(row['action']) as AuditAction,
    tenantId: textOrNull(row['tenant_id']),
    resource: {
      kind: String(row['resource_kind']) as AuditRecord['resource']['kind'],
      id: String(row['resource_id']),
    },
    before: snapshotOrNull(row['before']),
    after: snapshotOrNull(row['after']),
    address: String(row['address']),
    requestId: String(row['request_id']),
    position: [Number(row['seq'])],
  };
}

export function jsonOrNull(value: AuditSnapshot | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

function snapshotOrNull(value: unknown): AuditSnapshot | null {
  return value === null ? null : (JSON.parse(String(value)) as AuditSnapshot);
}

function textOrNull(value: unknown): string | null {
  return value === null ? null : String(value);
}
