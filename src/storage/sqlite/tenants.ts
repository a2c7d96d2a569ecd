/** Tenants. */
import { tenantAudit } from '../../domain/audit.ts';
import type { AuditSnapshot } from '../../domain/audit.ts';
import type { TenantSettings, TenantSettingsChange } from '../../domain/tenant.ts';
import type { Storage, StringMap, TenantDefaults, TenantRecord } from '../storage.ts';
import { writeAudit } from './audit.ts';
import { deleteTenantClients, tenantClients } from './clients.ts';
import type { ReadContext, WriteContext } from './context.ts';
import type { Operation } from './operation.ts';
import { listPage } from './page.ts';
import { RAISE_ROUTING_VERSION } from './routing-version.ts';

const SELECT = `
  SELECT no, id, metadata, settings, created_ms, updated_ms,
         (SELECT count(*) FROM destinations WHERE tenant_no = tenants.no AND deleted_ms IS NULL) AS destinations,
         (SELECT json_group_array(DISTINCT topic.value)
          FROM destinations, json_each(definition, '$.topics') AS topic
          WHERE tenant_no = tenants.no AND deleted_ms IS NULL) AS topics
  FROM tenants`;

/** By `rollUpPruneSlice`. */
const ERASE_COUNTS = 'INSERT INTO rollup_erasures (tenant_no, from_s) VALUES (?, 0)';

export function tenantUpsert(context: WriteContext): Operation<Storage['tenantUpsert']> {
  return ({ id, metadata, settings = {}, author = null }) => {
    const nowMs = context.clock.nowMs();
    const told = author === null ? null : snapshotOf(context, id);
    const text = JSON.stringify(metadata);
    const before = context.statement('SELECT no, settings FROM tenants WHERE id = ?').get(id);
    const created = before === undefined;
    if (created) {
      context
        .statement(
          'INSERT INTO tenants (id, metadata, settings, routing_version, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?)',
        )
        // Not 1: the routing of a deleted tenant must not pass for that of one made anew under its id.
        .run(id, text, mergedSettings('{}', settings), context.nextSeq(), nowMs, nowMs);
    } else {
      const merged = mergedSettings(String(before['settings']), settings);
      context
        .statement('UPDATE tenants SET metadata = ?, settings = ?, updated_ms = ? WHERE no = ?')
        .run(text, merged, nowMs, Number(before['no']));
      if (merged !== before['settings']) {
        context.statement(RAISE_ROUTING_VERSION).run(Number(before['no']));
        context.forget(id);
      }
    }
    if (author !== null)
      writeAudit(context, tenantAudit(author, id, told, snapshotOf(context, id)));
    const tenant = tenantGet(context)({ id });
    if (tenant === null) throw new Error(`tenant ${id} is not there after it was written`);
    return { created, tenant };
  };
}

export function tenantGet(context: ReadContext): Operation<Storage['tenantGet']> {
  return ({ id }) => {
    const row = context.statement(`${SELECT} WHERE id = ?`).get(id);
    return row === undefined ? null : tenantRecord(row);
  };
}

export function tenantList(context: ReadContext): Operation<Storage['tenantList']> {
  return ({ ids, hidden = '', page }) => {
    const wanted = JSON.stringify(ids);
    const conditions = [
      ...(ids.length === 0
        ? []
        : [{ sql: 'id IN (SELECT value FROM json_each(?))', values: [wanted] }]),
      ...(hidden === '' ? [] : [{ sql: 'id <> ?', values: [hidden] }]),
    ];
    const count = context
      .statement(
        ids.length === 0
          ? 'SELECT count(*) AS count FROM tenants WHERE ? IS NOT NULL AND id <> ?'
          : 'SELECT count(*) AS count FROM tenants WHERE id IN (SELECT value FROM json_each(?)) AND id <> ?',
      )
      .get(wanted, hidden);
    const found = listPage(context, {
      select: SELECT,
      conditions,
      orderBy: ['no'],
      page,
      read: tenantRecord,
    });
    return { ...found, count: Number(count?.['count']) };
  };
}

export function tenantDefaultsGet(context: ReadContext): Operation<Storage['tenantDefaultsGet']> {
  return ({ id }) => {
    const row = context
      .statement('SELECT no, settings, sealed_secrets, secrets_revision FROM tenants WHERE id = ?')
      .get(id);
    return row === undefined ? null : tenantDefaults(context, row);
  };
}

export function tenantSecretsPut(context: WriteContext): Operation<Storage['tenantSecretsPut']> {
  return ({ id, sealed, ifRevision, audit }) => {
    const tenant = context.tenant(id);
    if (tenant === undefined) return 'unknown';
    const updated = context
      .statement(
        `UPDATE tenants SET sealed_secrets = ?, secrets_revision = secrets_revision + 1, updated_ms = ?
         WHERE no = ? AND secrets_revision = ?`,
      )
      .run(sealed, context.clock.nowMs(), tenant.no, ifRevision);
    if (updated.changes === 0) return 'changed_meanwhile';
    context.statement(RAISE_ROUTING_VERSION).run(tenant.no);
    context.forget(id);
    writeAudit(context, audit);
    return 'updated';
  };
}

export function tenantDelete(context: WriteContext): Operation<Storage['tenantDelete']> {
  return ({ id, author = null }) => {
    const tenant = context.tenant(id);
    if (tenant === undefined) return false;
    const nowMs = context.clock.nowMs();
    if (author !== null)
      writeAudit(context, tenantAudit(author, id, snapshotOf(context, id), null));
    context
      .statement(
        `UPDATE destinations
         SET deleted_ms = ?, updated_ms = ?, definition = '{}', sealed_credentials = x'', cancel_below_seq = ?
         WHERE tenant_no = ? AND deleted_ms IS NULL`,
      )
      .run(nowMs, nowMs, context.nextBoundary(), tenant.no);
    for (const no of tenant.destinations.values())
      context.statement('DELETE FROM destination_health WHERE destination_no = ?').run(no);
    context.statement('DELETE FROM mails WHERE tenant_id = ?').run(id);
    context.statement('DELETE FROM mail_refusals WHERE tenant_id = ?').run(id);
    deleteTenantClients(context, tenant.no);
    context.statement('DELETE FROM tenants WHERE no = ?').run(tenant.no);
    context.statement(ERASE_COUNTS).run(tenant.no);
    context
      .statement('INSERT INTO deletions (tenant_no, tenant_id, started_ms) VALUES (?, ?, ?)')
      .run(tenant.no, id, nowMs);
    context.forget(id);
    return true;
  };
}

/** Of a row with the columns `no`, `settings`, `sealed_secrets` and `secrets_revision`. */
export function tenantDefaults(context: ReadContext, row: Row): TenantDefaults {
  const sealed = row['sealed_secrets'];
  return {
    settings: JSON.parse(String(row['settings'])) as TenantSettings,
    secrets: {
      sealed: sealed instanceof Uint8Array ? sealed : null,
      revision: Number(row['secrets_revision']),
    },
    clients: tenantClients(context, Number(row['no'])),
  };
}

function mergedSettings(before: string, change: TenantSettingsChange): string {
  const all = Object.entries({ ...(JSON.parse(before) as TenantSettings), ...change });
  return JSON.stringify(Object.fromEntries(all.filter(([, value]) => value !== null)));
}

type Row = Record<string, unknown>;

/** What the audit log tells of a tenant; `null` where there is none. */
function snapshotOf(context: ReadContext, id: string): AuditSnapshot | null {
  const row = context.statement('SELECT metadata, settings FROM tenants WHERE id = ?').get(id);
  if (row === undefined) return null;
  // Both columns are JSON that this driver has written.
  const settings = JSON.parse(String(row['settings'])) as TenantSettings;
  return { metadata: JSON.parse(String(row['metadata'])) as StringMap, ...settings };
}

function tenantRecord(row: Record<string, unknown>): TenantRecord {
  // Both columns are JSON that this driver has written.
  const topics = JSON.parse(String(row['topics'])) as string[];
  return {
    id: String(row['id']),
    metadata: JSON.parse(String(row['metadata'])) as StringMap,
    settings: JSON.parse(String(row['settings'])) as TenantSettings,
    destinationsCount: Number(row['destinations']),
    topics: topics.toSorted(),
    createdAtMs: Number(row['created_ms']),
    updatedAtMs: Number(row['updated_ms']),
    position: [Number(row['no'])],
  };
}
