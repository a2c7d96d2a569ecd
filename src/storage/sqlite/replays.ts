/** Replays: what they are, and how far they have come. */
import { replayTransition } from '../../domain/replay.ts';
import type { ReplayCriteria, ReplayStatus, StopReason } from '../../domain/replay.ts';
import type { Position } from '../reading.ts';
import type { ReplayRecord } from '../replaying.ts';
import type { Storage } from '../storage.ts';
import { writeAudit } from './audit.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { tenantNo } from './events.ts';
import type { Operation } from './operation.ts';
import { equals, isOneOf, listPage, textOrNull } from './page.ts';

const INSERT = `
  INSERT INTO replays (id, tenant_no, destination_no, destination_id, criteria, rate_per_minute, below_seq, position,
                       is_read, status, reason, count, done, failed, canceled, created_by, created_ms, updated_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, NULL, 0, 'running', NULL, ?, 0, 0, 0, ?, ?, ?)`;

const COUNT_OPEN = `
  SELECT count(*) AS open FROM replays WHERE tenant_no = ? AND status IN ('running', 'paused')`;

const SELECT = `
  SELECT replays.*, tenants.id AS tenant_id,
         (SELECT count(*) FROM replay_deliveries WHERE replay_no = replays.no) AS pending
  FROM replays JOIN tenants ON tenants.no = tenant_no`;

// Those that run, and those that something waits for: each set is small, and found by its own index.
const OPEN = `
  WITH open (no) AS (
    SELECT no FROM replays INDEXED BY replays_running WHERE status = 'running'
    UNION
    SELECT replay_no FROM replay_deliveries)
  ${SELECT} WHERE replays.no IN (SELECT no FROM open) ORDER BY replays.no`;

const CHANGE = `
  UPDATE replays SET status = ?1, updated_ms = ?2, ended_ms = CASE WHEN ?1 = 'canceled' THEN ?2 END WHERE id = ?3`;

const STOP = `
  UPDATE replays SET status = 'stopped', reason = ?1, updated_ms = ?2, ended_ms = ?2
  WHERE id = ?3 AND status IN ('running', 'paused')`;

export function replayInsert(context: WriteContext): Operation<Storage['replayInsert']> {
  return ({ replay, maxOpen, audit }) => {
    const { tenantId, destinationId, createdAtMs } = replay;
    const tenant = context.tenant(tenantId);
    if (tenant === undefined) return 'unknown_tenant';
    const destinationNo = destinationId === null ? null : tenant.destinations.get(destinationId);
    if (destinationNo === undefined) return 'unknown_destination';
    const open = context.statement(COUNT_OPEN).get(tenant.no);
    if (Number(open?.['open']) >= maxOpen) return 'too_many';
    context
      .statement(INSERT)
      .run(
        replay.id,
        tenant.no,
        destinationNo,
        destinationId,
        JSON.stringify(replay.criteria),
        replay.ratePerMinute,
        context.nextSeq(),
        replay.count,
        replay.createdBy,
        createdAtMs,
        createdAtMs,
      );
    writeAudit(context, audit);
    return 'inserted';
  };
}

export function replayGet(context: ReadContext): Operation<Storage['replayGet']> {
  return ({ id }) => {
    const row = context.statement(`${SELECT} WHERE replays.id = ?`).get(id);
    return row === undefined ? null : replayRecord(row);
  };
}

export function replayList(context: ReadContext): Operation<Storage['replayList']> {
  return ({ tenantIds, destinationId, statuses, page }) =>
    listPage(context, {
      select: SELECT,
      conditions: [
        ...isOneOf(
          'replays.tenant_no',
          tenantIds.map((id) => tenantNo(context, id)),
        ),
        ...equals('replays.destination_id', destinationId),
        ...isOneOf('replays.status', statuses),
      ],
      orderBy: ['replays.no'],
      page,
      read: replayRecord,
    });
}

export function replaysOpen(context: ReadContext): Operation<() => Promise<ReplayRecord[]>> {
  return () => context.statement(OPEN).all().map(replayRecord);
}

export function replayChange(context: WriteContext): Operation<Storage['replayChange']> {
  return ({ id, trigger, nowMs, audit }) => {
    const row = context.statement(`${SELECT} WHERE replays.id = ?`).get(id);
    if (row === undefined) return 'unknown';
    const { status } = replayRecord(row);
    const next = replayTransition(status, trigger);
    if (next === null) return 'refused';
    if (next === status) return 'unchanged';
    context.statement(CHANGE).run(next, nowMs, id);
    writeAudit(context, audit);
    return 'changed';
  };
}

export function replayStop(context: WriteContext): Operation<Storage['replayStop']> {
  return ({ id, reason, nowMs }) => {
    context.statement(STOP).run(reason, nowMs, id);
  };
}

function replayRecord(row: Record<string, unknown>): ReplayRecord {
  return {
    id: String(row['id']),
    tenantId: String(row['tenant_id']),
    destinationId: textOrNull(row['destination_id']),
    // This driver has written what the types say.
    criteria: JSON.parse(String(row['criteria'])) as ReplayCriteria,
    status: String(row['status']) as ReplayStatus,
    reason: textOrNull(row['reason']) as StopReason | null,
    readTo: row['position'] === null ? null : (JSON.parse(String(row['position'])) as Position),
    ratePerMinute: numberOrNull(row['rate_per_minute']),
    belowSeq: Number(row['below_seq']),
    isRead: row['is_read'] === 1,
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

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
