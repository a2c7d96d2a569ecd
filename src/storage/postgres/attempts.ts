/** Attempts to read. */
import { attemptCode, ATTEMPT_KINDS, FAILURE_REASONS } from '../../domain/attempt.ts';
import type { AttemptResponse } from '../../domain/attempt.ts';
import type { StoredAttempt } from '../reading.ts';
import type { Storage } from '../storage.ts';
import { destinationNos, isAmong } from './deliveries.ts';
import { tenantNos } from './events.ts';
import type { Operation } from './operation.ts';
import { bytesOf, isOneOf, listPage, textOrNull, within } from './page.ts';
import type { Condition } from './page.ts';
import type { Row, Session } from './session.ts';

// Outer where there is always a row: by two columns the planner takes an inner join for one that leaves nearly nothing.
const SELECT = `
  SELECT attempts.*, tenants.id AS tenant_id, destinations.id AS destination_id, destinations.type AS destination_type,
         events.seq AS found_event, events.id AS event_id, events.topic, events.time_ms, events.eligible_for_retry,
         events.metadata, events.resource, events.order_key, events.data, events.test,
         request_shapes.url, request_shapes.headers AS shape_headers, request_shapes.payload
  FROM attempts
  LEFT JOIN request_shapes ON request_shapes.tenant_no = attempts.tenant_no AND request_shapes.no = attempts.shape_no
  LEFT JOIN destinations ON destinations.tenant_no = attempts.tenant_no AND destinations.no = attempts.destination_no
  JOIN tenants ON tenants.no = attempts.tenant_no
  LEFT JOIN events ON events.tenant_no = attempts.tenant_no AND events.seq = attempts.event_seq`;

// An event's attempts are found by the chains that its deliveries head: there is no index of attempts by event.
const OF_EVENT = `
  (attempts.tenant_no, attempts.seq) IN (
    WITH RECURSIVE chain (tenant_no, seq) AS (
      SELECT deliveries.tenant_no, last_attempt_seq
      FROM events JOIN deliveries ON deliveries.tenant_no = events.tenant_no AND event_seq = events.seq
      WHERE events.seq = ? AND event_seq = ? AND last_attempt_seq IS NOT NULL AND (?::integer < 0 OR ordinal = ?)
      UNION ALL
      SELECT link.tenant_no, previous_seq FROM attempts AS link JOIN chain USING (tenant_no, seq)
      WHERE link.event_seq = ? AND previous_seq IS NOT NULL)
    SELECT tenant_no, seq FROM chain)
  AND attempts.event_seq = ?`;

// On Citus of one tenant, and read before: by it the shard is found.
const TENANT = 'SELECT tenant_no FROM events WHERE seq = $1';
const CHAIN = `
  WITH RECURSIVE chain (seq) AS (
    SELECT last_attempt_seq FROM deliveries
    WHERE tenant_no = $1 AND event_seq = $2 AND last_attempt_seq IS NOT NULL AND ($3::integer < 0 OR ordinal = $3)
    UNION ALL
    SELECT previous_seq FROM attempts JOIN chain USING (seq)
    WHERE tenant_no = $1 AND event_seq = $2 AND previous_seq IS NOT NULL)
  SELECT seq FROM chain`;

export const attemptGet: Operation<Storage['attemptGet']> = async (session, { seq }) => {
  const row = await session.row(`${SELECT} WHERE attempts.seq = $1`, seq);
  return row === undefined ? null : storedAttempt(session, row);
};

export const attemptList: Operation<Storage['attemptList']> = async (session, query) => {
  const { tenantIds, destinationId, delivery } = query;
  const eventSeq = delivery?.seq ?? query.eventSeq;
  const conditions: Condition[] = [
    ...(eventSeq === null ? [] : [await ofEvent(session, eventSeq, delivery?.ordinal ?? -1)]),
    ...isOneOf('attempts.tenant_no', await tenantNos(session, tenantIds)),
    ...(destinationId === null
      ? []
      : isOneOf(
          'attempts.destination_no',
          await destinationNos(session, destinationId, tenantIds),
        )),
    ...(await isAmong(
      session,
      'attempts.destination_no',
      query.amongDestinations ?? null,
      tenantIds,
    )),
    ...isOneOf('destinations.type', query.destinationTypes),
    ...isOneOf('events.topic', query.topics),
    ...(query.status === null
      ? []
      : [{ sql: `reason IS ${query.status === 'failed' ? 'NOT' : ''} NULL`, values: [] }]),
    ...within('started_ms', query.time),
  ];
  return listPage(session, {
    select: SELECT,
    conditions,
    orderBy: ['attempts.seq'],
    page: query.page,
    read: (row) => storedAttempt(session, row),
  });
};

/** Of all its deliveries where the ordinal is negative. */
async function ofEvent(session: Session, eventSeq: number, ordinal: number): Promise<Condition> {
  if (session.isDistributed) {
    const tenantNo = Number((await session.row(TENANT, eventSeq))?.['tenant_no'] ?? -1);
    const chain = await session.rows(CHAIN, tenantNo, eventSeq, ordinal);
    const sql = 'attempts.tenant_no = ? AND attempts.seq = ANY(?) AND attempts.event_seq = ?';
    return { sql, values: [tenantNo, chain.map((row) => Number(row['seq'])), eventSeq] };
  }
  return { sql: OF_EVENT, values: [eventSeq, eventSeq, ordinal, ordinal, eventSeq, eventSeq] };
}

function storedAttempt(session: Session, row: Row): StoredAttempt {
  const seq = Number(row['seq']);
  const eventSeq = Number(row['event_seq']);
  const kind = ATTEMPT_KINDS.find((known) => known === row['kind']);
  const reason = FAILURE_REASONS.find((known) => known === row['reason']) ?? null;
  if (kind === undefined) throw new Error(`no attempt is of the kind ${String(row['kind'])}`);
  const response = storedResponse(row);
  return {
    seq,
    delivery: { seq: eventSeq, ordinal: Number(row['ordinal']) },
    tenantId: String(row['tenant_id']),
    destinationId: String(row['destination_id']),
    destinationType: String(row['destination_type']),
    number: Number(row['number']),
    kind,
    startedAtMs: Number(row['started_ms']),
    reason,
    detail: textOrNull(row['detail']),
    code: attemptCode(reason, response?.status ?? null),
    timings: {
      dnsMs: milliseconds(row['dns_us']),
      connectMs: milliseconds(row['connect_us']),
      tlsMs: milliseconds(row['tls_us']),
      firstByteMs: milliseconds(row['first_byte_us']),
      totalMs: milliseconds(row['total_us']) ?? 0,
    },
    request: {
      shape: {
        url: String(row['url']),
        headers: String(row['shape_headers']),
        payload: String(row['payload']),
      },
      headers: String(row['request_headers']),
    },
    response,
    event: row['found_event'] === null ? null : eventOf(session, row),
    position: [seq],
  };
}

function eventOf(session: Session, row: Row): NonNullable<StoredAttempt['event']> {
  const seq = Number(row['event_seq']);
  return {
    seq,
    id: row['event_id'] === null ? session.ids.eventId(seq) : String(row['event_id']),
    tenantId: String(row['tenant_id']),
    topic: String(row['topic']),
    timeMs: Number(row['time_ms']),
    eligibleForRetry: row['eligible_for_retry'] === true,
    metadata: textOrNull(row['metadata']),
    resource: textOrNull(row['resource']),
    orderKey: textOrNull(row['order_key']),
    data: bytesOf(row['data']),
    test: row['test'] === true,
  };
}

function storedResponse(row: Row): AttemptResponse | null {
  if (row['response_status'] === null) return null;
  return {
    status: Number(row['response_status']),
    headers: String(row['response_headers']),
    body: bytesOf(row['response_body']),
    truncated: row['truncated'] === true,
  };
}

function milliseconds(microseconds: unknown): number | null {
  return microseconds === null ? null : Number(microseconds) / 1000;
}
