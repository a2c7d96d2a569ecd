/** What deleted tenants leave behind is dropped, table by table, in slices. */
import type { DeletionRecord } from '../erasing.ts';
import type { Storage } from '../storage.ts';
import type { Operation } from './operation.ts';
import type { Session } from './session.ts';
import type { WriteSession } from './write-session.ts';

/**
 * Every table with rows of tenants and its key beside the tenant, in the order in which they go: first what others are
 * found by, or inserted after. Without its deliveries an attempt under way is not recorded any more.
 * test/storage/postgres-erase.test.ts holds this list against the schema.
 */
export const TENANT_TABLES = {
  replay_deliveries: 'event_seq, ordinal',
  deliveries: 'event_seq, ordinal',
  attempts: 'seq',
  events: 'seq',
  event_keys: 'id',
  request_shapes: 'no',
  replays: 'no',
  api_clients: 'no',
  destination_health: 'destination_no',
  destinations: 'no',
} as const;

/** What was counted of a tenant is dropped beside this, bucket by bucket (rollup-prune.ts). */
export const COUNTED_TABLES = ['attempt_rollups', 'event_rollups', 'rollup_erasures'] as const;

/**
 * Tables without rows of tenants. Topics are the operator's words, and stay. Those of `tenants`, of `lanes`, of mails, of
 * `deletions` and `routing_ends` go with the deletion's beginning and end. The audit log keeps what it has until its own retention: that a
 * tenant was there and was deleted, and by whom, is what it is for.
 */
export const OTHER_TABLES = [
  'migrations',
  'meta',
  'numbers',
  'nodes',
  'lanes',
  'tenants',
  'deletions',
  'routing_ends',
  'topics',
  'rollup_topics',
  'rollup_progress',
  'api_keys',
  'audit',
  'mails',
  'mail_refusals',
] as const;

const FIRST = 'SELECT tenant_no FROM deletions ORDER BY started_ms, tenant_no LIMIT 1';
// Nodes take turns.
const LOCK_FIRST = `${FIRST} FOR UPDATE`;
const DONE = 'DELETE FROM deletions WHERE tenant_no = $1';

const LIST =
  'SELECT tenant_no, tenant_id, started_ms FROM deletions ORDER BY started_ms, tenant_no';
// Tenant by tenant: rows of tenants are not joined with deletions, which on Citus lie elsewhere.
const LEFT = `
  SELECT (SELECT count(*) FROM events WHERE tenant_no = $1) AS events,
         (SELECT count(*) FROM deliveries WHERE tenant_no = $1) AS deliveries,
         (SELECT count(*) FROM attempts WHERE tenant_no = $1) AS attempts`;

export const tenantEraseSlice: Operation<Storage['tenantEraseSlice'], WriteSession> = async (
  session,
  { limit },
) => {
  const deletion = await session.row(LOCK_FIRST);
  if (deletion === undefined) return { rows: 0, more: false };
  const tenantNo = Number(deletion['tenant_no']);
  let rows = 0;
  for (const [table, key] of Object.entries(TENANT_TABLES)) {
    if (rows >= limit) break;
    rows += await session.run(sliceOf(table, key), tenantNo, limit - rows);
  }
  if (rows < limit) await session.run(DONE, tenantNo);
  return { rows, more: rows === limit || (await session.row(FIRST)) !== undefined };
};

export async function deletionList(session: Session): Promise<DeletionRecord[]> {
  const deletions: DeletionRecord[] = [];
  for (const row of await session.rows(LIST)) {
    const left = await session.row(LEFT, Number(row['tenant_no']));
    deletions.push({
      tenantId: String(row['tenant_id']),
      startedAtMs: Number(row['started_ms']),
      remaining: {
        events: Number(left?.['events']),
        deliveries: Number(left?.['deliveries']),
        attempts: Number(left?.['attempts']),
      },
    });
  }
  return deletions;
}

function sliceOf(table: string, key: string): string {
  return `
    DELETE FROM ${table} WHERE tenant_no = $1 AND (${key}) IN (
      SELECT ${key} FROM ${table} WHERE tenant_no = $1 ORDER BY ${key} LIMIT $2)`;
}
