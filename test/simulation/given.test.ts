/** What a lane takes of the answers to its claims. */
import { expect, it } from 'vitest';

import { Given } from '../../src/engine/given.ts';
import type { ClaimedDelivery, ClaimedLane } from '../../src/storage/claiming.ts';

function delivery(seq: number, more: Partial<ClaimedDelivery> = {}): ClaimedDelivery {
  return {
    key: { seq, ordinal: 0 },
    orderKey: null,
    attempts: 0,
    step: 0,
    askedBy: 'schedule',
    isGiven: true,
    ...more,
    event: {
      seq,
      id: `${seq}`,
      topic: 'a',
      timeMs: seq,
      eligibleForRetry: true,
      metadata: null,
      resource: null,
      data: new Uint8Array(),
      test: false,
      deliverAtMs: null,
    },
  };
}

function answer(deliveries: readonly ClaimedDelivery[], upToSeq: number | null): ClaimedLane {
  return {
    tenantId: 't',
    destinationId: 'd',
    deliveries,
    nextDueAtMs: null,
    hasFollowers: false,
    isPartial: false,
    ...(upToSeq === null ? {} : { givenUpTo: { dueAtMs: upToSeq, seq: upToSeq } }),
  };
}

const seqs = (taken: readonly ClaimedDelivery[]) => taken.map(({ key: { seq } }) => seq);
const nothing = () => false;

it('a lane goes on from the last that it has taken, and stays there where a claim fails or gives none', () => {
  const given = new Given();
  expect(given.upTo).toBeNull();
  given.ask();
  given.take(answer([delivery(1), delivery(2)], 2), nothing);
  expect(given.upTo).toEqual({ dueAtMs: 2, seq: 2 });
  given.ask();
  given.ask();
  given.take(answer([delivery(7, { isGiven: false })], null), nothing);
  expect(given.upTo).toEqual({ dueAtMs: 2, seq: 2 });
});

it('of what was asked for again a lane takes nothing that it has, or had when it asked', () => {
  const given = new Given();
  given.left(4);
  given.ask();
  given.left(2);
  const askedBy = 'hand';
  const deliveries = [1, 2, 3, 4].map((seq) => delivery(seq, { askedBy }));
  const isHeld = (seq: number) => seq === 1;
  expect(seqs(given.take(answer(deliveries, 4), isHeld))).toEqual([3, 4]);
  given.left(3);
  given.ask();
  expect(seqs(given.take(answer([delivery(3, { askedBy })], 5), nothing))).toEqual([3]);
});

it('what was claimed is the lane’s, also where the same was in memory a moment before', () => {
  const given = new Given();
  given.ask();
  given.left(1);
  const claimed = delivery(1, { askedBy: 'hand', isGiven: false });
  expect(seqs(given.take(answer([claimed], null), () => true))).toEqual([1]);
});
