/**
 * What a lane has in memory, in two queues: first attempts, and retries, to which replays belong. First attempts go first, and every fifth turn
 * is a retry's, so that neither starves the other. What waits in the storage comes in by the same weight (retry-places.ts).
 */
import { RingQueue } from '../domain/ring-queue.ts';
import { isRetry } from './live-delivery.ts';
import type { LiveDelivery } from './live-delivery.ts';

export const FIRST_PER_RETRY = 4;

export class LaneQueue {
  readonly #first = new RingQueue<LiveDelivery>();
  readonly #retries = new RingQueue<LiveDelivery>();
  /** Of those, the retries proper, in the same order. */
  readonly #proper = new Set<LiveDelivery>();
  #firstInARow = 0;

  get size(): number {
    return this.#first.size + this.#retries.size;
  }

  /** Retries, without replays. */
  get retries(): number {
    return this.#proper.size;
  }

  push(delivery: LiveDelivery): void {
    if (delivery.attempts === 0 && delivery.askedBy !== 'replay') this.#first.push(delivery);
    else this.#retries.push(delivery);
    if (isRetry(delivery)) this.#proper.add(delivery);
  }

  shift(): LiveDelivery | undefined {
    if (this.#retries.size > 0 && this.#firstInARow >= FIRST_PER_RETRY) return this.#retry();
    const first = this.#first.shift();
    if (first === undefined) return this.#retry();
    if (this.#retries.size > 0) this.#firstInARow++;
    return first;
  }

  /** The next retry, whatever stands before it. */
  shiftRetry(): LiveDelivery | undefined {
    const [next] = this.#proper;
    if (next === undefined) return undefined;
    this.#proper.delete(next);
    return this.#retries.take((each) => each === next);
  }

  find(isIt: (delivery: LiveDelivery) => boolean): LiveDelivery | undefined {
    return this.#first.find(isIt) ?? this.#retries.find(isIt);
  }

  /** Takes out the first that fits, wherever it stands. */
  take(fits: (delivery: LiveDelivery) => boolean): LiveDelivery | undefined {
    const taken = this.#first.take(fits) ?? this.#retries.take(fits);
    if (taken !== undefined) this.#proper.delete(taken);
    return taken;
  }

  drain(): LiveDelivery[] {
    this.#proper.clear();
    return [...this.#first.drain(), ...this.#retries.drain()];
  }

  #retry(): LiveDelivery | undefined {
    this.#firstInARow = 0;
    const retry = this.#retries.shift();
    if (retry !== undefined) this.#proper.delete(retry);
    return retry;
  }
}
