/** A storage that refuses, and comes back. */
import { expect, test } from 'vitest';

import { Stage } from './stage.ts';

const QUICK = { kind: 'ok', latencyMs: 20 } as const;

test('while outcomes cannot be written no attempt starts; what ended is written on return', async () => {
  const stage = new Stage();
  const { world } = stage;
  await stage.begin();
  const receiver = await stage.destination({
    tenantId: 't',
    name: 'r',
    behaviour: QUICK,
    policy: { concurrency: 4 },
  });
  stage.publish('t', 50);
  await world.pass(30);
  world.disturb((medium) => {
    medium.isAway = true;
  }, 60_000);
  // The first refusal comes with the first outcome.
  await world.clock.advanceUntil(
    () => world.findings.lines.some((line) => line.includes('record failed')),
    1000,
  );
  await world.pass(100);
  const before = receiver.requests.length;
  const held = [...world.ledger.deliveries.values()].filter(
    ({ unrecorded }) => unrecorded.length > 0,
  );
  expect(held.length).toBeGreaterThan(0);
  expect(receiver.underWay).toBe(0);
  await world.pass(50_000);
  expect(receiver.requests.length).toBe(before);
  expect(world.ledger.pendingCount).toBeGreaterThan(0);
  await world.pass(12_000);
  expect(world.ledger.pendingCount).toBe(0);
  // None was sent twice.
  expect(receiver.requests.length).toBe(50);
  expect(held.every(({ row }) => row.status === 'delivered')).toBe(true);
  expect(await stage.end()).toEqual([]);
});

test('a publish that the storage refuses is refused, and nothing of it is sent', async () => {
  const stage = new Stage();
  const { world } = stage;
  await stage.begin();
  const receiver = await stage.destination({ tenantId: 't', name: 'r', behaviour: QUICK });
  world.disturb((medium) => {
    medium.isAway = true;
  }, 1000);
  stage.publish('t', 10);
  await world.pass(500);
  expect(world.callers.calls.map(({ result }) => result instanceof Error && result.name)).toEqual(
    Array.from({ length: 10 }, () => 'StorageUnavailableError'),
  );
  await world.pass(10_000);
  expect(receiver.requests).toEqual([]);
  expect(stage.process.engine.dispatcher.inMemory).toBe(0);
  expect(await stage.end()).toEqual([]);
});

test('places that refused publishes had taken are given to what waits in the storage', async () => {
  const stage = new Stage({ maxInMemory: 4 });
  const { world } = stage;
  await stage.begin();
  const failing = { kind: 'status', latencyMs: 1, status: 500 } as const;
  const policy = { retry: { delays_s: [1], jitter: 0 } };
  const receiver = await stage.destination({
    tenantId: 't',
    name: 'r',
    behaviour: failing,
    policy,
  });
  const other = await stage.destination({ tenantId: 'u', name: 's', behaviour: QUICK });
  stage.publish('t');
  await world.pass(1000);
  expect(receiver.requests.length).toBe(1);
  // Its retry comes due while the others’ places are taken by publishes that are refused a little later.
  world.disturb((medium) => {
    Object.assign(medium, { isAway: true, minLatencyMs: 100, maxLatencyMs: 100 });
  }, 99);
  stage.publish('u', 4);
  await world.pass(20_000);
  expect(
    other.requests.length +
      world.callers.calls.filter(({ result }) => result instanceof Error).length,
  ).toBe(4);
  expect(receiver.requests.length).toBe(2);
  expect(await stage.end()).toEqual([]);
});

test('an outcome that is refused for itself is dropped, and the rest goes on', async () => {
  const stage = new Stage();
  const { world } = stage;
  await stage.begin();
  const receiver = await stage.destination({ tenantId: 't', name: 'r', behaviour: QUICK });
  stage.publish('t');
  await world.pass(15);
  world.disturb((medium) => {
    medium.isAway = true;
  }, 400);
  await world.pass(400);
  world.disturb((medium) => {
    medium.faults = 1;
  }, 5000);
  await world.pass(6000);
  expect(world.findings.lines.filter((line) => line.includes('dropped')).length).toBe(1);
  stage.publish('t', 5);
  await world.pass(1000);
  expect(receiver.requests.length).toBe(6);
  // The one whose outcome was dropped is attempted again after the next start.
  world.crash();
  await stage.begin();
  await world.pass(1000);
  expect(world.ledger.pendingCount).toBe(0);
  expect(receiver.requests.length).toBe(7);
  await world.close();
});
