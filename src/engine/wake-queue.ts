/** What has to be looked at when: a heap by time, with one timer for the earliest. */
import type { Clock, Timer } from '../domain/clock.ts';
import { Heap } from '../domain/heap.ts';

/** Timers do not notice when the wall clock is set, or the machine was suspended: so often is looked at it again. */
const MAX_SLEEP_MS = 1000;
/** The wall clock was set back by more than it is ever slewed between two looks. */
const SET_BACK_MS = 20;

interface Wake<T> {
  readonly atMs: number;
  readonly item: T;
}

export class WakeQueue<T> {
  readonly #clock: Clock;
  readonly #onDue: (items: T[]) => void;
  readonly #onSetBack: () => Iterable<T>;
  readonly #heap = new Heap<Wake<T>>(byTime);
  /** The time at which each item is to be woken; a heap entry with another time is a leftover. */
  readonly #times = new Map<T, number>();
  #timer: Timer | null = null;
  #timerAtMs = Infinity;
  /** The wall clock before the monotonic one, when last looked at. */
  #aheadMs: number;

  /**
   * `onSetBack`: the wall clock was. A time from before may be further away by now than anything has to wait: all are due,
   * and what it gives, though nothing was said of when to wake that.
   */
  constructor(clock: Clock, onDue: (items: T[]) => void, onSetBack: () => Iterable<T>) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#onSetBack = onSetBack;
    this.#aheadMs = clock.nowMs() - clock.monotonicMs();
  }

  /** Wakes the item at that time instead of the one said before; `Infinity`: not at all. */
  set(item: T, atMs: number): void {
    if (this.#times.get(item) === atMs) return;
    if (atMs === Infinity) {
      this.#times.delete(item);
      return;
    }
    this.#times.set(item, atMs);
    this.#heap.push({ atMs, item });
    this.#arm();
  }

  /** Wakes the item at that time, unless it is to be woken before. */
  setEarlier(item: T, atMs: number): void {
    if (atMs < (this.#times.get(item) ?? Infinity)) this.set(item, atMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerAtMs = Infinity;
    this.#times.clear();
    this.#heap.clear();
  }

  #ring(): void {
    this.#timer = null;
    this.#timerAtMs = Infinity;
    const nowMs = this.#clock.nowMs();
    const due = this.#wasSetBack(nowMs) ? this.#takeAll() : [];
    for (
      let first = this.#heap.peek();
      first !== undefined && first.atMs <= nowMs;
      first = this.#heap.peek()
    ) {
      this.#heap.pop();
      if (this.#times.get(first.item) !== first.atMs) continue;
      this.#times.delete(first.item);
      due.push(first.item);
    }
    if (due.length > 0) this.#onDue(due);
    this.#arm();
  }

  #wasSetBack(nowMs: number): boolean {
    const beforeMs = this.#aheadMs;
    this.#aheadMs = nowMs - this.#clock.monotonicMs();
    return this.#aheadMs < beforeMs - SET_BACK_MS;
  }

  #takeAll(): T[] {
    const items = new Set([...this.#times.keys(), ...this.#onSetBack()]);
    this.#times.clear();
    this.#heap.clear();
    return [...items];
  }

  #arm(): void {
    const first = this.#heap.peek();
    if (first === undefined || first.atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = first.atMs;
    const delayMs = Math.max(0, first.atMs - this.#clock.nowMs());
    this.#timer = this.#clock.schedule(Math.min(delayMs, MAX_SLEEP_MS), () => this.#ring());
  }
}

function byTime(one: Wake<unknown>, other: Wake<unknown>): number {
  return one.atMs - other.atMs;
}
