import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketStartS, nextBucketStartS } from '../../src/domain/granularity.ts';
import type { Granularity } from '../../src/domain/granularity.ts';

const granularity = fc.record({
  count: fc.integer({ min: 1, max: 60 }),
  unit: fc.constantFrom('m', 'h', 'd', 'w', 'M'),
}) as fc.Arbitrary<Granularity>;

const seconds = (text: string) => Date.parse(text) / 1000;

describe('buckets of time', () => {
  it.each([
    [5, 'm', '2026-11-21T10:13:59Z', '2026-11-21T10:10:00Z', '2026-11-21T10:15:00Z'],
    [1, 'h', '2026-11-21T10:59:59Z', '2026-11-21T10:00:00Z', '2026-11-21T11:00:00Z'],
    [1, 'd', '2026-11-21T23:59:59Z', '2026-11-21T00:00:00Z', '2026-11-22T00:00:00Z'],
    // A Saturday: the week began on Sunday.
    [1, 'w', '2026-11-21T12:00:00Z', '2026-11-15T00:00:00Z', '2026-11-22T00:00:00Z'],
    [1, 'M', '2024-02-29T12:00:00Z', '2024-02-01T00:00:00Z', '2024-03-01T00:00:00Z'],
    [3, 'M', '2026-12-31T12:00:00Z', '2026-10-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ] as const)('of %i%s: %s lies in that from %s to %s', (count, unit, at, start, next) => {
    const given = { count, unit };
    expect(bucketStartS(given, seconds(at))).toBe(seconds(start));
    expect(nextBucketStartS(given, seconds(start))).toBe(seconds(next));
  });

  it('follow one another without a gap', () => {
    fc.assert(
      fc.property(granularity, fc.integer({ min: 300_000, max: 4e9 }), (given, timeS) => {
        const startS = bucketStartS(given, timeS);
        const nextS = nextBucketStartS(given, startS);
        expect(startS).toBeLessThanOrEqual(timeS);
        expect(nextS).toBeGreaterThan(timeS);
        expect(bucketStartS(given, startS)).toBe(startS);
        expect(bucketStartS(given, nextS)).toBe(nextS);
        expect(bucketStartS(given, nextS - 1)).toBe(startS);
      }),
    );
  });
});
