/**
 * What of a lane other nodes have given to this one, and how far it has taken it (storage/claiming.ts). It is read without
 * being claimed: so an answer may tell of one that is in memory, or was when it was asked for, where that was canceled meanwhile and
 * asked for again.
 */
import type { ClaimedDelivery, ClaimedLane, GivenPosition } from '../storage/claiming.ts';

export class Given {
  /** `null`: nothing yet. */
  upTo: GivenPosition | null = null;
  readonly #leftMeanwhile = new Set<number>();
  #isAsked = false;

  /** A claim is asked for. */
  ask(): void {
    this.#isAsked = true;
    this.#leftMeanwhile.clear();
  }

  /** A delivery of that event has left the memory. */
  left(eventSeq: number): void {
    if (this.#isAsked) this.#leftMeanwhile.add(eventSeq);
  }

  /** What of an answer is not in memory; `isHeld`: whether one of that event is. */
  take(found: ClaimedLane, isHeld: (eventSeq: number) => boolean): ClaimedDelivery[] {
    this.#isAsked = false;
    this.upTo = found.givenUpTo ?? this.upTo;
    return found.deliveries.filter(({ key: { seq }, askedBy, isGiven = false }) => {
      // As it was given, nobody has asked for it again: it cannot come twice.
      if (!isGiven || askedBy === 'schedule') return true;
      return !this.#leftMeanwhile.has(seq) && !isHeld(seq);
    });
  }
}
