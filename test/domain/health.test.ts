/** When a destination counts as failing, is warned of, and is disabled. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EndingRule } from '../../src/domain/ending.ts';
import { afterAttempt, NEW_HEALTH } from '../../src/domain/health.ts';
import type { Health, HealthEffect, HealthOutcome } from '../../src/domain/health.ts';

const NONE: EndingRule = {
  consecutiveFailures: null,
  withoutSuccessMs: null,
  onExhausted: false,
  failureShare: null,
};
const FAILED: HealthOutcome = { kind: 'failed', isExhausted: false };
const DELIVERED: HealthOutcome = { kind: 'delivered', isExhausted: false };

/** What follows from each of these outcomes, a second apart. */
function run(rule: EndingRule, outcomes: readonly HealthOutcome[], stepMs = 1000, startMs = 1e12) {
  let health: Health = NEW_HEALTH;
  const told = outcomes.map((outcome, index) => {
    const step = afterAttempt(health, outcome, startMs + index * stepMs, rule);
    ({ health } = step);
    return step.effects;
  });
  return { health, told };
}

const kinds = (effects: readonly (readonly HealthEffect[])[]) =>
  effects.flatMap((each, index) =>
    each.map((effect) => {
      if (effect.kind === 'warn') return `${index + 1}: ${effect.percent} %`;
      return `${index + 1}: ${effect.kind === 'disable' ? effect.reason : effect.kind}`;
    }),
  );

describe('failures in a row', () => {
  it('are told at 50, 70 and 90 % of the rule, and disable at it', () => {
    const { told } = run(
      { ...NONE, consecutiveFailures: 100 },
      Array.from({ length: 100 }, () => FAILED),
    );
    expect(kinds(told)).toEqual([
      '3: failing',
      '50: 50 %',
      '70: 70 %',
      '90: 90 %',
      '100: consecutive_failures',
    ]);
  });

  it('begin anew with a success, which tells that it has recovered', () => {
    const outcomes = [FAILED, FAILED, FAILED, DELIVERED, FAILED, FAILED, DELIVERED];
    const { health, told } = run({ ...NONE, consecutiveFailures: 5 }, outcomes);
    expect(kinds(told)).toEqual(['3: failing', '3: 50 %', '4: recovered']);
    expect(health).toMatchObject({ consecutiveFailures: 0, failingSinceMs: null });
  });
});

describe('days without a success', () => {
  const DAY_MS = 86_400_000;
  const rule = { ...NONE, withoutSuccessMs: 5 * DAY_MS };

  it('disable after five days of failures, and are told before', () => {
    const { told } = run(
      rule,
      Array.from({ length: 12 }, () => FAILED),
      DAY_MS / 2,
    );
    expect(kinds(told).slice(0, 5)).toEqual([
      '3: failing',
      '6: 50 %',
      '8: 70 %',
      '10: 90 %',
      '11: without_success',
    ]);
  });

  it('are not those in which nothing was tried', () => {
    expect(kinds(run(rule, [FAILED, FAILED], 6 * DAY_MS).told)).toEqual([]);
  });
});

describe('the share of failures', () => {
  const rule = { ...NONE, failureShare: { share: 0.5, windowMs: 3_600_000, minAttempts: 20 } };

  it('disables at half of 20 attempts within the window', () => {
    const outcomes = Array.from({ length: 20 }, (_, index) => (index % 2 ? FAILED : DELIVERED));
    expect(kinds(run(rule, outcomes).told)).toEqual(['20: failure_share']);
    expect(kinds(run(rule, outcomes.slice(0, 19)).told)).toEqual([]);
  });

  it('forgets what is older than the window', () => {
    const outcomes = Array.from({ length: 40 }, () => FAILED);
    expect(kinds(run(rule, outcomes, 600_000).told)).toEqual(['3: failing']);
  });
});

it('an exhausted schedule disables where the rule says so, and not otherwise', () => {
  const last: HealthOutcome = { kind: 'failed', isExhausted: true };
  expect(kinds(run({ ...NONE, onExhausted: true }, [last]).told)).toEqual(['1: exhausted']);
  expect(kinds(run(NONE, [last]).told)).toEqual([]);
});

const rules: fc.Arbitrary<EndingRule> = fc.record({
  consecutiveFailures: fc.option(fc.integer({ min: 1, max: 30 })),
  withoutSuccessMs: fc.option(fc.integer({ min: 60_000, max: 1e9 })),
  onExhausted: fc.boolean(),
  failureShare: fc.option(
    fc.record({
      share: fc.double({ min: 0.01, max: 1, noNaN: true }),
      windowMs: fc.integer({ min: 60_000, max: 1e8 }),
      minAttempts: fc.integer({ min: 1, max: 30 }),
    }),
  ),
});
const attempts = fc.array(
  fc.record({
    outcome: fc.record({
      kind: fc.constantFrom('delivered' as const, 'failed' as const),
      isExhausted: fc.boolean(),
    }),
    // Clocks jump, also backwards.
    atMs: fc.integer({ min: 1e12, max: 1e12 + 1e9 }),
    rule: rules,
  }),
  { maxLength: 80 },
);

it('whatever happens: counts are right, stages only rise, and only failures disable', () => {
  fc.assert(
    fc.property(attempts, (steps) => {
      let health: Health = NEW_HEALTH;
      let inARow = 0;
      let stage = 0;
      let isFailing = false;
      for (const { outcome, atMs, rule } of steps) {
        const { effects, health: after } = afterAttempt(health, outcome, atMs, rule);
        health = after;
        inARow = outcome.kind === 'failed' ? inARow + 1 : 0;
        expect(health.consecutiveFailures).toBe(inARow);
        if (inARow === 0) stage = 0;
        for (const effect of effects) {
          if (effect.kind === 'warn') {
            expect(effect.percent).toBeGreaterThan(stage);
            stage = effect.percent;
          }
          if (effect.kind === 'recovered') expect(isFailing).toBe(true);
          if (effect.kind === 'failing') expect(isFailing).toBe(false);
          if (effect.kind === 'disable') expect(outcome.kind).toBe('failed');
        }
        ({ isFailing } = health);
        for (const { attempts: all, failures } of health.slices)
          expect(failures).toBeLessThanOrEqual(all);
      }
    }),
  );
});
