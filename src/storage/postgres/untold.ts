/** Deliveries that failed for good since notices were last known to be told. */
import { FAILURE_REASONS } from '../../domain/attempt.ts';
import type { AttemptKind } from '../../domain/attempt.ts';
import { ingestedAtMs } from '../../domain/event.ts';
import type { Storage } from '../storage.ts';
import type { Operation } from './operation.ts';
import { numberOrNull } from './page.ts';
import type { Row, Session } from './session.ts';
import { STATUS_CODE } from './statuses.ts';
import type { WriteSession } from './write-session.ts';

// Each node tells what it has done itself, and has a mark of its own; the earliest holds.
const MARK = 'notices_told_ms ';
const NOTE = `
  INSERT INTO meta (name, value) VALUES ('${MARK}' || $1::text, $2)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;
// A node that puts its mark has told, at its start, what those had not told that were dead by then.
const FORGET_DEAD = `
  DELETE FROM meta
  WHERE name LIKE '${MARK}%' AND name <> '${MARK}' || $1::text
    AND NOT EXISTS (SELECT 1 FROM nodes WHERE name = '${MARK}' || incarnation AND lease_until > clock_timestamp())`;
const NOTED = `SELECT min(value::bigint) AS value FROM meta WHERE name LIKE '${MARK}%'`;

// By the number of the attempt, which tells the time of its record: only the newest attempts are read.
const FAILED = `
  SELECT attempts.seq AS seq, attempts.event_seq AS event_seq, attempts.ordinal AS ordinal, attempts.number AS number,
         attempts.kind AS kind, reason, response_status, step, last_code, events.id AS event_id, topic,
         eligible_for_retry, tenants.id AS tenant_id, destinations.id AS destination_id,
         destinations.created_ms AS created_ms
  FROM attempts
  JOIN deliveries ON deliveries.tenant_no = attempts.tenant_no AND deliveries.event_seq = attempts.event_seq
                 AND deliveries.ordinal = attempts.ordinal
  JOIN events ON events.tenant_no = attempts.tenant_no AND events.seq = attempts.event_seq
  JOIN destinations ON destinations.tenant_no = attempts.tenant_no AND destinations.no = attempts.destination_no
  JOIN tenants ON tenants.no = attempts.tenant_no
  WHERE attempts.seq > $1 AND reason IS NOT NULL AND last_attempt_seq = attempts.seq
    AND status = ${STATUS_CODE.failed} AND NOT test
  ORDER BY attempts.seq LIMIT $2`;

export async function noteTold(session: WriteSession, toldUpToMs: number): Promise<void> {
  const own = String(session.incarnation);
  await session.run(NOTE, own, String(toldUpToMs));
  await session.run(FORGET_DEAD, own);
}

export const untoldFailures: Operation<Storage['untoldFailures']> = async (
  session,
  { after, limit },
) => {
  const toldUpToMs = numberOrNull((await session.row(NOTED))?.['value']);
  if (toldUpToMs === null) return { toldUpToMs, failures: [] };
  const rows = await session.rows(FAILED, after ?? toldUpToMs * 1000, limit);
  return { toldUpToMs, failures: rows.map((row) => failureOf(session, row)) };
};

function failureOf(session: Session, row: Row) {
  const eventSeq = Number(row['event_seq']);
  const reason = FAILURE_REASONS.find((known) => known === row['reason']);
  if (reason === undefined) throw new Error(`unknown reason ${String(row['reason'])}`);
  return {
    position: Number(row['seq']),
    atMs: ingestedAtMs(Number(row['seq'])),
    tenantId: String(row['tenant_id']),
    destinationId: String(row['destination_id']),
    createdAtMs: Number(row['created_ms']),
    delivery: { seq: eventSeq, ordinal: Number(row['ordinal']) },
    eventId: row['event_id'] === null ? session.ids.eventId(eventSeq) : String(row['event_id']),
    eventTopic: String(row['topic']),
    eligibleForRetry: row['eligible_for_retry'] === true,
    attempts: Number(row['number']),
    // Written by this driver.
    kind: String(row['kind']) as AttemptKind,
    step: Number(row['step']),
    reason,
    status: numberOrNull(row['response_status']),
    code: String(row['last_code']),
  };
}
