/**
 * The seeded simulation: thousands of small worlds with random publishes, failures, crashes and restarts, each checked
 * step by step against what must never happen (watch.ts, ledger.ts). Budget: 40 s.
 *
 * `SIM_SEED=n` runs one world; `npm run simulate` runs as many as you like.
 */
import { describe, expect, it } from 'vitest';
import { run } from './run.ts';

const WORLDS = 2000;
const WORLDS_PER_TEST = 250;
const TIMEOUT_MS = 120_000;

const onlySeed = process.env['SIM_SEED'];
const firstSeeds =
  onlySeed === undefined
    ? Array.from({ length: WORLDS / WORLDS_PER_TEST }, (_, index) => 1 + index * WORLDS_PER_TEST)
    : [];

describe('in any world, nothing that was accepted is lost, and nothing is sent beyond its schedule', () => {
  it.for(firstSeeds)(
    `${WORLDS_PER_TEST} worlds from seed %i`,
    { timeout: TIMEOUT_MS },
    async (first) => {
      for (let seed = first; seed < first + WORLDS_PER_TEST; seed++) {
        const { violations, lines } = await run(seed);
        // The last steps tell most; `npm run simulate -- seed <n>` shows all.
        expect(violations, `seed ${seed}:\n${lines.slice(-40).join('\n')}`).toEqual([]);
      }
    },
  );

  if (onlySeed !== undefined) {
    it(`seed ${onlySeed}`, { timeout: TIMEOUT_MS }, async () => {
      const { violations, lines } = await run(Number(onlySeed), true);
      expect(violations, lines.join('\n')).toEqual([]);
    });
  }
});

describe('the worlds', () => {
  it('have in them what they are made for', { timeout: TIMEOUT_MS }, async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 100; seed++) {
      const result = await run(seed);
      for (const what of result.seen.keys()) seen.add(what);
    }
    for (const what of [
      'crash',
      'stop in good order',
      'claim of what a dead process had',
      'delivery spilled',
      'record resumed',
      'publish never answered',
      'publish answered: accepted, again',
      'publish answered: conflict',
      'cancelSlice from pending',
      'retry by hand from delivered',
      'event pruned',
    ])
      expect(seen).toContain(what);
  });
});
