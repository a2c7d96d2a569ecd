/**
 * The three hot messages between the threads, made flat: one list of plain values and one block of bytes that changes
 * hands without a copy. Lists of objects would be spelled out with their property names, and each small array of bytes
 * would drag the whole buffer it was cut from along.
 */
import { ATTEMPT_KINDS, FAILURE_REASONS } from '../../domain/attempt.ts';
import { DELIVERY_STATUSES } from '../../domain/delivery.ts';
import type { AttemptRecord, ClaimedDelivery, ClaimedLane, NewEvent, Verdict } from '../storage.ts';

export interface Flat {
  readonly values: readonly FlatValue[];
  readonly bytes: ArrayBuffer;
}

type FlatValue = string | number | boolean | null;

export function flattenEvents(events: readonly NewEvent[]): Flat {
  const values: FlatValue[] = [events.length];
  for (const event of events) {
    values.push(
      event.tenantId,
      event.routingVersion,
      event.id,
      event.topic,
      event.timeMs,
      event.eligibleForRetry,
      event.metadata,
      event.data.length,
      event.requestedDestinationId,
      event.destinations.length,
    );
    for (const { id, claimed } of event.destinations) values.push(id, claimed);
  }
  return { values, bytes: join(events.map(({ data }) => data)) };
}

export function unflattenEvents(flat: Flat): NewEvent[] {
  const read = reader(flat);
  return Array.from({ length: read.number() }, () => ({
    tenantId: read.text(),
    routingVersion: read.number(),
    id: read.textOrNull(),
    topic: read.text(),
    timeMs: read.numberOrNull(),
    eligibleForRetry: read.flag(),
    metadata: read.textOrNull(),
    data: read.bytes(),
    requestedDestinationId: read.textOrNull(),
    destinations: Array.from({ length: read.number() }, () => ({
      id: read.text(),
      claimed: read.flag(),
    })),
  }));
}

export function flattenAttempts(attempts: readonly AttemptRecord[]): Flat {
  const values: FlatValue[] = [attempts.length];
  const bodies: Uint8Array[] = [];
  for (const attempt of attempts) {
    const { verdict, timings, request, response } = attempt;
    values.push(
      attempt.delivery.seq,
      attempt.delivery.ordinal,
      attempt.number,
      ATTEMPT_KINDS.indexOf(attempt.kind),
      attempt.step,
      DELIVERY_STATUSES.indexOf(verdict.status),
      verdict.status === 'pending' ? verdict.nextAttemptAtMs : null,
      attempt.startedAtMs,
      attempt.reason === null ? null : FAILURE_REASONS.indexOf(attempt.reason),
      attempt.detail,
      timings.dnsMs,
      timings.connectMs,
      timings.tlsMs,
      timings.firstByteMs,
      timings.totalMs,
      request.profile,
      request.url,
      request.headers,
      response !== null,
    );
    if (response === null) continue;
    values.push(response.status, response.headers, response.body.length, response.truncated);
    bodies.push(response.body);
  }
  return { values, bytes: join(bodies) };
}

export function unflattenAttempts(flat: Flat): AttemptRecord[] {
  const read = reader(flat);
  return Array.from({ length: read.number() }, () => ({
    delivery: { seq: read.number(), ordinal: read.number() },
    number: read.number(),
    kind: at(ATTEMPT_KINDS, read.number()),
    step: read.number(),
    verdict: verdictOf(at(DELIVERY_STATUSES, read.number()), read.numberOrNull()),
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
    request: { profile: read.text(), url: read.text(), headers: read.text() },
    response: read.flag()
      ? { status: read.number(), headers: read.text(), body: read.bytes(), truncated: read.flag() }
      : null,
  }));
}

export function flattenLanes(lanes: readonly ClaimedLane[]): Flat {
  const values: FlatValue[] = [lanes.length];
  const payloads: Uint8Array[] = [];
  for (const lane of lanes) {
    values.push(lane.tenantId, lane.destinationId, lane.nextDueAtMs, lane.deliveries.length);
    for (const { key, attempts, step, manual, event } of lane.deliveries) {
      values.push(key.seq, key.ordinal, attempts, step, manual);
      values.push(
        event.id,
        event.topic,
        event.timeMs,
        event.eligibleForRetry,
        event.metadata,
        event.data.length,
      );
      payloads.push(event.data);
    }
  }
  return { values, bytes: join(payloads) };
}

export function unflattenLanes(flat: Flat): ClaimedLane[] {
  const read = reader(flat);
  return Array.from({ length: read.number() }, () => ({
    tenantId: read.text(),
    destinationId: read.text(),
    nextDueAtMs: read.numberOrNull(),
    deliveries: Array.from({ length: read.number() }, () => claimedDelivery(read)),
  }));
}

function claimedDelivery(read: Reader): ClaimedDelivery {
  const key = { seq: read.number(), ordinal: read.number() };
  return {
    key,
    attempts: read.number(),
    step: read.number(),
    manual: read.flag(),
    event: {
      seq: key.seq,
      id: read.text(),
      topic: read.text(),
      timeMs: read.number(),
      eligibleForRetry: read.flag(),
      metadata: read.textOrNull(),
      data: read.bytes(),
    },
  };
}

function verdictOf(
  status: (typeof DELIVERY_STATUSES)[number],
  nextAttemptAtMs: number | null,
): Verdict {
  if (status === 'delivered' || status === 'failed') return { status };
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

function join(parts: readonly Uint8Array[]): ArrayBuffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined.buffer;
}

type Reader = ReturnType<typeof reader>;

/** Takes the values out in order, and refuses one that is not of the type asked for. */
function reader({ values, bytes }: Flat) {
  let index = 0;
  let offset = 0;
  const wrong = (wanted: string) =>
    new TypeError(`value ${index - 1} of a flat message is no ${wanted}`);
  const number = () => {
    const value = values[index++];
    if (typeof value !== 'number') throw wrong('number');
    return value;
  };
  const text = () => {
    const value = values[index++];
    if (typeof value !== 'string') throw wrong('string');
    return value;
  };
  return {
    number,
    text,
    flag: () => values[index++] === true,
    numberOrNull: () => (values[index] === null ? nothing() : number()),
    textOrNull: () => (values[index] === null ? nothing() : text()),
    /** As many bytes as the next number says. */
    bytes: () => {
      const length = number();
      offset += length;
      return new Uint8Array(bytes, offset - length, length);
    },
  };

  function nothing(): null {
    index++;
    return null;
  }
}
