/**
 * Decides what is attempted next. It holds the lanes, serves them fairly, and fills them from the storage as room comes.
 *
 * Deliveries come in by two doors. Those of an event just committed are handed over from memory (`offer`); the others -
 * retries that are due, what a dead process left, what there was no room for - are claimed from the storage, lane by
 * lane. A lane is asked whether it may start now; one that may not is left alone until something of it ends or its
 * time comes, so it costs the others nothing.
 */
import type { DeliveryKey } from '../storage/reading.ts';
import type { ClaimedLane } from '../storage/claiming.ts';
import { Claimer } from './claimer.ts';
import type { ClaimHost } from './claimer.ts';
import type { DispatcherParts } from './dispatcher-parts.ts';
import { Departures } from './departures.ts';
import type { DepartureHost } from './departures.ts';
import type { Lane, LaneWait } from './lane.ts';
import { Lanes } from './lanes.ts';
import { handover } from './lane-handover.ts';
import type { Handover } from './lane-handover.ts';
import type { LaneOwners } from './lane-owners.ts';
import type { LiveDelivery } from './live-delivery.ts';
import { WHEN_ONE_ENDS } from './lane-policy.ts';
import type { Recorded } from './record.ts';
import type { Target } from './target.ts';
import { TurnRing } from './turn-ring.ts';
import { WakeQueue } from './wake-queue.ts';

const CLAIM_RETRY_MS = 500;

export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #lanes: Lanes;
  readonly #ring: TurnRing<Lane>;
  readonly #wakes: WakeQueue<Lane>;
  readonly #claimer: Claimer;
  readonly #departures: Departures;
  readonly #handover: Handover;
  #inFlight = 0;
  #inMemory = 0;
  #stopped = true;
  #abandoned = false;
  #onQuiet: (() => void) | null = null;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#ring = new TurnRing(parts.clock, () => this.pump());
    this.#lanes = new Lanes(parts, (lane) => this.#makeReady(lane));
    this.#wakes = new WakeQueue(
      parts.clock,
      (lanes) => this.#wakeAll(lanes),
      () => this.#lanes.lookAgain(parts.clock.nowMs()),
    );
    this.#claimer = new Claimer(parts.storage, parts.clock, this.#claimHost());
    this.#departures = new Departures(parts, this.#departureHost());
    parts.recorder.onRecorded((...recorded) => this.#recorded(...recorded));
    parts.recorder.onResume(() => this.pump());
    this.#handover = handover(parts, {
      lanes: this.#lanes,
      ring: this.#ring,
      wakes: this.#wakes,
      claimer: this.#claimer,
      dispatcher: this,
      makeReady: (lane) => this.#makeReady(lane),
      wake: (lane) => this.#wake(lane),
      empty: (lane) => this.#departures.empty(lane),
      forgotten: (count) => (this.#inMemory -= count),
    });
    parts.routing.onChange(this.#handover.retarget);
  }

  /** `null`: all lanes are this node's. */
  get owners(): LaneOwners | null {
    return this.#handover.owners;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get inMemory(): number {
    return this.#inMemory;
  }

  /** Finds out what is waiting in the storage, and begins. */
  async start(): Promise<void> {
    await this.owners?.begin();
    await this.findWaiting();
    // Not before: what is published meanwhile must not go ahead of what has waited longer.
    this.#stopped = false;
    this.#claimer.claim();
  }

  /** Finds what is waiting there of lanes that shall be this node's. */
  async findWaiting(): Promise<void> {
    for (const lane of await this.#parts.storage.waitingLanes())
      if (this.owners?.isDesignated(lane) !== false)
        this.noteDue(lane.tenantId, lane.destinationId, lane.firstDueAtMs);
  }

  /** Starts nothing more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wakes.stop();
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#onQuiet = resolve));
  }

  /**
   * What is under way still is given up: an outcome that comes from now on is that of our own end, says nothing of the
   * receiver, and is not recorded.
   */
  abandon(): void {
    this.#abandoned = true;
  }

  /** What is in memory and was not begun: to be given up at the end. */
  async takeQueued(): Promise<LiveDelivery[]> {
    // What is being claimed just now belongs to it.
    await this.#claimer.settled();
    return this.#lanes.all().flatMap((lane) => lane.queue.drain().concat([...lane.leaving]));
  }

  /**
   * Asks for a place in memory for a delivery that is about to be committed. `false`: it is to be written unclaimed, and
   * claimed when there is room, or by the node whose lane it is; a test is attempted by the node that was asked. After
   * the commit comes `offer` or `spilled`, or `giveUp` where it failed.
   */
  reserve(target: Target, isTest = false): boolean {
    const lane = this.#lanes.of(target);
    const nowMs = this.#parts.clock.nowMs();
    if (this.#stopped || this.#inMemory >= this.#parts.limits.maxInMemory) return false;
    if (!lane.takes(nowMs) || (!isTest && this.owners?.owns(lane) === false)) return false;
    lane.reserved++;
    this.#inMemory++;
    return true;
  }

  /** Its lane has no place in memory just now, though its receiver keeps up. */
  isCrowded(target: Target): boolean {
    return !this.#stopped && this.#lanes.of(target).isCrowded(this.#parts.clock);
  }

  /** Why deliveries that are due are not sent; `null`: nothing holds them up. */
  waitsFor(tenantId: string, id: string): LaneWait | null {
    return this.laneOf(tenantId, id)?.waitsFor(this.#parts.clock.nowMs()) ?? null;
  }

  /** Of a destination that had something to send since this node began. */
  laneOf(tenantId: string, destinationId: string): Lane | undefined {
    const target = this.#parts.routing.target(tenantId, destinationId);
    return target === undefined ? undefined : this.#lanes.find(target);
  }

  /** What was to be offered was committed unclaimed: something of its key goes first. */
  noteBehind(target: Target): void {
    this.giveUp(target);
    this.#lanes.of(target).hasFollowers = true;
    this.noteDue(target.tenantId, target.id, this.#parts.clock.nowMs());
  }

  /** A newer version of that event's resource was committed. */
  supersede(target: Target, eventSeq: number): void {
    this.#lanes.of(target).supersede(eventSeq);
  }

  giveUp(target: Target): void {
    const lane = this.#lanes.of(target);
    lane.reserved--;
    this.#left(lane);
  }

  /** Takes over a delivery that was committed as claimed. Call `pump` after the last of a group. */
  offer(target: Target, delivery: LiveDelivery): void {
    const lane = this.#lanes.of(target);
    lane.reserved--;
    lane.queue.push(delivery);
    this.#makeReady(lane);
  }

  /** Something of that lane is, or will be, due in the storage; `isFirst`: for its first attempt, or a replay's. */
  noteDue(tenantId: string, destinationId: string, atMs: number, isFirst = false): void {
    const target = this.#parts.routing.target(tenantId, destinationId);
    if (target === undefined) return;
    const lane = this.#lanes.of(target);
    if (lane.noteDue(atMs, isFirst)) this.#wakes.setEarlier(lane, atMs);
  }

  /** A delivery was canceled: it leaves the memory, unless its attempt has begun. */
  withdraw(tenantId: string, destinationId: string, key: DeliveryKey): void {
    const lane = this.laneOf(tenantId, destinationId);
    const delivery = lane?.withdraw(key);
    if (lane !== undefined && delivery !== undefined) void this.#departures.drop(lane, delivery);
  }

  /**
   * What the destination was owed up to now is being canceled: it leaves the memory. As soon as that is known: when the
   * routing is read, the destination may be enabled again.
   */
  withdrawAll(tenantId: string, destinationId: string): void {
    const lane = this.laneOf(tenantId, destinationId);
    if (lane !== undefined) this.#departures.empty(lane);
  }

  /** Starts what may start. */
  pump(): void {
    const { clock, limits, recorder } = this.#parts;
    if (this.#stopped || recorder.isBlocked || this.owners?.mayStart === false) return;
    const nowMs = clock.nowMs();
    while (this.#inFlight < limits.maxInFlight) {
      const lane = this.#ring.take();
      if (lane === undefined) return;
      lane.ready = false;
      this.#serve(lane, nowMs);
    }
  }

  #serve(lane: Lane, nowMs: number): void {
    const atMs = lane.mayStartAtMs(nowMs);
    const delivery = atMs > nowMs ? undefined : lane.next(nowMs);
    if (delivery === undefined) {
      lane.shared.callNext();
      if (atMs > nowMs && atMs !== WHEN_ONE_ENDS) this.#wakes.set(lane, lane.wakeAtMs(atMs, nowMs));
      return;
    }
    lane.inFlight++;
    lane.unrecorded.add(delivery);
    this.#inFlight++;
    this.#makeReady(lane);
    void this.#attempt(lane, delivery);
  }

  async #attempt(lane: Lane, delivery: LiveDelivery): Promise<void> {
    const { routing, deliverer, recorder, clock } = this.#parts;
    const nowMs = clock.nowMs();
    const target = routing.target(lane.tenantId, lane.destinationId);
    const isOpen = target !== undefined && lane.standing(target, nowMs) === 'open';
    if (!isOpen || delivery.superseded) {
      lane.unrecorded.delete(delivery);
      // First: it takes up no room in the lane any more, which then looks for others.
      this.#ended(lane);
      await this.#departures.drop(lane, delivery);
      return;
    }
    lane.attemptStarted(nowMs, delivery);
    const attempt = await deliverer.attempt(target, delivery);
    if (this.#abandoned) return;
    lane.attemptEnded(attempt.outcome, clock);
    recorder.add(target, delivery, attempt);
    if (lane.queue.size > lane.quota)
      void this.#departures.handBack(lane, lane.queue.takeSurplus());
    this.#ended(lane);
  }

  #ended(lane: Lane): void {
    lane.inFlight--;
    this.#inFlight--;
    // Those who wait for its place go first.
    lane.shared.callNext();
    this.#makeReady(lane);
    if (this.#inFlight === 0) this.#onQuiet?.();
    this.pump();
  }

  /** The outcome is safe: only now does the delivery leave the memory. */
  #recorded(delivery: LiveDelivery, target: Target, { nextAttemptAtMs, isDone }: Recorded): void {
    const lane = this.#lanes.of(target);
    lane.recorded(delivery);
    if (nextAttemptAtMs !== null && delivery.superseded)
      return void this.#departures.drop(lane, delivery);
    if (isDone) this.#done(lane, delivery);
    else this.#blocked(lane, delivery);
    this.#left(lane);
    if (nextAttemptAtMs !== null) this.noteDue(delivery.event.tenantId, target.id, nextAttemptAtMs);
  }

  /** The next of its key may go, whether it is in memory or not. */
  #done(lane: Lane, delivery: LiveDelivery): void {
    if (delivery.orderKey === null) return;
    lane.queue.done(delivery);
    this.#makeReady(lane);
    if (lane.hasFollowers || lane.claiming) {
      lane.hasFollowers = false;
      this.#dueNow(lane);
    }
    this.pump();
  }

  /** It goes first when its time has come: those behind it do not wait for that in memory. */
  #blocked(lane: Lane, delivery: LiveDelivery): void {
    const behind = lane.queue.blocked(delivery);
    if (behind.length > 0) void this.#departures.handBack(lane, behind);
  }

  #left(lane: Lane): void {
    this.#inMemory--;
    if (lane.dueAtMs !== Infinity || lane.queue.readySize > 0) {
      // It may stand in the ring again, without the wake-up that it had.
      this.#wake(lane);
      this.pump();
    }
    this.#claimer.claim();
  }

  #makeReady(lane: Lane): boolean {
    if (lane.ready || lane.queue.readySize === 0) return lane.ready;
    this.#ring.add(lane.tenantId, lane);
    return (lane.ready = true);
  }

  #claimHost(): ClaimHost {
    const { limits, recorder } = this.#parts;
    return {
      room: () => (this.#stopped || recorder.isBlocked ? 0 : limits.maxInMemory - this.#inMemory),
      takePlaces: (count) => {
        this.#inMemory += count;
      },
      claimed: (lane, found) => this.#claimed(lane, found),
      claimFailed: (lanes, error) => this.#claimFailed(lanes, error),
      claimEnded: () => this.pump(),
    };
  }

  #departureHost(): DepartureHost {
    return {
      isStopped: () => this.#stopped,
      freed: () => {
        this.#inMemory--;
      },
      done: (lane, delivery) => this.#done(lane, delivery),
      due: (lane) => this.#dueNow(lane),
      claim: () => this.#claimer.claim(),
      left: (lane) => this.#left(lane),
    };
  }

  #dueNow({ tenantId, destinationId }: Lane): void {
    this.noteDue(tenantId, destinationId, this.#parts.clock.nowMs());
  }

  #wakeAll(lanes: readonly Lane[]): void {
    for (const lane of lanes) this.#wake(lane);
    this.#claimer.claim();
    this.pump();
  }

  #wake(lane: Lane): void {
    this.#makeReady(lane);
    const nowMs = this.#parts.clock.nowMs();
    const closedUntilMs = lane.closedUntilMs(nowMs);
    if (lane.isShut(nowMs)) return;
    if (closedUntilMs !== null) this.#wakes.set(lane, closedUntilMs);
    else if (lane.dueAtMs > nowMs) this.#wakes.set(lane, lane.dueAtMs);
    else if (this.owners?.owns(lane) === false) this.owners.want(lane);
    else if (lane.wantsClaim(nowMs)) this.#claimer.add(lane);
    else this.#wakes.setEarlier(lane, lane.retriesDueAfter(nowMs));
  }

  #claimed(lane: Lane, found: ClaimedLane): void {
    this.#inMemory += lane.take(found);
    const target = this.#parts.routing.target(lane.tenantId, lane.destinationId);
    const isOpen = lane.standing(target, this.#parts.clock.nowMs()) === 'open';
    if (!isOpen) this.#departures.empty(lane);
    lane.left(found);
    if (lane.isOf(target)) this.#wake(lane);
    else this.#handover.close(lane);
  }

  #claimFailed(lanes: readonly Lane[], error: unknown): void {
    this.#parts.log.claimFailed(error);
    this.#parts.clock.schedule(CLAIM_RETRY_MS, () => void (this.#stopped || this.#wakeAll(lanes)));
  }
}
