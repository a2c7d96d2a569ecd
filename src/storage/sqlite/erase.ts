/** What deleted tenants leave behind is dropped, table by table, in slices. */
import type { DeletionRecord } from '../erasing.ts';
import type { Storage } from '../storage.ts';
import type { ReadContext, WriteContext } from './context.ts';
import type { Operation } from './operation.ts';
import { VACUUM } from './prune.ts';

/**
 * Every table with rows of tenants, in the order in which they go: first what others are found by, or inserted after.
 * Without its deliveries an attempt under way is not recorded any more. test/storage/sqlite-erase.test.ts holds this list
 * against the schema.
 */
export const TENANT_TABLES = {
  replay_deliveries: {
    key: '(event_seq, ordinal)',
    rows: 'SELECT event_seq, ordinal FROM replay_deliveries WHERE replay_no IN (SELECT no FROM replays WHERE tenant_no = ?)',
  },
  deliveries: {
    key: '(event_seq, ordinal)',
    rows: 'SELECT event_seq, ordinal FROM deliveries INDEXED BY deliveries_by_tenant WHERE tenant_no = ?',
  },
  attempts: {
    key: 'seq',
    rows: 'SELECT seq FROM attempts INDEXED BY attempts_by_tenant WHERE tenant_no = ?',
  },
  events: {
    key: 'seq',
    rows: 'SELECT seq FROM events INDEXED BY events_by_time WHERE tenant_no = ?',
  },
  request_shapes: { key: 'no', rows: 'SELECT no FROM request_shapes WHERE tenant_no = ?' },
  replays: { key: 'no', rows: 'SELECT no FROM replays WHERE tenant_no = ?' },
  api_clients: { key: 'no', rows: 'SELECT no FROM api_clients WHERE tenant_no = ?' },
  destination_health: {
    key: 'destination_no',
    rows: 'SELECT destination_no FROM destination_health WHERE destination_no IN (SELECT no FROM destinations WHERE tenant_no = ?)',
  },
  destinations: { key: 'no', rows: 'SELECT no FROM destinations WHERE tenant_no = ?' },
} as const;

/** What was counted of a tenant is dropped beside this, bucket by bucket (rollup-prune.ts). */
export const COUNTED_TABLES = ['attempt_rollups', 'event_rollups', 'rollup_erasures'] as const;

/**
 * Tables without rows of tenants. Topics are the operator's words, and stay. Those of `tenants`, of mails and of
 * `deletions` go with the deletion's beginning and end. The audit log keeps what it has until its own retention: that a tenant was there and was deleted, and by whom, is what it is for.
 */
export const OTHER_TABLES = [
  'meta',
  'tenants',
  'deletions',
  'topics',
  'rollup_topics',
  'rollup_progress',
  'api_keys',
  'audit',
  'mails',
  'mail_refusals',
] as const;

const FIRST = 'SELECT tenant_no FROM deletions ORDER BY started_ms, tenant_no LIMIT 1';

const LIST = `
  SELECT tenant_id, started_ms,
         (SELECT count(*) FROM events INDEXED BY events_by_time WHERE tenant_no = deletions.tenant_no) AS events,
         (SELECT count(*) FROM deliveries WHERE tenant_no = deletions.tenant_no) AS deliveries,
         (SELECT count(*) FROM attempts WHERE tenant_no = deletions.tenant_no) AS attempts
  FROM deletions ORDER BY started_ms, tenant_no`;

export function tenantEraseSlice(context: WriteContext): Operation<Storage['tenantEraseSlice']> {
  return ({ limit }) => {
    const deletion = context.statement(FIRST).get();
    if (deletion === undefined) return { rows: 0, more: false };
    const tenantNo = Number(deletion['tenant_no']);
    let rows = 0;
    for (const [table, { key, rows: select }] of Object.entries(TENANT_TABLES)) {
      if (rows >= limit) break;
      const sql = `DELETE FROM ${table} WHERE ${key} IN (${select} LIMIT ?)`;
      rows += Number(context.statement(sql).run(tenantNo, limit - rows).changes);
    }
    if (rows < limit) context.statement('DELETE FROM deletions WHERE tenant_no = ?').run(tenantNo);
    if (rows > 0) context.db.exec(VACUUM);
    return { rows, more: rows === limit || context.statement(FIRST).get() !== undefined };
  };
}

export function deletionList(context: ReadContext): Operation<() => Promise<DeletionRecord[]>> {
  return () =>
    context
      .statement(LIST)
      .all()
      .map((row) => ({
        tenantId: String(row['tenant_id']),
        startedAtMs: Number(row['started_ms']),
        remaining: {
          events: Number(row['events']),
          deliveries: Number(row['deliveries']),
          attempts: Number(row['attempts']),
        },
      }));
}
