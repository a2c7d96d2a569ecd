/** The hot messages between the threads, made flat and whole again. */
import { ATTEMPT_KINDS, FAILURE_REASONS } from '../../domain/attempt.ts';
import type { RequestShape } from '../../domain/attempt.ts';
import { ASKED_BY, DELIVERY_STATUSES } from '../../domain/delivery.ts';
import { ORDERS } from '../../domain/order.ts';
import type { ClaimedDelivery, ClaimedLane } from '../claiming.ts';
import type { AttemptRecord, NewEvent, Verdict } from '../storage.ts';
import { FlatReader, FlatWriter } from './flat.ts';
import type { Flat } from './flat.ts';

export function flattenEvents(events: readonly NewEvent[]): Flat {
  const write = new FlatWriter();
  write.number(events.length);
  for (const event of events) {
    write.text(event.tenantId);
    write.number(event.routingVersion);
    write.text(event.id);
    write.text(event.topic);
    write.number(event.timeMs);
    write.flag(event.eligibleForRetry);
    write.text(event.metadata);
    write.text(event.resource);
    write.text(event.orderKey);
    write.number(event.deliverAtMs);
    write.bytes(event.data);
    write.flag(event.test);
    write.text(event.requestedDestinationId);
    write.number(event.destinations.length);
    for (const { id, claimed, order = 'none' } of event.destinations) {
      write.text(id);
      write.flag(claimed);
      write.number(ORDERS.indexOf(order));
    }
  }
  return write.finish();
}

export function unflattenEvents(flat: Flat): NewEvent[] {
  const read = new FlatReader(flat);
  return Array.from({ length: read.number() }, () => ({
    tenantId: read.text(),
    routingVersion: read.number(),
    id: read.textOrNull(),
    topic: read.text(),
    timeMs: read.numberOrNull(),
    eligibleForRetry: read.flag(),
    metadata: read.textOrNull(),
    resource: read.textOrNull(),
    orderKey: read.textOrNull(),
    deliverAtMs: read.numberOrNull(),
    data: read.bytes(),
    test: read.flag(),
    requestedDestinationId: read.textOrNull(),
    destinations: Array.from({ length: read.number() }, () => ({
      id: read.text(),
      claimed: read.flag(),
      order: at(ORDERS, read.number()),
    })),
  }));
}

export function flattenAttempts(attempts: readonly AttemptRecord[]): Flat {
  const write = new FlatWriter();
  const shapes = new Map<RequestShape, number>();
  write.number(attempts.length);
  for (const attempt of attempts) {
    const { delivery, verdict, timings, request, response } = attempt;
    write.number(delivery.seq);
    write.number(delivery.ordinal);
    write.number(attempt.number);
    write.number(ATTEMPT_KINDS.indexOf(attempt.kind));
    write.number(attempt.step);
    write.number(DELIVERY_STATUSES.indexOf(verdict.status));
    write.number(verdict.status === 'pending' ? verdict.nextAttemptAtMs : null);
    write.flag(verdict.status === 'failed' && verdict.holds === true);
    write.number(attempt.startedAtMs);
    write.number(attempt.reason === null ? null : FAILURE_REASONS.indexOf(attempt.reason));
    write.text(attempt.detail);
    write.number(timings.dnsMs);
    write.number(timings.connectMs);
    write.number(timings.tlsMs);
    write.number(timings.firstByteMs);
    write.number(timings.totalMs);
    writeShape(write, shapes, request.shape);
    write.text(request.headers);
    write.flag(response !== null);
    if (response === null) continue;
    write.number(response.status);
    write.text(response.headers);
    write.bytes(response.body);
    write.flag(response.truncated);
  }
  return write.finish();
}

export function unflattenAttempts(flat: Flat): AttemptRecord[] {
  const read = new FlatReader(flat);
  const shapes: RequestShape[] = [];
  return Array.from({ length: read.number() }, () => ({
    delivery: { seq: read.number(), ordinal: read.number() },
    number: read.number(),
    kind: at(ATTEMPT_KINDS, read.number()),
    step: read.number(),
    verdict: verdictOf(at(DELIVERY_STATUSES, read.number()), read.numberOrNull(), read.flag()),
    startedAtMs: read.number(),
    reason: reasonAt(read.numberOrNull()),
    detail: read.textOrNull(),
    timings: {
      dnsMs: read.numberOrNull(),
      connectMs: read.numberOrNull(),
      tlsMs: read.numberOrNull(),
      firstByteMs: read.numberOrNull(),
      totalMs: read.number(),
    },
    request: { shape: readShape(read, shapes), headers: read.text() },
    response: read.flag()
      ? { status: read.number(), headers: read.text(), body: read.bytes(), truncated: read.flag() }
      : null,
  }));
}

/** Once in a message: the others that share it only say which. */
function writeShape(
  write: FlatWriter,
  shapes: Map<RequestShape, number>,
  shape: RequestShape,
): void {
  const known = shapes.get(shape);
  write.number(known ?? shapes.size);
  if (known !== undefined) return;
  shapes.set(shape, shapes.size);
  write.text(shape.url);
  write.text(shape.headers);
  write.text(shape.payload);
}

function readShape(read: FlatReader, shapes: RequestShape[]): RequestShape {
  const index = read.number();
  const shape = shapes[index] ?? {
    url: read.text(),
    headers: read.text(),
    payload: read.text(),
  };
  shapes[index] = shape;
  return shape;
}

export function flattenLanes(lanes: readonly ClaimedLane[]): Flat {
  const write = new FlatWriter();
  write.number(lanes.length);
  for (const lane of lanes) {
    write.text(lane.tenantId);
    write.text(lane.destinationId);
    write.number(lane.nextDueAtMs);
    write.flag(lane.hasFollowers);
    write.flag(lane.isPartial);
    write.number(lane.deliveries.length);
    for (const { key, attempts, step, askedBy, orderKey, event } of lane.deliveries) {
      write.number(key.seq);
      write.number(key.ordinal);
      write.number(attempts);
      write.number(step);
      write.number(ASKED_BY.indexOf(askedBy));
      write.text(orderKey);
      write.text(event.id);
      write.text(event.topic);
      write.number(event.timeMs);
      write.flag(event.eligibleForRetry);
      write.text(event.metadata);
      write.text(event.resource);
      write.bytes(event.data);
      write.flag(event.test);
      write.number(event.deliverAtMs);
    }
  }
  return write.finish();
}

export function unflattenLanes(flat: Flat): ClaimedLane[] {
  const read = new FlatReader(flat);
  return Array.from({ length: read.number() }, () => ({
    tenantId: read.text(),
    destinationId: read.text(),
    nextDueAtMs: read.numberOrNull(),
    hasFollowers: read.flag(),
    isPartial: read.flag(),
    deliveries: Array.from({ length: read.number() }, () => claimedDelivery(read)),
  }));
}

function claimedDelivery(read: FlatReader): ClaimedDelivery {
  const key = { seq: read.number(), ordinal: read.number() };
  return {
    key,
    attempts: read.number(),
    step: read.number(),
    askedBy: at(ASKED_BY, read.number()),
    orderKey: read.textOrNull(),
    event: {
      seq: key.seq,
      id: read.text(),
      topic: read.text(),
      timeMs: read.number(),
      eligibleForRetry: read.flag(),
      metadata: read.textOrNull(),
      resource: read.textOrNull(),
      // A copy: a view would keep all that was claimed together in memory for as long as any of it waits.
      data: read.bytes().slice(),
      test: read.flag(),
      deliverAtMs: read.numberOrNull(),
    },
  };
}

function verdictOf(
  status: (typeof DELIVERY_STATUSES)[number],
  nextAttemptAtMs: number | null,
  holds: boolean,
): Verdict {
  if (status === 'delivered') return { status };
  if (status === 'failed') return { status, holds };
  if (status === 'pending' && nextAttemptAtMs !== null) return { status, nextAttemptAtMs };
  throw new TypeError(`no attempt ends in ${status}`);
}

function reasonAt(index: number | null): AttemptRecord['reason'] {
  return index === null ? null : at(FAILURE_REASONS, index);
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new TypeError(`no item ${index}`);
  return item;
}
