/**
 * How a destination has fared, from the outcomes alone that were recorded: whether a rule may disable it for the share
 * of its failures, or for a time without success, and whether it has to. What a process that died may have forgotten,
 * and what the engine may not have counted, speaks for the first and not for the second.
 */
import type { EndingRule, FailureShareRule } from '../../src/domain/ending.ts';
import type { SimulatedClock } from '../support/simulated-clock.ts';

/** Times are whole milliseconds, and the engine takes its own when the record is answered. */
const SLACK_MS = 2;
/** What is older than the window of a share is forgotten in parts of it, no larger than this. */
const FORGOTTEN_AT_ONCE = 1 / 12;
/** Of the longest window. */
const KEPT_MS = 3_600_000;

interface Known {
  readonly isFailed: boolean;
  readonly monotonicMs: number;
  readonly wallMs: number;
  /** Not before that of the one before: a clock that is set back does not make room in a window. */
  countsAtMs: number;
  /** The engine has counted it, whatever happened since. */
  isSure: boolean;
  /** It was before the destination was enabled. */
  isCleared: boolean;
}

/** On the wall clock: the first failure since the last success, at the earliest and at the latest. */
interface Run {
  earliestMs: number;
  latestMs: number;
  /** The last failure, and the last that was counted for sure. */
  lastMs: number;
  lastSureMs: number;
}

const NO_RUN: Run = {
  earliestMs: Infinity,
  latestMs: Infinity,
  lastMs: Infinity,
  lastSureMs: Infinity,
};

export class FailureHistory {
  readonly #clock: SimulatedClock;
  #known: Known[] = [];
  #run: Run = { ...NO_RUN };
  /** A process that dies may forget that it succeeded, or was enabled, since. */
  #firstFailureMs = Infinity;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  /** `isSure`: the engine counts it. `rules`: those that it may go by. */
  add(isFailed: boolean, isSure: boolean, rules: readonly EndingRule[]): void {
    const wallMs = this.#clock.nowMs();
    const countsAtMs = Math.max(wallMs, this.#known.at(-1)?.countsAtMs ?? wallMs);
    const monotonicMs = this.#clock.monotonicMs();
    if ((this.#known[0]?.countsAtMs ?? wallMs) < countsAtMs - 2 * KEPT_MS)
      this.#known = this.#known.filter((each) => each.countsAtMs > countsAtMs - KEPT_MS);
    this.#known.push({ isFailed, monotonicMs, wallMs, countsAtMs, isSure, isCleared: false });
    if (isFailed) this.#failed(wallMs, isSure, rules);
    else {
      this.#run.latestMs = Infinity;
      if (isSure) this.#run = { ...NO_RUN };
    }
  }

  /** A run in which nothing was tried for as long as the rule waits begins anew. */
  #failed(wallMs: number, isSure: boolean, rules: readonly EndingRule[]): void {
    const run = this.#run;
    const waits = rules.map(({ withoutSuccessMs }) => withoutSuccessMs ?? Infinity);
    const mayBeNew = waits.some((waitMs) => wallMs - run.lastSureMs >= waitMs - SLACK_MS);
    const isNew = waits.every((waitMs) => wallMs - run.lastMs >= waitMs + SLACK_MS);
    run.earliestMs = isNew ? wallMs : Math.min(run.earliestMs, wallMs);
    if (mayBeNew && run.latestMs !== Infinity) run.latestMs = wallMs;
    if (isSure)
      Object.assign(run, { latestMs: Math.min(run.latestMs, wallMs), lastSureMs: wallMs });
    run.lastMs = wallMs;
    this.#firstFailureMs = Math.min(this.#firstFailureMs, wallMs);
  }

  /** Everything begins anew. */
  enabled(): void {
    for (const each of this.#known) each.isCleared = true;
    this.#run = { ...NO_RUN };
  }

  /** It is not known any more what was counted: the process died, or goes by another rule. */
  doubt(): void {
    for (const each of this.#known) Object.assign(each, { isSure: false, isCleared: false });
    this.#run.latestMs = Infinity;
    this.#run.earliestMs = Math.min(this.#run.earliestMs, this.#firstFailureMs);
  }

  /** The clock was set: what was recorded a moment ago may be counted at the time of before or of after. */
  jumped(): void {
    const nowMs = this.#clock.nowMs();
    const last = this.#known.at(-1);
    if (last === undefined || this.#clock.monotonicMs() - last.monotonicMs > SLACK_MS) return;
    this.doubt();
    last.countsAtMs = Math.max(last.countsAtMs, nowMs);
    this.#run.earliestMs = -Infinity;
    this.#firstFailureMs = -Infinity;
  }

  mayBeWithoutSuccess({ withoutSuccessMs }: EndingRule): boolean {
    const forMs = this.#clock.nowMs() - this.#run.earliestMs;
    return withoutSuccessMs !== null && forMs >= withoutSuccessMs - SLACK_MS;
  }

  isWithoutSuccess({ withoutSuccessMs }: EndingRule): boolean {
    const forMs = this.#clock.nowMs() - this.#run.latestMs;
    return withoutSuccessMs !== null && forMs >= withoutSuccessMs + SLACK_MS;
  }

  mayHaveShare({ failureShare }: EndingRule): boolean {
    if (failureShare === null) return false;
    const { failures, successes, perhapsFailed, perhapsSucceeded } = this.#within(failureShare);
    const failed = failures + perhapsFailed;
    const missing = failureShare.minAttempts - failed - successes;
    if (failed === 0 || missing > perhapsSucceeded) return false;
    return failed >= failureShare.share * (failed + successes + Math.max(0, missing));
  }

  hasShare({ failureShare }: EndingRule): boolean {
    if (failureShare === null) return false;
    const { failures, successes, perhapsSucceeded } = this.#within(failureShare);
    if (failures === 0 || failures + successes < failureShare.minAttempts) return false;
    return failures >= failureShare.share * (failures + successes + perhapsSucceeded);
  }

  #within({ windowMs }: FailureShareRule) {
    const counts = { failures: 0, successes: 0, perhapsFailed: 0, perhapsSucceeded: 0 };
    const nowMs = this.#clock.nowMs();
    const lastMs = Math.max(nowMs, this.#known.at(-1)?.countsAtMs ?? nowMs);
    const surelyFromMs = lastMs - windowMs * (1 - FORGOTTEN_AT_ONCE) + SLACK_MS;
    for (let index = this.#known.length - 1; index >= 0; index--) {
      const each = this.#known[index];
      if (each === undefined || each.countsAtMs < nowMs - windowMs - SLACK_MS) break;
      if (each.isCleared) continue;
      if (each.isSure && each.wallMs > surelyFromMs)
        counts[each.isFailed ? 'failures' : 'successes']++;
      else counts[each.isFailed ? 'perhapsFailed' : 'perhapsSucceeded']++;
    }
    return counts;
  }
}
