/** `ending` of profiles in the configuration file: when a destination is given up. */
import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../src/config.ts';
import type { ProfileEnding } from '../../src/domain/ending.ts';
import { baack } from '../../src/profiles/baack.ts';
import { standard } from '../../src/profiles/standard.ts';

const DAY_MS = 86_400_000;

/** `ending` stands on line 4. */
const load = (ending: string, base = 'standard') =>
  loadConfig({
    env: {},
    argv: ['--config', 'a.yaml'],
    readFile: () =>
      Promise.resolve(`profiles:\n  mine:\n    extends: ${base}\n    ending: ${ending}\n`),
    profiles: [standard, baack],
    checkExpression: () => null,
  });

async function endingOf(ending: string, base?: string): Promise<ProfileEnding | undefined> {
  const loaded = await load(ending, base);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return loaded.defined[0]?.profile.ending;
}

describe('an ending', () => {
  it('may say everything', async () => {
    expect(
      await endingOf(
        '{consecutive_failures: 7, without_success_s: 90.5, on_exhausted: true, failure_share: {share: 0.25, window_s: 120, min_attempts: 4}, on_gone: unsubscribe, hears_disable: false, mails_failures: true, lifetime_days: 30}',
      ),
    ).toEqual({
      consecutiveFailures: 7,
      withoutSuccessMs: 90_500,
      onExhausted: true,
      failureShare: { share: 0.25, windowMs: 120_000, minAttempts: 4 },
      onGone: 'unsubscribe',
      hearsDisable: false,
      mailsFailures: true,
      lifetimeMs: 30 * DAY_MS,
    });
  });

  it('is as in the profile that it extends where it says nothing', async () => {
    expect(await endingOf('{}', 'baack')).toEqual(baack.ending);
    expect(await endingOf('{consecutive_failures: 7}', 'baack')).toEqual({
      ...baack.ending,
      consecutiveFailures: 7,
    });
  });

  it('takes a rule away with null', async () => {
    expect(await endingOf('{failure_share: null, lifetime_days: null}', 'baack')).toEqual({
      ...baack.ending,
      failureShare: null,
      lifetimeMs: null,
    });
    expect(await endingOf('{without_success_s: null}')).toEqual({
      ...standard.ending,
      withoutSuccessMs: null,
    });
  });

  it.each([
    ['5', ': it is no mapping'],
    ['{consecutive_failures: 0}', '.consecutive_failures: 0 is no number from 1 to 1000000'],
    ['{consecutive_failures: 1.5}', '.consecutive_failures: 1.5 is no whole number'],
    ['{without_success_s: 59}', '.without_success_s: 59 is no number from 60 to 31536000'],
    ['{on_exhausted: null}', '.on_exhausted: null is neither true nor false'],
    ['{failure_share: 0.5}', '.failure_share: it is no mapping'],
    [
      '{failure_share: {share: 0, window_s: 60, min_attempts: 1}}',
      '.failure_share.share: 0 is no number from 0.001 to 1',
    ],
    ['{failure_share: {share: 0.5, min_attempts: 1}}', '.failure_share: window_s is missing'],
    [
      '{on_gone: delete}',
      '.on_gone: "delete" is not known: write disable or unsubscribe or nothing',
    ],
    ['{hears_disable: "yes"}', '.hears_disable: "yes" is neither true nor false'],
    ['{mails_failures: 1}', '.mails_failures: 1 is neither true nor false'],
    ['{lifetime_days: 0}', '.lifetime_days: 0 is no number from 1 to 3650'],
    [
      '{consecutive_failure: 3}',
      '.consecutive_failure: there is no such setting: did you mean consecutive_failures?',
    ],
  ])('of %s is refused, with the line', async (ending, problem) => {
    const loaded = await load(ending);
    expect(loaded.ok ? [] : loaded.problems).toEqual([
      expect.stringContaining(`a.yaml:4: profiles.mine.ending${problem}`),
    ]);
  });
});
