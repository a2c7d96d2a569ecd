/** A first-in, first-out queue in a growing ring: push and shift cost the same however long it is. */
export class RingQueue<T> {
  #slots: (T | undefined)[] = Array.from({ length: 16 });
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item;
    this.#size++;
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    return item;
  }

  /** The oldest, left where it is. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head];
  }

  /** The oldest that is meant, left where it is. */
  find(isIt: (item: T) => boolean): T | undefined {
    for (let index = 0; index < this.#size; index++) {
      const item = this.#slots[(this.#head + index) & (this.#slots.length - 1)];
      if (item !== undefined && isIt(item)) return item;
    }
    return undefined;
  }

  /** Takes everything out, oldest first. */
  drain(): T[] {
    const items: T[] = [];
    for (let item = this.shift(); item !== undefined; item = this.shift()) items.push(item);
    return items;
  }

  /** Takes out the first that fits, wherever it stands; looks through all. */
  take(fits: (item: T) => boolean): T | undefined {
    let taken: T | undefined;
    for (const item of this.drain()) {
      if (taken === undefined && fits(item)) taken = item;
      else this.push(item);
    }
    return taken;
  }

  #grow(): void {
    const { length } = this.#slots;
    const grown: (T | undefined)[] = Array.from({ length: length * 2 });
    for (let index = 0; index < this.#size; index++)
      grown[index] = this.#slots[(this.#head + index) & (length - 1)];
    this.#slots = grown;
    this.#head = 0;
  }
}
