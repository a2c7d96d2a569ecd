/** Events and what they owe. */
import type { NewEvent, PublishOutcome, Storage } from '../storage.ts';
import { orderKeyFor } from '../../domain/order.ts';
import type { DeliveryKey } from '../reading.ts';
import { STATUS_CODE } from './context.ts';
import type { TenantNumbers, WriteContext } from './context.ts';
import type { Operation } from './operation.ts';
import { OrderedLanes, storedKey } from './order.ts';

const INSERT_EVENT = `
  INSERT INTO events (seq, tenant_no, id, topic, time_ms, eligible_for_retry, metadata, resource, order_key, requested_destination_id, data, test, deliver_at_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const INSERT_DELIVERY = `
  INSERT INTO deliveries (event_seq, ordinal, tenant_no, destination_no, status, attempts, step, manual,
                          next_attempt_ms, claimed_by, updated_ms, order_key)
  VALUES (?, ?, ?, ?, ?, 0, 0, 0, ?, ?, ?, ?)`;

const FIND_BY_CALLER_ID = `
  SELECT seq, topic, metadata, resource, order_key, requested_destination_id, data FROM events WHERE id = ? AND tenant_no = ?`;

const FIND_BY_SEQ = `
  SELECT seq, topic, metadata, resource, order_key, requested_destination_id, data FROM events WHERE seq = ? AND tenant_no = ? AND id IS NULL`;

// Those added by hand later (created_ms) were not part of the answer to the first publish.
const DESTINATIONS_OF = `
  SELECT destinations.id FROM deliveries JOIN destinations ON destinations.no = destination_no
  WHERE event_seq = ? AND deliveries.created_ms IS NULL ORDER BY ordinal`;

export function publish(context: WriteContext): Operation<Storage['publish']> {
  const insertEvent = context.statement(INSERT_EVENT);
  const insertDelivery = context.statement(INSERT_DELIVERY);
  const findByCallerId = context.statement(FIND_BY_CALLER_ID);
  const findBySeq = context.statement(FIND_BY_SEQ);
  const destinationsOf = context.statement(DESTINATIONS_OF);
  const ordered = new OrderedLanes(context);

  return ({ events }) => events.map(store);

  function store(event: NewEvent): PublishOutcome {
    const tenant = context.tenant(event.tenantId);
    if (tenant === undefined) return { kind: 'unknown_tenant' };
    const before = event.id === null ? undefined : find(event.id, tenant);
    if (before !== undefined) {
      if (!sameContent(before, event)) return { kind: 'conflict' };
      const rows = destinationsOf.all(Number(before['seq']));
      return { kind: 'duplicate', destinationIds: rows.map((row) => String(row['id'])) };
    }
    if (tenant.routingVersion !== event.routingVersion) return { kind: 'stale_routing' };
    return insert(event, tenant);
  }

  function insert(event: NewEvent, tenant: TenantNumbers): PublishOutcome {
    const seq = context.nextSeq();
    const nowMs = Math.floor(seq / 1000);
    const timeMs = event.timeMs ?? nowMs;
    // Numbers only grow, also where the clock went back: what is due at once keeps its place (due.ts).
    const dueAtMs = event.deliverAtMs ?? nowMs;
    insertEvent.run(
      seq,
      tenant.no,
      event.id,
      event.topic,
      timeMs,
      event.eligibleForRetry ? 1 : 0,
      event.metadata,
      event.resource,
      event.orderKey,
      event.requestedDestinationId,
      event.data,
      event.test ? 1 : 0,
      event.deliverAtMs,
    );
    const behind: number[] = [];
    const superseded: DeliveryKey[] = [];
    event.destinations.forEach(({ id, claimed, order = 'none' }, ordinal) => {
      const destinationNo = tenant.destinations.get(id);
      if (destinationNo === undefined)
        throw new Error(`destination ${id} is not in routing version ${event.routingVersion}`);
      const key = orderKeyFor(order, event);
      let isClaimed = claimed;
      let isSuperseded = false;
      if (key !== null && order === 'key' && ordered.isBlocked(destinationNo, key))
        isClaimed = false;
      if (key !== null && order === 'latest') {
        const found = ordered.supersede(
          destinationNo,
          key,
          { seq, resource: event.resource },
          nowMs,
        );
        superseded.push(...found.inMemory);
        ({ isSuperseded } = found);
        if (isSuperseded || found.isBehind) isClaimed = false;
      }
      if (claimed && !isClaimed) behind.push(ordinal);
      insertDelivery.run(
        seq,
        ordinal,
        tenant.no,
        destinationNo,
        isSuperseded ? STATUS_CODE.canceled : STATUS_CODE.pending,
        isSuperseded ? null : dueAtMs,
        isClaimed ? context.incarnation : 0,
        nowMs,
        storedKey(order, key, seq, ordinal),
      );
    });
    return {
      kind: 'stored',
      seq,
      timeMs,
      ...(behind.length === 0 ? {} : { behind }),
      ...(superseded.length === 0 ? {} : { superseded }),
    };
  }

  /** The event that has this id already: as a caller's id, or as one that we gave. */
  function find(id: string, tenant: TenantNumbers): Row | undefined {
    const given = findByCallerId.get(id, tenant.no);
    if (given !== undefined) return given;
    const seq = context.ids.parseEventId(id);
    return seq === undefined ? undefined : findBySeq.get(seq, tenant.no);
  }
}

type Row = Record<string, unknown>;

/** What a repeated id is compared by: all that was said, save the time. */
function sameContent(before: Row, event: NewEvent): boolean {
  return (
    before['topic'] === event.topic &&
    before['metadata'] === event.metadata &&
    before['resource'] === event.resource &&
    before['order_key'] === event.orderKey &&
    before['requested_destination_id'] === event.requestedDestinationId &&
    before['data'] instanceof Uint8Array &&
    Buffer.compare(before['data'], event.data) === 0
  );
}
