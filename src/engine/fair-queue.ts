/**
 * First in, first out within a group (a tenant); the groups take turns. So whoever has put in thousands keeps nobody
 * waiting who has put in one. A group that has nothing waiting costs nothing.
 */
import { RingQueue } from '../domain/ring-queue.ts';

interface Group<Item> {
  readonly name: string;
  readonly items: RingQueue<Item>;
}

export class FairQueue<Item> {
  readonly #groupOf: (item: Item) => string;
  /** Those that have something. */
  readonly #groups = new Map<string, Group<Item>>();
  readonly #turns = new RingQueue<Group<Item>>();
  #size = 0;

  constructor(groupOf: (item: Item) => string) {
    this.#groupOf = groupOf;
  }

  get size(): number {
    return this.#size;
  }

  /** How many of the group wait. */
  sizeOf(name: string): number {
    return this.#groups.get(name)?.items.size ?? 0;
  }

  push(item: Item): void {
    const name = this.#groupOf(item);
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { name, items: new RingQueue() };
      this.#groups.set(name, group);
      this.#turns.push(group);
    }
    group.items.push(item);
    this.#size++;
  }

  shift(): Item | undefined {
    const group = this.#turns.shift();
    if (group === undefined) return undefined;
    const item = group.items.shift();
    this.#size--;
    if (group.items.size > 0) this.#turns.push(group);
    else this.#groups.delete(group.name);
    return item;
  }
}
