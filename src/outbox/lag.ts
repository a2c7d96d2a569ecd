/** How long the oldest event of an outbox has waited to be published, at most: it grows while nothing is known. */
import type { Clock } from '../domain/clock.ts';

export class Lag {
  readonly #clock: Clock;
  #ageMs = 0;
  #atMs: number;
  /** Nothing waited at the last look. */
  #isSettled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atMs = clock.monotonicMs();
  }

  /** `oldestAgeMs`: of the oldest that waits; `null`: none does. */
  looked(oldestAgeMs: number | null): void {
    this.#atMs = this.#clock.monotonicMs();
    this.#ageMs = Math.max(0, oldestAgeMs ?? 0);
    this.#isSettled = oldestAgeMs === null;
  }

  /** What waits now is not known. */
  lost(): void {
    this.#isSettled = false;
  }

  get ms(): number {
    return this.#isSettled ? 0 : this.#ageMs + this.#clock.monotonicMs() - this.#atMs;
  }
}
