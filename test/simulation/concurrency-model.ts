/**
 * How many attempts a destination may have under way, as docs/concepts say it: from 8, twice as many after each full
 * round of successes, half on each sign of overload, at most once in a round, down to 2; at most 8 again once the breaker has opened; never
 * more than its policy says.
 */
import type { Outcome } from '../../src/domain/attempt.ts';

const FIRST = 8;
const FEWEST = 2;

export class ConcurrencyModel {
  #limit: number;
  #successes = 0;
  #sinceHalved = Infinity;

  constructor(max: number) {
    this.#limit = Math.min(FIRST, max);
  }

  /** With the policy of now. */
  limit(max: number): number {
    this.#limit = Math.min(this.#limit, max);
    return this.#limit;
  }

  breakerOpened(): void {
    this.#limit = Math.min(this.#limit, FIRST);
    this.#successes = 0;
  }

  ended(outcome: Outcome, max: number): void {
    this.#sinceHalved++;
    if (outcome.kind === 'delivered') {
      if (++this.#successes < this.#limit) return;
      this.#successes = 0;
      this.#limit = Math.min(this.#limit * 2, max);
      return;
    }
    const isOverload = outcome.reason === 'timeout' || (outcome.response?.status ?? 0) >= 500;
    if (!isOverload || this.#sinceHalved <= this.#limit) return;
    this.#successes = 0;
    this.#sinceHalved = 0;
    this.#limit = Math.max(Math.floor(this.#limit / 2), Math.min(FEWEST, max));
  }
}
