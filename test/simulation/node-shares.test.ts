/** What of a bound each node has, computed by each for itself. */
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { shareOf } from '../../src/engine/node-shares.ts';

const counts = fc.array(fc.nat(50), { minLength: 1, maxLength: 12 });
const limit = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_000_000 }));

it('shares are the limit together, where it is enough for one of each node that has any', () => {
  fc.assert(
    fc.property(limit, counts, (all, of) => {
      const shares = of.map((_, at) => shareOf(all, of, at));
      const holding = shares.filter((_, at) => (of[at] ?? 0) > 0);
      if (holding.length === 0) return;
      expect(holding.reduce((sum, share) => sum + share)).toBe(Math.max(all, holding.length));
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(1);
    }),
  );
});

it('a share is in proportion, but for one of each node and what is rounded', () => {
  fc.assert(
    fc.property(limit, counts, (all, of) => {
      const sum = of.reduce((one, other) => one + other);
      of.forEach((count, at) => {
        if (count === 0) return;
        const exact = (all * count) / sum;
        expect(Math.abs(shareOf(all, of, at) - exact)).toBeLessThanOrEqual(of.length + 1);
      });
    }),
  );
});
