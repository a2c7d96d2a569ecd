/** Time that stands still until a test moves it. */
import type { Clock, Timer } from '../../src/domain/clock.ts';

export class HandClock implements Clock {
  #nowMs = 1_700_000_000_000;
  readonly #timers = new Map<Timer, { dueMs: number; callback: () => void }>();

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const timer: Timer = { cancel: () => void this.#timers.delete(timer) };
    this.#timers.set(timer, { dueMs: this.#nowMs + delayMs, callback });
    return timer;
  }

  soon(callback: () => void): void {
    this.schedule(0, callback);
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    for (const [timer, { dueMs, callback }] of this.#timers) {
      if (dueMs > this.#nowMs) continue;
      this.#timers.delete(timer);
      callback();
    }
  }
}
