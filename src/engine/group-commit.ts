/**
 * Gathers what many callers want written, so that they share one call of the storage and one flush to the disk.
 *
 * A group goes when it is full, or `gatherMs` after its first item; an eager one at once where none is under way. At
 * most `maxUnderWay` groups are under way at once, so that the writer always has the next one waiting, and what comes
 * meanwhile makes the next group larger: the more there is to do, the less each item costs.
 */
import type { Clock, Timer } from '../domain/clock.ts';

/** One thing to be written, which is told what came of it. */
export interface Item<Result> {
  /** Of what is written, in bytes; a group ends when it is heavy enough. */
  readonly weightBytes: number;
  written(result: Result): void;
  refused(error: unknown): void;
}

/** What waits: first in, first out, or by turns. */
interface Queue<Entry> {
  readonly size: number;
  push(item: Entry): void;
  shift(): Entry | undefined;
}

export interface GroupCommitOptions<Entry extends Item<Result>, Result> {
  /** Writes all items or none; one result for each, in order. */
  readonly write: (items: readonly Entry[]) => Promise<readonly Result[]>;
  readonly maxItems: number;
  readonly maxWeightBytes: number;
  readonly gatherMs: number;
  /** Somebody waits for each item: none is held back while the writer has nothing to do. */
  readonly isEager: boolean;
  readonly maxUnderWay: number;
  readonly clock: Clock;
  /** In which order they go. */
  readonly queue: Queue<Entry>;
  /** What those are told that wait while a group was refused; `null`, or by default: nothing, they go on. */
  readonly refusalOfWaiting?: (error: unknown) => Error | null;
  /** Called after the items of a group were told. */
  readonly onGroup?: () => void;
}

export class GroupCommit<Entry extends Item<Result>, Result> {
  readonly #options: GroupCommitOptions<Entry, Result>;
  #underWay = 0;
  #timer: Timer | null = null;
  #onIdle: (() => void)[] = [];

  constructor(options: GroupCommitOptions<Entry, Result>) {
    this.#options = options;
  }

  add(item: Entry): void {
    this.#options.queue.push(item);
    if (this.#isReady) this.#go();
    else this.#timer ??= this.#options.clock.schedule(this.#options.gatherMs, () => this.#due());
  }

  /** Resolves when everything added so far is settled. */
  async drained(): Promise<void> {
    if (this.#isIdle) return;
    await new Promise<void>((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  get #isReady(): boolean {
    const { isEager, maxItems, queue } = this.#options;
    return queue.size >= maxItems || (isEager && this.#underWay === 0);
  }

  get #isIdle(): boolean {
    return this.#options.queue.size === 0 && this.#underWay === 0;
  }

  #due(): void {
    this.#timer = null;
    this.#go();
  }

  #go(): void {
    const { maxUnderWay, queue } = this.#options;
    if (this.#underWay >= maxUnderWay || queue.size === 0) return;
    const group = this.#take();
    this.#underWay++;
    void this.#write(group).then(() => {
      this.#underWay--;
      // One whose timer rang while there was no place does not wait either.
      if (this.#timer === null || this.#isReady) this.#go();
      if (this.#isIdle) for (const resolve of this.#onIdle.splice(0)) resolve();
    });
  }

  #take(): Entry[] {
    const { maxItems, maxWeightBytes, queue } = this.#options;
    const group: Entry[] = [];
    let weightBytes = 0;
    while (group.length < maxItems && weightBytes < maxWeightBytes) {
      const item = queue.shift();
      if (item === undefined) break;
      group.push(item);
      weightBytes += item.weightBytes;
    }
    return group;
  }

  #refuseWaiting(error: Error): void {
    const { queue } = this.#options;
    for (let left = queue.size; left > 0; left--) queue.shift()?.refused(error);
  }

  async #write(group: readonly Entry[]): Promise<void> {
    try {
      const results = await this.#options.write(group);
      group.forEach((item, index) => {
        const result = results[index];
        if (result === undefined)
          item.refused(new Error('the storage gave fewer results than items'));
        else item.written(result);
      });
    } catch (error) {
      for (const item of group) item.refused(error);
      const refusal = this.#options.refusalOfWaiting?.(error) ?? null;
      if (refusal !== null) this.#refuseWaiting(refusal);
    }
    this.#options.onGroup?.();
  }
}
