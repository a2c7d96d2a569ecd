/** Replays: what they are, and how far they have come. */
import { replayTransition } from '../../domain/replay.ts';
import type { ReplayCriteria, ReplayStatus, StopReason } from '../../domain/replay.ts';
import type { Position } from '../reading.ts';
import type { ReplayRecord } from '../replaying.ts';
import type { Storage } from '../storage.ts';
import { writeAudit } from './audit.ts';
import { tenantNos } from './events.ts';
import type { Operation } from './operation.ts';
import { equals, isOneOf, listPage, numberOrNull, textOrNull } from './page.ts';
import type { Row, Session } from './session.ts';
import type { WriteSession } from './write-session.ts';

const INSERT = `
  INSERT INTO replays (id, tenant_no, destination_no, destination_id, criteria, rate_per_minute, below_seq, position,
                       is_read, status, reason, count, done, failed, canceled, created_by, created_ms, updated_ms)
  VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, false, 'running', NULL, $8, 0, 0, 0, $9, $10, $10)`;

const COUNT_OPEN = `
  SELECT count(*) AS open FROM replays WHERE tenant_no = $1 AND status IN ('running', 'paused')`;

const SELECT = `
  SELECT replays.*, tenants.id AS tenant_id,
         (SELECT count(*) FROM replay_deliveries
          WHERE replay_deliveries.tenant_no = replays.tenant_no AND replay_no = replays.no) AS pending
  FROM replays JOIN tenants ON tenants.no = tenant_no`;

// Those that run, and those that something waits for: each set is small.
const OPEN = `
  WITH open (no) AS (
    SELECT no FROM replays WHERE status = 'running'
    UNION
    SELECT replay_no FROM replay_deliveries)
  ${SELECT} WHERE replays.no IN (SELECT no FROM open) ORDER BY replays.no`;

// Not locked: all that changes replays holds the numbers.
const STATUS = 'SELECT tenant_no, no, status FROM replays WHERE id = $1';

const CHANGE = `
  UPDATE replays SET status = $1, updated_ms = $2, ended_ms = CASE WHEN $1 = 'canceled' THEN $2::bigint END
  WHERE tenant_no = $3 AND no = $4`;

const STOP = `
  UPDATE replays SET status = 'stopped', reason = $1, updated_ms = $2, ended_ms = $2
  WHERE id = $3 AND status IN ('running', 'paused')`;

export const replayInsert: Operation<Storage['replayInsert'], WriteSession> = async (
  session,
  { replay, maxOpen, audit },
) => {
  const { tenantId, destinationId } = replay;
  const tenant = await session.memory.routes.tenant(session, tenantId);
  if (tenant === undefined) return 'unknown_tenant';
  const destinationNo = destinationId === null ? null : tenant.destinations.get(destinationId);
  if (destinationNo === undefined) return 'unknown_destination';
  const open = await session.row(COUNT_OPEN, tenant.no);
  if (Number(open?.['open']) >= maxOpen) return 'too_many';
  await session.run(
    INSERT,
    replay.id,
    tenant.no,
    destinationNo,
    destinationId,
    JSON.stringify(replay.criteria),
    replay.ratePerMinute,
    await session.takeSeqs(1),
    replay.count,
    replay.createdBy,
    replay.createdAtMs,
  );
  await writeAudit(session, audit);
  return 'inserted';
};

export const replayGet: Operation<Storage['replayGet']> = async (session, { id }) => {
  const row = await session.row(`${SELECT} WHERE replays.id = $1`, id);
  return row === undefined ? null : replayRecord(row);
};

export const replayList: Operation<Storage['replayList']> = async (
  session,
  { tenantIds, destinationId, statuses, page },
) =>
  listPage(session, {
    select: SELECT,
    conditions: [
      ...isOneOf('replays.tenant_no', await tenantNos(session, tenantIds)),
      ...equals('replays.destination_id', destinationId),
      ...isOneOf('replays.status', statuses),
    ],
    orderBy: ['replays.no'],
    page,
    read: replayRecord,
  });

export async function replaysOpen(session: Session): Promise<ReplayRecord[]> {
  return (await session.rows(OPEN)).map(replayRecord);
}

export const replayChange: Operation<Storage['replayChange'], WriteSession> = async (
  session,
  { id, trigger, nowMs, audit },
) => {
  const row = await session.row(STATUS, id);
  if (row === undefined) return 'unknown';
  const status = statusOf(row);
  const next = replayTransition(status, trigger);
  if (next === null) return 'refused';
  if (next === status) return 'unchanged';
  await session.run(CHANGE, next, nowMs, Number(row['tenant_no']), Number(row['no']));
  await writeAudit(session, audit);
  return 'changed';
};

export const replayStop: Operation<Storage['replayStop'], WriteSession> = async (
  session,
  { id, reason, nowMs },
) => {
  await session.run(STOP, reason, nowMs, id);
};

function replayRecord(row: Row): ReplayRecord {
  return {
    id: String(row['id']),
    tenantId: String(row['tenant_id']),
    destinationId: textOrNull(row['destination_id']),
    // This driver has written what the types say.
    criteria: JSON.parse(String(row['criteria'])) as ReplayCriteria,
    status: statusOf(row),
    reason: textOrNull(row['reason']) as StopReason | null,
    readTo: row['position'] === null ? null : (JSON.parse(String(row['position'])) as Position),
    ratePerMinute: numberOrNull(row['rate_per_minute']),
    belowSeq: Number(row['below_seq']),
    isRead: row['is_read'] === true,
    count: Number(row['count']),
    pending: Number(row['pending']),
    done: Number(row['done']),
    failed: Number(row['failed']),
    canceled: Number(row['canceled']),
    createdBy: String(row['created_by']),
    createdAtMs: Number(row['created_ms']),
    updatedAtMs: Number(row['updated_ms']),
    endedAtMs: numberOrNull(row['ended_ms']),
    position: [Number(row['no'])],
  };
}

/** This driver has written it. */
function statusOf(row: Row): ReplayStatus {
  return String(row['status']) as ReplayStatus;
}
