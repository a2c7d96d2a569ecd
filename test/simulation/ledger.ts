/**
 * What is owed and what was done about it, kept beside the storage from the journal of its changes, and what each
 * change may be.
 */
import { endingRule } from '../../src/domain/ending.ts';
import type { DisablePolicy, EndingRule } from '../../src/domain/ending.ts';
import { orderKeyFor } from '../../src/domain/order.ts';
import type { RateCounts } from '../../src/domain/profile.ts';
import type { Order } from '../../src/domain/order.ts';
import { transition } from '../../src/domain/delivery.ts';
import { topicMatches } from '../../src/domain/topic.ts';
import { expectedNext, profileOf, scheduleOf } from './expected-schedule.ts';
import type { RetryOfPolicy } from './expected-schedule.ts';
import type { SimulatedProcess } from '../support/simulated-process.ts';
import type { Operation } from '../support/simulated-storage.ts';
import { standard } from '../../src/profiles/standard.ts';
import type { SimulatedClock } from '../support/simulated-clock.ts';
import { noteRule } from './ending-watch.ts';
import type { EndingWatch } from './ending-watch.ts';
import type { Findings } from './findings.ts';
import type { Knowledge } from './knowledge.ts';
import type { Change, DeliveryRow, DestinationRow, Journal } from './journal.ts';
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
  readonly #knowledge: Knowledge;
  readonly events = new Map<number, EventState>();
  readonly deliveries = new Map<string, DeliveryState>();
  readonly #byId = new Map<string, EventState>();
  readonly #destinations = new Map<number, DestinationState>();
  readonly #byReceiver = new Map<string, DestinationState>();
  #tenants = new Map<number, string>();
  #pendingCount = 0;
  readonly #erasedClaims = new Map<number, number>();
  /** Deliveries that replays have made due. */
  replayed = 0;

  constructor({ journal, findings, clock, endings, knowledge }: LedgerParts) {
    this.#journal = journal;
    this.#findings = findings;
    this.#clock = clock;
    this.#endings = endings;
    this.#knowledge = knowledge;
  }

  destinations(): IterableIterator<DestinationState> {
    return this.#destinations.values();
  }

  destinationOf(receiverName: string): DestinationState | undefined {
    return this.#byReceiver.get(receiverName);
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
  written(process: SimulatedProcess, operation: Operation): void {
    if (operation.startsWith('destination') || operation.startsWith('tenant'))
      this.#readDestinations();
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

  /** The engine knows the destinations of a tenant, or of all, as they are. */
  settled(tenantId: string | null): void {
    for (const destination of this.#destinations.values())
      if (tenantId === null || destination.tenantId === tenantId) {
        destination.formerConcurrency = 0;
        if (destination.isChangeNew) destination.changedMs = this.#clock.monotonicMs();
        destination.isChangeNew = false;
        if (destination.isRateNew) destination.rateSetMs = this.#clock.monotonicMs();
        destination.isRateNew = false;
      }
  }

  // ── Destinations ───────────────────────────────────────────────────────────────────────────────────────────────

  #readDestinations(): void {
    this.#tenants = this.#journal.tenantIds();
    for (const row of this.#journal.destinations()) {
      const known = this.#destinations.get(row.no);
      if (row.isDeleted) {
        if (known !== undefined)
          Object.assign(known, { isDeleted: true, isEnabled: false, wasTakenAway: true });
        continue;
      }
      this.#readDestination(row, known);
    }
  }

  #readDestination(row: DestinationRow, known: DestinationState | undefined): void {
    const { topics, config, policy, profile } = JSON.parse(row.definition) as Definition;
    const destination: DestinationState = known ?? {
      no: row.no,
      tenantNo: row.tenantNo,
      tenantId: row.tenantId,
      id: row.id,
      receiverName: config.receiver,
      topics,
      order: policy.order ?? 'none',
      hasChangedOrder: false,
      wasEverOrdered: false,
      ratePerMinute: null,
      rateCounts: 'attempts',
      isRateNew: false,
      rateSetMs: 0,
      read: '',
      changedMs: 0,
      isChangeNew: false,
      concurrency: 0,
      formerConcurrency: 0,
      isEnabled: true,
      isHeld: false,
      isDeleted: false,
      wasTakenAway: false,
      wasEverParallel: false,
      blocking: new Map(),
      freedMs: new Map(),
      versions: new Map(),
      retrying: new Set(),
      schedules: [],
      rule: standard.ending,
      rules: [],
      disabledReason: null,
      expiresAtMs: null,
    };
    this.#readEnding(row, destination, endingRule(profileOf(profile).ending, policy.disable));
    const read = JSON.stringify(row);
    if (read !== destination.read) destination.changedMs = this.#clock.monotonicMs();
    destination.isChangeNew ||= read !== destination.read;
    destination.read = read;
    destination.topics = topics;
    const order = policy.order ?? 'none';
    destination.hasChangedOrder ||= order !== destination.order;
    destination.order = order;
    destination.wasEverOrdered ||= order !== 'none';
    const rate = policy.rate_per_minute ?? null;
    const rateCounts = policy.rate_counts ?? 'attempts';
    destination.isRateNew ||=
      rate !== destination.ratePerMinute || rateCounts !== destination.rateCounts;
    destination.ratePerMinute = rate;
    destination.rateCounts = rateCounts;
    const concurrency = policy.concurrency ?? 128;
    if (concurrency !== destination.concurrency)
      destination.formerConcurrency = Math.max(
        destination.formerConcurrency,
        destination.concurrency,
      );
    destination.concurrency = concurrency;
    destination.isEnabled = row.isEnabled;
    destination.isHeld = row.isHeld;
    destination.wasTakenAway ||= !row.isEnabled;
    destination.wasEverParallel ||= destination.concurrency > 1;
    destination.schedules.push(scheduleOf(policy.retry, profile ?? 'standard'));
    this.#destinations.set(row.no, destination);
    this.#byReceiver.set(destination.receiverName, destination);
  }

  #readEnding(
    { disabledReason, expiresAtMs, isEnabled, isHeld }: DestinationRow,
    destination: DestinationState,
    rule: EndingRule,
  ): void {
    if (JSON.stringify(rule) !== JSON.stringify(destination.rule))
      this.#endings.ruleChanged(destination);
    destination.rule = rule;
    noteRule(destination.rules, rule);
    const before = destination.disabledReason;
    const isSettled = !this.#knowledge.isUnsettled(destination.tenantId);
    Object.assign(destination, { disabledReason, isEnabled, isHeld });
    this.#endings.changed(destination, before, isSettled);
    destination.expiresAtMs = expiresAtMs;
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
    const tenantId = this.#tenants.get(change.tenantNo) ?? '';
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
    const destinations = [...this.#destinations.values()];
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
    if (operation === 'replayAdvance') this.replayed++;
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
      operation === 'tenantEraseSlice' && !this.#tenants.has(delivery.destination.tenantNo);
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
    const problem = this.#problemOf(process, operation, delivery, before, after);
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

  /** Each operation may do one thing, from some statuses. */
  #problemOf(
    process: SimulatedProcess,
    operation: Operation,
    delivery: DeliveryState,
    before: DeliveryRow,
    after: DeliveryRow,
  ): string | null {
    if (operation !== 'record' && after.attempts !== before.attempts)
      return 'attempts have changed';
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the rest changes no delivery
    switch (operation) {
      case 'claim':
        if (after.status !== 'pending' || before.status !== 'pending') return 'it is not pending';
        if (after.claimedBy !== process.no) return 'not for this process';
        this.#findings.saw(
          before.claimedBy === 0 ? 'claim of what nobody had' : 'claim of what a dead process had',
        );
        return before.claimedBy === process.no ? 'it is claimed twice' : null;
      case 'release':
        if (after.status !== before.status) return `from ${before.status} to ${after.status}`;
        return before.claimedBy !== process.no || after.claimedBy !== 0
          ? 'this process does not hold it'
          : null;
      case 'cancel':
      case 'cancelSlice':
        this.#findings.saw(`${operation} from ${before.status}`);
        // One that holds its key only lets go of it.
        if (before.holds) {
          this.#findings.saw('a key is let go of');
          return after.status === 'failed' && !after.holds ? null : 'it was let go of';
        }
        if (
          !delivery.destination.wasTakenAway &&
          !delivery.destination.wasEverOrdered &&
          !delivery.wasCanceledByHand
        )
          return 'its destination was never disabled';
        return after.status === transition(before.status, 'cancel')
          ? null
          : `from ${before.status}`;
      case 'retryByHand':
      case 'replayAdvance':
        // What it makes due may be newer than what waits.
        if (before.status === 'pending' && after.status === 'canceled')
          return delivery.destination.order === 'latest' ? null : 'it is none of its business';
        delivery.retriesByHand++;
        if (operation === 'replayAdvance') this.replayed++;
        this.#findings.saw(
          `${operation === 'retryByHand' ? 'retry by hand' : 'replay'} from ${before.status}`,
        );
        delivery.wasRevived = before.claimedBy === process.no;
        delivery.isPastSchedule ||= before.status !== 'pending' && !delivery.wasRevived;
        if (delivery.wasRevived) this.#findings.saw('canceled in memory, and made due again');
        if (after.claimedBy !== (delivery.wasRevived ? process.no : 0)) return 'it is claimed';
        return after.status === transition(before.status, 'retry_by_hand')
          ? null
          : `from ${before.status}`;
      case 'pruneSlice':
        this.#findings.saw('kept until retention ended');
        delivery.wasHeldTooLong = true;
        return before.status === 'pending' &&
          after.status === 'canceled' &&
          delivery.destination.disabledReason !== null
          ? null
          : 'it is none of its business';
      case 'record':
        if (after.holds) this.#findings.saw('a key is held');
        delivery.wasRevived = false;
        return this.#problemOfRecord(process, delivery, before, after);
      case 'publish':
        this.#findings.saw('superseded');
        return delivery.destination.wasEverOrdered &&
          before.status === 'pending' &&
          after.status === 'canceled'
          ? null
          : 'it is none of its business';
      default:
        return 'it is none of its business';
    }
  }

  #problemOfRecord(
    process: SimulatedProcess,
    delivery: DeliveryState,
    before: DeliveryRow,
    after: DeliveryRow,
  ): string | null {
    if (before.claimedBy !== process.no) return `it is claimed by ${before.claimedBy}`;
    if (after.claimedBy !== 0) return 'it is still claimed';
    if (after.attempts !== before.attempts + 1) return 'attempts were not counted';
    const outcome = delivery.lastRecorded?.outcome;
    this.#noteOutcome(delivery, after);
    this.#findings.saw(`attempt recorded: ${before.status} to ${after.status}`);
    if (before.status !== 'pending')
      return after.status === before.status ? null : 'a final status has changed';
    if (outcome?.kind === 'delivered')
      return after.status === transition(before.status, 'succeed') ? null : `it is ${after.status}`;
    if (!delivery.wasAsked || delivery.steps === 0) delivery.steps++;
    const trigger = after.status === 'pending' ? 'fail_for_now' : 'fail_for_good';
    if (after.status !== transition(before.status, trigger)) return `it is ${after.status}`;
    return this.#problemOfVerdict(delivery, after);
  }

  #noteOutcome({ lastRecorded, destination, ...delivery }: DeliveryState, after: DeliveryRow) {
    if (lastRecorded === null) return;
    const { outcome } = lastRecorded;
    this.#endings.recorded(destination, {
      request: lastRecorded,
      isExhausted:
        after.status === 'failed' &&
        outcome?.kind === 'failed' &&
        outcome.retryable &&
        delivery.event.publication.retry &&
        !delivery.wasAsked &&
        !delivery.isPastSchedule,
      isSettled: !this.#knowledge.isUnsettled(destination.tenantId),
    });
  }

  /** By any of the schedules that the destination has had: the attempt began under one of them. */
  #problemOfVerdict(delivery: DeliveryState, after: DeliveryRow): string | null {
    const { lastRecorded, steps, event, destination } = delivery;
    if (lastRecorded?.outcome?.kind !== 'failed') return 'there was no failure';
    const isFinal =
      !lastRecorded.outcome.retryable || !event.publication.retry || delivery.isPastSchedule;
    if (isFinal) return after.status === 'failed' ? null : 'it goes on after a final failure';
    const { deliverAtMs = 0 } = event.publication;
    const firstDueAtMs = Math.max(Math.floor(event.seq / 1000), deliverAtMs);
    const expected = destination.schedules.map((schedule) =>
      expectedNext(schedule, steps, firstDueAtMs, lastRecorded),
    );
    if (after.status === 'failed')
      return expected.some(({ mayBeOver }) => mayBeOver) ? null : `failed after ${steps} failures`;
    const dueAtMs = after.nextAttemptAtMs ?? -Infinity;
    return expected.some(({ from, to }) => dueAtMs >= from && dueAtMs <= to)
      ? null
      : `the next attempt is at ${dueAtMs} after ${steps} failures`;
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

interface Definition {
  readonly topics: readonly string[];
  readonly config: { readonly receiver: string };
  readonly profile?: string | null;
  readonly policy: {
    readonly order?: Order;
    readonly rate_per_minute?: number;
    readonly rate_counts?: RateCounts;
    readonly concurrency?: number;
    readonly retry?: RetryOfPolicy;
    readonly disable?: DisablePolicy;
  };
}

function keyOf({ seq, ordinal }: { seq: number; ordinal: number }): string {
  return `${seq}/${ordinal}`;
}
