/** Deliveries to read. */
import { ingestedAtMs, seqAtMs } from '../../domain/event.ts';
import type { DeliveryRecord, TimeRange } from '../reading.ts';
import type { Storage } from '../storage.ts';
import { STATUS_CODE, STATUS_OF_CODE } from './context.ts';
import type { ReadContext } from './context.ts';
import { tenantNo } from './events.ts';
import type { Operation } from './operation.ts';
import { equals, isOneOf, listPage, within } from './page.ts';
import type { Condition } from './page.ts';

const SELECT = `
  SELECT event_seq, ordinal, tenants.id AS tenant_id, events.id AS event_id, destinations.id AS destination_id, topic, test,
         status, claimed_by, attempts, next_attempt_ms, last_code, deliveries.created_ms, deliveries.updated_ms,
         claimed_by = (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'incarnation') AS claimed
  FROM deliveries
  JOIN events ON events.seq = event_seq
  JOIN destinations ON destinations.no = destination_no
  JOIN tenants ON tenants.no = deliveries.tenant_no`;

export function deliveryGet(context: ReadContext): Operation<Storage['deliveryGet']> {
  return ({ delivery: { seq, ordinal } }) => {
    const row = context
      .statement(`${SELECT} WHERE event_seq = ? AND ordinal = ?`)
      .get(seq, ordinal);
    return row === undefined ? null : deliveryRecord(context, row);
  };
}

export function deliveryList(context: ReadContext): Operation<Storage['deliveryList']> {
  return (query) => {
    const { tenantIds, destinationId, eventSeq, status, codes, topics, time, page } = query;
    const conditions = [
      ...isAmong(context, 'destination_no', query.amongDestinations ?? null, tenantIds),
      // A destination's numbers are those within the tenants: one condition, so that its index is taken.
      ...(destinationId === null
        ? isOneOf(
            'deliveries.tenant_no',
            tenantIds.map((id) => tenantNo(context, id)),
          )
        : isOneOf('destination_no', destinationNos(context, destinationId, tenantIds))),
      ...equals('event_seq', eventSeq),
      // Written out: only so is an index of one status used.
      ...(status === null ? [] : [{ sql: `status = ${STATUS_CODE[status]}`, values: [] }]),
      ...isOneOf('topic', topics),
      ...isOneOf('last_code', codes),
      ...within('event_seq', asSeqs(time)),
    ];
    const read = (row: Record<string, unknown>) => deliveryRecord(context, row);
    return listPage(context, {
      select: SELECT,
      conditions,
      orderBy: ['event_seq', 'ordinal'],
      page,
      read,
    });
  };
}

/** One of those destinations. */
export function isAmong(
  context: ReadContext,
  column: string,
  ids: readonly string[] | null,
  tenantIds: readonly string[],
): Condition[] {
  if (ids === null) return [];
  const nos = ids.flatMap((id) => destinationNos(context, id, tenantIds));
  return isOneOf(column, nos.length === 0 ? [-1] : nos);
}

/** The numbers of a destination's id: of the one that is there and of deleted ones; `[-1]`, which none has, where unknown. */
export function destinationNos(
  context: ReadContext,
  id: string,
  tenantIds: readonly string[],
): number[] {
  const rows = context
    .statement(
      `SELECT destinations.no FROM destinations JOIN tenants ON tenants.no = tenant_no
       WHERE destinations.id = ?1 AND (json_array_length(?2) = 0 OR tenants.id IN (SELECT value FROM json_each(?2)))`,
    )
    .all(id, JSON.stringify(tenantIds));
  return rows.length === 0 ? [-1] : rows.map((row) => Number(row['no']));
}

function asSeqs({ fromMs, toMs }: TimeRange): TimeRange {
  return {
    fromMs: fromMs === null ? null : seqAtMs(fromMs),
    toMs: toMs === null ? null : seqAtMs(toMs),
  };
}

function deliveryRecord(context: ReadContext, row: Record<string, unknown>): DeliveryRecord {
  const seq = Number(row['event_seq']);
  const ordinal = Number(row['ordinal']);
  const status = STATUS_OF_CODE[Number(row['status'])];
  if (status === undefined)
    throw new Error(`no delivery status has the code ${String(row['status'])}`);
  const updatedAtMs = Number(row['updated_ms']);
  return {
    key: { seq, ordinal },
    tenantId: String(row['tenant_id']),
    eventId: row['event_id'] === null ? context.ids.eventId(seq) : String(row['event_id']),
    destinationId: String(row['destination_id']),
    topic: String(row['topic']),
    test: row['test'] === 1,
    status,
    claimed: status === 'pending' && row['claimed'] === 1,
    attempts: Number(row['attempts']),
    nextAttemptAtMs: row['next_attempt_ms'] === null ? null : Number(row['next_attempt_ms']),
    lastCode: row['last_code'] === null ? null : String(row['last_code']),
    createdAtMs: row['created_ms'] === null ? ingestedAtMs(seq) : Number(row['created_ms']),
    updatedAtMs,
    deliveredAtMs: status === 'delivered' ? updatedAtMs : null,
    position: [seq, ordinal],
  };
}
