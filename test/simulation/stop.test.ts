/** The end of a process in good order, and what the next one finds. */
import { describe, expect, test } from 'vitest';

import { Stage } from './stage.ts';

const SLOW = { kind: 'ok', latencyMs: 1000 } as const;
const POLICY = { concurrency: 2, timeout_ms: 5000 };

async function stopAndRestart(stage: Stage, graceMs: number): Promise<number> {
  const { world } = stage;
  const beganMs = world.clock.monotonicMs();
  world.stop(graceMs);
  if (!(await world.clock.advanceUntil(() => !world.isRunning, 60_000)))
    throw new Error('it does not stop');
  const tookMs = world.clock.monotonicMs() - beganMs;
  await stage.begin();
  return tookMs;
}

describe('a stop', () => {
  test('waits for what is under way, records it, and begins nothing more', async () => {
    const stage = new Stage();
    const { world } = stage;
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: SLOW,
      policy: POLICY,
    });
    stage.publish('t', 6);
    await world.pass(500);
    const tookMs = await stopAndRestart(stage, 10_000);
    expect(tookMs).toBeGreaterThan(400);
    expect(tookMs).toBeLessThan(600);
    await world.pass(10_000);
    expect(world.ledger.pendingCount).toBe(0);
    // Each once: the two under way were recorded, the four others are the next process's.
    expect(receiver.requests.length).toBe(6);
    expect(await stage.end()).toEqual([]);
  });

  test('gives up what is under way when the grace is over: it is attempted again', async () => {
    const stage = new Stage();
    const { world } = stage;
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: SLOW,
      policy: POLICY,
    });
    stage.publish('t', 6);
    await world.pass(500);
    const tookMs = await stopAndRestart(stage, 200);
    expect(tookMs).toBeLessThan(250);
    await world.pass(10_000);
    expect(world.ledger.pendingCount).toBe(0);
    expect(receiver.requests.length).toBe(8);
    expect(await stage.end()).toEqual([]);
  });

  test('answers every publish that was called before', async () => {
    const stage = new Stage();
    const { world } = stage;
    await stage.begin();
    await stage.destination({ tenantId: 't', name: 'r', behaviour: SLOW });
    // While the destinations change, publishes are matched twice.
    const { engine } = stage.process;
    const deleted = engine.storage.destinationDelete({ tenantId: 't', id: 'r' });
    stage.publish('t', 30);
    world.stop(1000);
    await world.clock.advanceUntil(() => !world.isRunning, 60_000);
    expect(await deleted).toBe('deleted');
    expect(
      world.callers.calls.map(
        ({ result }) => result !== null && !(result instanceof Error) && result.kind,
      ),
    ).toEqual(Array.from({ length: 30 }, () => 'accepted'));
    expect(await stage.end()).toEqual([]);
  });

  test('of an idle process takes no time', async () => {
    const stage = new Stage();
    await stage.begin();
    await stage.world.pass(5000);
    expect(await stopAndRestart(stage, 10_000)).toBeLessThan(5);
    expect(await stage.end()).toEqual([]);
  });
});

describe('a crash', () => {
  test('repeats at most what was under way', async () => {
    const stage = new Stage();
    const { world } = stage;
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: SLOW,
      policy: POLICY,
    });
    stage.publish('t', 6);
    await world.pass(500);
    world.crash();
    await stage.begin();
    await world.pass(10_000);
    expect(world.ledger.pendingCount).toBe(0);
    expect(receiver.requests.length).toBe(8);
    expect(await stage.end()).toEqual([]);
  });

  test('that comes between a commit and its answer loses nothing', async () => {
    const stage = new Stage();
    const { world } = stage;
    await stage.begin();
    const receiver = await stage.destination({ tenantId: 't', name: 'r', behaviour: SLOW });
    stage.publish('t');
    // The commit is there, its answer on the way.
    await world.clock.advanceUntil(() => world.ledger.deliveries.size === 1, 1000);
    world.crash();
    expect(receiver.requests).toEqual([]);
    await stage.begin();
    await world.pass(5000);
    expect(receiver.requests.length).toBe(1);
    expect(await stage.end()).toEqual([]);
  });
});
