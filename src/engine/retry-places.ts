/**
 * Which of the places that a lane claims are for retries: every fifth, as of the turns in memory (lane-queue.ts). What is in
 * memory can take turns only where the storage lets both in.
 */
import { FIRST_PER_RETRY } from './lane-queue.ts';

export class RetryPlaces {
  #left = 0;

  /** Of the next so many. Counted on from claim to claim: also where each is for one delivery, the fifth is a retry's. */
  of(places: number): number {
    this.#left += places;
    const ofRetries = Math.floor(this.#left / (FIRST_PER_RETRY + 1));
    this.#left -= ofRetries * (FIRST_PER_RETRY + 1);
    return ofRetries;
  }
}
