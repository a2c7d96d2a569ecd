/**
 * Whether destinations are disabled as their rules say: not before, and not long after. Kept from the outcomes that were
 * recorded, and from what the receivers said.
 */
import type { Outcome } from '../../src/domain/attempt.ts';
import type { DisabledReason, EndingRule } from '../../src/domain/ending.ts';
import type { SimulatedClock } from '../support/simulated-clock.ts';
import type { ReceivedRequest } from '../support/simulated-receivers.ts';
import { FailureHistory } from './failure-history.ts';
import type { Findings } from './findings.ts';
import type { DestinationState } from './ledger-state.ts';

/** From the outcome that disables a destination until it gets nothing more, when nothing is in the way. */
const SOON_MS = 2000;
/** One that came to its end may have been enabled by hand before that was written. */
const ENDING_MS = 20_000;

export interface RecordedOutcome {
  readonly request: ReceivedRequest;
  /** Its delivery failed for good, though it might have been tried again: its schedule is used up. */
  readonly isExhausted: boolean;
  /** The engine knows the destination as it is. */
  readonly isSettled: boolean;
}

/** Disabled for that reason, or deleted. */
type End = DisabledReason | 'unsubscribed';

interface Fate {
  /** In a row since it was enabled. After the death of a process: at most, for it may have forgotten a success. */
  failures: number;
  /** So many in a row the process that runs has counted, at least. */
  counted: number;
  /** The most since it was enabled. */
  peak: number;
  readonly history: FailureHistory;
  /** When its rule, or its receiver, last asked for its end, by reason. */
  readonly askedMs: Map<End, number>;
  /** For what it was asked before a process died: the next one sees to that at its start. */
  readonly leftTo: Set<End>;
  /** When the engine was first to see to that, and nothing was in its way since; `null`: it was not. */
  dueMs: number | null;
}

export class EndingWatch {
  readonly #clock: SimulatedClock;
  readonly #findings: Findings;
  readonly #fates = new Map<DestinationState, Fate>();
  #hasJumped = false;

  /** The wall clock was set at some time. */
  get hasJumped(): boolean {
    return this.#hasJumped;
  }

  constructor(clock: SimulatedClock, findings: Findings) {
    this.#clock = clock;
    this.#findings = findings;
  }

  jumped(): void {
    this.#hasJumped = true;
    for (const { history } of this.#fates.values()) history.jumped();
  }

  /** Something is, or was until now, in the way of the engine: what it could not write it sees to at the next failure. */
  troubled(): void {
    for (const fate of this.#fates.values()) fate.dueMs = null;
  }

  processDied(): void {
    for (const fate of this.#fates.values()) {
      fate.failures = fate.peak;
      fate.history.doubt();
      fate.counted = 0;
      fate.dueMs = null;
      for (const end of fate.askedMs.keys()) if (LEFT.has(end)) fate.leftTo.add(end);
    }
  }

  recorded(destination: DestinationState, outcome: RecordedOutcome): void {
    const { isSettled, isExhausted } = outcome;
    const answer = outcome.request.outcome;
    if (answer === null) return;
    const fate = this.#of(destination);
    const nowMs = this.#clock.monotonicMs();
    // What it is disabled for already, or not known to be enabled for, is not counted again.
    const counts = isSettled && !destination.isHeld && destination.isEnabled;
    const isFailed = answer.kind === 'failed';
    const wished = wishedEnd(destination, answer);
    if (wished !== null) fate.askedMs.set(wished, nowMs);
    fate.history.add(isFailed, counts, destination.rules);
    if (!isFailed) {
      Object.assign(fate, {
        failures: 0,
        counted: 0,
        dueMs: wished !== null && counts ? nowMs : null,
      });
      return;
    }
    fate.failures++;
    fate.peak = Math.max(fate.peak, fate.failures);
    fate.counted = counts ? fate.counted + 1 : 0;
    const { rule, rules } = destination;
    if (rules.some(({ consecutiveFailures }) => fate.failures >= (consecutiveFailures ?? Infinity)))
      fate.askedMs.set('consecutive_failures', nowMs);
    if (rules.some((each) => fate.history.mayBeWithoutSuccess(each)))
      fate.askedMs.set('without_success', nowMs);
    if (rules.some((each) => fate.history.mayHaveShare(each)))
      fate.askedMs.set('failure_share', nowMs);
    if (rule.onExhausted && isExhausted) fate.askedMs.set('exhausted', nowMs);
    const isDue =
      wished !== null ||
      (rule.onExhausted && isExhausted) ||
      fate.counted >= (rule.consecutiveFailures ?? Infinity) ||
      fate.history.isWithoutSuccess(rule) ||
      fate.history.hasShare(rule);
    if (counts && isDue) fate.dueMs ??= nowMs;
  }

  /** The storage has it as disabled, or enabled, from now on. `isSettled`: the engine knew of the state before. */
  changed(destination: DestinationState, before: DisabledReason | null, isSettled: boolean): void {
    const { disabledReason } = destination;
    if ((disabledReason === null) === (before === null)) return;
    const fate = this.#of(destination);
    fate.dueMs = null;
    fate.counted = 0;
    if (disabledReason === null) {
      this.#findings.saw('destination enabled');
      fate.leftTo.clear();
      if (!isSettled) {
        // Whether it begins anew, the engine decides by what it knew.
        fate.history.doubt();
        return;
      }
      Object.assign(fate, { failures: 0, peak: 0 });
      fate.history.enabled();
      return;
    }
    this.#findings.saw(`destination disabled: ${disabledReason}`);
    const problem = this.#problemOf(destination, fate, disabledReason);
    if (problem !== null)
      this.#findings.violate(
        `${destination.id} (${destination.receiverName}) is disabled (${disabledReason}) ${problem}`,
      );
  }

  /** The engine has deleted it. */
  unsubscribed(destination: DestinationState): void {
    this.#findings.saw('destination unsubscribed');
    const fate = this.#of(destination);
    if (!this.#wasAsked(fate, 'unsubscribed'))
      this.#findings.violate(
        `${destination.id} (${destination.receiverName}) is unsubscribed, and is not gone`,
      );
  }

  /** A rule counts from when it is known. */
  ruleChanged(destination: DestinationState): void {
    const fate = this.#of(destination);
    Object.assign(fate, { counted: 0, dueMs: null });
    fate.history.doubt();
  }

  /** What is wrong with a request that comes now. */
  arrived(destination: DestinationState): string | null {
    const { expiresAtMs } = destination;
    if (expiresAtMs !== null && this.#clock.nowMs() >= expiresAtMs)
      return `${this.#clock.nowMs() - expiresAtMs} ms after its destination expired`;
    const dueMs = this.#fates.get(destination)?.dueMs ?? null;
    if (dueMs === null) return null;
    const forMs = this.#clock.monotonicMs() - dueMs;
    return forMs > SOON_MS ? `${forMs} ms after its destination was to be disabled` : null;
  }

  #problemOf({ expiresAtMs }: DestinationState, fate: Fate, reason: DisabledReason): string | null {
    switch (reason) {
      case 'by_hand':
        return null;
      case 'gone':
      case 'exhausted':
      case 'consecutive_failures':
      case 'without_success':
      case 'failure_share':
        return this.#wasAsked(fate, reason) ? null : `after ${fate.failures} failures`;
      case 'expired': {
        const isTime = expiresAtMs !== null && expiresAtMs <= this.#clock.nowMs();
        return isTime || this.#hasJumped ? null : `before ${expiresAtMs}`;
      }
      case 'receiver_asked':
        return this.#wasAsked(fate, reason) ? null : 'and nobody asked for it';
    }
  }

  #wasAsked({ askedMs, leftTo }: Fate, end: End): boolean {
    const sinceMs = this.#clock.monotonicMs() - (askedMs.get(end) ?? -Infinity);
    return sinceMs <= ENDING_MS || leftTo.has(end);
  }

  #of(destination: DestinationState): Fate {
    let fate = this.#fates.get(destination);
    if (fate === undefined) {
      fate = {
        failures: 0,
        counted: 0,
        peak: 0,
        history: new FailureHistory(this.#clock),
        askedMs: new Map(),
        leftTo: new Set(),
        dueMs: null,
      };
      this.#fates.set(destination, fate);
    }
    return fate;
  }
}

/** What the storage tells a process of that starts. */
const LEFT: ReadonlySet<End> = new Set(['gone', 'unsubscribed', 'exhausted']);

/** What the answer asks for, as far as the destination's profile hears it. */
function wishedEnd({ ofProfile }: DestinationState, { wish }: Outcome): End | null {
  if (wish === 'disable') return ofProfile.hearsDisable ? 'receiver_asked' : null;
  if (wish !== 'gone') return null;
  switch (ofProfile.onGone) {
    case 'disable':
      return 'gone';
    case 'unsubscribe':
      return 'unsubscribed';
    case 'nothing':
      return null;
  }
}

/** What the destination's rules were, each once. */
export function noteRule(rules: EndingRule[], rule: EndingRule): void {
  if (!rules.some((known) => JSON.stringify(known) === JSON.stringify(rule))) rules.push(rule);
}
