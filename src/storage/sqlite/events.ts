/** Events to read. */
import type { DeliveryStatus } from '../../domain/delivery.ts';
import type { EventQuery, EventRecord } from '../reading.ts';
import type { Storage } from '../storage.ts';
import { STATUS_OF_CODE } from './context.ts';
import type { ReadContext } from './context.ts';
import type { Operation } from './operation.ts';
import { equals, isOneOf, listPage, textOrNull, within } from './page.ts';
import type { Condition } from './page.ts';

const SELECT = `
  SELECT seq, events.id, tenants.id AS tenant_id, topic, time_ms, eligible_for_retry, events.metadata, resource, events.order_key, data, test,
         (SELECT json_group_array(json_array(destinations.id, status) ORDER BY ordinal)
          FROM deliveries JOIN destinations ON destinations.no = destination_no
          WHERE event_seq = seq) AS deliveries
  FROM events JOIN tenants ON tenants.no = tenant_no`;

export function eventGet(context: ReadContext): Operation<Storage['eventGet']> {
  return ({ id, tenantId }) => {
    const seq = context.ids.parseEventId(id) ?? -1;
    const rows = context
      .statement(
        `${SELECT} WHERE ((seq = ? AND events.id IS NULL) OR events.id = ?) AND (? IS NULL OR tenants.id = ?)`,
      )
      .all(seq, id, tenantId, tenantId);
    return rows.map((row) => eventRecord(context, row));
  };
}

export function eventList(context: ReadContext): Operation<Storage['eventList']> {
  return (query) => {
    const { page } = query;
    const { orderBy, conditions } = eventOrder(context, query);
    const byTime = orderBy.length > 1;
    return listPage(context, {
      select: SELECT,
      conditions,
      orderBy,
      page,
      read: (row) => eventRecord(context, row, byTime),
    });
  };
}

/** Those of these numbers, in no order. */
export function eventsOf(
  context: ReadContext,
  seqs: readonly number[],
  byTime: boolean,
): EventRecord[] {
  return context
    .statement(`${SELECT} WHERE seq IN (SELECT value FROM json_each(?))`)
    .all(JSON.stringify(seqs))
    .map((row) => eventRecord(context, row, byTime));
}

/** What a list of events is ordered by, and what its rows have to fulfil. */
export function eventOrder(
  context: ReadContext,
  { ids, tenantIds, topics, destinationId, time }: Omit<EventQuery, 'page'>,
): { orderBy: readonly string[]; conditions: readonly Condition[] } {
  const oneTenant = tenantIds.length === 1;
  // The plus keeps the index by tenant and time out of it: a few ids are found by themselves, and sorted.
  const tenantColumn = ids.length === 0 ? 'events.tenant_no' : '+events.tenant_no';
  return {
    orderBy: oneTenant ? ['events.time_ms', 'events.seq'] : ['events.seq'],
    conditions: [
      ...isAnyId(context, ids),
      ...(oneTenant
        ? equals(tenantColumn, tenantNo(context, tenantIds[0] ?? ''))
        : isOneOf('tenants.id', tenantIds)),
      ...isOneOf('topic', topics),
      ...hasDestination(destinationId),
      ...within('events.time_ms', time),
    ],
  };
}

/** A tenant's number, so that the index by tenant and time is entered directly; none has the number -1. */
export function tenantNo(context: ReadContext, id: string): number {
  return Number(context.statement('SELECT no FROM tenants WHERE id = ?').get(id)?.['no'] ?? -1);
}

function isAnyId(context: ReadContext, ids: readonly string[]): Condition[] {
  if (ids.length === 0) return [];
  const seqs = ids.map((id) => context.ids.parseEventId(id) ?? -1);
  const sql = `((events.id IS NULL AND seq IN (SELECT value FROM json_each(?)))
                OR events.id IN (SELECT value FROM json_each(?)))`;
  return [{ sql, values: [JSON.stringify(seqs), JSON.stringify(ids)] }];
}

function hasDestination(destinationId: string | null): Condition[] {
  if (destinationId === null) return [];
  const sql = `EXISTS (SELECT 1 FROM deliveries JOIN destinations ON destinations.no = destination_no
                       WHERE event_seq = seq AND destinations.id = ?)`;
  return [{ sql, values: [destinationId] }];
}

function eventRecord(
  context: ReadContext,
  row: Record<string, unknown>,
  byTime = false,
): EventRecord {
  // JSON that the statement above has made.
  const deliveries = JSON.parse(String(row['deliveries'])) as [
    destinationId: string,
    status: number,
  ][];
  const counts: Record<DeliveryStatus, number> = {
    pending: 0,
    delivered: 0,
    failed: 0,
    canceled: 0,
  };
  for (const [, code] of deliveries) {
    const status = STATUS_OF_CODE[code];
    if (status !== undefined) counts[status]++;
  }
  const seq = Number(row['seq']);
  const timeMs = Number(row['time_ms']);
  return {
    seq,
    id: row['id'] === null ? context.ids.eventId(seq) : String(row['id']),
    tenantId: String(row['tenant_id']),
    topic: String(row['topic']),
    timeMs,
    eligibleForRetry: row['eligible_for_retry'] === 1,
    metadata: textOrNull(row['metadata']),
    resource: textOrNull(row['resource']),
    orderKey: textOrNull(row['order_key']),
    data: row['data'] instanceof Uint8Array ? row['data'] : new Uint8Array(),
    test: row['test'] === 1,
    destinationIds: deliveries.map(([destinationId]) => destinationId),
    counts,
    position: byTime ? [timeMs, seq] : [seq],
  };
}
