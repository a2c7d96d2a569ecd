/**
 * First in, first out within a group (a tenant); the groups take turns. So whoever has put in thousands keeps nobody
 * waiting who has put in one. A group that has nothing waiting costs nothing.
 */
import { RingQueue } from '../domain/ring-queue.ts';

export class FairQueue<Item> {
  readonly #groupOf: (item: Item) => string;
  /** Those that have something, in the order of their turns. */
  readonly #groups = new Map<string, RingQueue<Item>>();
  #size = 0;

  constructor(groupOf: (item: Item) => string) {
    this.#groupOf = groupOf;
  }

  get size(): number {
    return this.#size;
  }

  push(item: Item): void {
    const name = this.#groupOf(item);
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new RingQueue();
      this.#groups.set(name, group);
    }
    group.push(item);
    this.#size++;
  }

  shift(): Item | undefined {
    for (const [name, group] of this.#groups) {
      const item = group.shift();
      this.#size--;
      if (group.size === 0) this.#groups.delete(name);
      else if (this.#groups.size > 1) {
        // Its next turn comes after all others'.
        this.#groups.delete(name);
        this.#groups.set(name, group);
      }
      return item;
    }
    return undefined;
  }
}
