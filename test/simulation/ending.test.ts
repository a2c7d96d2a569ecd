/** Destinations that end: by failures, at their time, as their receiver wishes; and what is held meanwhile. */
import { describe, expect, test } from 'vitest';

import type { DestinationPolicy } from '../../src/domain/destination.ts';
import type { Notice } from '../../src/domain/notice.ts';
import { cancelDelivery } from '../../src/engine/cancel.ts';
import { changeDestination, getDestination } from '../../src/engine/manage-destinations.ts';
import { pauses, Stage } from './stage.ts';

const OK = { kind: 'ok', latencyMs: 5 } as const;
const BROKEN = { kind: 'status', latencyMs: 5, status: 500 } as const;
const GONE = { kind: 'status', latencyMs: 5, status: 410 } as const;
const KEY = { tenantId: 't', id: 'r' };
const DAY_MS = 86_400_000;
const ONCE = { retry: { delays_s: [] } } as const;

async function begin(
  policy: DestinationPolicy,
  behaviour: typeof OK | typeof BROKEN | typeof GONE,
) {
  const stage = new Stage();
  await stage.begin();
  const receiver = await stage.destination({ tenantId: 't', name: 'r', behaviour, policy });
  const told: Notice[] = [];
  stage.process.engine.notices.listen((notice) => {
    told.push(notice);
    return Promise.resolve();
  });
  return { stage, receiver, told };
}

async function stateOf(stage: Stage) {
  return (await stage.during(getDestination(stage.process.engine, KEY)))?.state;
}

async function enable(stage: Stage) {
  await stage.during(changeDestination(stage.process.engine, KEY, { disabledAtMs: null }));
}

const topics = (told: readonly Notice[]) => told.map(({ topic }) => topic);

test('the last attempt of what was canceled meanwhile exhausts nothing, and nobody is told that it failed', async () => {
  const { stage, receiver, told } = await begin({ ...ONCE, disable: { on_exhausted: true } }, OK);
  stage.world.behave('r', { kind: 'status', latencyMs: 300, status: 500 });
  stage.publish('t');
  await stage.world.pass(100);
  const { engine } = stage.process;
  const { row } = stage.delivery(receiver);
  stage.delivery(receiver).wasCanceledByHand = true;
  const key = { seq: row.seq, ordinal: row.ordinal };
  const delivery = await stage.during(engine.storage.deliveryGet({ delivery: key }));
  if (delivery === null) throw new Error('there is no delivery');
  await stage.during(cancelDelivery(engine, delivery, null));
  await stage.world.pass(2000);
  expect(stage.delivery(receiver).row).toMatchObject({ status: 'canceled', attempts: 1 });
  expect(await stateOf(stage)).toMatchObject({ status: 'healthy', consecutiveFailures: 1 });
  expect(topics(told)).toEqual([]);
  expect(await stage.end()).toEqual([]);
});

describe('failures in a row', () => {
  const policy = { ...ONCE, disable: { consecutive_failures: 10 } };

  test('disable it: nothing more is sent, and nothing is stored for it', async () => {
    const { stage, receiver, told } = await begin(policy, BROKEN);
    for (let n = 0; n < 15; n++) {
      stage.publish('t');
      await stage.world.pass(1000);
    }
    expect(receiver.requests.length).toBe(10);
    expect(await stateOf(stage)).toMatchObject({
      status: 'disabled',
      reason: 'consecutive_failures',
      consecutiveFailures: 10,
    });
    expect(topics(told).filter((topic) => topic !== 'delivery.failed')).toEqual([
      'destination.failing',
      'destination.failing',
      'destination.failing',
      'destination.failing',
      'destination.disabled',
    ]);
    expect(await stage.end()).toEqual([]);
  });

  test('count anew when it is enabled, and over a restart', async () => {
    const { stage, receiver } = await begin(policy, BROKEN);
    const publish = async (count: number) => {
      for (let n = 0; n < count; n++) {
        stage.publish('t');
        await stage.world.pass(1000);
      }
    };
    await publish(12);
    await enable(stage);
    await publish(6);
    expect(await stateOf(stage)).toMatchObject({ status: 'failing', consecutiveFailures: 6 });
    stage.world.stop(1000);
    await stage.world.clock.advanceUntil(() => !stage.world.isRunning, 10_000);
    stage.world.boot();
    await stage.world.clock.advanceUntil(() => stage.world.process !== null, 10_000);
    await stage.world.pass(100);
    expect(await stateOf(stage)).toMatchObject({ consecutiveFailures: 6 });
    await publish(6);
    expect(receiver.requests.length).toBe(10 + 10);
    expect(await stage.end()).toEqual([]);
  });
});

test('410 disables, and what else was owed is canceled', async () => {
  const { stage, receiver, told } = await begin({ rate_per_minute: 60 }, GONE);
  stage.publish('t', 50);
  await stage.world.pass(5000);
  expect(receiver.requests.length).toBe(1);
  expect(await stateOf(stage)).toMatchObject({ status: 'disabled', reason: 'gone' });
  expect(topics(told)).toContain('destination.disabled');
  expect(stage.world.ledger.pendingCount).toBe(0);
  expect(await stage.end()).toEqual([]);
});

describe('a subscription of the profile baack', () => {
  const UNAVAILABLE = { kind: 'status', latencyMs: 5, status: 503 } as const;

  async function subscribed() {
    const stage = new Stage();
    await stage.begin();
    const scene = { tenantId: 't', name: 'r', behaviour: UNAVAILABLE, profile: 'baack' };
    return { stage, receiver: await stage.destination(scene) };
  }

  test('is stopped by exhausted retries, within 24 hours of the first failure', async () => {
    const { stage, receiver } = await subscribed();
    stage.publish('t');
    await stage.world.clock.advanceUntil(() => stage.world.ledger.pendingCount > 0, 1000);
    await stage.world.clock.advanceUntil(() => receiver.requests.length === 10, DAY_MS);
    await stage.world.pass(1000);
    const state = await stateOf(stage);
    expect(state).toMatchObject({ status: 'disabled', reason: 'exhausted' });
    const [first] = receiver.requests;
    const afterMs = (state?.sinceMs ?? Infinity) - (first?.endedAtMs ?? NaN);
    expect(afterMs).toBeGreaterThanOrEqual(16 * 3_600_000 - 1000);
    expect(afterMs).toBeLessThan(DAY_MS);
    stage.publish('t');
    await stage.world.pass(DAY_MS / 24);
    expect(receiver.requests.length).toBe(10);
    expect(await stage.end()).toEqual([]);
  });

  // While the schedule's own pause still fits; and a longer one that is asked for ends with the day.
  test.each([
    { hours: 3, attempts: 8, lastS: 21 * 3600 },
    { hours: 24, attempts: 2, lastS: 24 * 3600 },
  ])(
    'is stopped within a day though each answer asks for $hours hours',
    async ({ hours, attempts, lastS }) => {
      const { stage, receiver } = await subscribed();
      stage.world.behave('r', { ...UNAVAILABLE, retryAfterMs: hours * 3_600_000 });
      stage.publish('t');
      await stage.world.pass(DAY_MS + 1000);
      expect(await stateOf(stage)).toMatchObject({ status: 'disabled', reason: 'exhausted' });
      const { insertedMs, requests } = stage.delivery(receiver);
      expect(requests).toHaveLength(attempts);
      const lastMs = (requests.at(-1)?.startedMs ?? NaN) - insertedMs;
      expect(lastMs).toBeGreaterThan(lastS * 1000 - 1000);
      expect(lastMs).toBeLessThan(lastS * 1000 + 1000);
      expect(await stage.end()).toEqual([]);
    },
  );

  test('is stopped by a share of a half of at least 20 attempts within an hour', async () => {
    const { stage, receiver } = await subscribed();
    stage.world.behave('r', OK);
    stage.publish('t', 10);
    await stage.world.pass(1000);
    stage.world.behave('r', UNAVAILABLE);
    for (let n = 1; n <= 9; n++) stage.publish('t');
    await stage.world.pass(1000);
    expect(receiver.requests.length).toBe(19);
    expect(await stateOf(stage)).toMatchObject({ status: 'failing' });
    stage.publish('t');
    await stage.world.pass(1000);
    expect(await stateOf(stage)).toMatchObject({ status: 'disabled', reason: 'failure_share' });
    expect(await stage.end()).toEqual([]);
  });
});

describe('hold', () => {
  test('keeps what is missed while disabled, and delivers it in order, no faster than its rate', async () => {
    const { stage, receiver } = await begin({ while_disabled: 'hold', rate_per_minute: 60 }, OK);
    const { engine } = stage.process;
    await stage.during(changeDestination(engine, KEY, { disabledAtMs: engine.clock.nowMs() }));
    stage.publish('t', 8);
    await stage.world.pass(60_000);
    expect(receiver.requests.length).toBe(0);
    expect(stage.world.ledger.pendingCount).toBe(8);
    expect(engine.dispatcher.waitsFor('t', 'r')).toMatchObject({ for: 'disabled' });
    await enable(stage);
    await stage.world.pass(60_000);
    expect(receiver.requests.length).toBe(8);
    expect(receiver.requests.map(({ eventId }) => eventId)).toEqual(
      receiver.requests.map(({ eventId }) => eventId).toSorted(),
    );
    expect(Math.min(...pauses(receiver.requests))).toBeGreaterThan(900);
    expect(await stage.end()).toEqual([]);
  });

  test('keeps what was waiting when it was disabled, also over a restart', async () => {
    const { stage, receiver } = await begin({ while_disabled: 'hold', concurrency: 1 }, OK);
    const { engine } = stage.process;
    stage.publish('t', 50);
    await stage.world.pass(30);
    await stage.during(changeDestination(engine, KEY, { disabledAtMs: engine.clock.nowMs() }));
    await stage.world.pass(1000);
    const before = receiver.requests.length;
    expect(before).toBeLessThan(50);
    stage.world.crash();
    stage.world.boot();
    await stage.world.clock.advanceUntil(() => stage.world.process !== null, 10_000);
    await stage.world.pass(10_000);
    expect(receiver.requests.length).toBe(before);
    await enable(stage);
    await stage.world.pass(10_000);
    expect(stage.world.ledger.pendingCount).toBe(0);
    expect(receiver.requests.length).toBeGreaterThanOrEqual(50);
    expect(await stage.end()).toEqual([]);
  });
});

describe('an end', () => {
  test(
    'stops at that moment, after it was told 7 days and 1 day before, once each',
    { timeout: 180_000 },
    async () => {
      const { stage, receiver, told } = await begin({}, OK);
      const { engine } = stage.process;
      const expiresAtMs = engine.clock.nowMs() + 10 * DAY_MS;
      await stage.during(changeDestination(engine, KEY, { expiresAtMs }));
      for (let day = 0; day < 12; day++) {
        stage.publish('t');
        await stage.world.pass(DAY_MS);
      }
      expect(receiver.requests.length).toBe(10);
      expect(told.map((notice) => ('daysLeft' in notice ? notice.daysLeft : notice.topic))).toEqual(
        [7, 1, 'destination.expired'],
      );
      expect(await stateOf(stage)).toMatchObject({ status: 'expired', sinceMs: expiresAtMs });
      await stage.during(
        changeDestination(engine, KEY, { expiresAtMs: engine.clock.nowMs() + DAY_MS }),
      );
      expect(await stateOf(stage)).toMatchObject({ status: 'healthy' });
      expect(await stage.end()).toEqual([]);
    },
  );

  test('that lies ahead again, as the clock was set back, keeps nothing waiting', async () => {
    const { stage, receiver } = await begin({ while_disabled: 'hold' }, OK);
    const { engine } = stage.process;
    // Ends have just been looked at: they are again after 15 seconds.
    await stage.world.pass(2000);
    const expiresAtMs = engine.clock.nowMs() + 1000;
    await stage.during(changeDestination(engine, KEY, { expiresAtMs }));
    await stage.world.pass(1500);
    stage.publish('t');
    await stage.world.pass(100);
    // It has expired, and is not disabled yet.
    const state = stage.world.ledger.destinationOf('r');
    expect(state).toMatchObject({ expiresAtMs, disabledReason: null });
    expect(stage.world.ledger.pendingCount).toBe(1);
    // Something else is awaited meanwhile: nobody looks at a clock for nothing.
    await stage.destination({
      tenantId: 'other',
      name: 'other',
      behaviour: OK,
      policy: { rate_per_minute: 6 },
    });
    stage.publish('other', 2);
    await stage.world.pass(100);
    stage.world.clock.jump(-60_000);
    stage.world.watch.jumped(-60_000);
    await stage.world.pass(2000);
    expect(receiver.requests.length).toBe(1);
    expect(await stage.end()).toEqual([]);
  });
});
