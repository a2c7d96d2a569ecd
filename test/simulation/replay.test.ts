/** Replays, with processes that die: nothing is forgotten, and nothing is sent for nothing. */
import { describe, expect, test } from 'vitest';

import type { AuditAuthor } from '../../src/domain/audit.ts';
import type { DestinationPolicy } from '../../src/domain/destination.ts';
import type { ReplaySelection } from '../../src/domain/replay.ts';
import { createReplay } from '../../src/engine/manage-replays.ts';
import type { ReplayRecord } from '../../src/storage/replaying.ts';
import { SeededRandom } from '../support/simulated-random.ts';
import type { ReceivedRequest, Receiver } from '../support/simulated-receivers.ts';
import { Stage } from './stage.ts';

const OK = { kind: 'ok', latencyMs: 20 } as const;
const AUTHOR: AuditAuthor = {
  atMs: 0,
  actor: { kind: 'operator', id: null, name: 'operator' },
  address: '127.0.0.1',
  requestId: 'req_1',
};

async function stageWith(policy: DestinationPolicy = {}): Promise<[Stage, Receiver]> {
  const stage = new Stage();
  await stage.begin();
  return [stage, await stage.destination({ tenantId: 't', name: 'r', behaviour: OK, policy })];
}

async function delivered(stage: Stage): Promise<void> {
  const { clock, ledger } = stage.world;
  await clock.advanceUntil(() => stage.world.callers.underWay === 0, 60_000);
  await clock.advanceUntil(() => ledger.pendingCount === 0, 3_600_000);
  expect(ledger.pendingCount).toBe(0);
}

async function begin(
  stage: Stage,
  ratePerMinute: number | null = null,
  select: ReplaySelection = 'all',
): Promise<string> {
  const criteria = { select, time: { fromMs: null, toMs: null }, topics: [], filter: null };
  const request = { tenantId: 't', destinationId: 'r', criteria, ratePerMinute };
  const replay = await stage.during(createReplay(stage.process.engine, request, AUTHOR));
  if (typeof replay === 'string') throw new Error(`no replay: ${replay}`);
  return replay.id;
}

async function get(stage: Stage, id: string): Promise<ReplayRecord> {
  const replay = await stage.during(stage.process.engine.storage.replayGet({ id }));
  if (replay === null) throw new Error(`there is no replay ${id}`);
  return replay;
}

async function ended(stage: Stage, id: string): Promise<ReplayRecord> {
  for (let look = 0; look < 1000; look++) {
    const replay = await get(stage, id);
    if (replay.status !== 'running') return replay;
    await stage.world.pass(1000);
  }
  throw new Error('the replay does not end');
}

async function restart({ world }: Stage): Promise<void> {
  world.crash();
  world.boot();
  await world.clock.advanceUntil(() => world.process !== null, 10_000);
}

/** How often each event came. */
function timesOf(requests: readonly ReceivedRequest[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const { eventId } of requests) times.set(eventId, (times.get(eventId) ?? 0) + 1);
  return times;
}

describe('a replay', () => {
  test.each([1, 2, 3, 4, 5])('survives restarts and repeats nothing (seed %i)', async (seed) => {
    const random = new SeededRandom(seed);
    const [stage, receiver] = await stageWith({ concurrency: 8 });
    stage.publish('t', 800);
    await delivered(stage);
    const id = await begin(stage);
    let crashes = 0;
    while ((await get(stage, id)).status === 'running' && crashes < 4) {
      await stage.world.pass(random.between(100, 900));
      await restart(stage);
      crashes++;
    }
    expect(crashes).toBeGreaterThan(1);
    expect(await ended(stage, id)).toMatchObject({
      status: 'completed',
      count: 800,
      done: 800,
      failed: 0,
      canceled: 0,
      pending: 0,
    });
    const times = [...timesOf(receiver.requests).values()];
    expect(times).toHaveLength(800);
    expect(Math.min(...times)).toBe(2);
    // At least once: a crash repeats what was under way or not written yet, and nothing else.
    const lost = [...stage.world.ledger.deliveries.values()].reduce(
      (sum, each) => sum + each.lost,
      0,
    );
    expect(receiver.requests.length).toBe(1600 + lost);
    expect(await stage.end()).toEqual([]);
  });

  test('keeps to its rate', async () => {
    const [stage, receiver] = await stageWith();
    stage.publish('t', 100);
    await delivered(stage);
    const id = await begin(stage, 30);
    await stage.world.pass(60_000);
    const inAMinute = receiver.requests.length - 100;
    expect(inAMinute).toBeLessThanOrEqual(31);
    expect(inAMinute).toBeGreaterThanOrEqual(27);
    expect(await ended(stage, id)).toMatchObject({ status: 'completed', done: 100 });
    expect(await stage.end()).toEqual([]);
  });

  test('lets new events go first, however much there is to replay', async () => {
    const [stage, receiver] = await stageWith({ concurrency: 2 });
    stage.publish('t', 3000);
    await delivered(stage);
    const id = await begin(stage);
    await stage.world.pass(2000);
    const before = receiver.requests.length;
    stage.publish('t', 1);
    await stage.world.pass(5000);
    const events = new Set(receiver.requests.slice(0, 3000).map(({ eventId }) => eventId));
    const place = receiver.requests.slice(before).findIndex(({ eventId }) => !events.has(eventId));
    // What is due already is no more than this; all the rest comes after.
    expect(place).toBeGreaterThanOrEqual(0);
    expect(place).toBeLessThan(300);
    expect(await ended(stage, id)).toMatchObject({ done: 3000 });
    expect(await stage.end()).toEqual([]);
  });

  test('goes out in the events’ order, key by key, where the destination asks for it', async () => {
    const [stage, receiver] = await stageWith({ order: 'key' });
    for (let round = 0; round < 40; round++) {
      for (const key of ['a', 'b', 'c']) stage.publish('t', 1, null, { key });
      await stage.world.pass(20);
    }
    await delivered(stage);
    const first = receiver.requests.length;
    const id = await begin(stage);
    await stage.world.pass(500);
    stage.publish('t', 3, null, { key: 'a' });
    await restart(stage);
    expect(await ended(stage, id)).toMatchObject({ status: 'completed', done: 120 });
    await delivered(stage);
    const seen = new Map<string, number>();
    for (const { eventId, tenantId } of receiver.requests.slice(first)) {
      const event = stage.world.ledger.event(tenantId, eventId);
      const key = event?.publication.key ?? '';
      // A crash repeats the one that was under way.
      expect(event?.seq).toBeGreaterThanOrEqual(seen.get(key) ?? 0);
      seen.set(key, event?.seq ?? 0);
    }
    expect(seen.size).toBe(3);
    expect(await stage.end()).toEqual([]);
  });

  test('counts what fails, and a second one sends just that', async () => {
    const [stage, receiver] = await stageWith({ retry: { delays_s: [] } });
    stage.publish('t', 20);
    await delivered(stage);
    stage.world.behave('r', { kind: 'status', latencyMs: 5, status: 404 });
    const failed = await ended(stage, await begin(stage));
    expect(failed).toMatchObject({ status: 'completed', done: 0, failed: 20 });
    stage.world.behave('r', OK);
    const again = await ended(stage, await begin(stage, null, 'failed'));
    expect(again).toMatchObject({ count: 20, done: 20, failed: 0 });
    expect(receiver.requests.length).toBe(60);
    expect(await stage.end()).toEqual([]);
  });
});
