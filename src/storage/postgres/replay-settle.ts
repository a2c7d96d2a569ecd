/** What replays have made due and is not pending any more is counted, and waited for no longer. */
import type { DeliveryKey } from '../reading.ts';
import type { Storage } from '../storage.ts';
import { about, byTenant } from './by-tenant.ts';
import type { Operation } from './operation.ts';
import type { Row } from './session.ts';
import { STATUS_CODE, statusOf } from './statuses.ts';
import type { WriteSession } from './write-session.ts';

// Not locked: all that changes these rows, but what drops a deleted tenant's, holds the numbers.
const ENDED = `
  SELECT waiting.tenant_no, waiting.event_seq, waiting.ordinal, replay_no, status
  FROM replay_deliveries AS waiting
  LEFT JOIN deliveries ON deliveries.tenant_no = waiting.tenant_no AND deliveries.event_seq = waiting.event_seq
                      AND deliveries.ordinal = waiting.ordinal`;
const OF_ALL = `${ENDED} WHERE status IS DISTINCT FROM ${STATUS_CODE.pending} LIMIT $1`;
const OF_THESE = `
  ${ENDED}
  JOIN unnest($2::bigint[], $3::integer[]) AS these (seq, place) ON waiting.event_seq = seq AND waiting.ordinal = place
  WHERE waiting.tenant_no = $1`;

const deleteSql = (one: string) => `
  DELETE FROM replay_deliveries
  USING unnest($1::bigint[], $2::bigint[], $3::integer[]) AS ended (tenant, seq, place)
  WHERE tenant_no = tenant AND event_seq = seq AND ordinal = place ${one}`;
const DELETE = deleteSql('');
const DELETE_OF_ONE = deleteSql('AND tenant_no = $4');

const COUNT = `
  UPDATE replays SET done = done + $1, failed = failed + $2, canceled = canceled + $3, updated_ms = $4
  WHERE tenant_no = $5 AND no = $6`;

const COMPLETE = `
  UPDATE replays SET status = 'completed', updated_ms = $1, ended_ms = $1
  WHERE status = 'running' AND is_read
    AND NOT EXISTS (SELECT 1 FROM replay_deliveries
                    WHERE replay_deliveries.tenant_no = replays.tenant_no AND replay_no = replays.no)`;

export const replaySettle: Operation<Storage['replaySettle'], WriteSession> = async (
  session,
  { limit, nowMs },
) => {
  const rows = await session.rows(OF_ALL, limit);
  await settle(session, rows, nowMs);
  const more = rows.length === limit;
  if (!more) await session.run(COMPLETE, nowMs);
  return { settled: rows.length, more };
};

/** Those of one tenant that a replay waits for, whatever their status. */
export async function settleEnded(
  session: WriteSession,
  tenantNo: number,
  keys: readonly DeliveryKey[],
  nowMs: number,
): Promise<void> {
  const rows = await session.rows(
    OF_THESE,
    tenantNo,
    keys.map(({ seq }) => seq),
    keys.map(({ ordinal }) => ordinal),
  );
  await settle(session, rows, nowMs);
}

interface Counts {
  readonly tenantNo: number;
  delivered: number;
  failed: number;
  canceled: number;
}

async function settle(session: WriteSession, rows: readonly Row[], nowMs: number): Promise<void> {
  if (rows.length === 0) return;
  const counts = new Map<number, Counts>();
  for (const row of rows) {
    const no = Number(row['replay_no']);
    const tenantNo = Number(row['tenant_no']);
    const count = counts.get(no) ?? { tenantNo, delivered: 0, failed: 0, canceled: 0 };
    counts.set(no, count);
    // Retention may have taken it: then it had ended.
    const status = statusOf(row['status'] ?? STATUS_CODE.canceled);
    if (status !== 'pending') count[status]++;
  }
  for (const part of byTenant(session, rows, (row) => Number(row['tenant_no']))) {
    const tenantNos = part.map((row) => Number(row['tenant_no']));
    const values = [
      tenantNos,
      part.map((row) => Number(row['event_seq'])),
      part.map((row) => Number(row['ordinal'])),
    ];
    await session.run(...about(session, [DELETE, DELETE_OF_ONE], tenantNos[0], ...values));
  }
  for (const [no, { tenantNo, delivered, failed, canceled }] of counts)
    await session.run(COUNT, delivered, failed, canceled, nowMs, tenantNo, no);
}
