/**
 * A destination's lane: the deliveries of it that this node has in memory, oldest first, and what lies behind them in
 * the storage.
 */
import type { Outcome } from '../domain/attempt.ts';
import type { Clock } from '../domain/clock.ts';
import { AdaptiveConcurrency } from './adaptive-concurrency.ts';
import { Breaker } from './breaker.ts';
import { Given } from './given.ts';
import { OrderQueue } from './order-queue.ts';
import { isRetry, liveDelivery } from './live-delivery.ts';
import type { LiveDelivery } from './live-delivery.ts';
import type { DeliveryKey } from '../storage/reading.ts';
import type { ClaimedLane } from '../storage/claiming.ts';
import { WHEN_ONE_ENDS } from './lane-policy.ts';
import type { LanePolicy } from './lane-policy.ts';
import { FAST_ANSWER_MS } from './pacing.ts';
import { Rate } from './rate.ts';
import { RetryLook } from './retry-look.ts';
import { RetryPlaces } from './retry-places.ts';
import type { SharedConcurrency } from './shared-concurrency.ts';
import { standingOf } from './target.ts';
import type { Standing, Target } from './target.ts';

export interface LaneWait {
  readonly for: 'breaker' | 'concurrency' | 'rate' | 'disabled' | 'order';
  readonly untilMs: number | null;
}

/** A lane keeps this many deliveries in memory for each attempt that it may have under way. */
const QUEUED_PER_ATTEMPT = 16;
const MIN_QUOTA = 64;
/** One whose rate is low keeps what it can send in this time. */
const QUEUED_FOR_MS = 4000;

export class Lane {
  readonly tenantId: string;
  readonly destinationId: string;
  readonly createdAtMs: number;
  isOrdered: boolean;
  readonly queue = new OrderQueue();
  /** Being attempted right now. */
  inFlight = 0;
  /** Those, and the ones whose outcome is being written. */
  readonly unrecorded = new Set<LiveDelivery>();
  /** On their way back to the storage. */
  readonly leaving = new Set<LiveDelivery>();
  /** Promised a place here by a publish that is being committed. */
  reserved = 0;
  /** It stands in the dispatcher's ring. */
  ready = false;
  /** When the first of the deliveries that are only in the storage is due; `Infinity`: there are none. */
  dueAtMs = Infinity;
  /** The first of those that were noted behind that one: claims that look at a part of the lane may pass them by. */
  #notedDueAtMs = Infinity;
  /** Something in the storage waits behind what is in memory. */
  hasFollowers = false;
  /** A claim for it is under way. */
  claiming = false;
  readonly given = new Given();
  readonly retryPlaces = new RetryPlaces();

  readonly #pace = new Pace();
  #target: Target;
  readonly #concurrency: AdaptiveConcurrency;
  readonly #rate: Rate;
  readonly #breaker = new Breaker();
  /** All but the rate. */
  readonly #policies: readonly LanePolicy[];
  readonly #retryLook = new RetryLook();
  /** The places that it shares with other lanes. */
  readonly shared: SharedConcurrency;

  constructor(target: Target, share: (lane: Lane) => SharedConcurrency) {
    this.tenantId = target.tenantId;
    this.destinationId = target.id;
    this.#target = target;
    this.createdAtMs = target.createdAtMs;
    this.isOrdered = target.order !== 'none';
    this.#concurrency = new AdaptiveConcurrency(target.maxConcurrency);
    this.#rate = new Rate(target.ratePerMinute);
    this.#policies = [this.#concurrency, this.#breaker];
    this.shared = share(this);
    this.#retryLook.switch(this.#looksForRetries);
  }

  /** Its destination, as it was last read. */
  get target(): Target {
    return this.#target;
  }

  /** Nothing in memory, nothing known to wait. */
  get isEmpty(): boolean {
    return this.isIdle && this.dueAtMs === Infinity;
  }

  /** Nothing in memory, or on its way there. */
  get isIdle(): boolean {
    return (
      this.queue.size === 0 &&
      this.inFlight === 0 &&
      this.unrecorded.size === 0 &&
      this.leaving.size === 0 &&
      this.reserved === 0 &&
      !this.claiming
    );
  }

  /** How many deliveries it may keep in memory: as many as it can soon send. */
  get quota(): number {
    return this.#breaker.isOpen ? 1 : this.#ratedQuota + this.#unrated;
  }

  get #ratedQuota(): number {
    return this.#breaker.isOpen ? 1 : Math.min(this.#fullQuota, this.#rate.within(QUEUED_FOR_MS));
  }

  get #fullQuota(): number {
    return Math.max(MIN_QUOTA, this.#concurrency.limit * QUEUED_PER_ATTEMPT);
  }

  /** Its rate counts first attempts alone: retries go while those wait. */
  get #sparesRetries(): boolean {
    return this.#target.rateCounts === 'first_attempts' && this.#target.ratePerMinute !== null;
  }

  /** In memory, and not held up by the rate. */
  get #unrated(): number {
    return this.#sparesRetries ? this.queue.retries : 0;
  }

  /** In an ordered lane, a retry keeps its place in the line of its key. */
  get #looksForRetries(): boolean {
    return this.#sparesRetries && !this.isOrdered;
  }

  /** Something is due in the storage at that time, perhaps a retry; `false`: something else is before. */
  noteDue(atMs: number, isFirst = false): boolean {
    const isNews = !isFirst && this.#retryLook.note(atMs);
    // What is being claimed may have been looked for before this was due.
    if (this.claiming || atMs >= this.dueAtMs)
      this.#notedDueAtMs = Math.min(this.#notedDueAtMs, atMs);
    if (atMs >= this.dueAtMs) return isNews;
    this.dueAtMs = atMs;
    return true;
  }

  /** It is another node's to find out. */
  forgetDue(): void {
    this.dueAtMs = Infinity;
    this.#retryLook.forget();
  }

  /** What is in the storage may be due before the time that was noted. */
  lookAgain(nowMs: number): void {
    if (this.claiming) this.#notedDueAtMs = nowMs;
    else if (this.dueAtMs !== Infinity) {
      this.dueAtMs = Math.min(this.dueAtMs, nowMs);
      this.#notedDueAtMs = Infinity;
    }
    this.#retryLook.forget();
  }

  /** What a claim says of what it has left in the storage. */
  left({ nextDueAtMs, hasFollowers, isPartial }: ClaimedLane): void {
    if (this.#retryLook.end(nextDueAtMs)) {
      this.dueAtMs = Math.min(this.dueAtMs, this.#notedDueAtMs);
      return;
    }
    this.hasFollowers ||= hasFollowers;
    this.dueAtMs = nextDueAtMs ?? Infinity;
    if (isPartial) return;
    this.dueAtMs = Math.min(this.dueAtMs, this.#notedDueAtMs);
    this.#notedDueAtMs = Infinity;
  }

  /** Nothing was claimed, nor looked at. */
  claimFailed(): void {
    this.#retryLook.failed();
  }

  /** There is something to claim, and room for it. Half a lane at a time: claims of one or two would cost a statement each. */
  wantsClaim(nowMs: number): boolean {
    if (this.claiming) return false;
    return this.room * 2 >= this.#ratedQuota || this.wantsRetries(nowMs);
  }

  /** Retries are due in the storage that do not wait for the rate, and there is room for them. */
  wantsRetries(nowMs: number): boolean {
    const isDue = this.dueAtMs <= nowMs && this.#retryLook.dueAtMs <= nowMs;
    return isDue && this.retryRoom > 0 && !this.#breaker.isOpen;
  }

  get retryRoom(): number {
    return this.#fullQuota - this.#unrated;
  }

  /** Gives the time from which on to look for them. */
  beginRetries(): number {
    return this.#retryLook.begin(this.queue.retries);
  }

  /** When the next of those comes due, after now. */
  retriesDueAfter(nowMs: number): number {
    const { dueAtMs } = this.#retryLook;
    return dueAtMs > nowMs ? dueAtMs : Infinity;
  }

  /** What is published now may go past the storage: nothing that is there goes before it. */
  takes(nowMs: number): boolean {
    return this.dueAtMs > nowMs && this.room > 0 && !this.claiming && !this.isShut(nowMs);
  }

  /** Until when nothing is to be sent; `null`: it may be. */
  closedUntilMs(nowMs: number): number | null {
    return this.#breaker.openUntilMs(nowMs);
  }

  get room(): number {
    return this.quota - this.queue.size - this.inFlight - this.reserved;
  }

  /** Whether it is the lane of this destination, not of one that had the same id before. */
  isOf(target: Target | undefined): boolean {
    return target?.createdAtMs === this.createdAtMs;
  }

  /** What becomes of its deliveries, with the destination that is there now. */
  standing(target: Target | undefined, nowMs: number): Standing {
    return target === undefined || !this.isOf(target) ? 'closed' : standingOf(target, nowMs);
  }

  /** Nothing is sent: it is kept until the destination is enabled again, or is being canceled. */
  isShut(nowMs: number): boolean {
    return standingOf(this.#target, nowMs) !== 'open';
  }

  /** What has come of a claim, but for what is in memory already; how many that were. */
  take(found: ClaimedLane): number {
    const taken = this.given.take(found, (seq) => this.#inMemory(seq) !== undefined);
    for (const each of taken) this.queue.push(liveDelivery(this.tenantId, each));
    return taken.length;
  }

  /** It is in the storage again. */
  handedBack(delivery: LiveDelivery): void {
    this.leaving.delete(delivery);
    this.given.left(delivery.event.seq);
    if (isRetry(delivery)) this.#retryLook.handedBack();
  }

  /** Its outcome is safe. */
  recorded(delivery: LiveDelivery): void {
    this.unrecorded.delete(delivery);
    this.given.left(delivery.event.seq);
  }

  #inMemory(eventSeq: number): LiveDelivery | undefined {
    return this.queue.find(eventSeq) ?? this.underWay(eventSeq) ?? ofEvent(this.leaving, eventSeq);
  }

  /** The delivery of that event, if an attempt of it is not recorded yet. */
  underWay(eventSeq: number): LiveDelivery | undefined {
    return ofEvent(this.unrecorded, eventSeq);
  }

  /** A newer version has come: what is still in memory is marked. */
  supersede(eventSeq: number): void {
    const queued = this.#inMemory(eventSeq);
    if (queued !== undefined) queued.superseded = true;
  }

  /** Takes a delivery out of the queue, if it waits there. */
  withdraw({ seq, ordinal }: DeliveryKey): LiveDelivery | undefined {
    return this.queue.take(
      ({ event, ...queued }) => event.seq === seq && queued.ordinal === ordinal,
    );
  }

  /** The destination has changed. */
  retarget(target: Target): void {
    this.#target = target;
    this.#concurrency.setMax(target.maxConcurrency);
    this.#rate.setPerMinute(target.ratePerMinute);
    this.isOrdered = target.order !== 'none';
    this.#retryLook.switch(this.#looksForRetries);
  }

  /** See `LanePolicy.mayStartAtMs`: all policies have to agree, and those that it shares places with leave it one. */
  mayStartAtMs(nowMs: number): number {
    let atMs = nowMs;
    for (const policy of this.#policies)
      atMs = Math.max(atMs, policy.mayStartAtMs(this.inFlight, nowMs));
    if (this.#unrated === 0) atMs = Math.max(atMs, this.#rate.mayStartAtMs(this.inFlight, nowMs));
    // Last: who stands in line has nothing else to wait for.
    return atMs > nowMs || this.shared.hasPlace() ? atMs : WHEN_ONE_ENDS;
  }

  /** When to look at one that may not start before `atMs`. What is due by now waits for room, which comes when one starts. */
  wakeAtMs(atMs: number, nowMs: number): number {
    const dueAtMs = this.dueAtMs > nowMs ? this.dueAtMs : this.retriesDueAfter(nowMs);
    return Math.min(atMs, dueAtMs);
  }

  /** The next to be attempted, of those that may start now. */
  next(nowMs: number): LiveDelivery | undefined {
    const mayAny = this.#unrated === 0 || this.#rate.mayStartAtMs(this.inFlight, nowMs) <= nowMs;
    return mayAny ? this.queue.shift() : this.queue.shiftRetry();
  }

  /** What keeps its deliveries waiting that are due, and until when, where that is known. `order`: those that are behind others of their key. */
  waitsFor(nowMs: number): LaneWait | null {
    if (this.isShut(nowMs)) return { for: 'disabled', untilMs: null };
    const breakerUntilMs = this.#breaker.openUntilMs(nowMs);
    if (breakerUntilMs !== null) return { for: 'breaker', untilMs: breakerUntilMs };
    if (this.inFlight >= this.#concurrency.limit || this.shared.isFull)
      return { for: 'concurrency', untilMs: null };
    const rateAtMs = this.#rate.mayStartAtMs(this.inFlight, nowMs);
    if (rateAtMs > nowMs) return { for: 'rate', untilMs: rateAtMs };
    return this.isOrdered ? { for: 'order', untilMs: null } : null;
  }

  /** The delivery of that event is in memory, and has not begun. */
  isQueued(eventSeq: number): boolean {
    return this.queue.find(eventSeq) !== undefined;
  }

  attemptStarted(nowMs: number, delivery: LiveDelivery): void {
    for (const policy of this.#policies) policy.attemptStarted(nowMs);
    if (!this.#sparesRetries || !isRetry(delivery)) this.#rate.attemptStarted(nowMs);
    this.shared.started();
  }

  attemptEnded(outcome: Outcome, clock: Clock): void {
    const nowMs = clock.nowMs();
    const wasOpen = this.#breaker.isOpen;
    for (const policy of this.#policies) policy.attemptEnded(outcome, nowMs);
    if (this.#breaker.isOpen && !wasOpen) this.#concurrency.restart();
    this.shared.ended();
    if (outcome.kind === 'delivered') this.#pace.count(clock.monotonicMs());
  }

  /** It has no place in memory just now, though its receiver keeps up. */
  isCrowded(clock: Clock): boolean {
    if (this.room > 0 && this.dueAtMs > clock.nowMs()) return false;
    const perMs = this.#pace.perMs(clock.monotonicMs());
    return perMs * FAST_ANSWER_MS >= this.#concurrency.limit;
  }
}

function ofEvent(deliveries: Iterable<LiveDelivery>, eventSeq: number): LiveDelivery | undefined {
  for (const delivery of deliveries) if (delivery.event.seq === eventSeq) return delivery;
  return undefined;
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
