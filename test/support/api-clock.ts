/** The machine's clock, moved on by hand. */
import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';

export class MovedClock implements Clock {
  #byMs = 0;

  move(byMs: number): void {
    this.#byMs += byMs;
  }

  nowMs(): number {
    return systemClock.nowMs() + this.#byMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#byMs;
  }

  schedule: Clock['schedule'] = (delayMs, callback) => systemClock.schedule(delayMs, callback);

  soon: Clock['soon'] = (callback) => systemClock.soon(callback);
}
