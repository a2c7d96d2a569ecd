/** A replay goes on: deliveries that it makes due, and what becomes of them. */
import { SCHEDULE_OVER } from '../../domain/delivery.ts';
import { orderKeyFor } from '../../domain/order.ts';
import type { ReplayCriteria, ReplaySelection } from '../../domain/replay.ts';
import type { DeliveryKey } from '../reading.ts';
import type { ReplayDelivery } from '../replaying.ts';
import type { Storage } from '../storage.ts';
import { STATUS_CODE, STATUS_OF_CODE } from './context.ts';
import type { TenantNumbers, WriteContext } from './context.ts';
import type { Operation } from './operation.ts';
import { isEnabled } from './by-hand.ts';
import { OrderedLanes, storedKey } from './order.ts';
import { textOrNull } from './page.ts';
import { SELECTED } from './replay-candidates.ts';

const REPLAY = `
  SELECT replays.no AS no, destination_no, tenant_no, criteria, position, tenants.id AS tenant_id
  FROM replays JOIN tenants ON tenants.no = tenant_no WHERE replays.id = ? AND status = 'running'`;

const FIND: Record<ReplaySelection, string> = {
  all: findSelected('all'),
  failed: findSelected('failed'),
  missed: findSelected('missed'),
};

const EVENT = `
  SELECT resource, order_key, (SELECT ifnull(max(ordinal) + 1, 0) FROM deliveries WHERE event_seq = seq) AS next_ordinal
  FROM events WHERE seq = ? AND tenant_no = ?`;

// One that was canceled and is still in memory goes on as if it had not been: see by-hand.ts.
const MAKE_DUE = `
  UPDATE deliveries
  SET status = ${STATUS_CODE.pending}, holds = 0, manual = 2, next_attempt_ms = ?1,
      step = CASE claimed_by WHEN ?2 THEN step ELSE ${SCHEDULE_OVER} END,
      claimed_by = CASE claimed_by WHEN ?2 THEN claimed_by ELSE 0 END, order_key = ?3, updated_ms = ?4
  WHERE event_seq = ?5 AND ordinal = ?6`;

const ADD = `
  INSERT INTO deliveries (event_seq, ordinal, tenant_no, destination_no, status, attempts, step, manual,
                          next_attempt_ms, claimed_by, created_ms, updated_ms, order_key)
  VALUES (?, ?, ?, ?, ${STATUS_CODE.pending}, 0, ${SCHEDULE_OVER}, 2, ?, 0, ?, ?, ?)`;

const WAIT_FOR = 'INSERT INTO replay_deliveries (event_seq, ordinal, replay_no) VALUES (?, ?, ?)';

const GO_ON = 'UPDATE replays SET position = ?, is_read = ?, updated_ms = ? WHERE no = ?';

const ENDED = `
  SELECT replay_deliveries.event_seq, replay_deliveries.ordinal, replay_no, status
  FROM replay_deliveries LEFT JOIN deliveries USING (event_seq, ordinal)`;

const COUNT = `
  UPDATE replays SET done = done + ?, failed = failed + ?, canceled = canceled + ?, updated_ms = ? WHERE no = ?`;

const COMPLETE = `
  UPDATE replays SET status = 'completed', updated_ms = ?1, ended_ms = ?1
  WHERE no IN (SELECT no FROM replays INDEXED BY replays_running WHERE status = 'running' AND is_read = 1)
    AND NOT EXISTS (SELECT 1 FROM replay_deliveries WHERE replay_no = replays.no)`;

export function replayAdvance(context: WriteContext): Operation<Storage['replayAdvance']> {
  const ordered = new OrderedLanes(context);

  return ({ id, from, to, isEnd, deliveries, nowMs }) => {
    const replay = context.statement(REPLAY).get(id);
    const position = from === null ? null : JSON.stringify(from);
    if (replay === undefined || replay['position'] !== position) return { kind: 'not_at_position' };
    const tenant = context.tenant(String(replay['tenant_id']));
    if (tenant === undefined || tenant.no !== replay['tenant_no'])
      return { kind: 'not_at_position' };
    const wanted = replay['destination_no'];
    if (wanted !== null && ![...tenant.destinations.values()].some((no) => no === wanted))
      return { kind: 'destination_deleted' };
    if (wanted !== null && !isEnabled(context, Number(wanted)))
      return { kind: 'destination_disabled' };
    // JSON that this driver has written.
    const { select } = JSON.parse(String(replay['criteria'])) as ReplayCriteria;
    const due: DeliveryKey[] = [];
    const superseded: (DeliveryKey & { destinationId: string })[] = [];
    const askedMs = context.nextAskedMs();
    for (const delivery of deliveries) {
      const made = makeDue(tenant, delivery, select, { nowMs, askedMs });
      if (made === null) continue;
      context.statement(WAIT_FOR).run(made.key.seq, made.key.ordinal, Number(replay['no']));
      due.push(made.key);
      const { destinationId } = delivery;
      superseded.push(
        ...made.superseded.map(({ seq, ordinal }) => ({ seq, ordinal, destinationId })),
      );
    }
    context
      .statement(GO_ON)
      .run(to === null ? null : JSON.stringify(to), isEnd ? 1 : 0, nowMs, Number(replay['no']));
    return { kind: 'advanced', due, superseded };
  };

  /** `null`: it is not what the replay selects, or pointless. */
  function makeDue(
    tenant: TenantNumbers,
    { eventSeq, destinationId, order }: ReplayDelivery,
    select: ReplaySelection,
    { nowMs, askedMs }: { nowMs: number; askedMs: number },
  ): { key: DeliveryKey; superseded: readonly DeliveryKey[] } | null {
    const destinationNo = tenant.destinations.get(destinationId);
    const event = context.statement(EVENT).get(eventSeq, tenant.no);
    if (destinationNo === undefined || event === undefined) return null;
    if (!isEnabled(context, destinationNo)) return null;
    const found = context.statement(FIND[select]).get(eventSeq, destinationNo);
    if (found === undefined ? select === 'failed' : found['is_selected'] !== 1) return null;

    const resource = textOrNull(event['resource']);
    const sharedKey = orderKeyFor(order, { resource, orderKey: textOrNull(event['order_key']) });
    let superseded: readonly DeliveryKey[] = [];
    if (order === 'latest' && sharedKey !== null) {
      const versions = ordered.supersede(
        destinationNo,
        sharedKey,
        { seq: eventSeq, resource },
        nowMs,
      );
      if (versions.isSuperseded) return null;
      superseded = versions.inMemory;
    }
    const ordinal = Number(found === undefined ? event['next_ordinal'] : found['ordinal']);
    const key = storedKey(order, sharedKey, eventSeq, ordinal);
    if (found === undefined) {
      context
        .statement(ADD)
        .run(eventSeq, ordinal, tenant.no, destinationNo, nowMs, nowMs, askedMs, key);
    } else {
      // It may have ended for another replay just now.
      settle(
        context,
        context.statement(`${ENDED} WHERE (event_seq, ordinal) = (?, ?)`).all(eventSeq, ordinal),
        nowMs,
      );
      context.statement(MAKE_DUE).run(nowMs, context.incarnation, key, askedMs, eventSeq, ordinal);
    }
    return { key: { seq: eventSeq, ordinal }, superseded };
  }
}

export function replaySettle(context: WriteContext): Operation<Storage['replaySettle']> {
  return ({ limit, nowMs }) => {
    const rows = context
      .statement(`${ENDED} WHERE status IS NOT ${STATUS_CODE.pending} LIMIT ?`)
      .all(limit);
    settle(context, rows, nowMs);
    const more = rows.length === limit;
    if (!more) context.statement(COMPLETE).run(nowMs);
    return { settled: rows.length, more };
  };
}

interface Counts {
  delivered: number;
  failed: number;
  canceled: number;
}

/** Counts what has ended, and waits for it no longer. */
function settle(context: WriteContext, rows: readonly Record<string, unknown>[], nowMs: number) {
  const counts = new Map<number, Counts>();
  for (const row of rows) {
    const no = Number(row['replay_no']);
    const count = counts.get(no) ?? { delivered: 0, failed: 0, canceled: 0 };
    counts.set(no, count);
    // Retention may have taken it: then it had ended.
    const status = STATUS_OF_CODE[Number(row['status'] ?? STATUS_CODE.canceled)];
    if (status !== undefined && status !== 'pending') count[status]++;
    context
      .statement('DELETE FROM replay_deliveries WHERE event_seq = ? AND ordinal = ?')
      .run(Number(row['event_seq']), Number(row['ordinal']));
  }
  for (const [no, { delivered, failed, canceled }] of counts)
    context.statement(COUNT).run(delivered, failed, canceled, nowMs, no);
}

function findSelected(select: ReplaySelection): string {
  return `
    SELECT ordinal, (${SELECTED[select]}) AS is_selected FROM deliveries
    WHERE event_seq = ? AND destination_no = ?`;
}
