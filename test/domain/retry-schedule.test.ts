import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Random } from '../../src/domain/id.ts';
import {
  exponentialDelays,
  MAX_RETRY_AFTER_MS,
  nextAttemptAtMs,
} from '../../src/domain/retry-schedule.ts';
import type { RetrySchedule } from '../../src/domain/retry-schedule.ts';

const NOW_MS = 1_700_000_000_000;

function drawing(nextFloat: number): Random {
  return { nextFloat: () => nextFloat, bytes: (count) => new Uint8Array(count) };
}

function schedule(given: Partial<RetrySchedule> = {}): RetrySchedule {
  return { delaysMs: [1000, 60_000], jitter: 0, windowMs: null, ...given };
}

function next(
  given: Partial<RetrySchedule>,
  question: Partial<Parameters<typeof nextAttemptAtMs>[1]> = {},
  random = drawing(0.5),
): number | null {
  const asked = { step: 1, nowMs: NOW_MS, firstDueAtMs: NOW_MS, ...question };
  return nextAttemptAtMs(schedule(given), asked, random);
}

describe('nextAttemptAtMs', () => {
  it('takes the delay of the step, and ends after the last', () => {
    expect(next({}, { step: 1 })).toBe(NOW_MS + 1000);
    expect(next({}, { step: 2 })).toBe(NOW_MS + 60_000);
    expect(next({}, { step: 3 })).toBeNull();
    expect(next({ delaysMs: [] })).toBeNull();
  });

  it('ends at once for a delivery that was final and was tried again by hand', () => {
    expect(next({}, { step: 1_000_001 })).toBeNull();
  });

  it.each([
    [0, 500],
    [0.5, 1000],
    [0.999_999, 1500],
  ])('spreads a delay by the jitter: drawing %d waits %d ms', (drawn, delayMs) => {
    expect(next({ jitter: 0.5 }, {}, drawing(drawn))).toBe(NOW_MS + delayMs);
  });

  it('stays within the jitter, whatever is drawn, and gives whole milliseconds', () => {
    const float = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(float, float, fc.integer({ min: 0, max: 10 ** 9 }), (jitter, drawn, delayMs) => {
        const dueMs = next({ delaysMs: [delayMs], jitter }, {}, drawing(drawn));
        expect(Number.isInteger(dueMs)).toBe(true);
        expect(dueMs).toBeGreaterThanOrEqual(NOW_MS + Math.floor(delayMs * (1 - jitter)));
        expect(dueMs).toBeLessThanOrEqual(NOW_MS + Math.ceil(delayMs * (1 + jitter)));
      }),
    );
  });

  it('waits as long as the receiver asks, where that is later, up to a day', () => {
    expect(next({}, { retryAfterMs: 5000 })).toBe(NOW_MS + 5000);
    expect(next({}, { retryAfterMs: 10 })).toBe(NOW_MS + 1000);
    expect(next({}, { retryAfterMs: 10 * MAX_RETRY_AFTER_MS })).toBe(NOW_MS + MAX_RETRY_AFTER_MS);
  });

  it('does not begin a retry after the window, counted from when the event came in', () => {
    const firstDueAtMs = NOW_MS - 5000;
    expect(next({ windowMs: 6000 }, { firstDueAtMs })).toBe(NOW_MS + 1000);
    expect(next({ windowMs: 5999 }, { firstDueAtMs })).toBeNull();
  });

  it('waits up to the window’s end where the receiver asks for more', () => {
    const firstDueAtMs = NOW_MS - 5000;
    const asking = { firstDueAtMs, retryAfterMs: MAX_RETRY_AFTER_MS };
    expect(next({ windowMs: 8000 }, asking)).toBe(NOW_MS + 3000);
    expect(next({ windowMs: 6000 }, asking)).toBe(NOW_MS + 1000);
    expect(next({ windowMs: 5999 }, asking)).toBeNull();
  });
});

describe('exponentialDelays', () => {
  it('grows by the factor up to the cap', () => {
    expect(exponentialDelays(1000, 2, 5000, 5)).toEqual([1000, 2000, 4000, 5000, 5000]);
    expect(exponentialDelays(1000, 1, 5000, 3)).toEqual([1000, 1000, 1000]);
    expect(exponentialDelays(1000, 2, 500, 2)).toEqual([500, 500]);
    expect(exponentialDelays(1000, 2, 5000, 0)).toEqual([]);
  });

  it('never falls, and is never over the cap, also where the power is more than a number holds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 ** 9 }),
        fc.double({ min: 1, max: 10_000, noNaN: true }),
        fc.integer({ min: 1, max: 10 ** 9 }),
        fc.integer({ min: 0, max: 100 }),
        (baseMs, factor, capMs, count) => {
          const delays = exponentialDelays(baseMs, factor, capMs, count);
          expect(delays).toHaveLength(count);
          expect(delays.toSorted((left, right) => left - right)).toEqual(delays);
          for (const delayMs of delays) expect(delayMs).toBeLessThanOrEqual(capMs);
        },
      ),
    );
  });
});
