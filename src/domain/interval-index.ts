/**
 * Intervals of numbers, and which of them a number lies in: sorted by their lower ends, as a balanced tree in which each
 * part knows its highest upper end, so that parts which end below the number are passed over whole.
 */
export interface Interval<Item> {
  /** Both ends belong to it; they may be infinite. */
  readonly low: number;
  readonly high: number;
  readonly item: Item;
}

export class IntervalIndex<Item> {
  readonly #sorted: readonly Interval<Item>[];
  /** Of the part whose middle is there, the highest upper end. */
  readonly #highest: Float64Array;

  constructor(intervals: readonly Interval<Item>[]) {
    this.#sorted = intervals.toSorted(byLow);
    this.#highest = new Float64Array(intervals.length);
    this.#build(0, intervals.length);
  }

  /** Visits those that the value lies in. Allocates nothing. */
  find(value: number, visit: (item: Item) => void): void {
    this.#find(value, 0, this.#sorted.length, visit);
  }

  #build(from: number, to: number): number {
    if (from >= to) return -Infinity;
    const middle = (from + to) >>> 1;
    const own = this.#sorted[middle]?.high ?? -Infinity;
    const highest = Math.max(own, this.#build(from, middle), this.#build(middle + 1, to));
    this.#highest[middle] = highest;
    return highest;
  }

  #find(value: number, from: number, to: number, visit: (item: Item) => void): void {
    const middle = (from + to) >>> 1;
    const interval = from < to ? this.#sorted[middle] : undefined;
    if (interval === undefined || (this.#highest[middle] ?? -Infinity) < value) return;
    this.#find(value, from, middle, visit);
    if (interval.low > value) return;
    if (interval.high >= value) visit(interval.item);
    this.#find(value, middle + 1, to, visit);
  }
}

/** Not by their difference, which is NaN between infinities. */
function byLow(left: Interval<unknown>, right: Interval<unknown>): number {
  return left.low === right.low ? 0 : left.low < right.low ? -1 : 1;
}
