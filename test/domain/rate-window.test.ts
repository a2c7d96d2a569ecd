import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateWindow } from '../../src/domain/rate-window.ts';

describe('a rate window', () => {
  it('says how long to wait once the limit is reached, and lets go after it', () => {
    const window = new RateWindow({ limit: 2, windowMs: 1000 });
    window.take('a', 100);
    window.take('a', 600);
    expect(window.waitMs('a', 700)).toBe(400);
    expect(window.waitMs('b', 700)).toBe(0);
    expect(window.waitMs('a', 1099)).toBe(1);
    expect(window.waitMs('a', 1100)).toBe(0);
    window.take('a', 1100);
    expect(window.waitMs('a', 1100)).toBe(500);
  });

  it('lets no window hold more than the limit, and makes nobody wait for nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(500), { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (steps, limit) => {
          const window = new RateWindow({ limit, windowMs: 1000 });
          const taken: number[] = [];
          let nowMs = 0;
          for (const step of steps) {
            nowMs += step;
            const within = taken.filter((atMs) => nowMs - atMs < 1000);
            expect(window.waitMs('a', nowMs) > 0).toBe(within.length >= limit);
            if (within.length >= limit) continue;
            window.take('a', nowMs);
            taken.push(nowMs);
          }
        },
      ),
    );
  });
});
