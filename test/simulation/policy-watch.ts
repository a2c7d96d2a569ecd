/** What a destination's policy promises, looked at with every request: rate, order, breaker, and turns of retries. */
import type { Outcome } from '../../src/domain/attempt.ts';
import { compareVersions } from '../../src/domain/order.ts';
import type { SimulatedClock } from '../support/simulated-clock.ts';
import type { ReceivedRequest } from '../support/simulated-receivers.ts';
import { ConcurrencyModel } from './concurrency-model.ts';
import type { Findings } from './findings.ts';
import { orderedBy } from './ledger.ts';
import type { DeliveryState, DestinationState } from './ledger-state.ts';

const MINUTE_MS = 60_000;
const FAILURES_TO_OPEN = 20;
const FIRST_PAUSE_MS = 1000;
/** So many first attempts of what was published later may go ahead of a retry that is due: one lane's memory. */
const MAX_AHEAD_OF_RETRY = 200;

export interface PolicyWatchOptions {
  readonly clock: SimulatedClock;
  readonly findings: Findings;
}

/** The breaker as its description says, of one destination in one process. */
interface BreakerModel {
  failures: number;
  /** Monotonic; `null`: closed. */
  openedMs: number | null;
  readonly probes: Set<ReceivedRequest>;
}

export class PolicyWatch {
  readonly #options: PolicyWatchOptions;
  readonly #breakers = new Map<string, BreakerModel>();
  readonly #underWay = new Map<ReceivedRequest, DeliveryState>();
  /** Those that a rate of first attempts does not count. */
  readonly #retries = new WeakSet<ReceivedRequest>();
  readonly #aheadOf = new Map<DeliveryState, number>();
  /** By process and receiver. */
  readonly #concurrencies = new Map<string, ConcurrencyModel>();
  #lastJumpMs = -Infinity;

  constructor(options: PolicyWatchOptions) {
    this.#options = options;
  }

  jumped(): void {
    this.#lastJumpMs = this.#options.clock.monotonicMs();
  }

  /** What is wrong with a request that comes now; `isSettled`: the engine knows the destination as it is. */
  arrived(request: ReceivedRequest, delivery: DeliveryState, isSettled: boolean): string | null {
    if (delivery.row.attempts > 0) this.#retries.add(request);
    const problem =
      (isSettled ? this.#rateProblem(request, delivery.destination) : null) ??
      this.#concurrencyProblem(request, delivery.destination) ??
      this.#breakerProblem(request) ??
      this.#earlyProblem(delivery) ??
      this.#orderProblem(delivery) ??
      this.#turnProblem(delivery);
    this.#underWay.set(request, delivery);
    return problem;
  }

  /** It was answered, or its process died. */
  ended(request: ReceivedRequest): void {
    const destination = this.#underWay.get(request)?.destination;
    this.#underWay.delete(request);
    if (request.outcome !== null && destination !== undefined)
      this.#concurrencyOf(request, destination).ended(request.outcome, capOf(destination));
    const breaker = this.#breakerOf(request);
    const wasProbe = breaker.probes.delete(request);
    if (request.outcome === null) return;
    if (!isDown(request.outcome)) {
      breaker.failures = 0;
      breaker.openedMs = null;
      return;
    }
    breaker.failures++;
    if (breaker.failures < FAILURES_TO_OPEN || (breaker.openedMs !== null && !wasProbe)) return;
    if (breaker.openedMs === null) {
      this.#options.findings.saw('breaker opens');
      if (destination !== undefined) this.#concurrencyOf(request, destination).breakerOpened();
    }
    breaker.openedMs = this.#options.clock.monotonicMs();
  }

  // ── Rate ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** In the minute that ends now, as far as one process, one rate and one wall clock go. */
  #rateProblem(request: ReceivedRequest, destination: DestinationState): string | null {
    const { receiver, processNo, startedMs } = request;
    const { ratePerMinute, rateCounts, rateSetMs } = destination;
    const sparesRetries = rateCounts === 'first_attempts';
    if (ratePerMinute === null) return null;
    if (sparesRetries && this.#retries.has(request)) {
      this.#options.findings.saw('retry beside a rate');
      return null;
    }
    const fromMs = Math.max(startedMs - MINUTE_MS, rateSetMs, this.#lastJumpMs);
    let count = 1;
    for (let index = receiver.requests.length - 1; index >= 0; index--) {
      const before = receiver.requests[index];
      if (before === undefined || before.startedMs <= fromMs) break;
      if (sparesRetries && this.#retries.has(before)) continue;
      if (before.processNo === processNo && before.startedMs < startedMs) count++;
    }
    this.#options.findings.saw('request under a rate');
    return count > ratePerMinute ? `as number ${count} within a minute of ${ratePerMinute}` : null;
  }

  // ── Concurrency ────────────────────────────────────────────────────────────────────────────────────────────────

  #concurrencyProblem(request: ReceivedRequest, destination: DestinationState): string | null {
    const limit = this.#concurrencyOf(request, destination).limit(capOf(destination));
    const { underWay } = request.receiver;
    if (underWay > 1) this.#options.findings.saw('request beside another');
    return underWay > limit ? `as number ${underWay} of ${limit} at a time` : null;
  }

  #concurrencyOf(
    { receiver, processNo }: ReceivedRequest,
    destination: DestinationState,
  ): ConcurrencyModel {
    const key = `${processNo} ${receiver.name}`;
    let model = this.#concurrencies.get(key);
    if (model === undefined) {
      model = new ConcurrencyModel(capOf(destination));
      this.#concurrencies.set(key, model);
    }
    return model;
  }

  // ── Breaker ────────────────────────────────────────────────────────────────────────────────────────────────────

  #breakerProblem(request: ReceivedRequest): string | null {
    const breaker = this.#breakerOf(request);
    const { openedMs, probes } = breaker;
    if (openedMs === null) return null;
    probes.add(request);
    this.#options.findings.saw('probe of an open breaker');
    if (probes.size > 1) return 'as a second probe at the same time';
    const pausedMs = request.startedMs - openedMs;
    // Timers have whole milliseconds.
    if (pausedMs < FIRST_PAUSE_MS - 1 && this.#lastJumpMs < openedMs)
      return `as a probe ${pausedMs} ms after the breaker opened`;
    return null;
  }

  #breakerOf({ receiver, processNo }: ReceivedRequest): BreakerModel {
    const key = `${processNo} ${receiver.name}`;
    let breaker = this.#breakers.get(key);
    if (breaker === undefined) {
      breaker = { failures: 0, openedMs: null, probes: new Set() };
      this.#breakers.set(key, breaker);
    }
    return breaker;
  }

  // ── Time and order ─────────────────────────────────────────────────────────────────────────────────────────────

  #earlyProblem({ event, retriesByHand, insertedMs }: DeliveryState): string | null {
    const { deliverAtMs } = event.publication;
    if (deliverAtMs === undefined || retriesByHand > 0) return null;
    const isEarly = this.#options.clock.nowMs() < deliverAtMs && this.#lastJumpMs < insertedMs;
    return isEarly ? `before its deliver_at ${deliverAtMs}` : null;
  }

  /** By the order that the destination was created with. What somebody retried by hand goes when it was asked for. */
  #orderProblem(delivery: DeliveryState): string | null {
    const { destination, event, orderKey } = delivery;
    if (orderKey === null || destination.hasChangedOrder || delivery.retriesByHand > 0) return null;
    this.#options.findings.saw(`request in order: ${destination.order}`);
    for (const other of this.#underWay.values()) {
      if (other === delivery || other.destination !== destination || other.orderKey !== orderKey)
        continue;
      return `while n=${other.event.publication.n} of its key is under way`;
    }
    if (destination.order === 'latest') return backwardsProblem(delivery);
    for (const other of destination.blocking.get(orderKey) ?? []) {
      if (other.event.seq >= event.seq || other.retriesByHand > 0) continue;
      return `before n=${other.event.publication.n} of its key, which ${other.row.holds ? 'holds it' : `is ${other.row.status}`}`;
    }
    return null;
  }

  // ── Turns ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** First attempts of what was published after a retry came due do not go ahead of it for ever. */
  #turnProblem({ destination, row, insertedMs, retriesByHand }: DeliveryState): string | null {
    if (row.attempts > 0 || retriesByHand > 0 || destination.wasEverOrdered) return null;
    const { clock } = this.#options;
    for (const retry of destination.retrying) {
      const dueForMs = clock.nowMs() - (retry.row.nextAttemptAtMs ?? Infinity);
      if (dueForMs < 0 || retry.unrecorded.length > 0 || this.#lastJumpMs > retry.dueSetMs)
        continue;
      if (insertedMs <= clock.monotonicMs() - dueForMs) continue;
      const ahead = (this.#aheadOf.get(retry) ?? 0) + 1;
      this.#aheadOf.set(retry, ahead);
      if (ahead > MAX_AHEAD_OF_RETRY)
        return `as the ${ahead}th ahead of n=${retry.event.publication.n}, a retry that has been due for ${dueForMs} ms`;
    }
    return null;
  }
}

/** While a change is not known to the engine: the larger of before and after. */
function capOf({ concurrency, formerConcurrency }: DestinationState): number {
  return Math.max(concurrency, formerConcurrency);
}

/** A version that was published later, and is newer, came before. */
function backwardsProblem({ destination, event, orderKey }: DeliveryState): string | null {
  const { resource } = orderedBy(event.publication);
  for (const other of destination.versions.get(orderKey ?? '') ?? []) {
    if (other.event.seq <= event.seq || other.requests.length === 0) continue;
    const later = orderedBy(other.event.publication).resource;
    if (compareVersions(later, resource) === 'newer')
      return `after n=${other.event.publication.n}, a newer version`;
  }
  return null;
}

/** Whether another delivery is the reason why this one was superseded. */
export function isSuperseded({ destination, event, orderKey }: DeliveryState): boolean {
  const { resource } = orderedBy(event.publication);
  for (const other of destination.versions.get(orderKey ?? '') ?? []) {
    const version = orderedBy(other.event.publication).resource;
    const isNewer =
      other.event.seq > event.seq
        ? compareVersions(version, resource) === 'newer'
        : compareVersions(resource, version) === 'older';
    if (isNewer && other.event.seq !== event.seq) return true;
  }
  return false;
}

const DOWN = new Set(['timeout', 'dns', 'connection', 'tls']);

function isDown(outcome: Outcome): boolean {
  if (outcome.kind !== 'failed') return false;
  return DOWN.has(outcome.reason) || (outcome.response?.status ?? 0) >= 500;
}
