/** How many attempts a lane has under way, and whom it keeps waiting. */
import { describe, expect, test } from 'vitest';

import { deleteDestination } from '../../src/engine/delete-destination.ts';
import { SeededRandom } from '../support/simulated-random.ts';
import type { Behaviour, Receiver } from '../support/simulated-receivers.ts';
import { Stage, pauses as pausesOf } from './stage.ts';

/** More than a turn of the event loop takes in a simulated world. */
const TURN_MS = 0.5;
/** The engine learns of a commit when the storage’s answer has come, which takes half a millisecond. */
const ANSWER_MS = 0.5 + 1e-6;
const NO_RETRIES = { delays_s: [] };
const QUICK = { kind: 'ok', latencyMs: 20 } as const;
const HANGING = { kind: 'hanging' } as const;
const ONE_AT_A_TIME = { together: 1, everyMs: 10 };

/** The most requests that a receiver had at the same time within each piece of time. */
async function mostUnderWay(
  stage: Stage,
  receiver: Receiver,
  pieces: number,
  pieceMs: number,
): Promise<number[]> {
  const most: number[] = [];
  for (let piece = 0; piece < pieces; piece++) {
    let largest = 0;
    const endMs = stage.world.clock.monotonicMs() + pieceMs;
    while (stage.world.clock.monotonicMs() < endMs) {
      await stage.world.clock.advance(1);
      largest = Math.max(largest, receiver.underWay);
    }
    most.push(largest);
  }
  return most;
}

describe('the concurrency of a lane', () => {
  test('begins at 8 and doubles with each full round of successes, up to 128', async () => {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({ tenantId: 't', name: 'r', behaviour: QUICK });
    stage.publish('t', 3000);
    const most = await mostUnderWay(stage, receiver, 24, 20);
    expect(new Set(most)).toEqual(new Set([8, 16, 32, 64, 128]));
    expect(most.at(-1)).toBe(128);
    expect(await stage.end()).toEqual([]);
  });

  test('stays within the policy’s', async () => {
    const stage = new Stage();
    await stage.begin();
    const policy = { concurrency: 20 };
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: QUICK,
      policy,
    });
    stage.publish('t', 1000);
    const most = await mostUnderWay(stage, receiver, 30, 20);
    expect(Math.max(...most)).toBe(20);
    expect(await stage.end()).toEqual([]);
  });

  test('stays where it is while a receiver refuses what it is sent', async () => {
    const { stage, most } = await besideOf({ kind: 'status', latencyMs: 400, status: 404 });
    expect([most[0], most.at(-1)]).toEqual([8, 8]);
    expect(await stage.end()).toEqual([]);
  });

  test.each([
    ['time-outs', HANGING],
    ['5xx', { kind: 'status', latencyMs: 400, status: 503 } as const],
  ])('is halved down to 2 after %s', async (_name, behaviour) => {
    const { stage, most } = await besideOf(behaviour);
    expect(most.slice(0, 4)).toEqual([8, expect.any(Number), expect.any(Number), 2]);
    expect(await stage.end()).toEqual([]);
  });

  /** What a receiver that behaves so has under way, half a second after half a second. */
  async function besideOf(behaviour: Behaviour) {
    const stage = new Stage();
    await stage.begin();
    const policy = { timeout_ms: 500, retry: NO_RETRIES };
    const receiver = await stage.destination({ tenantId: 't', name: 'r', behaviour, policy });
    stage.publish('t', 200);
    return { stage, most: await mostUnderWay(stage, receiver, 12, 500) };
  }
});

describe('the breaker of a lane', () => {
  const policy = { timeout_ms: 500, retry: NO_RETRIES };

  test.each([
    ['time-outs', HANGING],
    ['5xx', { kind: 'status', latencyMs: 400, status: 503 } as const],
    ['refused connections', { kind: 'refusing', latencyMs: 400 } as const],
  ])('opens after 20 %s in a row, and lets one at a time through', async (_name, behaviour) => {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({ tenantId: 't', name: 'r', behaviour, policy });
    stage.publish('t', 200);
    await stage.world.clock.advanceUntil(() => waitOf(stage)?.for === 'breaker', 60_000);
    const before = receiver.requests.length;
    // Those that were under way when it opened are among them.
    expect(before).toBeGreaterThanOrEqual(20);
    expect(before).toBeLessThan(30);
    await stage.world.pass(10_000);
    const most = await mostUnderWay(stage, receiver, 20, 20_000);
    expect(Math.max(...most)).toBe(1);
    const pauses = pausesOf(receiver.requests.slice(before));
    // The longer it is down, the rarer the probes, down to one a minute; what waits costs no attempt.
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(60_000);
    expect(receiver.requests.length).toBeLessThan(before + 20);
    expect(await stage.end()).toEqual([]);
  });

  test('is open no longer because the clock was set back', async () => {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: { kind: 'refusing', latencyMs: 5 },
      policy: { retry: { delays_s: [3600], jitter: 0 } },
    });
    stage.publish('t', 40);
    await stage.world.pass(500);
    expect(stage.process.engine.dispatcher.waitsFor('t', 'r')).toMatchObject({ for: 'breaker' });
    stage.world.behave('r', { kind: 'ok', latencyMs: 5 });
    stage.world.clock.jump(-3_600_000);
    stage.world.watch.jumped(-3_600_000);
    stage.publish('t', 1);
    await stage.world.pass(4000);
    expect(stage.process.engine.dispatcher.waitsFor('t', 'r')).toBeNull();
    expect(
      receiver.requests.filter(({ outcome }) => outcome?.kind === 'delivered').length,
    ).toBeGreaterThan(0);
    expect(await stage.end()).toEqual([]);
  });

  test('closes with the first success; the backlog resumes at a growing rate', async () => {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: HANGING,
      policy,
    });
    stage.publish('t', 1000);
    await stage.world.pass(10_000);
    expect(waitOf(stage)).toMatchObject({ for: 'breaker' });
    stage.world.behave('r', QUICK);
    await stage.world.clock.advanceUntil(() => waitOf(stage)?.for !== 'breaker', 60_000);
    const most = await mostUnderWay(stage, receiver, 50, 20);
    expect(most[0]).toBeLessThanOrEqual(8);
    expect(Math.max(...most)).toBeGreaterThanOrEqual(64);
    expect(await stage.end()).toEqual([]);
  });

  test.each<[string, Behaviour, { together: number; everyMs: number }]>([
    ['time-outs', HANGING, { together: 200, everyMs: 50 }],
    ['refused connections', { kind: 'refusing', latencyMs: 2 }, { together: 200, everyMs: 50 }],
    ['5xx, one at a time', { kind: 'status', latencyMs: 2, status: 503 }, ONE_AT_A_TIME],
  ])(
    'after %s, a lane that had grown begins anew, however many wait',
    async (_name, down, { together, everyMs }) => {
      const stage = new Stage();
      await stage.begin();
      const receiver = await stage.destination({
        tenantId: 't',
        name: 'r',
        behaviour: QUICK,
        policy,
      });
      stage.publish('t', 2000);
      const before = await mostUnderWay(stage, receiver, 20, 20);
      expect(Math.max(...before)).toBe(128);
      await stage.world.clock.advanceUntil(() => stage.world.ledger.pendingCount === 0, 60_000);
      stage.world.behave('r', down);
      while (waitOf(stage)?.for !== 'breaker') {
        stage.publish('t', together);
        await stage.world.pass(everyMs);
      }
      stage.publish('t', 1000);
      await stage.world.pass(2000);
      stage.world.behave('r', QUICK);
      await stage.world.clock.advanceUntil(() => waitOf(stage)?.for !== 'breaker', 60_000);
      const most = await mostUnderWay(stage, receiver, 20, 20);
      expect(most[0]).toBeLessThanOrEqual(8);
      expect(most[1]).toBeLessThanOrEqual(16);
      expect(most[2]).toBeLessThanOrEqual(32);
      expect(Math.max(...most)).toBe(128);
      expect(await stage.end()).toEqual([]);
    },
  );

  test('stays closed while a receiver refuses what it is sent, and while some attempts succeed', async () => {
    const stage = new Stage();
    await stage.begin();
    const refused = { kind: 'status', latencyMs: 20, status: 404 } as const;
    await stage.destination({ tenantId: 't', name: 'r', behaviour: refused, policy });
    stage.publish('t', 500);
    await stage.world.pass(5000);
    expect(waitOf(stage)?.for).not.toBe('breaker');
    expect(await stage.end()).toEqual([]);
  });

  test('keeps no memory that others need', async () => {
    const stage = new Stage();
    await stage.begin();
    await stage.destination({ tenantId: 't', name: 'r', behaviour: HANGING, policy });
    stage.publish('t', 200);
    await stage.world.pass(10_000);
    expect(stage.world.process?.engine.dispatcher.inMemory).toBeLessThanOrEqual(2);
    expect(await stage.end()).toEqual([]);
  });

  function waitOf(stage: Stage) {
    const [delivery] = stage.world.ledger.deliveries.values();
    if (delivery === undefined) return null;
    const { tenantId, id } = delivery.destination;
    return stage.world.process?.engine.dispatcher.waitsFor(tenantId, id) ?? null;
  }
});

/** How long each delivery to a receiver waited from its commit to its request. */
function waits(stage: Stage, receiver: Receiver): number[] {
  return [...stage.world.ledger.deliveries.values()]
    .filter(({ destination }) => destination.receiverName === receiver.name)
    .map(({ requests, insertedMs }) => (requests[0]?.startedMs ?? Infinity) - insertedMs);
}

describe('a healthy lane', () => {
  /** A healthy destination, events for it at random moments, and others beside it. */
  async function scene(seed: number, hanging: number): Promise<number[]> {
    const stage = new Stage({ seed });
    await stage.begin();
    const healthy = await stage.destination({ tenantId: 'a', name: 'healthy', behaviour: QUICK });
    for (let index = 0; index < hanging; index++)
      await stage.destination({
        // Some are the same tenant's.
        tenantId: index % 2 === 0 ? 'a' : 'b',
        name: `hanging${index}`,
        behaviour: HANGING,
        policy: { timeout_ms: 5000 },
      });
    const random = new SeededRandom(seed);
    for (let step = 0; step < 150; step++) {
      stage.publish('a', random.int(1, 3));
      if (hanging > 1) stage.publish('b', random.int(0, 5));
      await stage.world.pass(random.between(0, 100));
    }
    await stage.world.pass(100);
    const found = waits(stage, healthy);
    expect(await stage.end()).toEqual([]);
    return found;
  }

  test.each([1, 2, 3, 4, 5])('starts at once beside twenty that hang (seed %i)', async (seed) => {
    const found = await scene(seed, 20);
    expect(found.length).toBeGreaterThan(150);
    // Where more than a turn's worth comes at the same moment, some of it goes in the next one or two.
    expect(Math.max(...found)).toBeLessThanOrEqual(ANSWER_MS + 2 * TURN_MS);
  });
});

describe('a tenant that floods', () => {
  /** The starts of others while one delivery of the lone tenant waits: the most of all its deliveries. */
  async function passedBy(
    seed: number,
    limits: { maxInFlight: number; maxInMemory: number },
  ): Promise<number> {
    const stage = new Stage({ seed, ...limits });
    await stage.begin();
    const lone = await stage.destination({ tenantId: 'lone', name: 'lone', behaviour: QUICK });
    const others: Receiver[] = [];
    for (let index = 0; index < 10; index++)
      others.push(
        await stage.destination({ tenantId: 'flood', name: `flood${index}`, behaviour: QUICK }),
      );
    const random = new SeededRandom(seed);
    for (let step = 0; step < 40; step++) {
      stage.publish('flood', 20);
      stage.publish('lone');
      await stage.world.pass(random.between(20, 80));
    }
    await stage.world.pass(5000);
    const starts = others.flatMap(({ requests }) => requests);
    const deliveries = [...stage.world.ledger.deliveries.values()].filter(
      ({ destination }) => destination.receiverName === lone.name,
    );
    expect(deliveries.length).toBe(40);
    const counts = deliveries.map(({ requests, insertedMs }) => {
      const first = requests[0]?.no ?? Infinity;
      return starts.filter(({ no, startedMs }) => startedMs > insertedMs + ANSWER_MS && no < first)
        .length;
    });
    expect(await stage.end()).toEqual([]);
    return Math.max(...counts);
  }

  test.each([1, 2, 3])(
    'lets a lone delivery have the next place but a few (seed %i)',
    async (seed) => {
      expect(await passedBy(seed, { maxInFlight: 8, maxInMemory: 20_000 })).toBeLessThanOrEqual(2);
    },
  );

  test.each([1, 2, 3])('also where the memory is full of its own (seed %i)', async (seed) => {
    expect(await passedBy(seed, { maxInFlight: 8, maxInMemory: 40 })).toBeLessThanOrEqual(40);
  });
});

test('what a deleted destination had in memory makes room for others at once', async () => {
  const stage = new Stage({ maxInMemory: 3 });
  await stage.begin();
  const at = { tenantId: 't', behaviour: { kind: 'ok', latencyMs: 20_000 } } as const;
  await stage.destination({ ...at, name: 'slow', policy: { concurrency: 1, timeout_ms: 60_000 } });
  const quick = await stage.destination({ tenantId: 't', name: 'quick', behaviour: QUICK });
  stage.publish('t', 3, 'slow');
  await stage.world.pass(100);
  stage.publish('t', 1, 'quick');
  await stage.world.pass(2000);
  expect(quick.requests).toHaveLength(0);
  const { engine } = stage.process;
  await stage.during(deleteDestination(engine, { tenantId: 't', id: 'slow' }));
  await stage.world.pass(500);
  expect(quick.requests).toHaveLength(1);
  expect(await stage.end()).toEqual([]);
});
