/**
 * Publishing does not outrun delivering without paying. Where this process has all that it can do, and the lanes that an
 * event is for have more in memory than they may, the publish waits a moment before its commit; so deliveries go out
 * from memory instead of by the way over the disk, which would cost both sides more.
 *
 * Only this process's own limit makes anybody wait, and only for lanes whose receivers keep up: a slow or hanging one
 * keeps no thread busy, so what it is owed is written and claimed later, and the publisher is answered at once. What was
 * published alone, for one destination, waits in a line of that destination's, so that none waits for another's lane;
 * batches, and what is for several destinations or for one that wants order, in their tenant's, in order.
 */
import type { Clock, Timer } from '../domain/clock.ts';
import { RingQueue } from '../domain/ring-queue.ts';
import type { Storage } from '../storage/storage.ts';
import type { Dispatcher } from './dispatcher.ts';
import { Courtesy } from './courtesy.ts';
import { BUSY, MAX_COURTESY_MS, MAX_PACING_MS } from './pacing.ts';
import type { Target } from './target.ts';

/** How often is looked whether there is room. */
const LOOK_MS = 2;

export interface Paced {
  readonly tenantId: string;
  readonly targets: readonly Target[];
  readonly isOfBatch: boolean;
  /** When it was published, on the monotonic clock. */
  readonly startedMs: number;
}

export interface PacerParts {
  readonly storage: Storage;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  /** Of this process's thread. */
  readonly utilization: () => number;
  /** How many of the tenant wait for their commit, having passed. */
  readonly waiting: (tenantId: string) => number;
}

type Line = Target | string;

export class Pacer<Entry extends Paced> {
  readonly #parts: PacerParts;
  readonly #go: (entry: Entry) => void;
  readonly #courtesy: Courtesy;
  readonly #lines = new Map<Line, RingQueue<Entry>>();
  #timer: Timer | null = null;

  constructor(parts: PacerParts, go: (entry: Entry) => void) {
    this.#parts = parts;
    this.#go = go;
    this.#courtesy = new Courtesy(parts.utilization);
  }

  /** Lets the entry go on, now or later; those in a line in the order of the calls. */
  pass(entry: Entry): void {
    const { tenantId, startedMs } = entry;
    const line = lineOf(entry);
    let queue = this.#lines.get(line);
    const waiting = this.#parts.waiting(tenantId) + (queue?.size ?? 0);
    this.#courtesy.published(tenantId, waiting, startedMs);
    if (queue === undefined && !this.#mustWait(entry, startedMs)) {
      this.#go(entry);
      return;
    }
    if (queue === undefined) {
      queue = new RingQueue();
      this.#lines.set(line, queue);
    }
    queue.push(entry);
    this.#timer ??= this.#parts.clock.schedule(LOOK_MS, () => this.#look());
  }

  /** Lets all go on. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    for (const queue of this.#lines.values()) for (const entry of queue.drain()) this.#go(entry);
    this.#lines.clear();
  }

  /** One of each line by turns, until none may go. */
  #look(): void {
    this.#timer = null;
    const nowMs = this.#parts.clock.monotonicMs();
    let lines = [...this.#lines];
    while (lines.length > 0)
      lines = lines.filter(([line, queue]) => this.#next(line, queue, nowMs));
    if (this.#lines.size > 0) this.#timer = this.#parts.clock.schedule(LOOK_MS, () => this.#look());
  }

  /** Whether another one of the line may go. */
  #next(line: Line, queue: RingQueue<Entry>, nowMs: number): boolean {
    const entry = queue.peek();
    if (entry === undefined) this.#lines.delete(line);
    if (entry === undefined || this.#mustWait(entry, nowMs)) return false;
    queue.shift();
    this.#go(entry);
    return true;
  }

  #mustWait({ tenantId, targets, startedMs }: Entry, nowMs: number): boolean {
    const { dispatcher } = this.#parts;
    const waitedMs = nowMs - startedMs;
    return (
      (waitedMs < MAX_PACING_MS &&
        this.#isBusy &&
        targets.some((target) => dispatcher.isCrowded(target))) ||
      (waitedMs < MAX_COURTESY_MS && this.#courtesy.mustWait(tenantId, nowMs))
    );
  }

  /** The thread, or a database that writes all the time. */
  get #isBusy(): boolean {
    const { storage, utilization } = this.#parts;
    return Math.max(utilization(), storage.utilization?.() ?? 0) >= BUSY;
  }
}

function lineOf({ tenantId, targets, isOfBatch }: Paced): Line {
  const [only] = targets;
  const isAlone = only !== undefined && targets.length === 1 && only.order === 'none';
  return isAlone && !isOfBatch ? only : tenantId;
}
