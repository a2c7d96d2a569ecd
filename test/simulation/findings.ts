/** What a run has to say: every step in order, and what was wrong. */
import type { SimulatedClock } from '../support/simulated-clock.ts';

export class Findings {
  readonly #clock: SimulatedClock;
  readonly #isTracing: boolean;
  readonly #lookedFor: string | null;
  readonly lines: string[] = [];
  readonly violations: string[] = [];
  /** How often each thing happened: whether the worlds still get to where things go wrong. */
  readonly seen = new Map<string, number>();

  /** `isTracing`: every row that changes and every request is noted too. `lookedFor`: counts as wrong where it happens. */
  constructor(clock: SimulatedClock, isTracing: boolean, lookedFor: string | null = null) {
    this.#clock = clock;
    this.#isTracing = isTracing;
    this.#lookedFor = lookedFor;
  }

  note(line: string): void {
    this.lines.push(`${this.#clock.monotonicMs().toFixed(1).padStart(10)}  ${line}`);
  }

  saw(what: string, times = 1): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + times);
    if (what === this.#lookedFor) this.violate(`${what}: looked for`);
  }

  trace(line: () => string): void {
    if (this.#isTracing) this.note(`      ${line()}`);
  }

  /** Something that must not be. The run goes on to the end of its step: never throw into the engine. */
  violate(line: string): void {
    this.violations.push(line);
    this.note(`!! ${line}`);
  }
}
