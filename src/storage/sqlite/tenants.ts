/** Tenants. */
import type { Storage, StringMap, TenantRecord } from '../storage.ts';
import type { ReadContext, WriteContext } from './context.ts';
import type { Operation } from './operation.ts';
import { listPage } from './page.ts';

const SELECT = `
  SELECT no, id, metadata, created_ms, updated_ms,
         (SELECT count(*) FROM destinations WHERE tenant_no = tenants.no AND deleted_ms IS NULL) AS destinations,
         (SELECT json_group_array(DISTINCT topic.value)
          FROM destinations, json_each(definition, '$.topics') AS topic
          WHERE tenant_no = tenants.no AND deleted_ms IS NULL) AS topics
  FROM tenants`;

export function tenantUpsert(context: WriteContext): Operation<Storage['tenantUpsert']> {
  return ({ id, metadata }) => {
    const nowMs = context.clock.nowMs();
    const text = JSON.stringify(metadata);
    const updated = context
      .statement('UPDATE tenants SET metadata = ?, updated_ms = ? WHERE id = ?')
      .run(text, nowMs, id);
    const created = updated.changes === 0;
    if (created) {
      context
        .statement(
          'INSERT INTO tenants (id, metadata, routing_version, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?)',
        )
        // Not 1: the routing of a deleted tenant must not pass for that of one made anew under its id.
        .run(id, text, context.nextSeq(), nowMs, nowMs);
    }
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
  return ({ ids, page }) => {
    const wanted = JSON.stringify(ids);
    const conditions =
      ids.length === 0 ? [] : [{ sql: 'id IN (SELECT value FROM json_each(?))', values: [wanted] }];
    const count = context
      .statement(
        ids.length === 0
          ? 'SELECT count(*) AS count FROM tenants WHERE ? IS NOT NULL'
          : 'SELECT count(*) AS count FROM tenants WHERE id IN (SELECT value FROM json_each(?))',
      )
      .get(wanted);
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

export function tenantDelete(context: WriteContext): Operation<Storage['tenantDelete']> {
  return ({ id }) => {
    const tenant = context.tenant(id);
    if (tenant === undefined) return false;
    const nowMs = context.clock.nowMs();
    context
      .statement(
        `UPDATE destinations
         SET deleted_ms = ?, updated_ms = ?, definition = '{}', sealed_credentials = x'', cancel_below_seq = ?
         WHERE tenant_no = ? AND deleted_ms IS NULL`,
      )
      .run(nowMs, nowMs, context.nextSeq(), tenant.no);
    context.statement('DELETE FROM tenants WHERE no = ?').run(tenant.no);
    context.forget(id);
    return true;
  };
}

function tenantRecord(row: Record<string, unknown>): TenantRecord {
  // Both columns are JSON that this driver has written.
  const topics = JSON.parse(String(row['topics'])) as string[];
  return {
    id: String(row['id']),
    metadata: JSON.parse(String(row['metadata'])) as StringMap,
    destinationsCount: Number(row['destinations']),
    topics: topics.toSorted(),
    createdAtMs: Number(row['created_ms']),
    updatedAtMs: Number(row['updated_ms']),
    position: [Number(row['no'])],
  };
}
