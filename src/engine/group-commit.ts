/**
 * Gathers what many callers want written, so that they share one call of the storage and one flush to the disk.
 *
 * A group goes when it is full, or `gatherMs` after its first item; at most `maxUnderWay` groups are under way at once,
 * so that the writer always has the next one waiting, and what comes meanwhile makes the next group larger: the more
 * there is to do, the less each item costs.
 */
import type { Clock, Timer } from '../domain/clock.ts';

export interface GroupCommitOptions<Item, Result> {
  /** Writes all items or none; one result for each, in order. */
  readonly write: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly maxItems: number;
  /** Weight of an item (bytes); a group ends when it is over `maxWeight`. */
  readonly weigh: (item: Item) => number;
  readonly maxWeight: number;
  readonly gatherMs: number;
  readonly maxUnderWay: number;
  readonly clock: Clock;
}

export interface Entry<Item, Result> {
  readonly item: Item;
  done(result: Result): void;
  failed(error: unknown): void;
}

export class GroupCommit<Item, Result> {
  readonly #options: GroupCommitOptions<Item, Result>;
  #waiting: Entry<Item, Result>[] = [];
  #underWay = 0;
  #timer: Timer | null = null;
  #idle: (() => void)[] = [];

  constructor(options: GroupCommitOptions<Item, Result>) {
    this.#options = options;
  }

  /** Items that wait or are under way. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#underWay === 0;
  }

  add(entry: Entry<Item, Result>): void {
    this.#waiting.push(entry);
    if (this.#waiting.length >= this.#options.maxItems) this.#go();
    else this.#timer ??= this.#options.clock.schedule(this.#options.gatherMs, () => this.#due());
  }

  /** Resolves when everything added so far is settled. */
  async drained(): Promise<void> {
    if (this.isIdle) return;
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
    });
  }

  #due(): void {
    this.#timer = null;
    this.#go();
  }

  #go(): void {
    if (this.#underWay >= this.#options.maxUnderWay || this.#waiting.length === 0) return;
    const group = this.#take();
    this.#underWay++;
    void this.#write(group).finally(() => {
      this.#underWay--;
      // A full group does not wait for the timer; nor does one whose timer rang while there was no place.
      if (this.#timer === null || this.#waiting.length >= this.#options.maxItems) this.#go();
      if (this.isIdle) for (const resolve of this.#idle.splice(0)) resolve();
    });
  }

  #take(): Entry<Item, Result>[] {
    const { maxItems, maxWeight, weigh } = this.#options;
    let weight = 0;
    let count = 0;
    for (const { item } of this.#waiting) {
      weight += weigh(item);
      count++;
      if (count >= maxItems || weight >= maxWeight) break;
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }

  async #write(group: readonly Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.write(group.map(({ item }) => item));
      group.forEach((entry, index) => {
        const result = results[index];
        if (result === undefined)
          entry.failed(new Error('the storage gave fewer results than it was given items'));
        else entry.done(result);
      });
    } catch (error) {
      for (const entry of group) entry.failed(error);
    }
  }
}
