/** Ordered destinations: what may be claimed of them, and where a new delivery stands. */
import { compareVersions } from '../../domain/order.ts';
import type { Order } from '../../domain/order.ts';
import type { DeliveryKey } from '../reading.ts';
import type { NewEvent } from '../storage.ts';
import { isDueAt, keyOf } from './due.ts';
import type { Due, Lane } from './due.ts';
import { holdersAmong } from './holders.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE } from './statuses.ts';

const BLOCKS = `order_key IS NOT NULL AND (status = ${STATUS_CODE.pending} OR holds)`;
const LANE = 'tenant_no = $1 AND destination_no = $2';
const LANE_5 = `${LANE} AND event_seq BETWEEN $5 AND $6`;

// The first delivery of each key, by leaps over all that waits behind it.
const HEADS = `
  WITH RECURSIVE heads AS (
    (SELECT order_key, event_seq, ordinal, status, claimed_by, next_attempt_ms, attempts, asked_by FROM deliveries
     WHERE ${LANE_5} AND order_key > $3 AND ${BLOCKS}
     ORDER BY order_key, event_seq, ordinal LIMIT 1)
    UNION ALL
    SELECT next.* FROM heads CROSS JOIN LATERAL (
      SELECT order_key, event_seq, ordinal, status, claimed_by, next_attempt_ms, attempts, asked_by FROM deliveries
      WHERE ${LANE_5} AND deliveries.order_key > heads.order_key AND ${BLOCKS}
      ORDER BY order_key, event_seq, ordinal LIMIT 1) AS next)
  SELECT order_key, event_seq, ordinal, status, next_attempt_ms, attempts, asked_by, claimed_by FROM heads LIMIT $4`;

const IS_BLOCKED = `
  SELECT 1 FROM deliveries WHERE ${LANE_5} AND order_key = $3 AND ${BLOCKS} AND (claimed_by <> $4 OR holds) LIMIT 1`;

const VERSIONS = `
  SELECT event_seq, ordinal, claimed_by, resource
  FROM deliveries JOIN events ON events.tenant_no = deliveries.tenant_no AND events.seq = event_seq
  WHERE deliveries.tenant_no = $1 AND destination_no = $2 AND deliveries.order_key = $3
    AND deliveries.order_key IS NOT NULL AND status = ${STATUS_CODE.pending}
    AND events.seq BETWEEN $4 AND $5 AND event_seq BETWEEN $4 AND $5`;

const SUPERSEDE = `
  UPDATE deliveries
  SET status = ${STATUS_CODE.canceled}, next_attempt_ms = NULL, last_code = 'superseded', updated_ms = $1
  WHERE tenant_no = $2 AND event_seq = $3 AND ordinal = $4`;

/** Keys looked at in one claim. */
const MAX_HEADS = 1000;

export interface Superseding {
  readonly inMemory: readonly DeliveryKey[];
  readonly isSuperseded: boolean;
  readonly isBehind: boolean;
}

export interface OrderedHeads {
  readonly due: readonly Pick<Due, 'key' | 'claimant'>[];
  readonly nextDueAtMs: number | null;
  /** Something waits behind what this node has in memory. */
  readonly hasFollowers: boolean;
  /** The round over the keys goes on with the next claim. */
  readonly isPartial: boolean;
}

/** The first of each key, where it is due and nobody has it. */
export async function orderedHeads(
  session: WriteSession,
  lane: Lane,
  dueBeforeMs: number,
  limit: number,
): Promise<OrderedHeads> {
  const { rounds } = session.memory;
  const round = rounds.get(lane.destinationNo) ?? { after: '', nextDueAtMs: Infinity };
  const due: Pick<Due, 'key' | 'claimant'>[] = [];
  let hasFollowers = false;
  const found = await session.rows(
    HEADS,
    lane.tenantNo,
    lane.destinationNo,
    round.after,
    MAX_HEADS,
    ...lane.openSpan,
  );
  // Of what is given nothing has an order: that is free.
  const claims = found.map((row) => Math.max(0, Number(row['claimed_by'])));
  const holders = await holdersAmong(session, claims);
  for (const row of found) {
    if (due.length >= limit) {
      rounds.set(lane.destinationNo, round);
      return { due, hasFollowers, nextDueAtMs: dueBeforeMs, isPartial: true };
    }
    round.after = String(row['order_key']);
    if (row['status'] !== STATUS_CODE.pending) continue;
    const claimant = Number(row['claimed_by']);
    if (claimant === session.incarnation)
      hasFollowers ||= await isBlocked(session, lane, round.after);
    // Another node has it, and looks after what follows.
    else if (holders.has(claimant)) continue;
    else if (isDueAt(row, dueBeforeMs)) {
      due.push({ key: keyOf(row), claimant });
      // Perhaps: it is cheaper to look again than to count them.
      hasFollowers ||= !isOwnKey(round.after);
    } else round.nextDueAtMs = Math.min(round.nextDueAtMs, Number(row['next_attempt_ms']));
  }
  if (found.length === MAX_HEADS || due.length >= limit) {
    rounds.set(lane.destinationNo, round);
    return { due, hasFollowers, nextDueAtMs: dueBeforeMs, isPartial: true };
  }
  rounds.delete(lane.destinationNo);
  const { nextDueAtMs } = round;
  return {
    due,
    hasFollowers,
    nextDueAtMs: nextDueAtMs === Infinity ? null : nextDueAtMs,
    isPartial: false,
  };
}

/** Something of that key is before whatever comes now, and this node does not have it in memory. */
export async function isBlocked(
  session: WriteSession,
  { tenantNo, destinationNo, openSpan }: Lane,
  key: string,
): Promise<boolean> {
  const values = [tenantNo, destinationNo, key, session.incarnation, ...openSpan];
  return (await session.row(IS_BLOCKED, ...values)) !== undefined;
}

/**
 * Supersedes what is older than that version. Those that this node has in memory are only named: the engine knows
 * whether they are under way. `isSuperseded`: it is older than one that waits; a version that is replayed may be.
 * `isBehind`: what was before one that is neither older nor newer is gone, and somebody has to claim that one now.
 */
export async function supersede(
  session: WriteSession,
  { tenantNo, destinationNo, openSpan }: Lane,
  key: string,
  { seq, resource }: { readonly seq: number; readonly resource: NewEvent['resource'] },
  nowMs: number,
): Promise<Superseding> {
  const inMemory: DeliveryKey[] = [];
  let isSuperseded = false;
  let hasWaited = false;
  let isConcurrent = false;
  for (const row of await session.rows(VERSIONS, tenantNo, destinationNo, key, ...openSpan)) {
    const before = row['resource'] === null ? null : String(row['resource']);
    const delivery = { seq: Number(row['event_seq']), ordinal: Number(row['ordinal']) };
    const isPublishedLater = delivery.seq > seq;
    const comparison = isPublishedLater
      ? INVERSE[compareVersions(before, resource)]
      : compareVersions(resource, before);
    switch (comparison) {
      case 'newer':
        if (row['claimed_by'] === session.incarnation) inMemory.push(delivery);
        else {
          await session.run(SUPERSEDE, nowMs, tenantNo, delivery.seq, delivery.ordinal);
          hasWaited = true;
        }
        break;
      case 'older':
        isSuperseded = true;
        break;
      case 'concurrent':
        isConcurrent ||= row['claimed_by'] !== session.incarnation;
        break;
    }
  }
  return { inMemory, isSuperseded, isBehind: hasWaited && isConcurrent };
}

const INVERSE = { newer: 'older', older: 'newer', concurrent: 'concurrent' } as const;

/** What is not ordered in an ordered lane has a key of its own, before all others. */
function ownKey(seq: number, ordinal: number): string {
  return `\u0001${seq}/${ordinal}`;
}

export function isOwnKey(key: string): boolean {
  return key.startsWith('\u0001');
}

export function storedKey(
  order: Order,
  key: string | null,
  seq: number,
  ordinal: number,
): string | null {
  return order === 'none' ? null : (key ?? ownKey(seq, ordinal));
}
