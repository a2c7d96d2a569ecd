/** Fills lanes from the storage: one call at a time, for all lanes that have room and something due. */
import type { Clock } from '../domain/clock.ts';
import type { ClaimedLane } from '../storage/claiming.ts';
import type { Storage } from '../storage/storage.ts';
import type { Lane } from './lane.ts';

export interface ClaimHost {
  /** Places in memory that are free; 0 while nothing is to be claimed. */
  room(): number;
  /** Takes places, or with a negative number gives them back. */
  takePlaces(count: number): void;
  /** What a lane was given; its places are not taken yet. */
  claimed(lane: Lane, found: ClaimedLane): void;
  /** The call failed; nothing was claimed. */
  claimFailed(lanes: readonly Lane[], error: unknown): void;
  /** After all of `claimed`. */
  claimEnded(): void;
}

interface AskedLane {
  readonly lane: Lane;
  readonly limit: number;
  /** Only retries, of those that are due from then on. */
  readonly retriesFromMs: number | null;
}

export class Claimer {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #host: ClaimHost;
  /** Lanes that wait for their turn. */
  readonly #waiting = new Set<Lane>();
  #underWay: Promise<void> | null = null;

  constructor(storage: Storage, clock: Clock, host: ClaimHost) {
    this.#storage = storage;
    this.#clock = clock;
    this.#host = host;
  }

  /** The lane has something due, and room for it. */
  add(lane: Lane): void {
    this.#waiting.add(lane);
  }

  remove(lane: Lane): void {
    this.#waiting.delete(lane);
  }

  /** Resolves when what is being claimed has come. */
  async settled(): Promise<void> {
    await this.#underWay;
  }

  claim(): void {
    if (this.#underWay !== null || this.#waiting.size === 0) return;
    const room = this.#host.room();
    if (room <= 0) return;
    // Not more: it holds up the commits beside it.
    const nowMs = this.#clock.nowMs();
    const asked = this.#share(Math.min(room, this.#storage.groupSize), nowMs);
    if (asked.length === 0) return;
    const lanes = asked.map(({ lane, limit, retriesFromMs }) => ({
      tenantId: lane.tenantId,
      destinationId: lane.destinationId,
      isOrdered: lane.isOrdered,
      limit,
      ...(retriesFromMs === null ? { retryPlaces: lane.retryPlaces.of(limit) } : { retriesFromMs }),
      givenAfter: lane.given.upTo,
    }));
    this.#underWay = this.#storage.claim({ lanes, dueBeforeMs: nowMs }).then(
      (claimed) => this.#claimed(asked, claimed),
      (error: unknown) => this.#failed(asked, error),
    );
  }

  /** Even parts of the room. Their places are taken before they come: a publish meanwhile must not take them too. */
  #share(room: number, nowMs: number): AskedLane[] {
    let left = room;
    const each = Math.max(1, Math.floor(room / this.#waiting.size));
    const asked: AskedLane[] = [];
    for (const lane of this.#waiting) {
      if (left === 0) break;
      const isOfRetries = lane.wantsRetries(nowMs);
      const limit = Math.min(isOfRetries ? lane.retryRoom : lane.room, each, left);
      this.#waiting.delete(lane);
      if (limit <= 0) continue;
      left -= limit;
      lane.claiming = true;
      lane.given.ask();
      asked.push({ lane, limit, retriesFromMs: isOfRetries ? lane.beginRetries() : null });
    }
    this.#host.takePlaces(room - left);
    return asked;
  }

  #claimed(asked: readonly AskedLane[], claimed: readonly ClaimedLane[]): void {
    this.#underWay = null;
    asked.forEach(({ lane, limit }, index) => {
      lane.claiming = false;
      this.#host.takePlaces(-limit);
      const found = claimed[index];
      if (found !== undefined) this.#host.claimed(lane, found);
    });
    this.claim();
    this.#host.claimEnded();
  }

  #failed(asked: readonly AskedLane[], error: unknown): void {
    this.#underWay = null;
    for (const { lane, limit } of asked) {
      lane.claiming = false;
      lane.claimFailed();
      this.#host.takePlaces(-limit);
    }
    this.#host.claimFailed(
      asked.map(({ lane }) => lane),
      error,
    );
  }
}
