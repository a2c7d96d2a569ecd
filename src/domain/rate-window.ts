/** At most so many in any window of time, for each key. It is asked little: it keeps the moments themselves. */

export interface RateWindowOptions {
  readonly limit: number;
  readonly windowMs: number;
}

export class RateWindow {
  readonly #options: RateWindowOptions;
  readonly #takenMs = new Map<string, readonly number[]>();

  constructor(options: RateWindowOptions) {
    this.#options = options;
  }

  /** Milliseconds until the key may go again; 0: now. `nowMs` never goes back. */
  waitMs(key: string, nowMs: number): number {
    const { limit, windowMs } = this.#options;
    const taken = this.#within(key, nowMs);
    const first = taken[taken.length - limit];
    return first === undefined ? 0 : first + windowMs - nowMs;
  }

  take(key: string, nowMs: number): void {
    this.#forgetOld(nowMs);
    this.#takenMs.set(key, [...this.#within(key, nowMs), nowMs]);
  }

  #within(key: string, nowMs: number): readonly number[] {
    return (this.#takenMs.get(key) ?? []).filter((atMs) => nowMs - atMs < this.#options.windowMs);
  }

  /** What nobody asks for any more does not stay. */
  #forgetOld(nowMs: number): void {
    for (const key of this.#takenMs.keys())
      if (this.#within(key, nowMs).length === 0) this.#takenMs.delete(key);
  }
}
