/** The flat messages between the threads say what was said. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ASKED_BY } from '../../src/domain/delivery.ts';
import { ORDERS } from '../../src/domain/order.ts';
import { ATTEMPT_KINDS, FAILURE_REASONS } from '../../src/domain/attempt.ts';
import {
  flattenAttempts,
  flattenEvents,
  flattenLanes,
  unflattenAttempts,
  unflattenEvents,
  unflattenLanes,
} from '../../src/storage/sqlite/codec.ts';
import { transferOf } from '../../src/storage/sqlite/flat.ts';
import type { Flat } from '../../src/storage/sqlite/flat.ts';
import type { ClaimedDelivery, ClaimedLane } from '../../src/storage/claiming.ts';
import type { AttemptRecord, NewEvent, Verdict } from '../../src/storage/storage.ts';

const text = fc.string({ unit: 'binary' });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const whole = fc.maxSafeNat();
const bytes = fc.uint8Array({ maxLength: 50 });

/** One that several attempts share. */
const SHAPE = { url: 'https://example.com/', headers: 'a\nb', payload: 'standard' };

const event: fc.Arbitrary<NewEvent> = fc.record({
  tenantId: text,
  routingVersion: whole,
  id: maybe(text),
  topic: text,
  timeMs: maybe(fc.maxSafeInteger()),
  eligibleForRetry: fc.boolean(),
  metadata: maybe(text),
  resource: maybe(text),
  orderKey: maybe(text),
  deliverAtMs: maybe(whole),
  data: bytes,
  test: fc.boolean(),
  requestedDestinationId: maybe(text),
  destinations: fc.array(
    fc.record({ id: text, claimed: fc.boolean(), order: fc.constantFrom(...ORDERS) }),
    { maxLength: 4 },
  ),
});

const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.constant<Verdict>({ status: 'delivered' }),
  fc.boolean().map((holds): Verdict => ({ status: 'failed', holds })),
  whole.map((nextAttemptAtMs): Verdict => ({ status: 'pending', nextAttemptAtMs })),
);

const milliseconds = fc.double({ min: 0, max: 1e9, noNaN: true });

const attempt: fc.Arbitrary<AttemptRecord> = fc.record({
  delivery: fc.record({ seq: whole, ordinal: fc.nat() }),
  number: fc.nat(),
  kind: fc.constantFrom(...ATTEMPT_KINDS),
  step: fc.nat(),
  verdict,
  startedAtMs: whole,
  reason: maybe(fc.constantFrom(...FAILURE_REASONS)),
  detail: maybe(text),
  timings: fc.record({
    dnsMs: maybe(milliseconds),
    connectMs: maybe(milliseconds),
    tlsMs: maybe(milliseconds),
    firstByteMs: maybe(milliseconds),
    totalMs: milliseconds,
  }),
  request: fc.record({
    shape: fc.oneof(fc.record({ url: text, headers: text, payload: text }), fc.constant(SHAPE)),
    headers: text,
  }),
  response: maybe(
    fc.record({ status: fc.nat(999), headers: text, body: bytes, truncated: fc.boolean() }),
  ),
});

const claimed: fc.Arbitrary<ClaimedDelivery> = whole.chain((seq) =>
  fc.record({
    key: fc.record({ seq: fc.constant(seq), ordinal: fc.nat() }),
    attempts: fc.nat(),
    step: fc.nat(),
    askedBy: fc.constantFrom(...ASKED_BY),
    orderKey: maybe(text),
    event: fc.record({
      seq: fc.constant(seq),
      id: text,
      topic: text,
      timeMs: fc.maxSafeInteger(),
      eligibleForRetry: fc.boolean(),
      metadata: maybe(text),
      resource: maybe(text),
      data: bytes,
      test: fc.boolean(),
      deliverAtMs: maybe(whole),
    }),
  }),
);

const lane: fc.Arbitrary<ClaimedLane> = fc.record({
  tenantId: text,
  destinationId: text,
  nextDueAtMs: maybe(whole),
  hasFollowers: fc.boolean(),
  isPartial: fc.boolean(),
  deliveries: fc.array(claimed, { maxLength: 4 }),
});

/** As a message goes from one thread to another. */
function sent(flat: Flat): Flat {
  return structuredClone(flat, { transfer: transferOf(flat) });
}

describe('a flat message', () => {
  it('brings events', () => {
    fc.assert(
      fc.property(fc.array(event), (events) => {
        expect(unflattenEvents(sent(flattenEvents(events)))).toEqual(events);
      }),
    );
  });

  it('brings attempts', () => {
    fc.assert(
      fc.property(fc.array(attempt), (attempts) => {
        expect(unflattenAttempts(sent(flattenAttempts(attempts)))).toEqual(attempts);
      }),
    );
  });

  it('brings claimed lanes', () => {
    fc.assert(
      fc.property(fc.array(lane), (lanes) => {
        expect(unflattenLanes(sent(flattenLanes(lanes)))).toEqual(lanes);
      }),
    );
  });

  it('leaves the bytes that it was made of with their owner', () => {
    const buffer = new Uint8Array(100).fill(7);
    const [given] = fc.sample(event, 1);
    if (given === undefined) throw new Error('no sample');
    const flat = sent(flattenEvents([{ ...given, data: buffer.subarray(10, 20) }]));
    expect(flat.bytes.byteLength).toBe(10);
    expect(buffer).toEqual(new Uint8Array(100).fill(7));
  });

  it('is refused where it is shorter than it says, or holds nothing where something has to be', () => {
    const flat = flattenEvents([]);
    for (const unflatten of [unflattenEvents, unflattenAttempts, unflattenLanes]) {
      expect(() => unflatten({ ...flat, numbers: Float64Array.of(1) })).toThrow(RangeError);
      expect(() => unflatten({ ...flat, numbers: Float64Array.of(1, NaN) })).toThrow(TypeError);
    }
  });
});
