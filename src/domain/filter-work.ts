/**
 * How much a filter may do with one event. Filters come from tenants and events may be large: without an end, the two of
 * them multiplied could hold up everybody else for seconds. Steps are counted, not time, so that the same filter gives the
 * same answer on every machine: one for each value that a condition looks at, and for each eight characters compared.
 */

/** One filter with one event: some milliseconds. */
export const MAX_FILTER_STEPS = 1_000_000;
/** All filters with one event. */
export const MAX_EVENT_STEPS = 5_000_000;

/** What it was asked took more steps than there were. */
export class TooMuchWorkError extends Error {
  override readonly name = 'TooMuchWorkError';
}

export class Work {
  /** Steps. */
  left: number;

  constructor(left: number) {
    this.left = left;
  }

  /** Throws `TooMuchWorkError`. */
  spend(steps: number): void {
    this.left -= steps;
    if (this.left < 0) throw new TooMuchWorkError();
  }

  spendOnText(length: number): void {
    this.spend(1 + (length >>> 3));
  }
}
