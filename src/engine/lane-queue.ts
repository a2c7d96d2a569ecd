/**
 * What a lane has in memory, in two queues: first attempts, and retries, to which replays belong. First attempts go first, and every fifth turn
 * is a retry's, so that neither starves the other.
 */
import { RingQueue } from '../domain/ring-queue.ts';
import type { LiveDelivery } from './live-delivery.ts';

const FIRST_PER_RETRY = 4;

export class LaneQueue {
  readonly #first = new RingQueue<LiveDelivery>();
  readonly #retries = new RingQueue<LiveDelivery>();
  #firstInARow = 0;

  get size(): number {
    return this.#first.size + this.#retries.size;
  }

  push(delivery: LiveDelivery): void {
    if (delivery.attempts === 0 && delivery.askedBy !== 'replay') this.#first.push(delivery);
    else this.#retries.push(delivery);
  }

  shift(): LiveDelivery | undefined {
    if (this.#retries.size > 0 && this.#firstInARow >= FIRST_PER_RETRY) return this.#retry();
    const first = this.#first.shift();
    if (first === undefined) return this.#retry();
    if (this.#retries.size > 0) this.#firstInARow++;
    return first;
  }

  find(isIt: (delivery: LiveDelivery) => boolean): LiveDelivery | undefined {
    return this.#first.find(isIt) ?? this.#retries.find(isIt);
  }

  /** Takes out the first that fits, wherever it stands. */
  take(fits: (delivery: LiveDelivery) => boolean): LiveDelivery | undefined {
    return this.#first.take(fits) ?? this.#retries.take(fits);
  }

  drain(): LiveDelivery[] {
    return [...this.#first.drain(), ...this.#retries.drain()];
  }

  #retry(): LiveDelivery | undefined {
    this.#firstInARow = 0;
    return this.#retries.shift();
  }
}
