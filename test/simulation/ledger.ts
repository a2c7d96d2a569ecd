/**
 * What is owed and what was done about it, kept beside the storage from the journal of its changes. Destinations are in
 * destination-ledger.ts; what each change of a delivery may be, in delivery-changes.ts.
 */
import { orderKeyFor } from '../../src/domain/order.ts';
import { topicMatches } from '../../src/domain/topic.ts';
import type { SimulatedClock } from '../support/simulated-clock.ts';
import type { SimulatedProcess } from '../support/simulated-process.ts';
import type { Operation } from '../support/simulated-storage.ts';
import { DeliveryChanges } from './delivery-changes.ts';
import { DestinationLedger } from './destination-ledger.ts';
import type { EndingWatch } from './ending-watch.ts';
import type { Findings } from './findings.ts';
import type { Change, DeliveryRow, Journal } from './journal.ts';
import type { Knowledge } from './knowledge.ts';
import type { DeliveryState, DestinationState, EventState, Publication } from './ledger-state.ts';

export interface LedgerParts {
  readonly journal: Journal;
  readonly findings: Findings;
  readonly clock: SimulatedClock;
  readonly endings: EndingWatch;
  readonly knowledge: Knowledge;
}

export class Ledger {
  readonly #journal: Journal;
  readonly #findings: Findings;
  readonly #clock: SimulatedClock;
  readonly #endings: EndingWatch;
  readonly #destinations: DestinationLedger;
  readonly #changes: DeliveryChanges;
  readonly events = new Map<number, EventState>();
  readonly deliveries = new Map<string, DeliveryState>();
  readonly #byId = new Map<string, EventState>();
  #pendingCount = 0;
  readonly #erasedClaims = new Map<number, number>();

  constructor(parts: LedgerParts) {
    this.#journal = parts.journal;
    this.#findings = parts.findings;
    this.#clock = parts.clock;
    this.#endings = parts.endings;
    this.#destinations = new DestinationLedger(parts);
    this.#changes = new DeliveryChanges(parts);
  }

  destinations(): IterableIterator<DestinationState> {
    return this.#destinations.all();
  }

  destinationOf(receiverName: string): DestinationState | undefined {
    return this.#destinations.ofReceiver(receiverName);
  }

  /** Deliveries that replays have made due. */
  get replayed(): number {
    return this.#changes.replayed;
  }

  /** The engine knows the destinations of a tenant, or of all, as they are. */
  settled(tenantId: string | null): void {
    this.#destinations.settled(tenantId);
  }

  event(tenantId: string, id: string): EventState | undefined {
    return this.#byId.get(`${tenantId}\0${id}`);
  }

  /** Deliveries that were dropped with their tenant while that process had them in memory; it may still be at them. */
  erasedClaims(processNo: number): number {
    return this.#erasedClaims.get(processNo) ?? 0;
  }

  /** How many deliveries are pending. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  /** A write was carried out. */
  written(process: SimulatedProcess, operation: Operation, query: unknown): void {
    if (operation.startsWith('destination') || operation.startsWith('tenant'))
      this.#destinations.written(query);
    for (const change of this.#journal.take()) {
      this.#findings.trace(() => `${operation} ${traced(change)}`);
      this.#apply(process, operation, change);
    }
  }

  /** A process died, or ended: what it has not recorded is forgotten. */
  forget(processNo: number): void {
    for (const delivery of this.deliveries.values()) {
      const kept = delivery.unrecorded.filter((request) => request.processNo !== processNo);
      const lost = delivery.unrecorded.length - kept.length;
      if (lost > 1) this.#wrong(delivery, `${lost} attempts were under way at the same time`);
      delivery.lost += lost;
      if (lost > 0) this.#findings.saw('attempt lost by a crash');
      delivery.unrecorded.splice(0, Infinity, ...kept);
    }
  }

  // ── Changes ────────────────────────────────────────────────────────────────────────────────────────────────────

  #apply(process: SimulatedProcess, operation: Operation, change: Change): void {
    switch (change.kind) {
      case 'event':
        this.#insertEvent(process, change);
        break;
      case 'event_gone': {
        const event = this.events.get(change.seq);
        if (event !== undefined) event.isGone = true;
        this.#findings.saw('event pruned');
        break;
      }
      case 'attempt':
        this.#attempt(process, change);
        break;
      case 'delivery':
        if (change.before?.status === 'pending') this.#pendingCount--;
        if (change.after?.status === 'pending') this.#pendingCount++;
        if (change.before === null && change.after !== null)
          this.#insert(process, operation, change.after);
        else if (change.before !== null && change.after === null)
          this.#remove(operation, change.before);
        else if (change.before !== null && change.after !== null)
          this.#change(process, operation, change.before, change.after);
        break;
    }
  }

  #insertEvent(process: SimulatedProcess, change: Change & { kind: 'event' }): void {
    const tenantId = this.#destinations.tenantId(change.tenantNo) ?? '';
    const id = change.id ?? process.connection.storage.ids.eventId(change.seq);
    const publication = JSON.parse(change.data) as Publication;
    const earlier = this.event(tenantId, id);
    if (earlier !== undefined && !earlier.isGone)
      this.#findings.violate(`event ${id} is stored twice`);
    // Whatever the engine's routing said: these were there in the moment of the commit. What has expired may have been
    // matched in time, by the clock of then.
    const nowMs = this.#clock.nowMs();
    const { hasJumped } = this.#endings;
    const isExpired = ({ expiresAtMs }: DestinationState) =>
      expiresAtMs !== null && (hasJumped || expiresAtMs <= nowMs);
    const destinations = [...this.#destinations.all()];
    const isUncertain = destinations.some(
      (each) => each.tenantId === tenantId && each.isEnabled && isExpired(each),
    );
    const listed = destinations.filter(
      (each) =>
        each.tenantId === tenantId &&
        each.isEnabled &&
        (publication.to === null || publication.to === each.id) &&
        each.topics.some((pattern) => topicMatches(pattern, publication.topic)),
    );
    const event: EventState = {
      seq: change.seq,
      tenantId,
      id,
      publication,
      deliveries: [],
      listed: listed.map((each) => each.id),
      isUncertain,
      isGone: false,
    };
    this.events.set(change.seq, event);
    this.#byId.set(`${tenantId}\0${id}`, event);
  }

  #insert(process: SimulatedProcess, operation: Operation, row: DeliveryRow): void {
    const event = this.events.get(row.seq);
    const destination = this.#destinations.get(row.destinationNo);
    if (event === undefined || destination === undefined) {
      this.#findings.violate(`delivery ${keyOf(row)} belongs to nothing`);
      return;
    }
    const isAsked = operation === 'retryByHand' || operation === 'replayAdvance';
    const { publication } = event;
    const delivery: DeliveryState = {
      event,
      destination,
      row,
      insertedMs: this.#clock.monotonicMs(),
      dueSetMs: this.#clock.monotonicMs(),
      steps: 0,
      isPastSchedule: isAsked,
      retriesByHand: isAsked ? 1 : 0,
      wasRevived: false,
      wasAsked: false,
      wasCanceledByHand: false,
      wasHeldTooLong: false,
      // One that was added by hand is not ordered.
      orderKey:
        operation === 'retryByHand' ? null : orderKeyFor(destination.order, orderedBy(publication)),
      lost: 0,
      requests: [],
      unrecorded: [],
      lastRecorded: null,
    };
    event.deliveries.push(delivery);
    noteVersion(delivery);
    noteBlocking(delivery, this.#clock.monotonicMs());
    this.deliveries.set(keyOf(row), delivery);
    if (operation === 'retryByHand') this.#findings.saw('delivery added by hand');
    else if (isAsked) this.#findings.saw('delivery added by a replay');
    if (operation === 'replayAdvance') this.#changes.replayed++;
    else this.#findings.saw(row.claimedBy === 0 ? 'delivery spilled' : 'delivery born claimed');
    const isListed = event.isUncertain
      ? event.listed.includes(destination.id)
      : event.listed[row.ordinal] === destination.id;
    const isBorn = operation === 'publish' && isListed;
    if (!isBorn && !isAsked)
      this.#wrong(delivery, `came into being by ${operation}; listed are ${event.listed.join()}`);
    const isPending =
      row.status === 'pending' || (destination.order === 'latest' && row.status === 'canceled');
    if (!isPending || row.attempts !== 0) this.#wrong(delivery, 'is not pending at first');
    if (isPending && row.status === 'pending' && operation === 'publish') {
      const { deliverAtMs } = publication;
      if (deliverAtMs !== undefined && row.nextAttemptAtMs !== deliverAtMs)
        this.#wrong(
          delivery,
          `is to be delivered at ${deliverAtMs}, is due ${row.nextAttemptAtMs}`,
        );
    }
    if (row.claimedBy !== 0 && row.claimedBy !== process.no)
      this.#wrong(delivery, 'is claimed by another');
    this.#lookAtLine(delivery, row);
  }

  #remove(operation: Operation, row: DeliveryRow): void {
    const delivery = this.deliveries.get(keyOf(row));
    if (delivery === undefined) return;
    const isErased =
      operation === 'tenantEraseSlice' &&
      this.#destinations.tenantId(delivery.destination.tenantNo) === undefined;
    const isNeeded = row.status === 'pending' || (row.holds && !delivery.destination.isDeleted);
    if (!isErased && (operation !== 'pruneSlice' || isNeeded))
      this.#wrong(delivery, `is gone by ${operation}`);
    this.deliveries.delete(keyOf(row));
    if (isErased && row.claimedBy !== 0)
      this.#erasedClaims.set(row.claimedBy, this.erasedClaims(row.claimedBy) + 1);
    const { orderKey, destination } = delivery;
    if (orderKey !== null && destination.blocking.get(orderKey)?.delete(delivery) === true)
      destination.freedMs.set(orderKey, this.#clock.monotonicMs());
  }

  #attempt(process: SimulatedProcess, attempt: Change & { kind: 'attempt' }): void {
    const delivery = this.deliveries.get(`${attempt.seq}/${attempt.ordinal}`);
    if (delivery === undefined) {
      this.#findings.violate(`an attempt of no delivery, ${attempt.seq}/${attempt.ordinal}`);
      return;
    }
    const { row } = delivery;
    const scheduled = row.attempts === 0 ? 'first' : 'retry';
    const kind = row.isReplay ? 'replay' : row.isManual ? 'manual' : scheduled;
    if (
      attempt.number !== row.attempts + 1 ||
      (attempt.attemptKind !== kind && row.status === 'pending' && !delivery.wasRevived)
    )
      this.#wrong(
        delivery,
        `has the attempt ${attempt.number} ${attempt.attemptKind} after ${row.attempts} ${kind}`,
      );
    delivery.wasAsked = attempt.attemptKind === 'manual' || attempt.attemptKind === 'replay';
    const at = delivery.unrecorded.findIndex(
      (each) => each.processNo === process.no && each.outcome !== null,
    );
    const request = delivery.unrecorded[at];
    if (request === undefined) {
      this.#wrong(delivery, 'has an attempt that no receiver saw');
      return;
    }
    delivery.unrecorded.splice(at, 1);
    delivery.lastRecorded = request;
    if ((request.outcome?.kind === 'delivered') !== (attempt.reason === null))
      this.#wrong(delivery, 'has an attempt with another outcome than the receiver gave');
  }

  #change(
    process: SimulatedProcess,
    operation: Operation,
    before: DeliveryRow,
    after: DeliveryRow,
  ): void {
    const delivery = this.deliveries.get(keyOf(after));
    if (delivery === undefined) return;
    if (after.nextAttemptAtMs !== before.nextAttemptAtMs)
      delivery.dueSetMs = this.#clock.monotonicMs();
    const problem = this.#changes.problemOf(process, operation, delivery, before, after);
    delivery.row = after;
    noteBlocking(delivery, this.#clock.monotonicMs());
    if (problem !== null) this.#wrong(delivery, `${operation}: ${problem}`);
    this.#lookAtLine(delivery, after);
  }

  /** Retries wait in a line of their own, wherever they come from. */
  #lookAtLine(delivery: DeliveryState, row: DeliveryRow): void {
    if (row.status !== 'pending' || row.claimedBy !== 0) return;
    const isRetry = row.attempts > 0 && !row.isReplay;
    if (isRetry) this.#findings.saw('retry in line');
    if (row.isInRetryLine !== isRetry) this.#wrong(delivery, 'stands in the wrong line');
  }

  #wrong(delivery: DeliveryState, what: string): void {
    this.#findings.violate(`${describe(delivery)} ${what}`);
  }
}

/** Keeps `blocking` as the delivery's row says. */
function noteBlocking(delivery: DeliveryState, nowMs: number): void {
  const { orderKey, destination, row } = delivery;
  if (row.status === 'pending' && row.attempts > 0) destination.retrying.add(delivery);
  else destination.retrying.delete(delivery);
  if (orderKey === null) return;
  let blocking = destination.blocking.get(orderKey);
  if (blocking === undefined) {
    blocking = new Set();
    destination.blocking.set(orderKey, blocking);
  }
  if (row.status === 'pending' || row.holds) blocking.add(delivery);
  else if (blocking.delete(delivery)) destination.freedMs.set(orderKey, nowMs);
}

function noteVersion(delivery: DeliveryState): void {
  const { orderKey, destination } = delivery;
  if (orderKey === null) return;
  const versions = destination.versions.get(orderKey);
  if (versions === undefined) destination.versions.set(orderKey, [delivery]);
  else versions.push(delivery);
}

export function orderedBy({ key, resource }: Publication) {
  return {
    orderKey: key ?? null,
    resource: resource === undefined ? null : JSON.stringify(resource),
  };
}

export function describe({ event, destination, row }: DeliveryState): string {
  return `delivery ${keyOf(row)} (n=${event.publication.n} to ${destination.id}, ${destination.receiverName})`;
}

function traced(change: Change): string {
  return change.kind === 'delivery'
    ? `${JSON.stringify(change.before)} -> ${JSON.stringify(change.after)}`
    : JSON.stringify(change);
}

function keyOf({ seq, ordinal }: { seq: number; ordinal: number }): string {
  return `${seq}/${ordinal}`;
}
