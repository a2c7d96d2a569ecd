/** When attempts come, on the injected clock. */
import { describe, expect, test } from 'vitest';

import { standard } from '../../src/profiles/standard.ts';
import { Stage, pauses as pausesOf } from './stage.ts';

const S = 1000;
const MINUTE = 60 * S;
const HOUR = 60 * MINUTE;
const STANDARD_S = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
const FAILING = { kind: 'status', latencyMs: 10, status: 503 } as const;
/** A due delivery is claimed, which takes a call of the storage, and timers have whole milliseconds. */
const LATE_MS = 5;

/** The pauses between the attempts that a destination gets in four days, and the status it ends in. */
async function attemptsOf(
  behaviour: Parameters<Stage['destination']>[0]['behaviour'],
  policy: Parameters<Stage['destination']>[0]['policy'],
  seed = 1,
  { profile, retry = true }: { profile?: string; retry?: boolean } = {},
) {
  const stage = new Stage({ seed });
  await stage.begin();
  const receiver = await stage.destination({
    tenantId: 't',
    name: 'r',
    behaviour,
    ...(policy === undefined ? {} : { policy }),
    ...(profile === undefined ? {} : { profile }),
  });
  stage.publish('t', 1, null, { retry });
  await stage.world.clock.advanceUntil(
    () => stage.world.ledger.deliveries.size > 0 && stage.world.ledger.pendingCount === 0,
    96 * HOUR,
  );
  const { row } = stage.delivery(receiver);
  expect(await stage.end()).toEqual([]);
  return { pauses: pausesOf(receiver.requests), status: row.status, attempts: row.attempts };
}

function expectSoonAfter(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((delayMs, index) => {
    expect(actual[index]).toBeGreaterThanOrEqual(delayMs - 1);
    expect(actual[index]).toBeLessThan(delayMs + LATE_MS);
  });
}

describe('the standard schedule', () => {
  test('is 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h', async () => {
    const { pauses, status, attempts } = await attemptsOf(FAILING, {
      retry: { delays_s: standard.retry.delaysMs.map((delayMs) => delayMs / S), jitter: 0 },
    });
    expectSoonAfter(
      pauses,
      STANDARD_S.map((delayS) => delayS * S),
    );
    expect({ status, attempts }).toEqual({ status: 'failed', attempts: 10 });
  });

  test('is spread by a tenth each way, differently for each attempt', async () => {
    const seen = await Promise.all([1, 2, 3, 4].map((seed) => attemptsOf(FAILING, {}, seed)));
    const shares = seen.flatMap(({ pauses }) =>
      pauses.map((pauseMs, index) => pauseMs / ((STANDARD_S[index] ?? NaN) * S)),
    );
    expect(shares.length).toBe(4 * STANDARD_S.length);
    // The few milliseconds of a claim weigh most in the first pause, of 5 s.
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.9 - 0.001);
    expect(Math.max(...shares)).toBeLessThanOrEqual(1.1 + 0.002);
    expect(Math.max(...shares) - Math.min(...shares)).toBeGreaterThan(0.1);
  });
});

describe('the schedule of each document, to the second', () => {
  test.each([
    ['basekit', STANDARD_S],
    ['baxcloud', [5, 30, 120, 600, 1800]],
    ['baack', [8, 16, 60, 480, 1800, 3600, 7200, 14_400, 30_036]],
    ['balkanid', [30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15_360]],
  ])('%s', async (profile, delaysS) => {
    const { pauses, status, attempts } = await attemptsOf(FAILING, undefined, 1, { profile });
    expectSoonAfter(
      pauses,
      delaysS.map((delayS) => delayS * S),
    );
    expect({ status, attempts }).toEqual({ status: 'failed', attempts: delaysS.length + 1 });
  });

  test('of baack ends 16 hours after the first failure', async () => {
    const { pauses } = await attemptsOf(FAILING, undefined, 1, { profile: 'baack' });
    const lastMs = pauses.reduce((sumMs, pauseMs) => sumMs + pauseMs, 0);
    expect(lastMs).toBeGreaterThanOrEqual(16 * HOUR - 10);
    expect(lastMs).toBeLessThan(16 * HOUR + 10 * S);
  });

  test.each(['baack', 'balkanid', 'basekit', 'baxcloud', 'standard'])(
    'of %s has no second attempt of an event that is not eligible for it',
    async (profile) => {
      const options = { profile, retry: false };
      const { status, attempts } = await attemptsOf(FAILING, undefined, 1, options);
      expect({ status, attempts }).toEqual({ status: 'failed', attempts: 1 });
    },
  );

  test('gives way to that of a destination’s policy', async () => {
    const policy = { retry: { delays_s: [7], jitter: 0 } };
    const { pauses } = await attemptsOf(FAILING, policy, 1, { profile: 'baack' });
    expectSoonAfter(pauses, [7 * S]);
  });
});

describe('a policy', () => {
  test('of delays has its own', async () => {
    const { pauses, status } = await attemptsOf(FAILING, {
      retry: { delays_s: [1, 60], jitter: 0 },
    });
    expectSoonAfter(pauses, [S, MINUTE]);
    expect(status).toBe('failed');
  });

  test('without delays has one attempt', async () => {
    const { attempts, status } = await attemptsOf(FAILING, { retry: { delays_s: [] } });
    expect({ attempts, status }).toEqual({ attempts: 1, status: 'failed' });
  });

  test('of a window starts no retry after it', async () => {
    const { pauses, status } = await attemptsOf(FAILING, {
      retry: { delays_s: [10, 10, 10, 10], jitter: 0, window_s: 25 },
    });
    expectSoonAfter(pauses, [10 * S, 10 * S]);
    expect(status).toBe('failed');
  });
});

test('the window of a delivery that was to come later begins at its time, also in another process', async () => {
  const stage = new Stage();
  await stage.begin();
  const receiver = await stage.destination({
    tenantId: 't',
    name: 'r',
    behaviour: FAILING,
    policy: { retry: { delays_s: [10, 10, 10, 10], jitter: 0, window_s: 25 } },
  });
  const deliverAtMs = stage.process.engine.clock.nowMs() + HOUR;
  stage.publish('t', 1, null, { deliverAtMs });
  await stage.world.pass(HOUR + 5 * S);
  expect(receiver.requests.length).toBe(1);
  stage.world.crash();
  stage.world.boot();
  await stage.world.pass(5 * MINUTE);
  expectSoonAfter(pausesOf(receiver.requests), [10 * S, 10 * S]);
  expect(stage.delivery(receiver).row.status).toBe('failed');
  expect(await stage.end()).toEqual([]);
});

describe('Retry-After', () => {
  const asking = (retryAfterMs: number) =>
    ({ kind: 'status', latencyMs: 10, status: 429, retryAfterMs }) as const;

  test('counts where it is later than the schedule', async () => {
    const { pauses } = await attemptsOf(asking(MINUTE), {
      retry: { delays_s: [1, 120], jitter: 0 },
    });
    expectSoonAfter(pauses, [MINUTE, 2 * MINUTE]);
  });

  test.each([400, 403, 404, 408, 425, 429, 500, 502, 503, 504, 599])(
    'counts with a %i',
    async (status) => {
      const behaviour = { kind: 'status', latencyMs: 10, status, retryAfterMs: 40 * S } as const;
      const { pauses } = await attemptsOf(behaviour, { retry: { delays_s: [1, 90], jitter: 0 } });
      expectSoonAfter(pauses, [40 * S, 90 * S]);
    },
  );

  test('past the window of the schedule, leaves one attempt at its end', async () => {
    const policy = { retry: { delays_s: [1, 1], jitter: 0, window_s: 30 } };
    const { pauses, status } = await attemptsOf(asking(MINUTE), policy);
    // The window counts from the publish, the pause from the end of the attempt, which took ten.
    expect(pauses).toEqual([expect.closeTo(30 * S - 10, -1)]);
    expect(status).toBe('failed');
  });

  test('is believed up to a day', async () => {
    const { pauses } = await attemptsOf(asking(90 * HOUR), { retry: { delays_s: [1], jitter: 0 } });
    expectSoonAfter(pauses, [24 * HOUR]);
  });
});

test('410 is final', async () => {
  const { attempts, status } = await attemptsOf({ kind: 'status', latencyMs: 10, status: 410 }, {});
  expect({ attempts, status }).toEqual({ attempts: 1, status: 'failed' });
});

test('an attempt that hangs ends at its deadline, and the pause begins there', async () => {
  const stage = new Stage();
  await stage.begin();
  const receiver = await stage.destination({
    tenantId: 't',
    name: 'r',
    behaviour: { kind: 'hanging' },
    policy: { timeout_ms: 1500, retry: { delays_s: [2], jitter: 0 } },
  });
  stage.publish('t');
  await stage.world.pass(10_000);
  const tookMs = receiver.requests.map(({ startedMs, endedMs }) => (endedMs ?? NaN) - startedMs);
  expect(tookMs.map((ms) => Math.round(ms * 1000) / 1000)).toEqual([1500, 1500]);
  expectSoonAfter(pausesOf(receiver.requests), [2000]);
  expect(await stage.end()).toEqual([]);
});

describe('the wall clock', () => {
  test('that is set forward brings retries forward, within a second or so', async () => {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: FAILING,
      policy: { retry: { delays_s: [3600], jitter: 0 } },
    });
    stage.publish('t');
    await stage.world.pass(1000);
    stage.world.clock.jump(2 * HOUR);
    await stage.world.pass(1500);
    expect(receiver.requests.length).toBe(2);
    expect(await stage.end()).toEqual([]);
  });

  test('that is set forward past a retry does not hold up what is published then', async () => {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: FAILING,
      policy: { retry: { delays_s: [3600], jitter: 0 } },
    });
    stage.publish('t');
    await stage.world.pass(1000);
    stage.world.clock.jump(2 * HOUR);
    stage.publish('t');
    await stage.world.pass(1500);
    expect(stage.delivery(receiver, 2).requests.length).toBe(1);
    expect(await stage.end()).toEqual([]);
  });

  test('that is set back does not send anything early', async () => {
    const stage = new Stage();
    await stage.begin();
    const receiver = await stage.destination({
      tenantId: 't',
      name: 'r',
      behaviour: FAILING,
      policy: { retry: { delays_s: [60], jitter: 0 } },
    });
    stage.publish('t');
    await stage.world.pass(1000);
    stage.world.clock.jump(-MINUTE);
    stage.world.watch.jumped(-MINUTE);
    await stage.world.pass(100 * S);
    expect(receiver.requests.length).toBe(1);
    await stage.world.pass(30 * S);
    expect(receiver.requests.length).toBe(2);
    expect(await stage.end()).toEqual([]);
  });
});
