/**
 * What an ordered lane has in memory: of each key only the first is let out, and the next when that one is done with.
 * What has no key goes as it comes.
 */
import { RingQueue } from '../domain/ring-queue.ts';
import { LaneQueue } from './lane-queue.ts';
import type { LiveDelivery } from './live-delivery.ts';

export class OrderQueue {
  readonly #ready = new LaneQueue();
  /** Keys that have one out or ready, with those behind it. */
  readonly #behind = new Map<string, RingQueue<LiveDelivery>>();
  #waiting = 0;

  /** All of them, also those that cannot go yet. */
  get size(): number {
    return this.#ready.size + this.#waiting;
  }

  get readySize(): number {
    return this.#ready.size;
  }

  push(delivery: LiveDelivery): void {
    const { orderKey } = delivery;
    if (orderKey === null) {
      this.#ready.push(delivery);
      return;
    }
    const behind = this.#behind.get(orderKey);
    if (behind === undefined) {
      this.#behind.set(orderKey, new RingQueue());
      this.#ready.push(delivery);
    } else {
      behind.push(delivery);
      this.#waiting++;
    }
  }

  shift(): LiveDelivery | undefined {
    return this.#ready.shift();
  }

  /** The delivery of that event, if it has not begun. */
  find(eventSeq: number): LiveDelivery | undefined {
    const isIt = ({ event }: LiveDelivery) => event.seq === eventSeq;
    const ready = this.#ready.find(isIt);
    if (ready !== undefined) return ready;
    for (const queue of this.#behind.values()) {
      const found = queue.find(isIt);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Takes out the first that fits and has not begun. */
  take(fits: (delivery: LiveDelivery) => boolean): LiveDelivery | undefined {
    const ready = this.#ready.take(fits);
    if (ready !== undefined) this.done(ready);
    if (ready !== undefined) return ready;
    for (const queue of this.#behind.values()) {
      const behind = queue.take(fits);
      if (behind === undefined) continue;
      this.#waiting--;
      return behind;
    }
    return undefined;
  }

  /** It is final: the next of its key may go. */
  done({ orderKey }: LiveDelivery): void {
    if (orderKey === null) return;
    const next = this.#behind.get(orderKey)?.shift();
    if (next === undefined) this.#behind.delete(orderKey);
    else {
      this.#waiting--;
      this.#ready.push(next);
    }
  }

  /** It is not done with, and is not in memory any more: those behind it are to leave as well. */
  blocked({ orderKey }: LiveDelivery): LiveDelivery[] {
    if (orderKey === null) return [];
    const behind = this.#behind.get(orderKey)?.drain() ?? [];
    this.#behind.delete(orderKey);
    this.#waiting -= behind.length;
    return behind;
  }

  /** Takes out all but the next. */
  takeSurplus(): LiveDelivery[] {
    const [next, ...surplus] = this.drain();
    if (next !== undefined) this.push(next);
    return surplus;
  }

  /** Empties it; keys that have one out stay as they are. */
  drain(): LiveDelivery[] {
    const ready = this.#ready.drain();
    const behind = [...this.#behind.values()].flatMap((queue) => queue.drain());
    for (const { orderKey } of ready) if (orderKey !== null) this.#behind.delete(orderKey);
    this.#waiting = 0;
    return [...ready, ...behind];
  }
}
