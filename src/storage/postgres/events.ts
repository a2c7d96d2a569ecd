/** Events to read. */
import type { DeliveryStatus } from '../../domain/delivery.ts';
import type { EventQuery, EventRecord } from '../reading.ts';
import type { Storage } from '../storage.ts';
import type { Operation } from './operation.ts';
import { bytesOf, isOneOf, listPage, numbered, textOrNull, within } from './page.ts';
import type { Condition } from './page.ts';
import type { Row, Session } from './session.ts';
import { statusOf } from './statuses.ts';

const SELECT = `
  SELECT seq, events.id, tenants.id AS tenant_id, topic, time_ms, eligible_for_retry, events.metadata, resource,
         events.order_key, data, test,
         (SELECT coalesce(json_agg(json_build_array(destinations.id, status) ORDER BY ordinal), '[]')::text
          FROM deliveries
          JOIN destinations ON destinations.tenant_no = deliveries.tenant_no AND destinations.no = destination_no
          WHERE deliveries.tenant_no = events.tenant_no AND event_seq = seq) AS deliveries
  FROM events JOIN tenants ON tenants.no = events.tenant_no`;

export const eventGet: Operation<Storage['eventGet']> = async (session, { id, tenantId }) => {
  const conditions = [
    ...(await isAnyId(session, [id])),
    ...(tenantId === null ? [] : [{ sql: 'tenants.id = ?', values: [tenantId] }]),
  ];
  const where = conditions.map(({ sql }) => sql).join(' AND ');
  const rows = await session.rows(
    numbered(`${SELECT} WHERE ${where}`),
    ...conditions.flatMap(({ values }) => values),
  );
  return rows.map((row) => eventRecord(session, row));
};

export const eventList: Operation<Storage['eventList']> = async (session, query) => {
  const { orderBy, conditions } = await eventOrder(session, query);
  const byTime = orderBy.length > 1;
  return listPage(session, {
    select: SELECT,
    conditions,
    orderBy,
    page: query.page,
    read: (row) => eventRecord(session, row, byTime),
  });
};

/** Those of these numbers, in no order. */
export async function eventsOf(
  session: Session,
  seqs: readonly number[],
  byTime: boolean,
): Promise<EventRecord[]> {
  const rows = await session.rows(`${SELECT} WHERE seq = ANY($1)`, seqs);
  return rows.map((row) => eventRecord(session, row, byTime));
}

/** What a list of events is ordered by, and what its rows have to fulfil. */
export async function eventOrder(
  session: Session,
  { ids, tenantIds, topics, destinationId, time }: Omit<EventQuery, 'page'>,
): Promise<{ orderBy: readonly string[]; conditions: readonly Condition[] }> {
  return {
    orderBy: tenantIds.length === 1 ? ['events.time_ms', 'events.seq'] : ['events.seq'],
    conditions: [
      ...(await isAnyId(session, ids)),
      ...isOneOf('events.tenant_no', await tenantNos(session, tenantIds)),
      ...isOneOf('topic', topics),
      ...hasDestination(destinationId),
      ...within('events.time_ms', time),
    ],
  };
}

/** The tenants' numbers, with which every key begins; `[-1]`, which none has, where none is known. */
export async function tenantNos(session: Session, ids: readonly string[]): Promise<number[]> {
  if (ids.length === 0) return [];
  const rows = await session.rows('SELECT no FROM tenants WHERE id = ANY($1)', ids);
  return rows.length === 0 ? [-1] : rows.map((row) => Number(row['no']));
}

// Tenant by tenant (OFFSET 0): the key leads with it.
const KEYS = `
  SELECT found.seq FROM tenants CROSS JOIN LATERAL (
    SELECT seq FROM event_keys WHERE event_keys.tenant_no = tenants.no AND event_keys.id = ANY($1) OFFSET 0) AS found`;
// On Citus, which refuses that: each worker has all tenants.
const KEYS_ON_ALL = `
  SELECT seq FROM event_keys JOIN tenants ON tenants.no = event_keys.tenant_no WHERE event_keys.id = ANY($1)`;

/** By numbers, which tell the days. */
async function isAnyId(session: Session, ids: readonly string[]): Promise<Condition[]> {
  if (ids.length === 0) return [];
  const own = ids.map((id) => session.ids.parseEventId(id) ?? -1);
  const keys = session.isDistributed ? KEYS_ON_ALL : KEYS;
  const given = (await session.rows(keys, ids)).map((row) => Number(row['seq']));
  const sql =
    'events.seq = ANY(?) AND ((events.id IS NULL AND events.seq = ANY(?)) OR events.id = ANY(?))';
  return [{ sql, values: [[...own, ...given], own, ids] }];
}

function hasDestination(destinationId: string | null): Condition[] {
  if (destinationId === null) return [];
  const sql = `EXISTS (
    SELECT 1 FROM deliveries
    JOIN destinations ON destinations.tenant_no = deliveries.tenant_no AND destinations.no = destination_no
    WHERE deliveries.tenant_no = events.tenant_no AND event_seq = seq AND destinations.id = ?)`;
  return [{ sql, values: [destinationId] }];
}

function eventRecord(session: Session, row: Row, byTime = false): EventRecord {
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
  for (const [, code] of deliveries) counts[statusOf(code)]++;
  const seq = Number(row['seq']);
  const timeMs = Number(row['time_ms']);
  return {
    seq,
    id: row['id'] === null ? session.ids.eventId(seq) : String(row['id']),
    tenantId: String(row['tenant_id']),
    topic: String(row['topic']),
    timeMs,
    eligibleForRetry: row['eligible_for_retry'] === true,
    metadata: textOrNull(row['metadata']),
    resource: textOrNull(row['resource']),
    orderKey: textOrNull(row['order_key']),
    data: bytesOf(row['data']),
    test: row['test'] === true,
    destinationIds: deliveries.map(([destinationId]) => destinationId),
    counts,
    position: byTime ? [timeMs, seq] : [seq],
  };
}
