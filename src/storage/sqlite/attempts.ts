/** Attempts to read. */
import { attemptCode, ATTEMPT_KINDS, FAILURE_REASONS } from '../../domain/attempt.ts';
import type { AttemptResponse } from '../../domain/attempt.ts';
import type { StoredAttempt } from '../reading.ts';
import type { Storage } from '../storage.ts';
import type { ReadContext } from './context.ts';
import { destinationNos, isAmong } from './deliveries.ts';
import { tenantNo } from './events.ts';
import type { Operation } from './operation.ts';
import { isOneOf, listPage, textOrNull, within } from './page.ts';
import type { Condition } from './page.ts';

const SELECT = `
  SELECT attempts.*, tenants.id AS tenant_id, destinations.id AS destination_id, destinations.type AS destination_type,
         events.seq AS found_event, events.id AS event_id, events.topic, events.time_ms, events.eligible_for_retry,
         events.metadata, events.resource, events.order_key, events.data, events.test,
         request_shapes.url, request_shapes.headers AS shape_headers, request_shapes.payload
  FROM attempts
  JOIN request_shapes ON request_shapes.no = attempts.shape_no
  JOIN destinations ON destinations.no = attempts.destination_no
  JOIN tenants ON tenants.no = attempts.tenant_no
  LEFT JOIN events ON events.seq = attempts.event_seq`;

// An event's attempts are found by the chains that its deliveries head: there is no index of attempts by event.
const OF_EVENT = `
  attempts.seq IN (
    WITH RECURSIVE chain (seq) AS (
      SELECT last_attempt_seq FROM deliveries
      WHERE event_seq = ? AND last_attempt_seq IS NOT NULL AND (? < 0 OR ordinal = ?)
      UNION ALL
      SELECT previous_seq FROM attempts AS link JOIN chain USING (seq) WHERE previous_seq IS NOT NULL)
    SELECT seq FROM chain)`;

export function attemptGet(context: ReadContext): Operation<Storage['attemptGet']> {
  return ({ seq }) => {
    const row = context.statement(`${SELECT} WHERE attempts.seq = ?`).get(seq);
    return row === undefined ? null : storedAttempt(context, row);
  };
}

export function attemptList(context: ReadContext): Operation<Storage['attemptList']> {
  return (query) => {
    const { tenantIds, destinationId, delivery } = query;
    const eventSeq = delivery?.seq ?? query.eventSeq;
    const conditions: Condition[] = [
      ...(eventSeq === null ? [] : [ofEvent(eventSeq, delivery?.ordinal ?? -1)]),
      ...isOneOf(
        'attempts.tenant_no',
        tenantIds.map((id) => tenantNo(context, id)),
      ),
      ...(destinationId === null
        ? []
        : isOneOf('attempts.destination_no', destinationNos(context, destinationId, tenantIds))),
      ...isAmong(context, 'attempts.destination_no', query.amongDestinations ?? null, tenantIds),
      ...isOneOf('destinations.type', query.destinationTypes),
      ...isOneOf('events.topic', query.topics),
      ...(query.status === null
        ? []
        : [{ sql: `reason IS ${query.status === 'failed' ? 'NOT' : ''} NULL`, values: [] }]),
      ...within('started_ms', query.time),
    ];
    const read = (row: Record<string, unknown>) => storedAttempt(context, row);
    return listPage(context, {
      select: SELECT,
      conditions,
      orderBy: ['attempts.seq'],
      page: query.page,
      read,
    });
  };
}

/** Of all its deliveries where the ordinal is negative. */
function ofEvent(eventSeq: number, ordinal: number): Condition {
  return { sql: OF_EVENT, values: [eventSeq, ordinal, ordinal] };
}

function storedAttempt(context: ReadContext, row: Record<string, unknown>): StoredAttempt {
  const seq = Number(row['seq']);
  const eventSeq = Number(row['event_seq']);
  const kind = ATTEMPT_KINDS.find((known) => known === row['kind']);
  const reason = FAILURE_REASONS.find((known) => known === row['reason']) ?? null;
  if (kind === undefined) throw new Error(`no attempt is of the kind ${String(row['kind'])}`);
  const response = storedResponse(row);
  const tenantId = String(row['tenant_id']);
  return {
    seq,
    delivery: { seq: eventSeq, ordinal: Number(row['ordinal']) },
    tenantId,
    destinationId: String(row['destination_id']),
    destinationType: String(row['destination_type']),
    number: Number(row['number']),
    kind,
    startedAtMs: Number(row['started_ms']),
    reason,
    detail: row['detail'] === null ? null : String(row['detail']),
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
    event:
      row['found_event'] === null
        ? null
        : {
            seq: eventSeq,
            id: row['event_id'] === null ? context.ids.eventId(eventSeq) : String(row['event_id']),
            tenantId,
            topic: String(row['topic']),
            timeMs: Number(row['time_ms']),
            eligibleForRetry: row['eligible_for_retry'] === 1,
            metadata: textOrNull(row['metadata']),
            resource: textOrNull(row['resource']),
            orderKey: textOrNull(row['order_key']),
            data: row['data'] instanceof Uint8Array ? row['data'] : new Uint8Array(),
            test: row['test'] === 1,
          },
    position: [seq],
  };
}

function storedResponse(row: Record<string, unknown>): AttemptResponse | null {
  if (row['response_status'] === null) return null;
  return {
    status: Number(row['response_status']),
    headers: String(row['response_headers']),
    body: row['response_body'] instanceof Uint8Array ? row['response_body'] : new Uint8Array(),
    truncated: row['truncated'] === 1,
  };
}

function milliseconds(microseconds: unknown): number | null {
  return microseconds === null ? null : Number(microseconds) / 1000;
}
