/** Deliveries that failed for good since notices were last known to be told. */
import { FAILURE_REASONS } from '../../domain/attempt.ts';
import type { AttemptKind } from '../../domain/attempt.ts';
import { ingestedAtMs } from '../../domain/event.ts';
import type { Storage } from '../storage.ts';
import type { Memory } from './memory.ts';
import type { Operation } from './operation.ts';
import { numberOrNull } from './page.ts';
import type { Row, Session } from './session.ts';
import { STATUS_CODE } from './statuses.ts';
import type { WriteSession } from './write-session.ts';

// Each node tells what it has recorded itself, and has a mark of its own, by its incarnation; the earliest holds. One that
// starts tells what was not told by then. So the mark of one that died is kept until another has started, and put its own.
const MARK = 'notices_told_ms ';
const NOTE = `
  INSERT INTO meta (name, value) VALUES ('${MARK}' || $1::text, $2)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;
// One that lives puts its mark every few seconds: where the mark is what it was at our start, it was dead by then.
const FORGET_DEAD = `
  DELETE FROM meta USING unnest($2::text[], $3::text[]) AS seen (mark, told)
  WHERE name = mark AND value = told AND name <> '${MARK}' || $1::text
    AND NOT EXISTS (SELECT 1 FROM nodes WHERE name = '${MARK}' || incarnation AND lease_until > clock_timestamp())`;
const NOTED = `SELECT name, value FROM meta WHERE name LIKE '${MARK}%'`;
// The last one's stays: from then on it is known.
const LEAVE = `
  DELETE FROM meta
  WHERE name = '${MARK}' || $1::text AND value::bigint >= $2
    AND EXISTS (SELECT 1 FROM meta AS others WHERE others.name LIKE '${MARK}%' AND others.name <> meta.name)`;
/** A mark of a node that ends is no older, unless it could not tell all. */
const ENDS_WITHIN_MS = 15_000;

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
  const { seenMarks } = session.memory;
  if (seenMarks.size === 0) return;
  await session.run(FORGET_DEAD, own, [...seenMarks.keys()], [...seenMarks.values()]);
}

/** A node that ends has told all: nobody needs its mark, if there are others. */
export const leaveTold: Operation<(query: undefined) => Promise<void>, WriteSession> = async (
  session,
) => {
  await session.run(LEAVE, String(session.incarnation), session.clock.nowMs() - ENDS_WITHIN_MS);
};

export function untoldFailures({
  seenMarks,
}: Pick<Memory, 'seenMarks'>): Operation<Storage['untoldFailures']> {
  return async (session, { after, limit }) => {
    const marks = await session.rows(NOTED);
    if (after === null) seenMarks.clear();
    if (after === null)
      for (const { name, value } of marks) seenMarks.set(String(name), String(value));
    if (marks.length === 0) return { toldUpToMs: null, failures: [] };
    const toldUpToMs = Math.min(...marks.map(({ value }) => Number(value)));
    const rows = await session.rows(FAILED, after ?? toldUpToMs * 1000, limit);
    return { toldUpToMs, failures: rows.map((row) => failureOf(session, row)) };
  };
}

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
