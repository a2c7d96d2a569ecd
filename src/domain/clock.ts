/**
 * Time as a dependency. Everything that asks for the time or waits takes a `Clock`, so that tests and the
 * simulation move it by hand; this file is the only one that reads the machine's clocks.
 */

export interface Timer {
  /** Forgets the callback; harmless after it has run. */
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. It may jump, also backwards. */
  nowMs(): number;
  /** Never goes back; only differences mean something. Milliseconds with fractions. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`; it does not keep the process alive. */
  schedule(delayMs: number, callback: () => void): Timer;
  /** Calls back once, in the next turn of the event loop. */
  soon(callback: () => void): void;
}

/** A timer longer than this fires at once in Node (32-bit milliseconds), so longer waits are cut: callers look again. */
const MAX_TIMER_MS = 2 ** 31 - 1;

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout;

  constructor(delayMs: number, callback: () => void) {
    this.#handle = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS));
    this.#handle.unref();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs, callback) => new SystemTimer(delayMs, callback),
  soon: (callback) => {
    setImmediate(callback);
  },
};
