/** Claims: which deliveries a node has in memory. */
import { ASKED_BY } from '../../domain/delivery.ts';
import { withinPlaces } from '../claim-places.ts';
import type { DeliveryKey } from '../reading.ts';
import type { ClaimedDelivery, ClaimedLane, LaneClaim, WaitingLane } from '../claiming.ts';
import type { Storage } from '../storage.ts';
import { STATUS_CODE } from './context.ts';
import type { WriteContext } from './context.ts';
import { byDue, dueRetries, firstDue, oldestDue } from './due.ts';
import { LINE } from './lines.ts';
import type { Operation } from './operation.ts';
import { isOwnKey, OrderedLanes } from './order.ts';
import { numberOrNull, textOrNull } from './page.ts';

const CLAIM =
  'UPDATE deliveries SET claimed_by = ? WHERE event_seq = ? AND ordinal = ? RETURNING attempts, step, manual, order_key';

const ORDER_KEY = 'SELECT order_key FROM deliveries WHERE event_seq = ? AND ordinal = ?';

const EVENT =
  'SELECT id, topic, time_ms, eligible_for_retry, metadata, resource, data, test, deliver_at_ms FROM events WHERE seq = ?';

/** Deliveries of an ordered lane that are looked through for some without a key. */
const MAX_UNORDERED = 1000;

const LATER_WITHOUT_KEY = `
  SELECT min(next_attempt_ms) FILTER (WHERE order_key IS NULL) AS first, max(next_attempt_ms) AS last, count(*) AS looked
  FROM (
    SELECT next_attempt_ms, order_key FROM deliveries INDEXED BY deliveries_pending
    WHERE status = ${STATUS_CODE.pending} AND destination_no = ? AND claimed_by = ? AND next_attempt_ms > ?
    ORDER BY next_attempt_ms LIMIT ${MAX_UNORDERED})`;

// Its time stays what it was where that is past: so it keeps its place before what came later. What was canceled stays so.
const RELEASE = `
  UPDATE deliveries SET claimed_by = ${LINE}, next_attempt_ms = min(next_attempt_ms, ?)
  WHERE event_seq = ? AND ordinal = ? AND claimed_by = ?`;

// The next lane after one: `waitingLanes` leaps from lane to lane instead of reading every waiting delivery.
const NEXT_LANE = `
  SELECT destination_no FROM deliveries INDEXED BY deliveries_pending
  WHERE status = ${STATUS_CODE.pending} AND destination_no > ? ORDER BY destination_no LIMIT 1`;

const LANE = `
  SELECT destinations.id AS id, tenants.id AS tenant_id
  FROM destinations JOIN tenants ON tenants.no = tenant_no
  WHERE destinations.no = ? AND deleted_ms IS NULL`;

// It was disabled and is enabled again: what it was owed before is not sent, though it is not canceled yet.
const CANCELING = 'SELECT 1 FROM destinations WHERE no = ? AND cancel_below_seq IS NOT NULL';
const WHILE_CANCELING_MS = 20;

const ALL_LOOKED_AT = { hasFollowers: false, isPartial: false };

export function claim(context: WriteContext): Operation<Storage['claim']> {
  const isCanceling = context.statement(CANCELING);
  const markClaimed = context.statement(CLAIM);
  const eventOf = context.statement(EVENT);
  const keyOf = context.statement(ORDER_KEY);
  const later = context.statement(LATER_WITHOUT_KEY);
  const ordered = new OrderedLanes(context);

  return ({ lanes, dueBeforeMs }) => lanes.map((lane) => claimLane(lane, dueBeforeMs));

  function claimLane(lane: LaneClaim, dueBeforeMs: number): ClaimedLane {
    const { tenantId, destinationId } = lane;
    const destinationNo = context.tenant(tenantId)?.destinations.get(destinationId);
    if (destinationNo === undefined)
      return { tenantId, destinationId, deliveries: [], nextDueAtMs: null, ...ALL_LOOKED_AT };
    if (isCanceling.get(destinationNo) !== undefined)
      return {
        tenantId,
        destinationId,
        deliveries: [],
        nextDueAtMs: dueBeforeMs + WHILE_CANCELING_MS,
        ...ALL_LOOKED_AT,
      };
    if (lane.retriesFromMs !== undefined)
      return claimRetries(lane, lane.retriesFromMs, destinationNo, dueBeforeMs);
    if (lane.isOrdered === true) return claimOrdered(lane, destinationNo, dueBeforeMs);
    const { others, retries } = oldestDue(context, destinationNo, dueBeforeMs, lane.limit);
    const deliveries = withinPlaces(others, retries, lane).toSorted(byDue).map(take);
    const nextDueAtMs = firstDue(context, destinationNo, dueBeforeMs);
    return { tenantId, destinationId, deliveries, nextDueAtMs, ...ALL_LOOKED_AT };
  }

  function claimRetries(
    { tenantId, destinationId, limit }: LaneClaim,
    fromMs: number,
    destinationNo: number,
    dueBeforeMs: number,
  ): ClaimedLane {
    const found = dueRetries(context, destinationNo, fromMs, dueBeforeMs, limit);
    const deliveries = found.due.map(take);
    const { nextDueAtMs } = found;
    return { tenantId, destinationId, deliveries, nextDueAtMs, ...ALL_LOOKED_AT };
  }

  function claimOrdered(
    { tenantId, destinationId, limit }: LaneClaim,
    destinationNo: number,
    dueBeforeMs: number,
  ): ClaimedLane {
    // From before the destination asked for order.
    const oldest = oldestDue(context, destinationNo, dueBeforeMs, MAX_UNORDERED);
    const keys = [...oldest.others, ...oldest.retries]
      .toSorted(byDue)
      .slice(0, MAX_UNORDERED)
      .filter(({ seq, ordinal }) => keyOf.get(seq, ordinal)?.['order_key'] === null)
      .slice(0, limit);
    const { due: heads, ...rest } = ordered.heads(destinationNo, dueBeforeMs, limit - keys.length);
    const deliveries = [...keys, ...heads].map(take);
    const dues = [rest.nextDueAtMs ?? Infinity, ...laterWithoutKey(destinationNo, dueBeforeMs)];
    const nextDueAtMs = Math.min(...dues);
    return {
      tenantId,
      destinationId,
      deliveries,
      ...rest,
      nextDueAtMs: nextDueAtMs === Infinity ? null : nextDueAtMs,
    };
  }

  /** When those come due; where too many others are before them, when to look again. */
  function laterWithoutKey(destinationNo: number, dueBeforeMs: number): number[] {
    return context.claimants.flatMap((claimant) => {
      const row = later.get(destinationNo, claimant, dueBeforeMs);
      if (typeof row?.['first'] === 'number') return [row['first']];
      return row?.['looked'] === MAX_UNORDERED ? [Number(row['last'])] : [];
    });
  }

  function take({ seq, ordinal }: DeliveryKey): ClaimedDelivery {
    const delivery = markClaimed.get(context.incarnation, seq, ordinal);
    const event = eventOf.get(seq);
    if (delivery === undefined || event === undefined)
      throw new Error(`delivery ${seq}/${ordinal} has no event`);
    return {
      key: { seq, ordinal },
      attempts: Number(delivery['attempts']),
      step: Number(delivery['step']),
      askedBy: ASKED_BY[Number(delivery['manual'])] ?? 'schedule',
      orderKey: sharedKey(textOrNull(delivery['order_key'])),
      event: {
        seq,
        id: event['id'] === null ? context.ids.eventId(seq) : String(event['id']),
        topic: String(event['topic']),
        timeMs: Number(event['time_ms']),
        eligibleForRetry: event['eligible_for_retry'] === 1,
        metadata: textOrNull(event['metadata']),
        resource: textOrNull(event['resource']),
        data: event['data'] instanceof Uint8Array ? event['data'] : new Uint8Array(),
        test: event['test'] === 1,
        deliverAtMs: numberOrNull(event['deliver_at_ms']),
      },
    };
  }
}

function sharedKey(key: string | null): string | null {
  return key === null || isOwnKey(key) ? null : key;
}

export function release(context: WriteContext): Operation<Storage['release']> {
  const statement = context.statement(RELEASE);
  return ({ deliveries }) => {
    for (const { seq, ordinal } of deliveries)
      statement.run(context.clock.nowMs(), seq, ordinal, context.incarnation);
  };
}

export function waitingLanes(context: WriteContext): Operation<() => Promise<WaitingLane[]>> {
  const nextLane = context.statement(NEXT_LANE);
  const laneOf = context.statement(LANE);

  return () => {
    const found: WaitingLane[] = [];
    for (
      let row = nextLane.get(0);
      row !== undefined;
      row = nextLane.get(Number(row['destination_no']))
    ) {
      const destinationNo = Number(row['destination_no']);
      const lane = laneOf.get(destinationNo);
      const firstDueAtMs = firstDue(context, destinationNo, context.clock.nowMs());
      if (lane === undefined || firstDueAtMs === null) continue;
      found.push({
        tenantId: String(lane['tenant_id']),
        destinationId: String(lane['id']),
        firstDueAtMs,
      });
    }
    return found;
  };
}
