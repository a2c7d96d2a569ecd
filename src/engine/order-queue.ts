/**
 * What an ordered lane has in memory: of each key only the first is let out, and the next when that one is done with.
 * What has no key goes as it comes.
 */
import { RingQueue } from '../domain/ring-queue.ts';
import { LaneQueue } from './lane-queue.ts';
import type { LiveDelivery } from './live-delivery.ts';

export class OrderQueue {
  readonly #ready = new LaneQueue();
  readonly #keys = new Map<string, Key>();
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
    const key = this.#keys.get(orderKey);
    if (key === undefined) {
      this.#keys.set(orderKey, { name: orderKey, head: delivery, behind: new RingQueue() });
      this.#ready.push(delivery);
    } else {
      key.behind.push(delivery);
      this.#waiting++;
    }
  }

  /** Those that can go, and are retries. */
  get retries(): number {
    return this.#ready.retries;
  }

  shift(): LiveDelivery | undefined {
    return this.#ready.shift();
  }

  /** The next retry, whatever stands before it. */
  shiftRetry(): LiveDelivery | undefined {
    return this.#ready.shiftRetry();
  }

  /** The delivery of that event, if it has not begun. */
  find(eventSeq: number): LiveDelivery | undefined {
    const isIt = ({ event }: LiveDelivery) => event.seq === eventSeq;
    const ready = this.#ready.find(isIt);
    if (ready !== undefined) return ready;
    for (const { behind } of this.#keys.values()) {
      const found = behind.find(isIt);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Takes out the first that fits and has not begun. */
  take(fits: (delivery: LiveDelivery) => boolean): LiveDelivery | undefined {
    const ready = this.#ready.take(fits);
    if (ready !== undefined) this.done(ready);
    if (ready !== undefined) return ready;
    for (const { behind } of this.#keys.values()) {
      const waiting = behind.take(fits);
      if (waiting === undefined) continue;
      this.#waiting--;
      return waiting;
    }
    return undefined;
  }

  /** It is done with: the next of its key may go. One that left the queue without its turn holds no key. */
  done(delivery: LiveDelivery): void {
    const key = this.#keyOf(delivery);
    if (key === undefined) return;
    const next = key.behind.shift();
    if (next === undefined) this.#keys.delete(key.name);
    else {
      this.#waiting--;
      key.head = next;
      this.#ready.push(next);
    }
  }

  /** It is not done with, and is not in memory any more: those behind it are to leave as well. */
  blocked(delivery: LiveDelivery): LiveDelivery[] {
    const key = this.#keyOf(delivery);
    if (key === undefined) return [];
    const behind = key.behind.drain();
    this.#keys.delete(key.name);
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
    const behind = [...this.#keys.values()].flatMap((key) => key.behind.drain());
    for (const { orderKey } of ready) if (orderKey !== null) this.#keys.delete(orderKey);
    this.#waiting = 0;
    return [...ready, ...behind];
  }

  /** The key that it is out for, or ready. */
  #keyOf(delivery: LiveDelivery): Key | undefined {
    const key = delivery.orderKey === null ? undefined : this.#keys.get(delivery.orderKey);
    return key?.head === delivery ? key : undefined;
  }
}

interface Key {
  readonly name: string;
  /** Out, or ready. */
  head: LiveDelivery;
  readonly behind: RingQueue<LiveDelivery>;
}
