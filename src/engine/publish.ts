/**
 * From a publish to its commit: match the destinations, store the event with what it owes, hand what was claimed to
 * the lanes. The answer comes after the commit.
 */
import type { Clock } from '../domain/clock.ts';
import type { PublishRequest } from '../domain/event.ts';
import { orderKeyFor } from '../domain/order.ts';
import { StorageInDoubtError, StorageUnavailableError } from '../storage/storage.ts';
import type { PublishOutcome, Storage } from '../storage/storage.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { EngineLog } from './engine-log.ts';
import type { EngineMeasures } from './engine-measures.ts';
import { Bodies } from './bodies.ts';
import { FairQueue } from './fair-queue.ts';
import { GroupCommit } from './group-commit.ts';
import { Pacer } from './pacer.ts';
import { Publishing } from './publishing.ts';
import type { PublishingHost, PublishResult } from './publishing.ts';
import type { RoutingTable } from './routing.ts';
import type { Target } from './target.ts';

export interface PublisherParts {
  readonly storage: Storage;
  readonly routing: RoutingTable;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly log: EngineLog;
  /** How busy this process's thread is, 0 to 1. */
  readonly utilization: () => number;
  readonly measures: EngineMeasures;
}

const MAX_GROUP_BYTES = 16 * 1024 * 1024;
const GATHER_MS = 2;
const MAX_UNDER_WAY = 2;
/** Less than a millisecond of work. */
const BEGUN_A_TURN = 64;

export class Publisher implements PublishingHost {
  readonly #parts: PublisherParts;
  readonly #group: GroupCommit<Publishing, PublishOutcome>;
  readonly #pacer: Pacer<Publishing>;
  /** Those that begin later, or once more. */
  readonly #returning = new Set<Promise<void>>();

  constructor(parts: PublisherParts) {
    this.#parts = parts;
    const queue = new FairQueue<Publishing>(({ tenantId }) => tenantId);
    const waiting = (tenantId: string) => queue.sizeOf(tenantId);
    this.#pacer = new Pacer({ ...parts, waiting }, (publishing) => this.#commit(publishing));
    this.#group = new GroupCommit({
      write: async (items) =>
        await parts.storage.publish({ events: items.map(({ event }) => event) }),
      maxItems: parts.storage.groupSize,
      maxWeightBytes: MAX_GROUP_BYTES,
      gatherMs: GATHER_MS,
      isEager: true,
      maxUnderWay: MAX_UNDER_WAY,
      clock: parts.clock,
      queue,
      refusalOfWaiting,
      onGroup: () => parts.dispatcher.pump(),
    });
  }

  /** Resolves after the commit. Rejects with `StorageUnavailableError`: then nothing was stored, unless it is in doubt. */
  publish(request: PublishRequest): Promise<PublishResult> {
    const startedMs = this.#parts.clock.monotonicMs();
    return new Promise((resolve, reject) => {
      this.#begin(new Publishing(this, request, { startedMs, isOfBatch: false }, resolve, reject));
    });
  }

  /**
   * Several at once, as of one batch; those of a tenant are committed in their order. A result or an error for each, in
   * order, when the last is done.
   */
  publishAll(requests: readonly PublishRequest[]): Promise<(PublishResult | Error)[]> {
    const results: (PublishResult | Error)[] = [];
    if (requests.length === 0) return Promise.resolve(results);
    const startedMs = this.#parts.clock.monotonicMs();
    return new Promise((resolve) => {
      let left = requests.length;
      const publishings = requests.map((request, index) => {
        const settle = (result: PublishResult | Error) => {
          results[index] = result;
          if (--left === 0) resolve(results);
        };
        return new Publishing(this, request, { startedMs, isOfBatch: true }, settle, settle);
      });
      this.#beginAll(publishings, 0);
    });
  }

  /** Resolves when nothing waits for its commit any more. */
  async drained(): Promise<void> {
    for (;;) {
      this.#pacer.stop();
      await this.#group.drained();
      if (this.#returning.size === 0) return;
      await Promise.all(this.#returning);
    }
  }

  /** The storage did not take it, because the tenant's destinations have changed: once more, with those of now. */
  again(publishing: Publishing): void {
    this.#return(
      this.#parts.routing.refresh(publishing.request.tenantId).then(
        () => this.#begin(publishing),
        (error: unknown) => publishing.refused(error),
      ),
    );
  }

  /** It is stored: what was claimed goes to the lanes, in the order of the commit. */
  handOver(
    { request, targets, destinations, startedMs }: Publishing,
    { seq, timeMs, behind, superseded }: PublishOutcome & { kind: 'stored' },
  ): void {
    const { dispatcher, storage, clock, measures } = this.#parts;
    measures.published(clock.monotonicMs() - startedMs);
    if (targets.length === 0) return;
    const live = {
      seq,
      id: request.id ?? storage.ids.eventId(seq),
      tenantId: request.tenantId,
      topic: request.topic,
      timeMs,
      eligibleForRetry: request.eligibleForRetry,
      metadata: request.metadata,
      resource: request.resource,
      orderKey: request.orderKey,
      data: request.data,
      test: request.test,
      deliverAtMs: request.deliverAtMs,
      bodies: new Bodies(),
    };
    for (const [ordinal, target] of targets.entries()) {
      if (superseded !== undefined && target.order === 'latest')
        for (const older of superseded) dispatcher.supersede(target, older.seq);
      if (destinations[ordinal]?.claimed !== true)
        dispatcher.noteDue(target.tenantId, target.id, request.deliverAtMs ?? clock.nowMs(), true);
      else if (behind?.includes(ordinal) === true) dispatcher.noteBehind(target);
      else
        dispatcher.offer(target, {
          event: live,
          ordinal,
          attempts: 0,
          step: 0,
          askedBy: 'schedule',
          orderKey: orderKeyFor(target.order, request),
          superseded: false,
        });
    }
  }

  /** It was not stored: the places that were promised to it are free again. */
  giveUp({ targets, destinations }: Publishing): void {
    for (const [ordinal, target] of targets.entries()) {
      if (destinations[ordinal]?.claimed === true) this.#parts.dispatcher.giveUp(target);
    }
  }

  filterGaveUp({ tenantId, id }: Target, topic: string): void {
    this.#parts.log.filterGaveUp(tenantId, id, topic);
  }

  nowMs(): number {
    return this.#parts.clock.nowMs();
  }

  eventId(seq: number): string {
    return this.#parts.storage.ids.eventId(seq);
  }

  /** Some in each turn of the event loop: what others publish and are owed goes on in between. */
  #beginAll(publishings: readonly Publishing[], from: number): void {
    const end = from + BEGUN_A_TURN;
    for (const publishing of publishings.slice(from, end)) this.#begin(publishing);
    if (end >= publishings.length) return;
    this.#return(
      new Promise((resolve) =>
        this.#parts.clock.soon(() => {
          this.#beginAll(publishings, end);
          resolve();
        }),
      ),
    );
  }

  /** What is to begin yet is waited for at the end. */
  #return(beginning: Promise<void>): void {
    this.#returning.add(beginning);
    void beginning.then(() => this.#returning.delete(beginning));
  }

  #begin(publishing: Publishing): void {
    const route = this.#parts.routing.tenant(publishing.request.tenantId);
    if (route === undefined) publishing.resolve({ kind: 'unknown_tenant' });
    else {
      publishing.match(route);
      this.#pacer.pass(publishing);
    }
  }

  #commit(publishing: Publishing): void {
    // It may have waited: matched anew if the routing has moved, else the storage would send it back.
    const route = this.#parts.routing.tenant(publishing.request.tenantId);
    if (route !== undefined && route.version !== publishing.version) publishing.match(route);
    publishing.reserve(this.#parts.dispatcher);
    this.#group.add(publishing);
  }
}

/**
 * What waits behind a group that was refused would wait as long once more. Where that group is in doubt they are not: nothing of
 * them was begun, and they do not come before it.
 */
function refusalOfWaiting(error: unknown): StorageUnavailableError | null {
  if (error instanceof StorageInDoubtError)
    return new StorageUnavailableError(`nothing was begun: ${error.message}`, { cause: error });
  return error instanceof StorageUnavailableError ? error : null;
}
