/** Claims: which deliveries a node has in memory. */
import { ASKED_BY } from '../../domain/delivery.ts';
import type { DeliveryKey } from '../reading.ts';
import type { ClaimedDelivery, ClaimedLane, LaneClaim, WaitingLane } from '../claiming.ts';
import type { Storage } from '../storage.ts';
import { bigints, integers } from './binary-array.ts';
import { about, byTenant } from './by-tenant.ts';
import { byDay, daysFromTo, readOpenSpan, spanOf } from './days.ts';
import { CLAIMANTS, firstDue, firstOf, keyOf, oldestDue } from './due.ts';
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
        AND next_attempt_ms > $4 AND event_seq BETWEEN $5 AND $6
      ORDER BY next_attempt_ms LIMIT ${MAX_UNORDERED}) AS later) AS found`;

// The tenant goes with each key: as a value of its own it would invite a plan that reads all of the tenant's deliveries.
const claimed = (one: string) => `
  UPDATE deliveries SET claimed_by = $1
  FROM unnest($2::bigint[], $3::bigint[], $4::integer[]) AS wanted (tenant, seq, place)
  JOIN events ON events.tenant_no = wanted.tenant AND events.seq = wanted.seq
  WHERE deliveries.tenant_no = wanted.tenant AND event_seq = wanted.seq AND ordinal = place
    AND events.seq BETWEEN $5 AND $6 AND event_seq BETWEEN $5 AND $6 ${one}
  RETURNING event_seq, ordinal, attempts, step, asked_by, deliveries.order_key,
            id, topic, time_ms, eligible_for_retry, metadata, resource, data, test, deliver_at_ms`;
const CLAIM = claimed('');
const CLAIM_OF_ONE = claimed('AND deliveries.tenant_no = $7 AND events.tenant_no = $7');

const FIND_LANES = `
  SELECT place, destinations.tenant_no, destinations.no, cancel_below_seq IS NOT NULL AS is_canceling,
         (SELECT open_seq FROM numbers) AS open_seq, (SELECT last_seq FROM numbers) AS last_seq
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (tenant, destination, place)
  JOIN tenants ON tenants.id = tenant
  JOIN destinations ON destinations.tenant_no = tenants.no AND destinations.id = destination AND deleted_ms IS NULL`;

// Its time stays what it was where that is past: so it keeps its place before what came later. What was canceled stays so.
const released = (one: string) => `
  UPDATE deliveries
  SET claimed_by = 0,
      next_attempt_ms = CASE WHEN status = ${STATUS_CODE.pending} THEN least(next_attempt_ms, $1) END
  FROM unnest($3::bigint[], $4::integer[], $5::bigint[]) AS wanted (seq, place, tenant)
  WHERE deliveries.tenant_no = tenant AND event_seq = wanted.seq AND ordinal = place AND claimed_by = $2
    AND event_seq BETWEEN $6 AND $7 ${one}`;
const RELEASE = released('');
const RELEASE_OF_ONE = released('AND deliveries.tenant_no = $8');

const OF_WAITING = `
  status = ${STATUS_CODE.pending} AND deliveries.tenant_no = lanes.tenant_no
  AND deliveries.destination_no = lanes.destination_no AND claimed_by = claimant
  AND event_seq BETWEEN $3 AND $4`;
// Leaps from lane to lane instead of reading every waiting delivery.
const WAITING = `
  WITH RECURSIVE claimants AS (${CLAIMANTS}), lanes (tenant_no, destination_no) AS (
    (SELECT tenant_no, destination_no FROM deliveries
     WHERE status = ${STATUS_CODE.pending} AND event_seq BETWEEN $3 AND $4
     ORDER BY tenant_no, destination_no LIMIT 1)
    UNION ALL
    SELECT next.tenant_no, next.destination_no FROM lanes CROSS JOIN LATERAL (
      SELECT tenant_no, destination_no FROM deliveries
      WHERE status = ${STATUS_CODE.pending}
        AND (deliveries.tenant_no, deliveries.destination_no) > (lanes.tenant_no, lanes.destination_no)
        AND event_seq BETWEEN $3 AND $4
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
        openSpan: daysFromTo(Number(row['open_seq']), Number(row['last_seq'])),
      },
    ]),
  );
  // Those of one claim are asked for at once.
  return Promise.all(
    lanes.map(async (asked, place) => {
      const { tenantId, destinationId } = asked;
      const lane = byPlace.get(place);
      let part = NOTHING;
      if (lane?.isCanceling === true)
        part = { ...NOTHING, nextDueAtMs: dueBeforeMs + WHILE_CANCELING_MS };
      else if (lane !== undefined) part = await claimLane(session, asked, lane, dueBeforeMs);
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
  { limit, isOrdered = false }: LaneClaim,
  lane: Lane,
  dueBeforeMs: number,
): Promise<LanePart> {
  const keys = await oldestDue(session, lane, dueBeforeMs, limit, isOrdered);
  if (!isOrdered) {
    const deliveries = await take(session, lane, keys);
    const nextDueAtMs = await firstDue(session, lane, dueBeforeMs);
    return { deliveries, nextDueAtMs, ...ALL_LOOKED_AT };
  }
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
  { tenantNo, destinationNo, openSpan }: Lane,
  dueBeforeMs: number,
): Promise<number[]> {
  const values = [session.incarnation, tenantNo, destinationNo, dueBeforeMs, ...openSpan];
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
  const rows: Row[] = [];
  for (const group of byDay(keys, seqOf)) {
    const seqs = group.map(seqOf);
    const ordinals = group.map(({ ordinal }) => ordinal);
    rows.push(
      ...(await session.rows(
        ...about(
          session,
          [CLAIM, CLAIM_OF_ONE],
          tenantNo,
          session.incarnation,
          bigints(group.map(() => tenantNo)),
          bigints(seqs),
          integers(ordinals),
          ...spanOf(seqs),
        ),
      )),
    );
  }
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
  const tenants = await session.memory.eventTenants.of(session, deliveries.map(seqOf));
  const nowMs = session.clock.nowMs();
  // Where the event is gone, there is nothing to release.
  const known = deliveries.flatMap(({ seq, ordinal }, place) => {
    const tenantNo = tenants[place] ?? null;
    return tenantNo === null ? [] : [{ seq, ordinal, tenantNo }];
  });
  for (const group of byDay(known, seqOf))
    for (const part of byTenant(session, group, ({ tenantNo }) => tenantNo)) {
      const seqs = part.map(seqOf);
      const ordinals = part.map(({ ordinal }) => ordinal);
      const tenantNos = part.map(({ tenantNo }) => tenantNo);
      const values = [nowMs, session.incarnation, seqs, ordinals, tenantNos, ...spanOf(seqs)];
      await session.run(...about(session, [RELEASE, RELEASE_OF_ONE], tenantNos[0] ?? 0, ...values));
    }
};

export async function waitingLanes(session: Session): Promise<WaitingLane[]> {
  const open = await readOpenSpan(session);
  const rows = await session.rows(WAITING, session.incarnation, session.clock.nowMs(), ...open);
  return rows.map((row) => ({
    tenantId: String(row['tenant_id']),
    destinationId: String(row['id']),
    firstDueAtMs: Number(row['due_ms']),
  }));
}

function seqOf({ seq }: DeliveryKey): number {
  return seq;
}

function nameOf({ seq, ordinal }: DeliveryKey): string {
  return `${seq}/${ordinal}`;
}
