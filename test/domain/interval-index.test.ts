import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IntervalIndex } from '../../src/domain/interval-index.ts';

const ends = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom(-Infinity, Infinity, 0.5, -0),
);
const intervals = fc.array(fc.record({ low: ends, high: ends }), { maxLength: 30 });

it('finds the intervals that a number lies in, each once, ends included', () => {
  fc.assert(
    fc.property(intervals, ends, (given, value) => {
      const index = new IntervalIndex(given.map((interval, item) => ({ ...interval, item })));
      const found: number[] = [];
      index.find(value, (item) => found.push(item));
      const expected = given.flatMap(({ low, high }, item) =>
        low <= value && value <= high ? [item] : [],
      );
      expect(found.toSorted((left, right) => left - right)).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
});
