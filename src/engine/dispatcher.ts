/**
 * Decides what is attempted next. It holds the lanes, serves them fairly, and fills them from the storage as room comes.
 *
 * Deliveries come in by two doors. Those of an event just committed are handed over from memory (`offer`); the others -
 * retries that are due, what a dead process left, what there was no room for - are claimed from the storage, lane by
 * lane. A lane is asked whether it may start now; one that may not is left alone until something of it ends or its
 * time comes, so it costs the others nothing.
 */
import type { DeliveryKey } from '../storage/reading.ts';
import type { ClaimedDelivery, ClaimedLane } from '../storage/storage.ts';
import { Claimer } from './claimer.ts';
import type { ClaimHost } from './claimer.ts';
import type { DispatcherParts } from './dispatcher-parts.ts';
import { FairRing } from './fair-ring.ts';
import { cancel, handBack } from './hand-back.ts';
import type { Lane, LaneWait } from './lane.ts';
import { Lanes } from './lanes.ts';
import { handover } from './lane-handover.ts';
import type { LaneOwners } from './lane-owners.ts';
import type { LiveDelivery } from './live-delivery.ts';
import { WHEN_ONE_ENDS } from './lane-policy.ts';
import type { Recorded } from './record.ts';
import type { Target } from './target.ts';
import { WakeQueue } from './wake-queue.ts';

const CLAIM_RETRY_MS = 500;

export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #lanes = new Lanes();
  readonly #ring = new FairRing<Lane>();
  readonly #wakes: WakeQueue<Lane>;
  readonly #claimer: Claimer;
  /** `null`: all lanes are this node's. */
  readonly owners: LaneOwners | null;
  #inFlight = 0;
  #inMemory = 0;
  #stopped = true;
  #abandoned = false;
  #onQuiet: (() => void) | null = null;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#wakes = new WakeQueue(parts.clock, (lanes) => {
      for (const lane of lanes) this.#wake(lane);
      this.#claimer.claim();
      this.pump();
    });
    this.#claimer = new Claimer(parts.storage, parts.clock, this.#claimHost());
    parts.recorder.onRecorded((...recorded) => this.#recorded(...recorded));
    parts.recorder.onResume(() => this.pump());
    const { owners, retarget } = handover(parts, {
      lanes: this.#lanes,
      ring: this.#ring,
      wakes: this.#wakes,
      claimer: this.#claimer,
      dispatcher: this,
      makeReady: (lane) => this.#makeReady(lane),
      wake: (lane) => this.#wake(lane),
      drop: (lane, delivery) => void this.#drop(lane, delivery),
      handBack: (lane, deliveries) => void this.#handBack(lane, deliveries),
      forgotten: (count) => (this.#inMemory -= count),
    });
    this.owners = owners;
    parts.routing.onChange(retarget);
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
    if (
      this.#stopped ||
      (this.owners !== null && !isTest && !this.owners.owns(lane)) ||
      lane.dueAtMs <= nowMs ||
      lane.isHeld(nowMs) ||
      lane.claiming ||
      lane.room <= 0 ||
      this.#inMemory >= this.#parts.limits.maxInMemory
    )
      return false;
    lane.reserved++;
    this.#inMemory++;
    return true;
  }

  /** Its lane has no place in memory just now, though its receiver keeps up. */
  isCrowded(target: Target): boolean {
    return !this.#stopped && this.#lanes.of(target).isCrowded(this.#parts.clock);
  }

  /** Why those of a destination's deliveries that are due are not sent; `null`: nothing holds them up. */
  waitsFor(tenantId: string, destinationId: string): LaneWait | null {
    const target = this.#parts.routing.target(tenantId, destinationId);
    const lane = target === undefined ? undefined : this.#lanes.find(target);
    return lane?.waitsFor(this.#parts.clock.nowMs()) ?? null;
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

  /** Something of that lane is, or will be, due in the storage. */
  noteDue(tenantId: string, destinationId: string, atMs: number): void {
    const target = this.#parts.routing.target(tenantId, destinationId);
    if (target === undefined) return;
    const lane = this.#lanes.of(target);
    if (lane.noteDue(atMs)) this.#wakes.setEarlier(lane, atMs);
  }

  /** A delivery was canceled: it leaves the memory, unless its attempt has begun. */
  withdraw(tenantId: string, destinationId: string, key: DeliveryKey): void {
    const target = this.#parts.routing.target(tenantId, destinationId);
    const lane = target === undefined ? undefined : this.#lanes.find(target);
    if (lane?.withdraw(key) === true) this.#left(lane);
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
    if (atMs > nowMs) {
      // What is due by now waits for room, and room comes when one has started.
      const wakeAtMs = lane.dueAtMs > nowMs ? Math.min(atMs, lane.dueAtMs) : atMs;
      if (atMs !== WHEN_ONE_ENDS) this.#wakes.set(lane, wakeAtMs);
      return;
    }
    const delivery = lane.queue.shift();
    if (delivery === undefined) return;
    lane.inFlight++;
    lane.unrecorded.add(delivery);
    this.#inFlight++;
    this.#makeReady(lane);
    void this.#attempt(lane, delivery);
  }

  async #attempt(lane: Lane, delivery: LiveDelivery): Promise<void> {
    const { routing, deliverer, recorder, clock } = this.#parts;
    const target = routing.target(lane.tenantId, lane.destinationId);
    const isOpen = target !== undefined && lane.standing(target, clock.nowMs()) === 'open';
    if (!isOpen || delivery.superseded) {
      lane.unrecorded.delete(delivery);
      // First: it takes up no room in the lane any more, which then looks for others.
      this.#ended(lane);
      await this.#drop(lane, delivery);
      return;
    }
    lane.attemptStarted(clock.nowMs());
    const attempt = await deliverer.attempt(target, delivery);
    if (this.#abandoned) return;
    lane.attemptEnded(attempt.outcome, clock);
    recorder.add(target, delivery, attempt);
    if (lane.queue.size > lane.quota) void this.#handBack(lane, lane.queue.takeSurplus());
    this.#ended(lane);
  }

  /** They are not sent for a while: others have the room. */
  async #handBack(lane: Lane, deliveries: readonly LiveDelivery[]): Promise<void> {
    for (const delivery of deliveries) lane.leaving.add(delivery);
    // Never into the queue again: what goes before them may be on its way to a retry.
    if (!(await handBack(this.#parts, deliveries))) {
      this.#later(() => this.#handBack(lane, deliveries));
      return;
    }
    this.#inMemory -= deliveries.length;
    for (const delivery of deliveries) {
      lane.leaving.delete(delivery);
      if (delivery.superseded) void cancel(this.#parts, delivery);
    }
    lane.hasFollowers = lane.isOrdered;
    this.noteDue(lane.tenantId, lane.destinationId, this.#parts.clock.nowMs());
  }

  /**
   * Its destination was deleted or disabled meanwhile; where it holds, the delivery goes back. The canceler may have been
   * there before, or come yet; or it was made due again at that very moment, and would stay claimed for nothing. Where another destination has
   * the id by now, it may have been claimed for that one: then it is claimed once more.
   */
  async #drop(lane: Lane, delivery: LiveDelivery): Promise<void> {
    const { routing, clock } = this.#parts;
    const { tenantId, destinationId } = lane;
    const target = routing.target(tenantId, destinationId);
    const isForAnother = target !== undefined && !lane.isOf(target);
    const isKept = isForAnother || lane.standing(target, clock.nowMs()) === 'held';
    if (isKept) await handBack(this.#parts, [delivery]);
    else if (!(await cancel(this.#parts, delivery)) && delivery.superseded) {
      // Nobody else cancels it, and after a crash it would come behind the newer version: that one waits.
      this.#later(() => this.#drop(lane, delivery));
      return;
    }
    this.#done(lane, delivery);
    this.#left(lane);
    if (isKept) this.noteDue(tenantId, destinationId, clock.nowMs());
  }

  #later(work: () => Promise<void>): void {
    this.#parts.clock.schedule(CLAIM_RETRY_MS, () => void (this.#stopped || work()));
  }

  #ended(lane: Lane): void {
    lane.inFlight--;
    this.#inFlight--;
    this.#makeReady(lane);
    if (this.#inFlight === 0) this.#onQuiet?.();
    this.pump();
  }

  /** The outcome is safe: only now does the delivery leave the memory. */
  #recorded(delivery: LiveDelivery, target: Target, { nextAttemptAtMs, isDone }: Recorded): void {
    const lane = this.#lanes.of(target);
    lane.unrecorded.delete(delivery);
    if (nextAttemptAtMs !== null && delivery.superseded) {
      void this.#drop(lane, delivery);
      return;
    }
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
      this.noteDue(lane.tenantId, lane.destinationId, this.#parts.clock.nowMs());
    }
    this.pump();
  }

  /** It goes first when its time has come: those behind it do not wait for that in memory. */
  #blocked(lane: Lane, delivery: LiveDelivery): void {
    const behind = lane.queue.blocked(delivery);
    if (behind.length > 0) void this.#handBack(lane, behind);
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

  #makeReady(lane: Lane): void {
    if (lane.ready || lane.queue.readySize === 0) return;
    lane.ready = true;
    this.#ring.add(lane.tenantId, lane);
  }

  // ── From the storage ───────────────────────────────────────────────────────────────────────────────────────────

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

  #wake(lane: Lane): void {
    this.#makeReady(lane);
    const nowMs = this.#parts.clock.nowMs();
    const closedUntilMs = lane.closedUntilMs(nowMs);
    if (lane.isHeld(nowMs)) return;
    if (closedUntilMs !== null) this.#wakes.set(lane, closedUntilMs);
    else if (lane.dueAtMs > nowMs) this.#wakes.set(lane, lane.dueAtMs);
    else if (this.owners?.owns(lane) === false) this.owners.want(lane);
    // Half a lane at a time: claims of one or two would cost a statement each.
    else if (!lane.claiming && lane.room * 2 >= lane.quota) this.#claimer.add(lane);
  }

  #claimed(lane: Lane, found: ClaimedLane): void {
    this.#inMemory += found.deliveries.length;
    for (const delivery of found.deliveries) this.#take(lane, delivery);
    lane.left(found);
    this.#wake(lane);
  }

  #take(lane: Lane, { key, event, ...claimed }: ClaimedDelivery): void {
    const live = { ...event, tenantId: lane.tenantId, bodies: new Map<string, Uint8Array>() };
    const { step, askedBy } = claimed;
    const delivery = { event: live, ordinal: key.ordinal, ...claimed, superseded: false };
    const target = this.#parts.routing.target(lane.tenantId, lane.destinationId);
    const underWay = askedBy === 'schedule' ? undefined : lane.underWay(event.seq);
    if (lane.standing(target, this.#parts.clock.nowMs()) !== 'open')
      void this.#drop(lane, delivery);
    else if (underWay === undefined) lane.queue.push(delivery);
    else {
      // It was canceled during its attempt and then made due by hand: the attempt asked for is under way.
      Object.assign(underWay, { step, askedBy });
      this.#inMemory--;
    }
  }

  #claimFailed(lanes: readonly Lane[], error: unknown): void {
    this.#parts.log.claimFailed(error);
    const retryAtMs = this.#parts.clock.nowMs() + CLAIM_RETRY_MS;
    for (const lane of lanes) this.#wakes.set(lane, retryAtMs);
  }
}
