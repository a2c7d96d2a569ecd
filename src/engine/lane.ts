/**
 * A destination's lane: the deliveries of it that this node has in memory, oldest first, and what lies behind them in
 * the storage.
 */
import type { Outcome } from '../domain/attempt.ts';
import type { Clock } from '../domain/clock.ts';
import type { Event } from '../domain/event.ts';
import { RingQueue } from '../domain/ring-queue.ts';
import { AdaptiveConcurrency } from './lane-policy.ts';
import type { LanePolicy } from './lane-policy.ts';
import type { Target } from './target.ts';

/** A delivery in memory: this node has claimed it. */
export interface LiveDelivery {
  readonly event: LiveEvent;
  readonly ordinal: number;
  /** Attempts so far. */
  readonly attempts: number;
  /** Failed attempts of the schedule so far. */
  step: number;
  /** The next attempt was asked for by hand; perhaps while it is under way. */
  manual: boolean;
}

/** An event with the bodies that were rendered of it, so that all its destinations share them. */
export interface LiveEvent extends Event {
  readonly bodies: Map<string, Uint8Array>;
}

/** A lane keeps this many deliveries in memory for each attempt that it may have under way. */
const QUEUED_PER_ATTEMPT = 16;
const MIN_QUOTA = 64;

export class Lane {
  readonly tenantId: string;
  readonly destinationId: string;
  readonly #createdAtMs: number;
  readonly queue = new RingQueue<LiveDelivery>();
  /** Being attempted right now. */
  inFlight = 0;
  /** Those, and the ones whose outcome is being written. */
  readonly unrecorded = new Set<LiveDelivery>();
  /** Promised a place here by a publish that is being committed. */
  reserved = 0;
  /** It stands in the dispatcher's ring. */
  ready = false;
  /** When the first of the deliveries that are only in the storage is due; `Infinity`: there are none. */
  dueAtMs = Infinity;
  /** A claim for it is under way. */
  claiming = false;

  readonly #pace = new Pace();
  readonly #concurrency: AdaptiveConcurrency;
  readonly #policies: readonly LanePolicy[];

  constructor(target: Target) {
    this.tenantId = target.tenantId;
    this.destinationId = target.id;
    this.#createdAtMs = target.createdAtMs;
    this.#concurrency = new AdaptiveConcurrency(target.maxConcurrency);
    this.#policies = [this.#concurrency];
  }

  /** Nothing in memory, nothing known to wait. */
  get isEmpty(): boolean {
    return (
      this.queue.size === 0 &&
      this.inFlight === 0 &&
      this.unrecorded.size === 0 &&
      this.reserved === 0 &&
      this.dueAtMs === Infinity &&
      !this.claiming
    );
  }

  /** Attempts that it may have under way now. */
  get concurrencyLimit(): number {
    return this.#concurrency.limit;
  }

  /** How many deliveries it may keep in memory: a lane that hangs keeps few. */
  get quota(): number {
    return Math.max(MIN_QUOTA, this.#concurrency.limit * QUEUED_PER_ATTEMPT);
  }

  get room(): number {
    return this.quota - this.queue.size - this.inFlight - this.reserved;
  }

  /** Whether it is the lane of this destination, not of one that had the same id before. */
  isOf(target: Target | undefined): boolean {
    return target?.createdAtMs === this.#createdAtMs;
  }

  /** Whether its deliveries may go out to the destination that is there now. */
  isOpenTo(target: Target): boolean {
    return target.enabled && this.isOf(target);
  }

  /** The delivery of that event, if an attempt of it is not recorded yet. */
  underWay(eventSeq: number): LiveDelivery | undefined {
    for (const delivery of this.unrecorded) if (delivery.event.seq === eventSeq) return delivery;
    return undefined;
  }

  /** The destination has changed. */
  retarget(target: Target): void {
    this.#concurrency.setMax(target.maxConcurrency);
  }

  /** See `LanePolicy.mayStartAtMs`: all policies have to agree. */
  mayStartAtMs(nowMs: number): number {
    let atMs = nowMs;
    for (const policy of this.#policies)
      atMs = Math.max(atMs, policy.mayStartAtMs(this.inFlight, nowMs));
    return atMs;
  }

  attemptEnded(outcome: Outcome, clock: Clock): void {
    const nowMs = clock.nowMs();
    for (const policy of this.#policies) policy.attemptEnded(outcome, nowMs);
    if (outcome.kind === 'delivered') this.#pace.count(clock.monotonicMs());
  }

  /** Deliveries a millisecond, lately. */
  perMs(clock: Clock): number {
    return this.#pace.perMs(clock.monotonicMs());
  }
}

const PACE_WINDOW_MS = 100;

/** How many a millisecond: the mean over the last whole window, or over a longer one in which there were few. */
class Pace {
  #startMs = -Infinity;
  #count = 0;
  #perMs = 0;

  count(nowMs: number): void {
    this.#roll(nowMs);
    this.#count++;
  }

  perMs(nowMs: number): number {
    this.#roll(nowMs);
    return this.#perMs;
  }

  #roll(nowMs: number): void {
    const elapsedMs = nowMs - this.#startMs;
    if (elapsedMs < PACE_WINDOW_MS) return;
    this.#perMs = this.#count / elapsedMs;
    this.#startMs = nowMs;
    this.#count = 0;
  }
}
