/** A destination's rate: never more than it, hardly less. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { Rate } from '../../src/engine/rate.ts';
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
