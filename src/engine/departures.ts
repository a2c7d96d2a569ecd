/** Deliveries that leave the memory without an attempt: they go back into the storage, or are canceled. */
import type { Clock } from '../domain/clock.ts';
import type { Storage } from '../storage/storage.ts';
import type { EngineLog } from './engine-log.ts';
import type { EngineMeasures } from './engine-measures.ts';
import type { Lane } from './lane.ts';
import type { LiveDelivery } from './live-delivery.ts';

export interface DepartureParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: EngineLog;
  readonly measures: EngineMeasures;
}

export interface DepartureHost {
  /** Nothing is tried again any more. */
  isStopped(): boolean;
  /** It takes up no place in memory any more. */
  freed(): void;
  /** Nothing of the key waits for it any more. */
  done(lane: Lane, delivery: LiveDelivery): void;
  /** What went back is due now. */
  due(lane: Lane): void;
  /** There may be room for others. */
  claim(): void;
  /** One has left the lane: it may claim, or start, the next. */
  left(lane: Lane): void;
}

/** After the storage refused. */
const AGAIN_MS = 500;

export class Departures {
  readonly #parts: DepartureParts;
  readonly #host: DepartureHost;

  constructor(parts: DepartureParts, host: DepartureHost) {
    this.#parts = parts;
    this.#host = host;
  }

  /** All that waits in the lane. */
  empty(lane: Lane): void {
    if (lane.queue.size > 0) void this.handBack(lane, lane.queue.drain());
  }

  /** They are not sent for a while, or not any more: others have the room. They have left the lane's queue. */
  async handBack(lane: Lane, deliveries: readonly LiveDelivery[]): Promise<void> {
    for (const delivery of deliveries) lane.leaving.add(delivery);
    // Never into the queue again: what goes before them may be on its way to a retry.
    if (!(await this.#release(deliveries))) {
      this.#again(() => this.handBack(lane, deliveries));
      return;
    }
    for (const delivery of deliveries) {
      lane.handedBack(delivery);
      this.#host.freed();
      if (delivery.superseded) void this.#cancelLeft(lane, delivery);
    }
    lane.hasFollowers = lane.isOrdered;
    this.#host.due(lane);
    // Its destination may be gone: then nothing of it is due any more, and others wait for the room.
    this.#host.claim();
  }

  /**
   * It is canceled if a newer version has superseded it, and given back in any case, whatever became of it. Where another
   * destination has the id by now, it may have been claimed for that one.
   */
  async drop(lane: Lane, delivery: LiveDelivery): Promise<void> {
    const isFinal = !delivery.superseded || (await this.#cancel(delivery));
    // A claim that nobody has in memory would look like an attempt under way to who retries it by hand.
    if (!isFinal || !(await this.#release([delivery]))) {
      // Nobody else does it; after a crash what is superseded would come behind the newer version: that one waits.
      this.#again(() => this.drop(lane, delivery));
      return;
    }
    this.#host.done(lane, delivery);
    lane.given.left(delivery.event.seq);
    this.#host.left(lane);
    this.#host.due(lane);
  }

  /** It was superseded on its way out: it is in the storage, unclaimed. */
  async #cancelLeft(lane: Lane, delivery: LiveDelivery): Promise<void> {
    if (await this.#cancel(delivery)) this.#host.done(lane, delivery);
    else this.#again(() => this.#cancelLeft(lane, delivery));
  }

  /**
   * They are due again at once, to be claimed when there is room; those that were canceled stay so. `false`: the medium
   * refuses, they are still claimed.
   */
  async #release(deliveries: readonly LiveDelivery[]): Promise<boolean> {
    const { storage, log } = this.#parts;
    try {
      await storage.release({ deliveries: deliveries.map(keyOf) });
      return true;
    } catch (error) {
      log.releaseFailed(error);
      return false;
    }
  }

  /** It is not to be sent any more: canceled, where nobody was there before; `false`: the medium refuses. */
  async #cancel(delivery: LiveDelivery): Promise<boolean> {
    const { storage, clock, log, measures } = this.#parts;
    try {
      const result = await storage.cancel({
        delivery: keyOf(delivery),
        nowMs: clock.nowMs(),
        ...(delivery.superseded ? { code: 'superseded' } : {}),
      });
      if (result === 'in_attempt' || result === 'canceled') measures.canceled(1);
      return true;
    } catch (error) {
      log.cancelFailed(error);
      return false;
    }
  }

  #again(work: () => unknown): void {
    this.#parts.clock.schedule(AGAIN_MS, () => void (this.#host.isStopped() || work()));
  }
}

function keyOf({ event, ordinal }: LiveDelivery): { seq: number; ordinal: number } {
  return { seq: event.seq, ordinal };
}
