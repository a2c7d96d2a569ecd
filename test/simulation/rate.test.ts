/** A destination's rate: never more than it, hardly less. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { Rate } from '../../src/engine/rate.ts';
import type { DestinationPolicy } from '../../src/domain/destination.ts';
import { changeDestination } from '../../src/engine/manage-destinations.ts';
import type { Behaviour, Receiver } from '../support/simulated-receivers.ts';
import { Stage } from './stage.ts';

const MINUTE = 60_000;

/** The most that came within any minute. */
function mostInAMinute(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  times.forEach((time, last) => {
    while (time - (times[first] ?? 0) >= MINUTE) first++;
    most = Math.max(most, last - first + 1);
  });
  return most;
}

describe('a rate', () => {
  const perMinute = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 20_000 }));

  it('is kept in every minute, whenever attempts are asked for', () => {
    fc.assert(
      fc.property(
        perMinute,
        fc.array(fc.tuple(fc.integer({ min: 0, max: 90_000 }), fc.integer({ min: 1, max: 300 })), {
          maxLength: 30,
        }),
        (n, bursts) => {
          const rate = new Rate(n);
          let nowMs = 1_700_000_000_000;
          const starts: number[] = [];
          for (const [pauseMs, count] of bursts) {
            nowMs += pauseMs;
            for (let index = 0; index < count; index++) {
              nowMs = rate.mayStartAtMs(0, nowMs);
              rate.attemptStarted(nowMs);
              starts.push(nowMs);
            }
          }
          expect(mostInAMinute(starts)).toBeLessThanOrEqual(n);
        },
      ),
    );
  });

  it.each([1, 2, 30, 59, 60, 61, 100, 600, 6000, 60_000])(
    'of %i a minute is used to 95 %% while work waits',
    (n) => {
      const rate = new Rate(n);
      let nowMs = 0;
      let count = 0;
      while (nowMs < 100 * MINUTE && count < 500_000) {
        nowMs = rate.mayStartAtMs(0, nowMs);
        rate.attemptStarted(nowMs);
        count++;
      }
      expect(count / (nowMs / MINUTE)).toBeGreaterThanOrEqual(0.95 * n);
    },
  );

  it('may be changed, and forgets nothing by that', () => {
    const rate = new Rate(1);
    rate.attemptStarted(0);
    rate.setPerMinute(null);
    expect(rate.mayStartAtMs(0, 1)).toBe(1);
    rate.setPerMinute(1);
    expect(rate.mayStartAtMs(0, 1)).toBeGreaterThan(MINUTE / 2);
  });

  it('does not wait longer because the clock was set back', () => {
    const rate = new Rate(60);
    rate.attemptStarted(10 * MINUTE);
    expect(rate.mayStartAtMs(0, 0)).toBeLessThanOrEqual(2000);
  });
});

describe('a destination with a rate', () => {
  test('is not held up by a clock that is set back', async () => {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: { kind: 'ok', latencyMs: 5 },
      policy: { rate_per_minute: 60 },
    });
    stage.publish('t', 10);
    await stage.world.pass(500);
    expect(receiver.requests).toHaveLength(1);
    stage.world.clock.jump(-60 * MINUTE);
    stage.world.watch.jumped(-60 * MINUTE);
    await stage.world.pass(12_000);
    expect(receiver.requests).toHaveLength(10);
    expect(await stage.end()).toEqual([]);
  });

  test.each([30, 120, 600])('gets %i a minute, and all that it is owed', async (perMinute) => {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: { kind: 'ok', latencyMs: 5 },
      policy: { rate_per_minute: perMinute },
    });
    stage.publish('t', perMinute * 3);
    await stage.world.pass(2 * MINUTE);
    const times = receiver.requests.map(({ startedMs }) => startedMs);
    expect(mostInAMinute(times)).toBeLessThanOrEqual(perMinute);
    expect(times.length).toBeGreaterThanOrEqual(0.95 * 2 * perMinute);
    await stage.world.clock.advanceUntil(() => stage.world.ledger.pendingCount === 0, 5 * MINUTE);
    expect(receiver.requests.length).toBe(perMinute * 3);
    expect(await stage.end()).toEqual([]);
  });
});

describe('a rate that counts first attempts alone', () => {
  const FAILING: Behaviour = { kind: 'status', latencyMs: 5, status: 400 };

  async function stageWith(policy: DestinationPolicy, behaviour: Behaviour) {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour,
      policy: { rate_counts: 'first_attempts', ...policy },
    });
    return [stage, receiver] as const;
  }

  /** When each event came, by the order of their first attempts. */
  function arrivals({ requests }: Receiver): number[][] {
    const times = new Map<string, number[]>();
    for (const { eventId, startedMs } of requests)
      times.set(eventId, [...(times.get(eventId) ?? []), startedMs]);
    return [...times.values()];
  }

  test.each<DestinationPolicy>([{}, { concurrency: 1 }])(
    'holds no retry back, while more first attempts wait than there is room for: %j',
    async (policy) => {
      const retry = { delays_s: [1, 5], jitter: 0 };
      const [stage, receiver] = await stageWith({ rate_per_minute: 6, retry, ...policy }, FAILING);
      stage.publish('t', 150);
      await stage.world.pass(5 * MINUTE);
      const came = arrivals(receiver);
      const firsts = came.map(([first]) => first ?? 0);
      expect(mostInAMinute(firsts)).toBeLessThanOrEqual(6);
      expect(firsts.length).toBeGreaterThanOrEqual(0.95 * 5 * 6);
      expect(mostInAMinute(receiver.requests.map(({ startedMs }) => startedMs))).toBeGreaterThan(
        15,
      );
      // But for those at the end, whose retries are still to come.
      for (const [first = 0, second = 0, third = 0] of came.slice(0, -1)) {
        expect(second - first).toBeGreaterThanOrEqual(1000);
        expect(second - first).toBeLessThan(1200);
        expect(third - second).toBeGreaterThanOrEqual(5000);
        expect(third - second).toBeLessThan(5200);
      }
      stage.world.behave('r', { kind: 'ok', latencyMs: 5 });
      await stage.world.clock.advanceUntil(
        () => stage.world.ledger.pendingCount === 0,
        60 * MINUTE,
      );
      expect(arrivals(receiver)).toHaveLength(150);
      expect(await stage.end()).toEqual([]);
    },
  );

  test('finds them behind thousands of others, also after a restart', async () => {
    const retry = { delays_s: [90, 60], jitter: 0 };
    const [stage, receiver] = await stageWith({ rate_per_minute: 1, retry }, FAILING);
    stage.publish('t', 1);
    await stage.world.pass(1000);
    for (let batch = 0; batch < 25; batch++) stage.publish('t', 100);
    await stage.world.pass(2000);
    stage.world.crash();
    stage.world.boot();
    await stage.world.pass(4 * MINUTE);
    const [first = 0, second = 0, third = 0] = arrivals(receiver)[0] ?? [];
    expect(second - first).toBeGreaterThanOrEqual(90_000);
    expect(second - first).toBeLessThan(91_000);
    expect(third - second).toBeLessThan(61_000);
    expect(arrivals(receiver).length).toBeLessThanOrEqual(6);
    stage.world.behave('r', { kind: 'ok', latencyMs: 5 });
    const { engine } = stage.process;
    const key = { tenantId: 't', id: 'r' };
    await stage.during(changeDestination(engine, key, { policy: { rate_per_minute: null } }));
    await stage.world.clock.advanceUntil(() => stage.world.ledger.pendingCount === 0, 10 * MINUTE);
    expect(arrivals(receiver)).toHaveLength(2501);
    expect(await stage.end()).toEqual([]);
  });

  test('counts again when it counts all attempts', async () => {
    const retry = { delays_s: [1, 1, 1, 1, 1], jitter: 0 };
    const [stage, receiver] = await stageWith({ rate_per_minute: 2, retry }, FAILING);
    const key = { tenantId: 't', id: 'r' };
    const { engine } = stage.process;
    stage.publish('t', 1);
    await stage.world.pass(2500);
    expect(receiver.requests).toHaveLength(3);
    // As its profile has it.
    await stage.during(changeDestination(engine, key, { policy: { rate_counts: null } }));
    // The first attempt used it up for half a minute.
    await stage.world.pass(20_000);
    expect(receiver.requests).toHaveLength(3);
    const spared = { policy: { rate_counts: 'first_attempts' } } as const;
    await stage.during(changeDestination(engine, key, spared));
    await stage.world.pass(5000);
    expect(receiver.requests).toHaveLength(6);
    expect(await stage.end()).toEqual([]);
  });

  test('lets no retry past what its order has before it', async () => {
    const retry = { delays_s: [1], jitter: 0 };
    const policy: DestinationPolicy = { rate_per_minute: 60, order: 'key', retry };
    const [stage, receiver] = await stageWith(policy, FAILING);
    stage.publish('t', 20, null, { key: 'k' });
    await stage.world.pass(3 * MINUTE);
    expect(receiver.requests.length).toBe(40);
    expect(await stage.end()).toEqual([]);
  });
});
