/**
 * What callers asked for and what they were told. An answer is a promise: it is held against the ledger when it comes,
 * and again at the end.
 */
import type { AuditAuthor } from '../../src/domain/audit.ts';
import type { PublishRequest } from '../../src/domain/event.ts';
import type { ReplaySelection, ReplayTrigger } from '../../src/domain/replay.ts';
import { cancelDelivery } from '../../src/engine/cancel.ts';
import { changeReplay, createReplay } from '../../src/engine/manage-replays.ts';
import type { PublishResult } from '../../src/engine/publishing.ts';
import { retryByHand } from '../../src/engine/retry.ts';
import type { SimulatedProcess } from '../support/simulated-process.ts';
import type { Findings } from './findings.ts';
import { describe } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import type { DeliveryState, EventState, Publication } from './ledger-state.ts';

export interface PublishCall {
  readonly publication: Publication;
  readonly tenantId: string;
  /** The caller's id. */
  readonly id: string | null;
  /** The caller had been told of it. */
  readonly isTenantKnown: boolean;
  readonly processNo: number;
  /** Counts up with each call and each answer: which was before which, also at the same moment. */
  calledTick: number;
  answeredTick: number;
  /** `null`: no answer yet, or never. */
  result: PublishResult | Error | null;
  /** What it made. */
  event: EventState | null;
}

interface AskedRetry {
  readonly delivery: DeliveryState;
  readonly askedMs: number;
}

interface AskedProcess {
  readonly process: SimulatedProcess | null;
}

export interface WantedReplay {
  readonly tenantId: string;
  readonly destinationId: string | null;
  readonly select: ReplaySelection;
  readonly ratePerMinute: number | null;
}

const AUTHOR: AuditAuthor = {
  atMs: 0,
  actor: { kind: 'operator', id: null, name: 'operator' },
  address: '127.0.0.1',
  requestId: 'req_1',
};

export class Callers {
  readonly #ledger: Ledger;
  readonly #findings: Findings;
  readonly #monotonicMs: () => number;
  readonly calls: PublishCall[] = [];
  readonly #retries: AskedRetry[] = [];
  readonly #replays: string[] = [];
  readonly #firstCalls = new Map<EventState, PublishCall>();
  readonly #knownTenants = new Set<string>();
  readonly #removedTenants = new Set<string>();
  #lastTick = 0;
  /** What has no answer yet from a process that is alive. */
  readonly #openCalls = new Set<PublishCall>();
  readonly #openRetries = new Set<object>();

  constructor(ledger: Ledger, findings: Findings, monotonicMs: () => number) {
    this.#ledger = ledger;
    this.#findings = findings;
    this.#monotonicMs = monotonicMs;
  }

  /** Publishes of a process that is alive and has not answered. */
  get underWay(): number {
    return this.#openCalls.size;
  }

  get hasRemovedTenants(): boolean {
    return this.#removedTenants.size > 0;
  }

  /** Nobody waits for an answer. */
  get isIdle(): boolean {
    return this.#openCalls.size === 0 && this.#openRetries.size === 0;
  }

  tenantCreated(id: string): void {
    if (!this.#removedTenants.has(id)) this.#knownTenants.add(id);
  }

  /** From the call on: its creation may not be answered yet. */
  tenantRemoved(id: string): void {
    this.#knownTenants.delete(id);
    this.#removedTenants.add(id);
  }

  /** One event, or several as a batch. */
  publish(
    process: SimulatedProcess,
    wanted: readonly { tenantId: string; id: string | null; publication: Publication }[],
    asBatch: boolean,
  ): void {
    const calls = wanted.map((each): PublishCall => {
      const tick = ++this.#lastTick;
      return {
        ...each,
        isTenantKnown: this.#knownTenants.has(each.tenantId),
        processNo: process.no,
        calledTick: tick,
        answeredTick: Infinity,
        result: null,
        event: null,
      };
    });
    this.calls.push(...calls);
    for (const call of calls) this.#openCalls.add(call);
    const { publisher } = process.engine;
    if (!asBatch) {
      for (const call of calls)
        publisher.publish(requestOf(call)).then(
          (result) => this.#answered(call, result),
          (error: Error) => this.#answered(call, error),
        );
      return;
    }
    void publisher.publishAll(calls.map(requestOf)).then((results) => {
      if (results.length !== calls.length)
        this.#findings.violate('a batch has not one result for each event');
      calls.forEach((call, index) => {
        const result = results[index];
        if (result !== undefined) this.#answered(call, result);
      });
    });
  }

  retry(process: SimulatedProcess, event: EventState, destinationId: string): void {
    const askedMs = this.#monotonicMs();
    const isMeant = ({ destination }: DeliveryState) => destination.id === destinationId;
    const isUnderWay = event.deliveries.some((each) => isMeant(each) && each.unrecorded.length > 0);
    const key = { eventId: event.id, destinationId, tenantId: event.tenantId };
    this.#openRetries.add(key);
    retryByHand(process.engine, key).then(
      (result) => {
        this.#openRetries.delete(key);
        this.#findings.note(`  retry of n=${event.publication.n} to ${destinationId}: ${result}`);
        if (result !== 'due') return;
        const delivery = event.deliveries.findLast(isMeant);
        if (delivery === undefined)
          this.#findings.violate(`a retry of event ${event.id} made nothing due`);
        // One that is under way, or just being recorded, is the attempt that was asked for.
        else if (!isUnderWay && delivery.unrecorded.length === 0)
          this.#retries.push({ delivery, askedMs });
      },
      (error: Error) => {
        this.#openRetries.delete(key);
        this.#findings.note(`  retry of n=${event.publication.n}: ${error.message}`);
      },
    );
  }

  /** What holds its key lets go of it; what is pending comes to its end. */
  cancel(process: SimulatedProcess, delivery: DeliveryState): void {
    const { row, event } = delivery;
    const key = { seq: row.seq, ordinal: row.ordinal };
    delivery.wasCanceledByHand = true;
    const asked = {};
    this.#openRetries.add(asked);
    const { engine } = process;
    const work = engine.storage
      .deliveryGet({ delivery: key })
      .then((found) => (found === null ? 'unknown' : cancelDelivery(engine, found, null)));
    work.then(
      (result) => {
        this.#openRetries.delete(asked);
        this.#findings.saw(`cancel by hand: ${result}`);
        this.#findings.note(`  cancel of n=${event.publication.n}: ${result}`);
      },
      (error: Error) => {
        this.#openRetries.delete(asked);
        this.#findings.note(`  cancel of n=${event.publication.n}: ${error.message}`);
      },
    );
  }

  replay(
    { process }: AskedProcess,
    { tenantId, destinationId, select, ratePerMinute }: WantedReplay,
  ): void {
    if (process === null) return;
    const criteria = { select, time: { fromMs: null, toMs: null }, topics: [], filter: null };
    const request = { tenantId, destinationId, criteria, ratePerMinute };
    this.#ask('replay', createReplay(process.engine, request, AUTHOR), (replay) => {
      if (typeof replay === 'string') return replay;
      this.#replays.push(replay.id);
      return `${replay.id}, ${select} of ${tenantId} ${destinationId}: ${replay.count}`;
    });
  }

  /** Those that are chosen, of all that there ever were. */
  changeReplay(
    { process }: AskedProcess,
    trigger: ReplayTrigger,
    isChosen: () => boolean = () => true,
  ): void {
    if (process === null) return;
    const { engine } = process;
    for (const id of this.#replays.filter(isChosen)) {
      const work = engine.storage
        .replayGet({ id })
        .then((replay) => replay && changeReplay(engine, replay, trigger, AUTHOR));
      this.#ask(`${trigger} of a replay`, work, (replay) =>
        typeof replay === 'object' ? `${id}, ${replay?.status ?? 'gone'}` : replay,
      );
    }
  }

  #ask<Result>(what: string, work: Promise<Result>, told: (result: Result) => string): void {
    const asked = {};
    this.#openRetries.add(asked);
    work.then(
      (result) => {
        this.#openRetries.delete(asked);
        this.#findings.note(`  ${what}: ${told(result)}`);
      },
      (error: Error) => {
        this.#openRetries.delete(asked);
        this.#findings.note(`  ${what}: ${error.message}`);
      },
    );
  }

  /** The process died: who waited for it gets no answer. */
  hangUp(): void {
    this.#findings.saw('publish never answered', this.#openCalls.size);
    this.#openCalls.clear();
    this.#openRetries.clear();
  }

  /** At the end: each retry that was answered has led to an attempt. */
  checkRetries(): void {
    for (const { delivery, askedMs } of this.#retries) {
      const wasTried = delivery.requests.some(
        ({ endedMs }) => endedMs !== null && endedMs >= askedMs,
      );
      const { wasTakenAway, wasEverOrdered } = delivery.destination;
      // Another version may have taken its place; what a disabled destination holds ends with retention.
      const isExcused =
        wasTakenAway || delivery.wasCanceledByHand || delivery.wasHeldTooLong || wasEverOrdered;
      if (!wasTried && !isExcused)
        this.#findings.violate(
          `${describe(delivery)} was to be retried by hand at ${askedMs}, and was not`,
        );
    }
  }

  // ── Answers ────────────────────────────────────────────────────────────────────────────────────────────────────

  #answered(call: PublishCall, result: PublishResult | Error): void {
    this.#openCalls.delete(call);
    call.answeredTick = ++this.#lastTick;
    call.result = result;
    const isDuplicate =
      !(result instanceof Error) && result.kind === 'accepted' && result.duplicate;
    this.#findings.saw(
      `publish answered: ${result instanceof Error ? result.name : result.kind}${isDuplicate ? ', again' : ''}`,
    );
    const problem = this.#problemOf(call, result);
    if (problem !== null)
      this.#findings.violate(`publish n=${call.publication.n} (id ${call.id}): ${problem}`);
  }

  #problemOf(call: PublishCall, result: PublishResult | Error): string | null {
    const { publication, tenantId, id } = call;
    const stored = [...this.#ledger.events.values()].filter(
      (event) => event.publication.n === publication.n,
    );
    if (result instanceof Error) {
      const hasOthers = this.calls.some(
        (each) => each !== call && each.publication.n === publication.n,
      );
      return stored.length > 0 && !hasOthers ? 'refused, and stored' : null;
    }
    switch (result.kind) {
      case 'unknown_tenant':
        return call.isTenantKnown && this.#knownTenants.has(tenantId)
          ? 'the tenant is there'
          : null;
      case 'conflict': {
        const other = id === null ? undefined : this.#ledger.event(tenantId, id);
        return other === undefined || other.publication.n === publication.n
          ? 'there is no other'
          : null;
      }
      case 'accepted':
        return this.#problemOfAccepted(call, result, stored);
    }
  }

  #problemOfAccepted(
    call: PublishCall,
    result: PublishResult & { kind: 'accepted' },
    stored: readonly EventState[],
  ): string | null {
    const event = stored.at(-1);
    if (event === undefined) return 'accepted, and not stored';
    if (result.id !== event.id) return `accepted as ${result.id}, stored as ${event.id}`;
    if (!event.isUncertain && result.destinationIds.join() !== event.listed.join())
      return `answered ${result.destinationIds.join()}, owed to ${event.listed.join()}`;
    const first = this.#firstCalls.get(event);
    if (result.duplicate) return call.id === null ? 'a duplicate without an id' : null;
    if (first !== undefined) return 'two publishes were told that theirs was the first';
    this.#firstCalls.set(event, call);
    call.event = event;
    return null;
  }

  // ── Order ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * To a destination that never failed and takes one at a time: what was answered before the next publish was called
   * arrives first.
   */
  checkOrder(): void {
    for (const destination of this.#ledger.destinations()) {
      if (destination.wasEverParallel || destination.wasTakenAway || destination.wasEverOrdered)
        continue;
      let latest: PublishCall | null = null;
      for (const call of this.#arrivals(destination.receiverName)) {
        this.#findings.saw('arrival in order');
        if (latest !== null && call.answeredTick < latest.calledTick)
          this.#findings.violate(
            `n=${latest.publication.n} came to ${destination.receiverName} before n=${call.publication.n}, which was answered before it was published`,
          );
        if (latest === null || call.calledTick > latest.calledTick) latest = call;
      }
    }
  }

  /** The publishes in the order in which their events came first; none where anything disturbed the order. */
  #arrivals(receiverName: string): PublishCall[] {
    const calls: { call: PublishCall; at: number }[] = [];
    for (const [event, call] of this.#firstCalls) {
      const delivery = event.deliveries.find(
        ({ destination }) => destination.receiverName === receiverName,
      );
      const first = delivery?.requests[0];
      if (delivery === undefined || first === undefined) continue;
      if (
        delivery.retriesByHand > 0 ||
        event.publication.deliverAtMs !== undefined ||
        delivery.requests.some(({ outcome }) => outcome?.kind === 'failed')
      )
        return [];
      calls.push({ call, at: first.no });
    }
    return calls.sort((a, b) => a.at - b.at).map(({ call }) => call);
  }
}

function requestOf({ tenantId, id, publication }: PublishCall): PublishRequest {
  return {
    tenantId,
    id,
    topic: publication.topic,
    destinationId: publication.to,
    timeMs: null,
    eligibleForRetry: publication.retry,
    metadata: null,
    resource: publication.resource === undefined ? null : JSON.stringify(publication.resource),
    orderKey: publication.key ?? null,
    deliverAtMs: publication.deliverAtMs ?? null,
    data: new TextEncoder().encode(JSON.stringify(publication)),
    test: false,
  };
}
