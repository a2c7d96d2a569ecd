/** First attempts and retries share a destination's turns, however many of either wait. On the injected clock. */
import { describe, expect, test } from 'vitest';

import type { DestinationPolicy } from '../../src/domain/destination.ts';
import { changeDestination } from '../../src/engine/manage-destinations.ts';
import type { Behaviour, ReceivedRequest, Receiver } from '../support/simulated-receivers.ts';
import { Stage } from './stage.ts';

const OK = { kind: 'ok', latencyMs: 5 } as const;
const FAILS = { kind: 'status', latencyMs: 5, status: 500 } as const;
/** A lane keeps 64 deliveries in memory where its concurrency is low, and looks for more when half of them are gone. */
const IN_MEMORY = 64;

describe('where more waits than a lane keeps in memory', () => {
  /** How many others went after the time at which a delivery was due, and before it. */
  function passedBy({ requests }: Receiver, dueMs: number, its: ReceivedRequest | undefined) {
    if (its === undefined) return Infinity;
    return requests.filter(({ no, startedMs }) => startedMs >= dueMs && no < its.no).length;
  }

  /** One that takes one at a time, 200 a second; a retry comes due while 10,000 first attempts that are older wait. */
  async function retryBehindThousands(policy: DestinationPolicy, crashes = false) {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: FAILS,
      policy: { concurrency: 1, retry: { delays_s: [4], jitter: 0 }, ...policy },
    });
    stage.publish('t');
    await stage.world.clock.advanceUntil(() => receiver.requests.length === 1, 1000);
    stage.world.behave('r', OK);
    for (let batch = 0; batch < 20; batch++) stage.publish('t', 500);
    await stage.world.pass(3500);
    if (crashes) {
      stage.world.crash();
      stage.world.boot();
    }
    await stage.world.pass(8000);
    const [first, retry] = stage.delivery(receiver, 1).requests;
    const dueMs = (first?.endedMs ?? NaN) + 4000;
    expect(stage.world.ledger.pendingCount).toBeGreaterThan(5000);
    const passed = passedBy(receiver, dueMs, retry);
    expect(await stage.end()).toEqual([]);
    return passed;
  }

  test('a retry waits for no more first attempts than those', async () => {
    expect(await retryBehindThousands({})).toBeLessThanOrEqual(IN_MEMORY);
  });

  test('nor behind a rate, or after a crash', async () => {
    // Of a low rate it keeps what it can send in four seconds.
    expect(await retryBehindThousands({ rate_per_minute: 240 })).toBeLessThanOrEqual(20);
    expect(await retryBehindThousands({}, true)).toBeLessThanOrEqual(IN_MEMORY);
  });

  const REFUSES = { kind: 'status', latencyMs: 1, status: 429 } as const;

  test.each<[string, Behaviour, DestinationPolicy, number]>([
    ['are delivered', OK, {}, IN_MEMORY],
    ['are refused again', { ...REFUSES, latencyMs: 5 }, {}, IN_MEMORY],
    ['go at a rate', OK, { rate_per_minute: 240 }, 20],
  ])(
    'a first attempt waits for no more than those of 5,000 retries that %s',
    async (_name, then, policy, most) => {
      const stage = new Stage();
      await stage.begin();
      const retry = { delays_s: [30, 3600], jitter: 0 };
      const receiver = await stage.destination({
        tenantId: 't',
        name: 'r',
        behaviour: REFUSES,
        policy: { retry },
      });
      for (let batch = 0; batch < 10; batch++) stage.publish('t', 500);
      await stage.world.clock.advanceUntil(() => receiver.requests.length === 5000, 20_000);
      const { engine } = stage.process;
      const change = { policy: { concurrency: 1, retry, ...policy } };
      await stage.during(changeDestination(engine, { tenantId: 't', id: 'r' }, change));
      stage.world.behave('r', then);
      // All are due by then.
      await stage.world.pass(35_000 - stage.world.clock.monotonicMs());
      expect(stage.world.ledger.pendingCount).toBeGreaterThan(3000);
      const publishedMs = stage.world.clock.monotonicMs();
      stage.publish('t');
      await stage.world.pass(8000);
      const [first] = stage.delivery(receiver).requests;
      expect(passedBy(receiver, publishedMs, first)).toBeLessThanOrEqual(most);
      expect(stage.world.ledger.pendingCount).toBeGreaterThan(1000);
      expect(await stage.end()).toEqual([]);
    },
  );

  test('both go on, four first attempts for each retry', async () => {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: REFUSES,
      policy: { concurrency: 4, retry: { delays_s: [5], jitter: 0 } },
    });
    for (let batch = 0; batch < 4; batch++) stage.publish('t', 500);
    await stage.world.clock.advanceUntil(() => receiver.requests.length === 2000, 20_000);
    stage.world.behave('r', OK);
    for (let batch = 0; batch < 20; batch++) stage.publish('t', 500);
    await stage.world.pass(7000);
    const firstNo = receiver.requests.length;
    await stage.world.pass(1000);
    const sent = receiver.requests.slice(firstNo);
    const seen = new Set(receiver.requests.slice(0, firstNo).map(({ eventId }) => eventId));
    const retries = sent.filter(({ eventId }) => seen.has(eventId)).length;
    expect(sent.length).toBeGreaterThan(400);
    expect(retries / sent.length).toBeGreaterThan(0.15);
    expect(retries / sent.length).toBeLessThan(0.25);
    expect(await stage.end()).toEqual([]);
  });
});
