/** Places that lanes share: those of a tenant, and those of a receiving origin. */
import { describe, expect, test } from 'vitest';

import type { TenantLimits } from '../../src/domain/tenant.ts';
import { changeDestination } from '../../src/engine/manage-destinations.ts';
import { SeededRandom } from '../support/simulated-random.ts';
import type { Behaviour, ReceivedRequest, Receiver } from '../support/simulated-receivers.ts';
import { Stage } from './stage.ts';

const QUICK = { kind: 'ok', latencyMs: 20 } as const;
const HANGING = { kind: 'hanging' } as const;
const RETRY = { delays_s: [0.5, 1], jitter: 0.1 };
const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);

/** The most of these requests that were under way at the same time. */
function mostAtOnce(requests: readonly ReceivedRequest[]): number {
  const steps = requests.flatMap(({ startedMs, endedMs }) => [
    { atMs: startedMs, by: 1 },
    { atMs: endedMs ?? Infinity, by: -1 },
  ]);
  // What ends makes room for what begins at the same moment.
  steps.sort((one, other) => one.atMs - other.atMs || one.by - other.by);
  let underWay = 0;
  return steps.reduce((most, { by }) => Math.max(most, (underWay += by)), 0);
}

async function limit(stage: Stage, tenantId: string, limits: TenantLimits): Promise<void> {
  const { storage, routing } = stage.process.engine;
  await stage.during(storage.tenantUpsert({ id: tenantId, metadata: {}, settings: { limits } }));
  await stage.during(routing.refresh(tenantId));
}

async function drained(stage: Stage): Promise<void> {
  const { clock, callers, ledger } = stage.world;
  await clock.advanceUntil(() => callers.underWay === 0, 60_000);
  await clock.advanceUntil(() => ledger.pendingCount === 0, 600_000);
  expect(ledger.pendingCount).toBe(0);
}

describe('shared places', () => {
  test.each(SEEDS)(
    'are never too many, and nobody is forgotten in line (seed %i)',
    async (seed) => {
      const random = new SeededRandom(seed);
      const stage = new Stage({ seed, maxInMemory: 300, shared: { maxPerOrigin: 5 } });
      await stage.begin();
      const receivers: { tenantId: string; origin: string; receiver: Receiver }[] = [];
      for (const tenantId of ['a', 'b']) {
        for (let n = 0; n < 4; n++) {
          const origin = `origin${random.int(1, 3)}`;
          const receiver = await stage.destination({
            tenantId,
            name: `${tenantId}${n}`,
            origin,
            behaviour: QUICK,
            policy: {
              timeout_ms: 400,
              retry: RETRY,
              ...(random.chance(0.3) ? { rate_per_minute: 600 } : {}),
              ...(random.chance(0.3) ? { order: 'key' as const } : {}),
            },
          });
          receivers.push({ tenantId, origin, receiver });
        }
      }
      await limit(stage, 'a', { concurrency: 3 });
      await limit(stage, 'b', { concurrency_per_origin: 2 });
      const behaviours: Behaviour[] = [
        QUICK,
        HANGING,
        { kind: 'status', latencyMs: 30, status: 500 },
        { kind: 'flapping', latencyMs: 10, failures: 0.5 },
      ];
      for (let step = 0; step < 40; step++) {
        stage.publish('a', random.int(0, 6), null, { key: `k${random.int(1, 3)}` });
        stage.publish('b', random.int(0, 6));
        if (random.chance(0.2)) {
          const { receiver } = random.pick(receivers);
          stage.world.behave(receiver.name, random.pick(behaviours));
        }
        await stage.world.pass(random.between(0, 150));
      }
      for (const { receiver } of receivers) stage.world.behave(receiver.name, QUICK);
      await drained(stage);

      const requestsOf = (of: (each: (typeof receivers)[number]) => boolean) =>
        receivers.filter(of).flatMap(({ receiver }) => receiver.requests);
      expect(mostAtOnce(requestsOf(({ tenantId }) => tenantId === 'a'))).toBe(3);
      for (const origin of new Set(receivers.map((each) => each.origin))) {
        expect(mostAtOnce(requestsOf((each) => each.origin === origin))).toBeLessThanOrEqual(5);
        const ofB = requestsOf((each) => each.origin === origin && each.tenantId === 'b');
        expect(mostAtOnce(ofB)).toBeLessThanOrEqual(2);
      }
      expect(await stage.end()).toEqual([]);
    },
  );

  test('of a tenant are taken in turns by its destinations, and by them alone', async () => {
    const stage = new Stage({ shared: { maxPerTenant: 2 } });
    await stage.begin();
    const scene = { behaviour: QUICK, policy: { timeout_ms: 10_000 } };
    const own = [];
    for (const name of ['a1', 'a2', 'a3', 'a4'])
      own.push(await stage.destination({ tenantId: 'a', name, ...scene }));
    const other = await stage.destination({ tenantId: 'b', name: 'b1', ...scene });
    stage.publish('a', 50);
    await stage.world.pass(1010);
    const counts = own.map(({ requests }) => requests.length);
    expect(mostAtOnce(own.flatMap(({ requests }) => requests))).toBe(2);
    // A hundred in a second, two at a time of 20 ms each.
    expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThan(95);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
    const { dispatcher } = stage.process.engine;
    expect(dispatcher.waitsFor('a', 'a1')).toEqual({ for: 'concurrency', untilMs: null });
    stage.publish('b', 1);
    await stage.world.pass(5);
    expect(other.requests.length).toBe(1);
    await drained(stage);
    expect(await stage.end()).toEqual([]);
  });

  test('that become more, or are elsewhere, let those in line go on', async () => {
    const stage = new Stage({ shared: { maxPerTenant: 1, maxPerOrigin: 1 } });
    await stage.begin();
    const receivers = [];
    for (const tenantId of ['a', 'b']) {
      const behaviour = tenantId === 'a' ? HANGING : QUICK;
      const policy = { timeout_ms: 60_000, retry: { delays_s: [] } };
      const scene = { tenantId, name: tenantId, origin: 'one', behaviour, policy };
      receivers.push(await stage.destination(scene));
    }
    const [a, b] = receivers;
    stage.publish('a', 3);
    await stage.world.pass(100);
    stage.publish('b', 3);
    await stage.world.pass(1000);
    expect([a?.requests.length, b?.requests.length]).toEqual([1, 0]);
    // What is under way at the old origin does not count there any more.
    const moved = { config: { receiver: 'a', origin: 'two' } };
    await stage.during(changeDestination(stage.process.engine, { tenantId: 'a', id: 'a' }, moved));
    await stage.world.pass(1000);
    expect([a?.requests.length, b?.requests.length]).toEqual([1, 3]);
    await limit(stage, 'a', { concurrency: 2 });
    await stage.world.pass(1000);
    // The new origin has one place.
    expect(a?.requests.length).toBe(1);
    await stage.world.pass(200_000);
    expect(a?.requests.length).toBe(3);
    expect(await stage.end()).toEqual([]);
  });
});
