/** Looks at every request in the moment in which it comes, and at the whole whenever the world stands still. */
import type { SharedLimits } from '../../src/engine/shared-concurrency.ts';
import type { SimulatedClock } from '../support/simulated-clock.ts';
import type { SimulatedProcess } from '../support/simulated-process.ts';
import type { ReceivedRequest, SimulatedReceivers } from '../support/simulated-receivers.ts';
import type { Findings } from './findings.ts';
import type { EndingWatch } from './ending-watch.ts';
import type { Knowledge } from './knowledge.ts';
import { describe } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import type { DeliveryState, DestinationState } from './ledger-state.ts';
import { PlaceWatch } from './place-watch.ts';
import { PolicyWatch } from './policy-watch.ts';

/** So long a healthy receiver may wait for its next delivery after all trouble is over. */
const LATE_MS = 2000;
/** Of an open breaker, between two probes. */
const LONGEST_PAUSE_MS = 60_000;
/** The longest that an attempt takes in these worlds. */
const MAX_ATTEMPT_MS = 5000;

export interface WatchOptions {
  readonly clock: SimulatedClock;
  readonly ledger: Ledger;
  readonly receivers: SimulatedReceivers;
  readonly findings: Findings;
  readonly endings: EndingWatch;
  readonly knowledge: Knowledge;
  readonly maxInFlight: number;
  readonly maxInMemory: number;
  /** Nothing but a lane's own limits holds a delivery back. */
  readonly isAmple: boolean;
  /** Of the places that lanes share. */
  readonly shared?: Partial<SharedLimits>;
}

export class Watch {
  readonly #options: WatchOptions;
  readonly #receivers = new Map<string, ReceiverHealth>();
  readonly policies: PolicyWatch;
  readonly places: PlaceWatch;
  #lastTroubleMs = 0;
  #lastJumpBackMs = -Infinity;
  #isTroubled = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.policies = new PolicyWatch(options);
    this.places = new PlaceWatch(options.findings, options.shared ?? {});
  }

  // ── What the world does ────────────────────────────────────────────────────────────────────────────────────────

  /** A new process reads everything anew. */
  processBegins(): void {
    this.#options.knowledge.begin();
    this.#options.endings.processDied();
    this.#options.ledger.settled(null);
    this.trouble();
  }

  /** Something happened that may hold deliveries up, once or for as long as `isTroubled`. */
  trouble(isTroubled = this.#isTroubled): void {
    this.#isTroubled = isTroubled;
    this.#lastTroubleMs = this.#options.clock.monotonicMs();
    this.#options.endings.troubled();
  }

  get hasJumpedBack(): boolean {
    return this.#lastJumpBackMs > -Infinity;
  }

  /** The wall clock was set. */
  jumped(byMs: number): void {
    this.policies.jumped();
    this.#options.endings.jumped();
    if (byMs < 0) this.#lastJumpBackMs = this.#options.clock.monotonicMs();
    this.trouble();
  }

  behaves(receiverName: string, isHealthy: boolean): void {
    this.#receiver(receiverName).healthySinceMs = isHealthy
      ? this.#options.clock.monotonicMs()
      : Infinity;
  }

  /** It ended in good order: what ended in time is written, and only what did not is still claimed. */
  stopped({ no }: SimulatedProcess, inTimeMs: number): void {
    for (const delivery of this.#options.ledger.deliveries.values()) {
      const { row, unrecorded } = delivery;
      const isExcused = unrecorded.some(({ endedMs }) => (endedMs ?? Infinity) > inTimeMs);
      if (unrecorded.length > 0 && !isExcused)
        this.#options.findings.violate(
          `${describe(delivery)} has an outcome that a stop did not write`,
        );
      if (row.status === 'pending' && row.claimedBy === no && !isExcused)
        this.#options.findings.violate(`${describe(delivery)} is not released by a stop`);
    }
  }

  // ── A request ──────────────────────────────────────────────────────────────────────────────────────────────────

  arrived(request: ReceivedRequest): void {
    const { ledger, findings } = this.#options;
    const { receiver, tenantId, eventId } = request;
    this.#receiver(receiver.name).lastMs = request.startedMs;
    const destination = ledger.destinationOf(receiver.name);
    const event = ledger.event(tenantId, eventId);
    const delivery = event?.deliveries.find((each) => each.destination === destination);
    if (destination === undefined || delivery === undefined) {
      findings.violate(
        `receiver ${receiver.name} got event ${eventId} of ${tenantId}, which it is not owed`,
      );
      return;
    }
    findings.trace(() => `request of process ${request.processNo}: ${describe(delivery)}`);
    const isSettled = !this.#isUnsettled(destination.tenantId);
    const problem =
      this.#problemOf(request, delivery) ??
      (isSettled ? this.#endingProblem(destination) : null) ??
      this.policies.arrived(request, delivery, isSettled) ??
      this.places.arrived(request, destination);
    delivery.requests.push(request);
    delivery.unrecorded.push(request);
    if (problem !== null) findings.violate(`${describe(delivery)} is sent ${problem}`);
  }

  /** It was answered, or its process died. */
  ended(request: ReceivedRequest): void {
    this.policies.ended(request);
    this.places.ended(request);
  }

  #problemOf(request: ReceivedRequest, delivery: DeliveryState): string | null {
    const { clock } = this.#options;
    const { row, destination, unrecorded, dueSetMs } = delivery;
    if (unrecorded.length > 0) return 'while its last attempt is not recorded';
    if (!this.#isUnsettled(destination.tenantId)) {
      if (destination.isDeleted || destination.isHeld || !destination.isEnabled)
        return 'to a destination that is disabled or deleted';
      // Who cancels by hand is answered when the engine knows of it; until then it may begin.
      const isCanceling = row.status === 'canceled' && delivery.wasCanceledByHand;
      if (row.status !== 'pending' && !isCanceling) return `though it is ${row.status}`;
    }
    if (row.status === 'pending' && row.claimedBy !== request.processNo)
      return `by process ${request.processNo}, and claimed by ${row.claimedBy}`;
    const dueAtMs = isDueFromBirth(delivery) ? -Infinity : (row.nextAttemptAtMs ?? -Infinity);
    if (dueAtMs > clock.nowMs() && dueSetMs > this.#lastJumpBackMs)
      return `${dueAtMs - clock.nowMs()} ms before its time`;
    return null;
  }

  #endingProblem(destination: DestinationState): string | null {
    const problem = this.#options.endings.arrived(destination);
    return problem === null || !this.#isTroubled ? problem : null;
  }

  #isUnsettled(tenantId: string): boolean {
    return this.#options.knowledge.isUnsettled(tenantId);
  }

  // ── The whole ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** `publishing`: publishes under way. */
  look(process: SimulatedProcess, publishing: number): void {
    const { findings, maxInFlight, maxInMemory } = this.#options;
    const { inFlight, inMemory } = process.engine.dispatcher;
    if (inFlight < 0 || inFlight > maxInFlight)
      findings.violate(`${inFlight} in flight of ${maxInFlight}`);
    if (inMemory < 0 || inMemory > maxInMemory)
      findings.violate(`${inMemory} in memory of ${maxInMemory}`);
    if (publishing === 0 && process.connection.underWay === 0) this.#compareMemory(process);
    if (!this.#isTroubled) this.#lookForLate(process);
  }

  /** What is claimed in the storage is what is in memory, when nothing is on the way between them. */
  #compareMemory({ no, engine }: SimulatedProcess): void {
    const { ledger, findings } = this.#options;
    let claimed = 0;
    for (const { row, destination } of ledger.deliveries.values()) {
      if (row.claimedBy !== no) continue;
      // Those were canceled, or will be: they leave the memory when it is their turn.
      if (
        row.status !== 'pending' ||
        !destination.isEnabled ||
        this.#isUnsettled(destination.tenantId)
      )
        return;
      claimed++;
    }
    const { inMemory } = engine.dispatcher;
    if (inMemory < claimed || inMemory > claimed + ledger.erasedClaims(no))
      findings.violate(`${claimed} deliveries are claimed, ${inMemory} are in memory`);
  }

  /** A healthy receiver is owed something that is due, nothing is in the way, and yet nothing comes. */
  #lookForLate({ no: processNo, engine }: SimulatedProcess): void {
    const { clock, ledger, findings, isAmple, receivers } = this.#options;
    const calmMs = clock.monotonicMs() - this.#lastTroubleMs;
    if (calmMs < LATE_MS) return;
    const stuck = new Set(
      receivers
        .underWayOf(processNo)
        .filter(({ startedMs }) => clock.monotonicMs() - startedMs > MAX_ATTEMPT_MS)
        .map(({ receiver }) => receiver),
    );
    // Nothing but the end of the process gives their places back.
    if (stuck.size > 0 && !isAmple) return;
    let late: DeliveryState | null = null;
    for (const delivery of ledger.deliveries.values()) {
      const { row, destination, unrecorded, dueSetMs } = delivery;
      if (row.status !== 'pending' && unrecorded.length === 0) continue;
      const { healthySinceMs, lastMs } = this.#receiver(destination.receiverName);
      const healthyMs = clock.monotonicMs() - healthySinceMs - MAX_ATTEMPT_MS;
      // With few places for all, who hangs takes them from the healthy, and so does who may not go on at once.
      if (!isAmple && (healthyMs < LATE_MS || destination.ratePerMinute !== null)) return;
      // What comes into being with a time that is past is due from then on.
      const isDue = isDueFromBirth(delivery);
      const dueForMs = isDue ? Infinity : clock.nowMs() - (row.nextAttemptAtMs ?? Infinity);
      const lateMs = Math.min(dueForMs, clock.monotonicMs() - dueSetMs);
      const hasExpired = clock.nowMs() >= (destination.expiresAtMs ?? Infinity);
      if (!destination.isEnabled || destination.isHeld || hasExpired || unrecorded.length > 0)
        continue;
      if (isBehind(delivery)) continue;
      if (stuck.has(receivers.receiver(destination.receiverName))) continue;
      // What a breaker holds back waits for its next probe.
      const wait = engine.dispatcher.waitsFor(destination.tenantId, destination.id);
      const mayHaveOther = wait?.for === 'rate' && this.#isUnsettled(destination.tenantId);
      const isSlow = wait?.for === 'breaker' || mayHaveOther;
      const pauseMs = isSlow ? LONGEST_PAUSE_MS : intervalMs(destination);
      const allowedMs = LATE_MS + pauseMs;
      const quietMs = Math.min(lateMs, healthyMs, clock.monotonicMs() - lastMs);
      // It may just have been enabled; and of a rate that has changed, the former counts until now.
      // So has what was behind something until then.
      const freedMs = destination.freedMs.get(delivery.orderKey ?? '') ?? 0;
      const { rateSetMs, changedMs } = destination;
      const sameMs = clock.monotonicMs() - Math.max(rateSetMs, changedMs, freedMs);
      if (Math.min(quietMs, calmMs, sameMs) > allowedMs) late ??= delivery;
    }
    if (late !== null)
      findings.violate(
        `${describe(late)} is due and nobody sends it: ${JSON.stringify(late.row)}, ${JSON.stringify(engine.dispatcher.waitsFor(late.destination.tenantId, late.destination.id))}, rate ${late.destination.ratePerMinute}`,
      );
  }

  #receiver(name: string): ReceiverHealth {
    let health = this.#receivers.get(name);
    if (health === undefined) {
      health = { healthySinceMs: 0, lastMs: 0 };
      this.#receivers.set(name, health);
    }
    return health;
  }
}

/** Due at once, whatever the clock is set to. */
function isDueFromBirth({ row, event }: DeliveryState): boolean {
  const isAtOnce = row.nextAttemptAtMs === Math.floor(event.seq / 1000);
  return row.isManual || (row.attempts === 0 && isAtOnce);
}

interface ReceiverHealth {
  /** `Infinity`: it is not. */
  healthySinceMs: number;
  /** When the last request came. */
  lastMs: number;
}

/** Something of its key is before it, and is looked at itself; or failed, and holds it until somebody lets go. */
function isBehind({ event, destination, orderKey }: DeliveryState): boolean {
  if (orderKey === null || destination.order === 'none') return false;
  const blocking = [...(destination.blocking.get(orderKey) ?? [])];
  return blocking.some((other) => other.event.seq < event.seq);
}

/** The longest that a rate keeps apart what it lets through. */
function intervalMs({ ratePerMinute }: DestinationState): number {
  return ratePerMinute === null ? 0 : (60_000 / ratePerMinute) * 1.01;
}
