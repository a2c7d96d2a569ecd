/**
 * The position above which the relay reads. Deleted rows stay in the index for as long as an old snapshot could see them,
 * as while a backup is taken; a look that passed over all of them would take longer and longer.
 *
 * It rises only to where nothing can come any more. A transaction has its id before it takes a position (the trigger
 * angarium_outbox_begin sees to it). So whoever took a position up to `last` has a lower id than a transaction that gets
 * its own after `last` was read: the relay's next delete. Once no transaction up to that one is under way, all of them
 * are in the snapshot, and what is not there up to `last` never will be.
 *
 * No event rests on it: every minute, and after every trouble, the relay reads from the start.
 */
import type { Clock } from '../domain/clock.ts';

const FROM_START_MS = 60_000;

/** Of one look, in one snapshot. */
export interface Seen {
  /** The first position there is; `null`: none. */
  readonly first: bigint | null;
  /** The last position that was taken, by whomever. */
  readonly last: bigint;
  /** All transactions with a lower id have ended. */
  readonly xmin: bigint;
}

export class Floor {
  readonly #clock: Clock;
  #position = 0n;
  /** It rises to that position when the transaction, and all before it, have ended. */
  #next: { readonly position: bigint; readonly xid: bigint } | null = null;
  #last = 0n;
  #fromStartMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For the next look: above it. */
  get position(): bigint {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#fromStartMs < FROM_START_MS) return this.#position;
    this.#fromStartMs = nowMs;
    return 0n;
  }

  looked({ first, last, xmin }: Seen): void {
    this.#last = last;
    // Of a database that went back, say, to a backup.
    if (last < this.#position || (first !== null && first <= this.#position)) this.reset();
    if (this.#next === null || xmin <= this.#next.xid) return;
    const { position } = this.#next;
    this.#position = first !== null && first <= position ? first - 1n : position;
    this.#next = null;
  }

  /** Something was deleted, after the last look, in the transaction of that id. */
  deleted(xid: bigint): void {
    this.#next ??= { position: this.#last, xid };
  }

  reset(): void {
    this.#position = 0n;
    this.#next = null;
  }
}
