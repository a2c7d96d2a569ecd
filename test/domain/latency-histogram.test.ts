import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addLatencies,
  encodeLatencies,
  LATENCY_ERROR,
  latencyBucket,
  latencyPercentileMs,
  mergeLatencies,
  noLatencies,
} from '../../src/domain/latency-histogram.ts';

const latenciesUs = fc.array(fc.integer({ min: 100, max: 3_600_000_000 }), { minLength: 1 });

function encoded(given: readonly number[]): Uint8Array {
  const counts = new Map<number, number>();
  for (const us of given) {
    const bucket = latencyBucket(us);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  return encodeLatencies(counts);
}

function percentileMs(histogram: Uint8Array, share: number): number {
  const counts = noLatencies();
  addLatencies(counts, histogram);
  return latencyPercentileMs(counts, share);
}

describe('a histogram of latencies', () => {
  it('gives every percentile with no more than the error that is said', () => {
    fc.assert(
      fc.property(latenciesUs, fc.double({ min: 0, max: 1, noNaN: true }), (given, share) => {
        const exactUs =
          given.toSorted((a, b) => a - b)[Math.floor(share * (given.length - 1))] ?? 0;
        const toldUs = percentileMs(encoded(given), share) * 1000;
        expect(Math.abs(toldUs - exactUs)).toBeLessThanOrEqual(exactUs * LATENCY_ERROR + 1);
      }),
    );
  });

  it('added to another is that of both', () => {
    fc.assert(
      fc.property(latenciesUs, latenciesUs, (one, other) => {
        const merged = mergeLatencies(encoded(one), encoded(other));
        expect(merged).toEqual(encoded([...one, ...other]));
      }),
    );
  });

  it('holds counts of any size', () => {
    for (const count of [1, 127, 128, 16_384, 2 ** 40]) {
      const counts = noLatencies();
      addLatencies(counts, encodeLatencies(new Map([[7, count]])));
      expect(counts[7]).toBe(count);
    }
  });

  it('takes what is faster than the first bucket or slower than the last into those', () => {
    expect(latencyBucket(0)).toBe(latencyBucket(100));
    expect(latencyBucket(1e15)).toBe(latencyBucket(3_600_000_000));
    expect(percentileMs(encoded([0]), 0.5)).toBe(0.1);
  });

  it('of nothing says nothing took any time', () => {
    expect(encodeLatencies(new Map())).toHaveLength(0);
    expect(percentileMs(new Uint8Array(), 0.99)).toBe(0);
  });
});
