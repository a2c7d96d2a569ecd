/** Deliveries to read. */
import { ingestedAtMs, seqAtMs } from '../../domain/event.ts';
import type { DeliveryRecord, TimeRange } from '../reading.ts';
import type { Storage } from '../storage.ts';
import { tenantNos } from './events.ts';
import { holdersAmong } from './holders.ts';
import type { Operation } from './operation.ts';
import { equals, isOneOf, listPage, numberOrNull, numbered, textOrNull, within } from './page.ts';
import type { Condition } from './page.ts';
import type { Row, Session } from './session.ts';
import { STATUS_CODE, statusOf } from './statuses.ts';

// Outer where there is always a row: by two columns the planner takes an inner join for one that leaves nearly nothing.
const select = (from: string) => `
  SELECT event_seq, ordinal, tenants.id AS tenant_id, events.id AS event_id, destinations.id AS destination_id, topic, test,
         status, attempts, next_attempt_ms, last_code, deliveries.created_ms, deliveries.updated_ms, claimed_by
  FROM ${from}
  LEFT JOIN destinations ON destinations.tenant_no = deliveries.tenant_no AND destinations.no = destination_no
  JOIN tenants ON tenants.no = deliveries.tenant_no`;
const SELECT = select(
  'deliveries JOIN events ON events.tenant_no = deliveries.tenant_no AND events.seq = event_seq',
);
// In the order of the events, event by event (OFFSET 0): over all tenants there is an index of them by number, and of
// their deliveries none.
const SELECT_OF_ALL = select(`events CROSS JOIN LATERAL (
    SELECT * FROM deliveries WHERE deliveries.tenant_no = events.tenant_no AND event_seq = events.seq OFFSET 0) AS deliveries`);

export const deliveryGet: Operation<Storage['deliveryGet']> = async (
  session,
  { delivery: { seq, ordinal } },
) => {
  const row = await session.row(
    numbered(`${SELECT} WHERE events.seq = ? AND ordinal = ?`),
    seq,
    ordinal,
  );
  const [record = null] = row === undefined ? [] : await deliveryRecords(session, [row]);
  return record;
};

export const deliveryList: Operation<Storage['deliveryList']> = async (session, query) => {
  const { tenantIds, destinationId, eventSeq, status, codes, topics, time, page } = query;
  const tenants = await tenantNos(session, tenantIds);
  const destinations =
    destinationId === null ? [] : await destinationNos(session, destinationId, tenantIds);
  // On Citus, where each worker sorts its part, event by event is refused.
  const isOfAll = tenants.length === 0 && !session.isDistributed;
  const seqColumn = isOfAll ? 'events.seq' : 'event_seq';
  const conditions = [
    ...isOneOf('deliveries.tenant_no', tenants),
    ...isOneOf('destination_no', destinations),
    ...(await isAmong(session, 'destination_no', query.amongDestinations ?? null, tenantIds)),
    ...equals('events.seq', eventSeq),
    // Written out: only so is an index of one status used.
    ...(status === null ? [] : [{ sql: `status = ${STATUS_CODE[status]}`, values: [] }]),
    ...isOneOf('topic', topics),
    ...isOneOf('last_code', codes),
    ...within(seqColumn, asSeqs(time)),
  ];
  const { rows, more } = await listPage(session, {
    select: isOfAll ? SELECT_OF_ALL : SELECT,
    conditions,
    orderBy: [seqColumn, 'ordinal'],
    page,
    read: (row) => row,
  });
  return { rows: await deliveryRecords(session, rows), more };
};

const DESTINATIONS = `
  SELECT destinations.no FROM destinations JOIN tenants ON tenants.no = tenant_no
  WHERE destinations.id = ANY($1) AND (cardinality($2::text[]) = 0 OR tenants.id = ANY($2))`;

/** The numbers of a destination's id: of the one that is there and of deleted ones; `[-1]`, which none has, where unknown. */
export async function destinationNos(
  session: Session,
  id: string,
  tenantIds: readonly string[],
): Promise<number[]> {
  return nosOf(session, [id], tenantIds);
}

/** One of those destinations. */
export async function isAmong(
  session: Session,
  column: string,
  ids: readonly string[] | null,
  tenantIds: readonly string[],
): Promise<Condition[]> {
  return ids === null ? [] : isOneOf(column, await nosOf(session, ids, tenantIds));
}

async function nosOf(
  session: Session,
  ids: readonly string[],
  tenantIds: readonly string[],
): Promise<number[]> {
  const rows = await session.rows(DESTINATIONS, ids, tenantIds);
  return rows.length === 0 ? [-1] : rows.map((row) => Number(row['no']));
}

function asSeqs({ fromMs, toMs }: TimeRange): TimeRange {
  return {
    fromMs: fromMs === null ? null : seqAtMs(fromMs),
    toMs: toMs === null ? null : seqAtMs(toMs),
  };
}

async function deliveryRecords(session: Session, rows: readonly Row[]): Promise<DeliveryRecord[]> {
  const claims = rows.map((row) => (row['status'] === STATUS_CODE.pending ? claimantOf(row) : 0));
  const holders = await holdersAmong(session, claims);
  return rows.map((row) => deliveryRecord(session, row, holders));
}

/** What is given may not have been read yet: that is nobody's. */
function claimantOf(row: Row): number {
  return Math.max(0, Number(row['claimed_by']));
}

function deliveryRecord(session: Session, row: Row, holders: ReadonlySet<number>): DeliveryRecord {
  const seq = Number(row['event_seq']);
  const ordinal = Number(row['ordinal']);
  const status = statusOf(row['status']);
  const updatedAtMs = Number(row['updated_ms']);
  return {
    key: { seq, ordinal },
    tenantId: String(row['tenant_id']),
    eventId: row['event_id'] === null ? session.ids.eventId(seq) : String(row['event_id']),
    destinationId: String(row['destination_id']),
    topic: String(row['topic']),
    test: row['test'] === true,
    status,
    claimed: status === 'pending' && holders.has(claimantOf(row)),
    attempts: Number(row['attempts']),
    nextAttemptAtMs: numberOrNull(row['next_attempt_ms']),
    lastCode: textOrNull(row['last_code']),
    createdAtMs: row['created_ms'] === null ? ingestedAtMs(seq) : Number(row['created_ms']),
    updatedAtMs,
    deliveredAtMs: status === 'delivered' ? updatedAtMs : null,
    position: [seq, ordinal],
  };
}
