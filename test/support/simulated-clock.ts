/**
 * Time that passes only when somebody says so. One world has one `SimulatedClock`; each process in it has a
 * `ProcessClock`, whose timers are gone when the process is killed.
 *
 * Between two timers all promises settle: what is a moment of the world is never half done.
 */
import type { Clock, Timer } from '../../src/domain/clock.ts';

interface Entry {
  readonly atMs: number;
  /** Those of the same moment go in the order in which they were set. */
  readonly order: number;
  callback: (() => void) | null;
}

const TURN_MS = 0.25;

export class SimulatedClock implements Clock {
  #monotonicMs = 0;
  #wallAheadMs: number;
  #lastOrder = 0;
  readonly #heap: Entry[] = [];

  constructor(startMs = 1_800_000_000_000) {
    this.#wallAheadMs = startMs;
  }

  nowMs(): number {
    return Math.floor(this.#wallAheadMs + this.#monotonicMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** As Node does: whole milliseconds, at least one. */
  schedule(delayMs: number, callback: () => void): Timer {
    return this.after(Math.max(1, Math.trunc(delayMs)), callback);
  }

  /** What a turn does takes some of a millisecond. */
  soon(callback: () => void): void {
    this.after(TURN_MS, callback);
  }

  /** For what happens in the world: to the fraction, 0 too. */
  after(delayMs: number, callback: () => void): Timer {
    const entry: Entry = {
      atMs: this.#monotonicMs + delayMs,
      order: ++this.#lastOrder,
      callback,
    };
    push(this.#heap, entry);
    return {
      cancel: () => {
        entry.callback = null;
      },
    };
  }

  /** Moves the wall clock; the monotonic one does not notice. */
  jump(byMs: number): void {
    this.#wallAheadMs += byMs;
  }

  /** Lets the time pass, with all that happens in it. */
  async advance(byMs: number): Promise<void> {
    await this.advanceUntil(() => false, byMs);
  }

  /** Lets time pass until `isDone`, asked after each timer; false where that was not within `limitMs`. */
  async advanceUntil(isDone: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#monotonicMs + limitMs;
    await settled();
    while (!isDone()) {
      const next = this.#takeDue(endMs);
      if (next === undefined) {
        this.#monotonicMs = endMs;
        return isDone();
      }
      this.#monotonicMs = Math.max(this.#monotonicMs, next.atMs);
      next.callback?.();
      await settled();
    }
    return true;
  }

  #takeDue(endMs: number): Entry | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.callback !== null && first.atMs > endMs) return undefined;
      pop(this.#heap);
      if (first.callback !== null) return first;
    }
    return undefined;
  }
}

/** The clock as one process sees it. */
export class ProcessClock implements Clock {
  readonly #world: SimulatedClock;
  #isAlive = true;

  constructor(world: SimulatedClock) {
    this.#world = world;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  nowMs(): number {
    return this.#world.nowMs();
  }

  monotonicMs(): number {
    return this.#world.monotonicMs();
  }

  schedule(delayMs: number, callback: () => void): Timer {
    return this.#world.schedule(delayMs, this.#whileAlive(callback));
  }

  soon(callback: () => void): void {
    this.#world.soon(this.#whileAlive(callback));
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#world.after(delayMs, this.#whileAlive(callback));
  }

  /** Nothing of this process happens any more. */
  kill(): void {
    this.#isAlive = false;
  }

  #whileAlive(callback: () => void): () => void {
    return () => {
      if (this.#isAlive) callback();
    };
  }
}

/** Resolves when no promise is left that could settle now: Node runs a tick only after all microtasks. */
export async function settled(): Promise<void> {
  await Promise.resolve();
  await new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}

function push(heap: Entry[], entry: Entry): void {
  let index = heap.length;
  heap.push(entry);
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex];
    if (parent === undefined || isBefore(parent, entry)) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = heap[index * 2 + 1];
    const right = heap[index * 2 + 2];
    if (left === undefined) break;
    const takeRight = right !== undefined && isBefore(right, left);
    const child = takeRight ? right : left;
    if (isBefore(last, child)) break;
    heap[index] = child;
    index = index * 2 + (takeRight ? 2 : 1);
  }
  heap[index] = last;
}
