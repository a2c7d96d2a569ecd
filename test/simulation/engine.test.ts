/**
 * Thousands of small worlds, each from a seed: random publishes, failures, crashes and restarts on an injected clock.
 *
 * `npm run simulate` runs as many as you like, or one of them with all that happens.
 */
import { describe, expect, test } from 'vitest';

import { failureOf, run } from './run.ts';

const RUNS = 600;
/** Seeds of one test. */
const BATCH = 100;
/** What a slow machine takes for each. */
const MS_PER_RUN = 2000;

describe('in every world', () => {
  const seen = new Map<string, number>();

  for (let from = 1; from <= RUNS; from += BATCH) {
    const to = from + BATCH - 1;
    test(
      `what was promised holds (seeds ${from} to ${to})`,
      async () => {
        for (let seed = from; seed <= to; seed++) {
          const result = await run(seed);
          for (const [what, times] of result.seen) seen.set(what, (seen.get(what) ?? 0) + times);
          if (result.violations.length > 0)
            expect.fail(`${result.lines.join('\n')}\n\n${failureOf(result)}`);
        }
      },
      BATCH * MS_PER_RUN,
    );
  }

  test('everything that may happen does, now and then', () => {
    const missing = HAPPENINGS.filter((what) => (seen.get(what) ?? 0) < RUNS / 200);
    expect(missing).toEqual([]);
  });
});

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
  'all shared places taken',
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
  'destination disabled: exhausted',
  'destination disabled: expired',
  'destination disabled: failure_share',
  'destination disabled: gone',
  'destination disabled: receiver_asked',
  'destination disabled: without_success',
  'destination enabled',
  'destination unsubscribed',
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
