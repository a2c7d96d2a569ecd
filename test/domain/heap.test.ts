import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from '../../src/domain/heap.ts';

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ push: fc.integer({ min: 0, max: 50 }) }) },
  { weight: 2, arbitrary: fc.constant('pop' as const) },
  { weight: 1, arbitrary: fc.constant('clear' as const) },
);

test('the least comes out first, whatever went in and came out before', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const heap = new Heap<number>((one, other) => one - other);
      let model: number[] = [];
      for (const each of steps) {
        if (each === 'clear') {
          heap.clear();
          model = [];
        } else if (each === 'pop') expect(heap.pop()).toBe(model.shift());
        else {
          heap.push(each.push);
          model = [...model, each.push].toSorted((one, other) => one - other);
        }
        expect(heap.peek()).toBe(model[0]);
        expect(heap.size).toBe(model.length);
      }
    }),
  );
});
