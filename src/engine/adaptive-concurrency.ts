/** How many attempts a destination may have under way. */
import type { Outcome } from '../domain/attempt.ts';
import { isOverload, WHEN_ONE_ENDS } from './lane-policy.ts';
import type { LanePolicy } from './lane-policy.ts';

const START_LIMIT = 8;
const MIN_LIMIT = 2;

/**
 * As many attempts at a time as the receiver bears: from 8, doubled for each full round of successes up to the maximum,
 * halved on time-outs and 5xx (at most once for each round) down to 2. So a receiver that hangs soon holds two sockets,
 * and one that keeps up is not held back. After the breaker was open it is at most 8 again.
 */
export class AdaptiveConcurrency implements LanePolicy {
  #max: number;
  #limit: number;
  #successes = 0;
  // The first sign of overload counts at once.
  #endedSinceHalved = Infinity;

  constructor(max: number) {
    this.#max = max;
    this.#limit = Math.min(START_LIMIT, max);
  }

  get limit(): number {
    return this.#limit;
  }

  setMax(max: number): void {
    this.#max = max;
    this.#limit = Math.min(this.#limit, max);
  }

  /** The receiver was down: whatever it bore before, the backlog finds it as a new one. */
  restart(): void {
    this.#limit = Math.min(this.#limit, START_LIMIT);
    this.#successes = 0;
  }

  mayStartAtMs(inFlight: number, nowMs: number): number {
    return inFlight < this.#limit ? nowMs : WHEN_ONE_ENDS;
  }

  attemptStarted(): void {}

  attemptEnded(outcome: Outcome): void {
    this.#endedSinceHalved++;
    if (outcome.kind === 'delivered') {
      if (++this.#successes < this.#limit) return;
      this.#successes = 0;
      this.#limit = Math.min(this.#limit * 2, this.#max);
    } else if (isOverload(outcome) && this.#endedSinceHalved > this.#limit) {
      this.#successes = 0;
      this.#endedSinceHalved = 0;
      this.#limit = Math.max(Math.floor(this.#limit / 2), Math.min(MIN_LIMIT, this.#max));
    }
  }
}
