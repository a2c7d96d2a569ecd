/** Ordered destinations, with receivers that fail and processes that die: in which order the receiver gets things. */
import { describe, expect, test } from 'vitest';

import { cancelDelivery } from '../../src/engine/cancel.ts';
import { changeDestination } from '../../src/engine/manage-destinations.ts';
import { SeededRandom } from '../support/simulated-random.ts';
import type { Behaviour, ReceivedRequest, Receiver } from '../support/simulated-receivers.ts';
import { Stage } from './stage.ts';

const RETRY = { delays_s: [0.2, 0.5, 1], jitter: 0.1 };
const OK = { kind: 'ok', latencyMs: 20 } as const;
const FAILING: readonly Behaviour[] = [
  { kind: 'status', latencyMs: 30, status: 500 },
  { kind: 'status', latencyMs: 10, status: 404 },
  { kind: 'refusing', latencyMs: 5 },
  { kind: 'hanging' },
];
const SEEDS = Array.from({ length: 150 }, (_, index) => index + 1);

async function restart({ world }: Stage): Promise<void> {
  world.crash();
  world.boot();
  await world.clock.advanceUntil(() => world.process !== null, 10_000);
}

async function drained(stage: Stage): Promise<void> {
  await stage.world.clock.advanceUntil(() => stage.world.ledger.pendingCount === 0, 3_600_000);
  expect(stage.world.ledger.pendingCount).toBe(0);
}

describe('order: key', () => {
  /** Random publishes of a few keys, with trouble. */
  async function scene(seed: number, limits = {}): Promise<[Stage, Receiver]> {
    const random = new SeededRandom(seed);
    const stage = new Stage({ seed, ...limits });
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: OK,
      policy: { order: 'key', retry: RETRY, timeout_ms: 300 },
    });
    for (let step = 0; step < 60; step++) {
      stage.publish('t', random.int(1, 4), null, { key: `key${random.int(1, 4)}` });
      if (random.chance(0.1)) stage.publish('t', 2);
      if (random.chance(0.25)) stage.world.behave('r', random.pick(FAILING));
      else if (random.chance(0.5)) stage.world.behave('r', OK);
      await stage.world.pass(random.between(0, 200));
      if (random.chance(0.05)) await restart(stage);
    }
    stage.world.behave('r', OK);
    await drained(stage);
    return [stage, receiver];
  }

  test.each(SEEDS)('one after the other, over failures and restarts (seed %i)', async (seed) => {
    const [stage, receiver] = await scene(seed);
    expect(disorder(stage, receiver)).toEqual([]);
    expect(await stage.end()).toEqual([]);
  });

  test.each(SEEDS.slice(0, 50))(
    'also where hardly anything fits into memory (seed %i)',
    async (seed) => {
      const [stage, receiver] = await scene(seed, { maxInFlight: 4, maxInMemory: 5 });
      expect(disorder(stage, receiver)).toEqual([]);
      expect(await stage.end()).toEqual([]);
    },
  );

  test('a key is let go of only by the delivery that has it', async () => {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: { kind: 'ok', latencyMs: 200 },
      policy: { order: 'key' },
    });
    const { engine } = stage.process;
    const change = (disabledAtMs: number | null) =>
      stage.during(changeDestination(engine, { tenantId: 't', id: 'r' }, { disabledAtMs }));
    stage.publish('t', 4, null, { key: 'k' });
    await stage.world.pass(50);
    // The first is under way; the second leaves the memory without its turn, and then all others do.
    const { row } = stage.delivery(receiver, 2);
    stage.delivery(receiver, 2).wasCanceledByHand = true;
    const key = { seq: row.seq, ordinal: row.ordinal };
    const second = await stage.during(engine.storage.deliveryGet({ delivery: key }));
    if (second === null) throw new Error('there is no second delivery');
    await stage.during(cancelDelivery(engine, second, null));
    await stage.world.pass(10);
    expect(receiver.requests).toHaveLength(1);
    await change(stage.world.clock.nowMs());
    await change(null);
    stage.publish('t', 5, null, { key: 'k' });
    await stage.world.pass(10);
    await drained(stage);
    expect(receiver.requests).toHaveLength(6);
    expect(disorder(stage, receiver)).toEqual([]);
    expect(await stage.end()).toEqual([]);
  });

  test('a blocked key holds back only itself', async () => {
    const stage = new Stage();
    await stage.begin();
    const policy = { order: 'key', retry: { delays_s: [60] } } as const;
    const receiver = await stage.destination({ tenantId: 't', name: 'r', behaviour: OK, policy });
    stage.world.behave('r', { kind: 'status', latencyMs: 5, status: 500 });
    stage.publish('t', 1, null, { key: 'a' });
    await stage.world.pass(100);
    stage.world.behave('r', OK);
    stage.publish('t', 3, null, { key: 'a' });
    stage.publish('t', 3, null, { key: 'b' });
    stage.publish('t', 3);
    await stage.world.pass(1000);
    expect(keysOf(stage, receiver)).toEqual(
      ['a', ...['b', 'b', 'b', '', '', ''].toSorted()].toSorted(),
    );
    await stage.world.pass(70_000);
    expect(receiver.requests.length).toBe(11);
    expect(disorder(stage, receiver)).toEqual([]);
    expect(await stage.end()).toEqual([]);
  });

  test.each([
    ['skip', 3],
    ['hold', 1],
  ] as const)('on final failure: %s', async (order_on_failure, expected) => {
    const stage = new Stage();
    await stage.begin();
    const policy = { order: 'key', order_on_failure, retry: { delays_s: [] } } as const;
    const receiver = await stage.destination({ tenantId: 't', name: 'r', behaviour: OK, policy });
    stage.world.behave('r', { kind: 'status', latencyMs: 5, status: 500 });
    stage.publish('t', 1, null, { key: 'a' });
    const [first] = await deliveries(stage, 1);
    await stage.world.pass(100);
    stage.world.behave('r', OK);
    stage.publish('t', 2, null, { key: 'a' });
    await stage.world.pass(10_000);
    expect(receiver.requests.length).toBe(expected);
    // Held ones go when somebody lets go of what holds them, also in another process.
    await restart(stage);
    await stage.world.pass(1000);
    expect(receiver.requests.length).toBe(expected);
    if (order_on_failure === 'hold' && first !== undefined) {
      const { storage, dispatcher } = stage.process.engine;
      const nowMs = stage.process.engine.clock.nowMs();
      await stage.during(storage.cancel({ delivery: { seq: first.row.seq, ordinal: 0 }, nowMs }));
      dispatcher.noteDue('t', 'r', 0);
      await stage.world.pass(1000);
      expect(receiver.requests.length).toBe(3);
    }
    expect(await stage.end()).toEqual([]);
  });
});

describe('order: latest', () => {
  test.each(SEEDS.slice(0, 60))('no version comes after a newer one (seed %i)', async (seed) => {
    const random = new SeededRandom(seed);
    const stage = new Stage({ seed });
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: OK,
      policy: { order: 'latest', retry: RETRY, timeout_ms: 300, concurrency: 1 },
    });
    const versions = new Map<string, number>();
    for (let step = 0; step < 50; step++) {
      const urn = `urn:${random.int(1, 3)}`;
      const version = (versions.get(urn) ?? 0) + 1;
      versions.set(urn, version);
      stage.publish('t', 1, null, { resource: { urn, vector_clock: { a: version } } });
      if (random.chance(0.2)) stage.world.behave('r', random.pick(FAILING));
      else if (random.chance(0.5)) stage.world.behave('r', OK);
      await stage.world.pass(random.between(0, 100));
      if (random.chance(0.04)) await restart(stage);
    }
    stage.world.behave('r', OK);
    await drained(stage);
    const last = new Map<string, number>();
    for (const { publication } of arrivals(stage, receiver)) {
      const { urn = '', vector_clock: clock } = publication.resource ?? {};
      const version = clock?.['a'] ?? 0;
      expect(version).toBeGreaterThanOrEqual(last.get(urn) ?? 0);
      last.set(urn, version);
    }
    // The newest of each is not lost, unless it failed for good.
    for (const [urn, version] of versions) {
      const newest = [...stage.world.ledger.deliveries.values()].find(
        ({
          event: {
            publication: { resource },
          },
        }) => resource?.urn === urn && resource.vector_clock?.['a'] === version,
      );
      expect(newest?.row.status === 'canceled').toBe(false);
    }
    expect(await stage.end()).toEqual([]);
  });

  test('what waits is superseded; what is older than what waits too; concurrent versions both go', async () => {
    const stage = new Stage();
    await stage.begin();
    const policy = { order: 'latest', retry: { delays_s: [60] } } as const;
    const receiver = await stage.destination({ tenantId: 't', name: 'r', behaviour: OK, policy });
    stage.world.behave('r', { kind: 'status', latencyMs: 5, status: 500 });
    const version = (clock: Record<string, number>) => ({
      resource: { urn: 'urn:x', vector_clock: clock },
    });
    stage.publish('t', 1, null, version({ a: 1 }));
    await stage.world.pass(100);
    stage.world.behave('r', OK);
    stage.publish('t', 1, null, version({ a: 1, b: 1 }));
    await stage.world.pass(100);
    const [first, second] = await deliveries(stage, 2);
    expect([first?.row.status, second?.row.status]).toEqual(['canceled', 'delivered']);

    stage.world.behave('r', { kind: 'status', latencyMs: 5, status: 500 });
    stage.publish('t', 1, null, version({ a: 5 }));
    await stage.world.pass(100);
    stage.publish('t', 1, null, version({ a: 4 }));
    stage.publish('t', 1, null, version({ b: 9 }));
    await stage.world.pass(100);
    const [, , , older, concurrent] = await deliveries(stage, 5);
    expect([older?.row.status, concurrent?.row.status]).toEqual(['canceled', 'pending']);
    stage.world.behave('r', OK);
    await drained(stage);
    expect(receiver.requests.length).toBe(6);
    expect(await stage.end()).toEqual([]);
  });
});

async function deliveries(stage: Stage, count: number) {
  await stage.world.clock.advanceUntil(() => stage.world.ledger.deliveries.size >= count, 10_000);
  return [...stage.world.ledger.deliveries.values()].sort((a, b) => a.row.seq - b.row.seq);
}

function arrivals(stage: Stage, receiver: Receiver) {
  return receiver.requests.map((request: ReceivedRequest) => {
    const event = stage.world.ledger.event(request.tenantId, request.eventId);
    if (event === undefined) throw new Error(`event ${request.eventId} is not known`);
    return event;
  });
}

function keysOf(stage: Stage, receiver: Receiver): string[] {
  return arrivals(stage, receiver)
    .map(({ publication }) => publication.key ?? '')
    .toSorted();
}

/** Requests of a key that came before something earlier of that key was done with. */
function disorder(stage: Stage, receiver: Receiver): string[] {
  const latest = new Map<string, { seq: number; endedMs: number }>();
  const found: string[] = [];
  receiver.requests.forEach((request, index) => {
    const event = arrivals(stage, receiver)[index];
    const key = event?.publication.key;
    if (event === undefined || key === undefined) return;
    const before = latest.get(key);
    if (before !== undefined && before.seq > event.seq)
      found.push(`n=${event.publication.n} of ${key} came after a later one`);
    if (before !== undefined && before.seq < event.seq && before.endedMs > request.startedMs)
      found.push(`n=${event.publication.n} of ${key} came while an earlier one was under way`);
    latest.set(key, { seq: event.seq, endedMs: request.endedMs ?? Infinity });
  });
  return found;
}
