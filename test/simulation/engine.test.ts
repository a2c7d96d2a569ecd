/**
 * Thousands of small worlds, each from a seed: random publishes, failures, crashes and restarts on an injected clock.
 *
 * SIM_SEED=7 runs one seed and prints all of it; SIM_RUNS=20000 runs more than usual, SIM_FROM=100000 from another one on.
 */
import { describe, expect, test } from 'vitest';

import { run } from './run.ts';

const RUNS = Number(process.env['SIM_RUNS'] ?? 600);
const FROM = Number(process.env['SIM_FROM'] ?? 1);
const SEED = process.env['SIM_SEED'];
/** Seeds of one test. */
const BATCH = 100;
/** What a slow machine takes for each. */
const MS_PER_RUN = 2000;

if (SEED === undefined) describe('in every world', simulateAll);
else
  test(`in the world of seed ${SEED}`, async () => {
    const { violations, lines } = await run(Number(SEED), true);
    console.log(lines.join('\n'));
    expect(violations).toEqual([]);
  });

function simulateAll(): void {
  const seen = new Map<string, number>();

  for (let from = FROM; from < FROM + RUNS; from += BATCH) {
    const to = Math.min(from + BATCH, FROM + RUNS) - 1;
    test(
      `what was promised holds (seeds ${from} to ${to})`,
      async () => {
        for (let seed = from; seed <= to; seed++) {
          const { violations, lines, ...result } = await run(seed);
          for (const [what, times] of result.seen) seen.set(what, (seen.get(what) ?? 0) + times);
          if (violations.length > 0)
            expect.fail(
              `${lines.join('\n')}\n\nseed ${seed}: ${violations.join('\n')}\nAgain, with every row and request: SIM_SEED=${seed} npx vitest run test/simulation/engine.test.ts`,
            );
        }
      },
      BATCH * MS_PER_RUN,
    );
  }

  test('everything that may happen does, now and then', () => {
    const missing = HAPPENINGS.filter((what) => (seen.get(what) ?? 0) < RUNS / 200);
    expect(missing).toEqual([]);
  });
}

test('a seed gives the same world each time', async () => {
  const once = await run(42, true);
  const again = await run(42, true);
  expect(again.lines).toEqual(once.lines);
  expect(once.lines.length).toBeGreaterThan(50);
});

/** Where one is missing, the worlds have become too tame to show what they are for. */
const HAPPENINGS = [
  'a key is held',
  'a key is let go of',
  'arrival in order',
  'attempt lost by a crash',
  'attempt recorded: canceled to canceled',
  'attempt recorded: pending to delivered',
  'attempt recorded: pending to failed',
  'attempt recorded: pending to pending',
  'breaker opens',
  'cancel from pending',
  'cancelSlice from pending',
  'canceled in memory, and made due again',
  'claim failed',
  'claim of what a dead process had',
  'claim of what nobody had',
  'crash',
  'delivery added by hand',
  'delivery born claimed',
  'delivery spilled',
  'destination disabled: by_hand',
  'destination disabled: consecutive_failures',
  'destination disabled: expired',
  'destination disabled: gone',
  'destination enabled',
  'event pruned',
  'publish answered: Error',
  'publish answered: StorageUnavailableError',
  'publish answered: accepted',
  'publish answered: accepted, again',
  'publish answered: conflict',
  'publish answered: unknown_tenant',
  'publish never answered',
  'probe of an open breaker',
  'record failed',
  'record resumed',
  'replay from delivered',
  'replay from failed',
  'request beside another',
  'request in order: key',
  'request in order: latest',
  'request under a rate',
  'retry beside a rate',
  'retry by hand from canceled',
  'retry by hand from delivered',
  'retry by hand from failed',
  'retry by hand from pending',
  'retry in line',
  'stop in good order',
  'superseded',
];
