/** Claims: which deliveries a node has in memory. */
import { ASKED_BY } from '../../domain/delivery.ts';
import type { DeliveryKey } from '../reading.ts';
import type { ClaimedDelivery, ClaimedLane, LaneClaim, WaitingLane } from '../claiming.ts';
import type { Storage } from '../storage.ts';
import { bigints, integers } from './binary-array.ts';
import { CLAIMANTS, DUE, firstOf, keyOf, OF_LANE, oldestUnordered } from './due.ts';
import type { Lane } from './due.ts';
import type { Operation } from './operation.ts';
import { isOwnKey, orderedHeads } from './order.ts';
import { bytesOf, numberOrNull, textOrNull } from './page.ts';
import type { Row, Session } from './session.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE } from './statuses.ts';

/** Deliveries of an ordered lane that are looked through for some without a key. */
const MAX_UNORDERED = 1000;

const LATER_WITHOUT_KEY = `
  SELECT found.* FROM (${CLAIMANTS}) AS claimants CROSS JOIN LATERAL (
    SELECT min(next_attempt_ms) FILTER (WHERE order_key IS NULL) AS first, max(next_attempt_ms) AS last,
           count(*) AS looked
    FROM (
      SELECT next_attempt_ms, order_key FROM deliveries
      WHERE status = ${STATUS_CODE.pending} AND tenant_no = $2 AND destination_no = $3 AND claimed_by = claimant
        AND next_attempt_ms > $4
      ORDER BY next_attempt_ms LIMIT ${MAX_UNORDERED}) AS later) AS found`;

const EVENT =
  'id, topic, time_ms, eligible_for_retry, metadata, resource, data, test, deliver_at_ms';

// What is due of a lane, and when the first of what is left comes due: one row at least.
const NOT_TAKEN = 'AND (event_seq, ordinal) NOT IN (SELECT event_seq, ordinal FROM due)';
const CLAIM_LANE = `
  WITH due AS MATERIALIZED (SELECT $2::bigint AS tenant_no, oldest.* FROM (${DUE}) AS oldest),
  claimed AS (
    UPDATE deliveries SET claimed_by = $1 FROM due
    WHERE deliveries.tenant_no = due.tenant_no AND deliveries.event_seq = due.event_seq AND deliveries.ordinal = due.ordinal
    RETURNING deliveries.tenant_no, deliveries.event_seq, deliveries.ordinal, deliveries.next_attempt_ms, attempts, step,
              asked_by, deliveries.order_key)
  SELECT due_ms, event_seq, ordinal, attempts, step, asked_by, claimed.order_key, ${EVENT}
  FROM (SELECT min(next.due_ms) AS due_ms FROM (${CLAIMANTS}) AS claimants
        CROSS JOIN LATERAL (${firstOf(`${OF_LANE} ${NOT_TAKEN}`, '$4')}) AS next) AS later
  LEFT JOIN (claimed JOIN events ON events.tenant_no = claimed.tenant_no AND events.seq = claimed.event_seq) ON true
  ORDER BY next_attempt_ms, event_seq, ordinal`;

// The tenant goes with each key: as a value of its own it would invite a plan that reads all of the tenant's deliveries.
const CLAIM = `
  UPDATE deliveries SET claimed_by = $1
  FROM unnest($2::bigint[], $3::bigint[], $4::integer[]) AS wanted (tenant, seq, place)
  JOIN events ON events.tenant_no = wanted.tenant AND events.seq = wanted.seq
  WHERE deliveries.tenant_no = wanted.tenant AND event_seq = wanted.seq AND ordinal = place
  RETURNING event_seq, ordinal, attempts, step, asked_by, deliveries.order_key, ${EVENT}`;

const FIND_LANES = `
  SELECT place, destinations.tenant_no, destinations.no, cancel_below_seq IS NOT NULL AS is_canceling
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (tenant, destination, place)
  JOIN tenants ON tenants.id = tenant
  JOIN destinations ON destinations.tenant_no = tenants.no AND destinations.id = destination AND deleted_ms IS NULL`;

// Its time stays what it was where that is past: so it keeps its place before what came later. What was canceled stays so.
const RELEASE = `
  UPDATE deliveries
  SET claimed_by = 0,
      next_attempt_ms = CASE WHEN status = ${STATUS_CODE.pending} THEN least(next_attempt_ms, $1) END
  FROM unnest($3::bigint[], $4::integer[]) AS wanted (seq, place) JOIN events ON events.seq = wanted.seq
  WHERE deliveries.tenant_no = events.tenant_no AND event_seq = wanted.seq AND ordinal = place
    AND claimed_by = $2`;

const OF_WAITING = `
  status = ${STATUS_CODE.pending} AND deliveries.tenant_no = lanes.tenant_no
  AND deliveries.destination_no = lanes.destination_no AND claimed_by = claimant`;
// Leaps from lane to lane instead of reading every waiting delivery.
const WAITING = `
  WITH RECURSIVE claimants AS (${CLAIMANTS}), lanes (tenant_no, destination_no) AS (
    (SELECT tenant_no, destination_no FROM deliveries WHERE status = ${STATUS_CODE.pending}
     ORDER BY tenant_no, destination_no LIMIT 1)
    UNION ALL
    SELECT next.tenant_no, next.destination_no FROM lanes CROSS JOIN LATERAL (
      SELECT tenant_no, destination_no FROM deliveries
      WHERE status = ${STATUS_CODE.pending}
        AND (deliveries.tenant_no, deliveries.destination_no) > (lanes.tenant_no, lanes.destination_no)
      ORDER BY tenant_no, destination_no LIMIT 1) AS next)
  SELECT tenants.id AS tenant_id, destinations.id, min(first.due_ms) AS due_ms
  FROM lanes
  JOIN tenants ON tenants.no = lanes.tenant_no
  JOIN destinations ON destinations.tenant_no = lanes.tenant_no AND destinations.no = lanes.destination_no
                   AND deleted_ms IS NULL
  CROSS JOIN claimants
  CROSS JOIN LATERAL (${firstOf(OF_WAITING, '$2')}) AS first
  GROUP BY lanes.tenant_no, lanes.destination_no, tenants.id, destinations.id`;

type Query = Parameters<Storage['claim']>[0];

export async function claim(
  session: WriteSession,
  { lanes, dueBeforeMs }: Query,
): Promise<ClaimedLane[]> {
  const found = await session.rows(
    FIND_LANES,
    lanes.map(({ tenantId }) => tenantId),
    lanes.map(({ destinationId }) => destinationId),
  );
  const byPlace = new Map(
    found.map((row) => [
      Number(row['place']) - 1,
      {
        tenantNo: Number(row['tenant_no']),
        destinationNo: Number(row['no']),
        isCanceling: row['is_canceling'] === true,
      },
    ]),
  );
  // Asked for at once.
  return Promise.all(
    lanes.map(async (asked, place) => {
      const { tenantId, destinationId } = asked;
      const lane = byPlace.get(place);
      let part = NOTHING;
      if (lane?.isCanceling === true)
        part = { ...NOTHING, nextDueAtMs: dueBeforeMs + WHILE_CANCELING_MS };
      else if (lane !== undefined)
        part = await (asked.isOrdered === true ? claimOrdered : claimLane)(
          session,
          asked,
          lane,
          dueBeforeMs,
        );
      return { tenantId, destinationId, ...part };
    }),
  );
}

// It was disabled and is enabled again: what it was owed before is not sent, though it is not canceled yet.
const WHILE_CANCELING_MS = 20;

type LanePart = Omit<ClaimedLane, 'tenantId' | 'destinationId'>;
const ALL_LOOKED_AT = { hasFollowers: false, isPartial: false };
const NOTHING: LanePart = { deliveries: [], nextDueAtMs: null, ...ALL_LOOKED_AT };

async function claimLane(
  session: WriteSession,
  { limit }: LaneClaim,
  { tenantNo, destinationNo }: Lane,
  dueBeforeMs: number,
): Promise<LanePart> {
  const values = [session.incarnation, tenantNo, destinationNo, dueBeforeMs, limit] as const;
  const rows = await session.rows(CLAIM_LANE, ...values);
  const taken = rows.filter((row) => row['event_seq'] !== null);
  const deliveries = taken.map((row) => claimedDelivery(session, row));
  for (const { key } of deliveries) session.memory.eventTenants.note(key.seq, tenantNo);
  return { deliveries, nextDueAtMs: numberOrNull(rows[0]?.['due_ms'] ?? null), ...ALL_LOOKED_AT };
}

async function claimOrdered(
  session: WriteSession,
  { limit }: LaneClaim,
  lane: Lane,
  dueBeforeMs: number,
): Promise<LanePart> {
  const keys = await oldestUnordered(session, lane, dueBeforeMs, limit);
  const { due: heads, ...rest } = await orderedHeads(
    session,
    lane,
    dueBeforeMs,
    limit - keys.length,
  );
  const deliveries = await take(session, lane, [...keys, ...heads]);
  const laterMs = await laterWithoutKey(session, lane, dueBeforeMs);
  const nextDueAtMs = Math.min(rest.nextDueAtMs ?? Infinity, ...laterMs);
  return { deliveries, ...rest, nextDueAtMs: nextDueAtMs === Infinity ? null : nextDueAtMs };
}

/** When those come due; where too many others are before them, when to look again. */
async function laterWithoutKey(
  session: WriteSession,
  { tenantNo, destinationNo }: Lane,
  dueBeforeMs: number,
): Promise<number[]> {
  const values = [session.incarnation, tenantNo, destinationNo, dueBeforeMs] as const;
  return (await session.rows(LATER_WITHOUT_KEY, ...values)).flatMap((row) => {
    if (row['first'] !== null) return [Number(row['first'])];
    return row['looked'] === MAX_UNORDERED ? [Number(row['last'])] : [];
  });
}

/** In the order given. */
async function take(
  session: WriteSession,
  { tenantNo }: Lane,
  keys: readonly DeliveryKey[],
): Promise<ClaimedDelivery[]> {
  if (keys.length === 0) return [];
  const rows = await session.rows(
    CLAIM,
    session.incarnation,
    bigints(keys.map(() => tenantNo)),
    bigints(keys.map(({ seq }) => seq)),
    integers(keys.map(({ ordinal }) => ordinal)),
  );
  const byKey = new Map(rows.map((row) => [nameOf(keyOf(row)), row]));
  for (const { seq } of keys) session.memory.eventTenants.note(seq, tenantNo);
  return keys.map((key) => {
    const row = byKey.get(nameOf(key));
    if (row === undefined) throw new Error(`delivery ${nameOf(key)} has no event`);
    return claimedDelivery(session, row);
  });
}

function claimedDelivery(session: Session, row: Row): ClaimedDelivery {
  const key = keyOf(row);
  const orderKey = textOrNull(row['order_key']);
  return {
    key,
    attempts: Number(row['attempts']),
    step: Number(row['step']),
    askedBy: ASKED_BY[Number(row['asked_by'])] ?? 'schedule',
    orderKey: orderKey === null || isOwnKey(orderKey) ? null : orderKey,
    event: {
      seq: key.seq,
      id: row['id'] === null ? session.ids.eventId(key.seq) : String(row['id']),
      topic: String(row['topic']),
      timeMs: Number(row['time_ms']),
      eligibleForRetry: row['eligible_for_retry'] === true,
      metadata: textOrNull(row['metadata']),
      resource: textOrNull(row['resource']),
      data: bytesOf(row['data']),
      test: row['test'] === true,
      deliverAtMs: numberOrNull(row['deliver_at_ms']),
    },
  };
}

export const release: Operation<Storage['release'], WriteSession> = async (
  session,
  { deliveries },
) => {
  await session.run(
    RELEASE,
    session.clock.nowMs(),
    session.incarnation,
    deliveries.map(({ seq }) => seq),
    deliveries.map(({ ordinal }) => ordinal),
  );
};

export async function waitingLanes(session: Session): Promise<WaitingLane[]> {
  const rows = await session.rows(WAITING, session.incarnation, session.clock.nowMs());
  return rows.map((row) => ({
    tenantId: String(row['tenant_id']),
    destinationId: String(row['id']),
    firstDueAtMs: Number(row['due_ms']),
  }));
}

function nameOf({ seq, ordinal }: DeliveryKey): string {
  return `${seq}/${ordinal}`;
}
