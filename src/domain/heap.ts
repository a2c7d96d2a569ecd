/** What is least comes out first; in a binary heap, so that a thousand more cost ten comparisons. */
export class Heap<Item> {
  readonly #compare: (one: Item, other: Item) => number;
  /** Each is no greater than the two at twice its place, and the next. */
  #items: Item[] = [];

  /** `compare`: as of `Array.prototype.sort`. Of those that are equal any comes first. */
  constructor(compare: (one: Item, other: Item) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The least; it stays. */
  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    const items = this.#items;
    let place = items.length;
    items.push(item);
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = items[above];
      if (other === undefined || this.#compare(other, item) <= 0) break;
      items[place] = other;
      place = above;
    }
    items[place] = item;
  }

  /** Takes out the least. */
  pop(): Item | undefined {
    const items = this.#items;
    const least = items[0];
    const last = items.pop();
    if (last !== undefined && items.length > 0) this.#sink(last);
    return least;
  }

  clear(): void {
    this.#items = [];
  }

  /** From the first place to its own. */
  #sink(item: Item): void {
    const items = this.#items;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      let least = items[below];
      if (least === undefined) break;
      const right = items[below + 1];
      if (right !== undefined && this.#compare(right, least) < 0) {
        least = right;
        below++;
      }
      if (this.#compare(least, item) >= 0) break;
      items[place] = least;
      place = below;
    }
    items[place] = item;
  }
}
