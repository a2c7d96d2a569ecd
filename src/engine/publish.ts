/**
 * From a publish to its commit: match the destinations, store the event with what it owes, hand what was claimed to
 * the lanes. The answer comes after the commit.
 */
import type { Clock } from '../domain/clock.ts';
import type { PublishRequest } from '../domain/event.ts';
import type { NewEvent, PublishOutcome, Storage } from '../storage/storage.ts';
import type { Dispatcher } from './dispatcher.ts';
import { GroupCommit } from './group-commit.ts';
import type { RoutingTable, TenantRoute } from './routing.ts';
import type { Target } from './target.ts';

export type PublishResult =
  | {
      readonly kind: 'accepted';
      readonly id: string;
      readonly duplicate: boolean;
      readonly destinationIds: readonly string[];
    }
  | { readonly kind: 'unknown_tenant' }
  /** The id was published before with other content. */
  | { readonly kind: 'conflict' };

export interface PublisherParts {
  readonly storage: Storage;
  readonly routing: RoutingTable;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
}

const MAX_GROUP = 500;
const MAX_GROUP_BYTES = 16 * 1024 * 1024;
const GATHER_MS = 2;
const MAX_UNDER_WAY = 2;

interface Matched {
  readonly request: PublishRequest;
  readonly targets: readonly Target[];
  readonly event: NewEvent;
}

export class Publisher {
  readonly #parts: PublisherParts;
  readonly #group: GroupCommit<Matched, PublishOutcome>;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
    this.#group = new GroupCommit({
      write: (items) => this.#commit(items),
      maxItems: MAX_GROUP,
      weigh: ({ event }) => event.data.length,
      maxWeight: MAX_GROUP_BYTES,
      gatherMs: GATHER_MS,
      maxUnderWay: MAX_UNDER_WAY,
      clock: parts.clock,
    });
  }

  /** Resolves after the commit. Rejects with `StorageUnavailableError`: then nothing was stored. */
  publish(request: PublishRequest): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      this.#begin(request, resolve, reject);
    });
  }

  /** Resolves when nothing waits for its commit any more. */
  async drained(): Promise<void> {
    await this.#group.drained();
  }

  #begin(
    request: PublishRequest,
    resolve: (result: PublishResult) => void,
    reject: (error: unknown) => void,
  ): void {
    const route = this.#parts.routing.tenant(request.tenantId);
    if (route === undefined) {
      resolve({ kind: 'unknown_tenant' });
      return;
    }
    const item = this.#match(request, route);
    this.#group.add({
      item,
      done: (outcome) => {
        if (outcome.kind !== 'stale_routing') resolve(this.#resultOf(item, outcome));
        else
          this.#parts.routing
            .refresh(request.tenantId)
            .then(() => this.#begin(request, resolve, reject), reject);
      },
      failed: reject,
    });
  }

  #match(request: PublishRequest, route: TenantRoute): Matched {
    const { topic, destinationId } = request;
    const targets =
      destinationId === null ? route.match(topic) : route.addressed(destinationId, topic);
    const event: NewEvent = {
      tenantId: request.tenantId,
      routingVersion: route.version,
      id: request.id,
      topic,
      timeMs: request.timeMs,
      eligibleForRetry: request.eligibleForRetry,
      metadata: request.metadata,
      data: request.data,
      requestedDestinationId: destinationId,
      destinations: targets.map((target) => ({
        id: target.id,
        claimed: this.#parts.dispatcher.reserve(target),
      })),
    };
    return { request, targets, event };
  }

  /** All that follows from a commit is done for the whole group, in the order of the commit, before the next event. */
  async #commit(items: readonly Matched[]): Promise<readonly PublishOutcome[]> {
    try {
      const outcomes = await this.#parts.storage.publish({
        events: items.map(({ event }) => event),
      });
      outcomes.forEach((outcome, index) => {
        const item = items[index];
        if (item === undefined) return;
        if (outcome.kind === 'stored') this.#handOver(item, outcome);
        else this.#giveUp(item);
      });
      this.#parts.dispatcher.pump();
      return outcomes;
    } catch (error) {
      for (const item of items) this.#giveUp(item);
      throw error;
    }
  }

  #handOver(
    { request, targets, event }: Matched,
    { seq, timeMs }: PublishOutcome & { kind: 'stored' },
  ): void {
    if (targets.length === 0) return;
    const { dispatcher, storage, clock } = this.#parts;
    const live = {
      seq,
      id: request.id ?? storage.ids.eventId(seq),
      tenantId: request.tenantId,
      topic: request.topic,
      timeMs,
      eligibleForRetry: request.eligibleForRetry,
      metadata: request.metadata,
      data: request.data,
      bodies: new Map<string, Uint8Array>(),
    };
    targets.forEach((target, ordinal) => {
      const claimed = event.destinations[ordinal]?.claimed === true;
      if (claimed)
        dispatcher.offer(target, { event: live, ordinal, attempts: 0, step: 0, manual: false });
      else dispatcher.noteDue(target.tenantId, target.id, clock.nowMs());
    });
  }

  #giveUp({ targets, event }: Matched): void {
    targets.forEach((target, ordinal) => {
      if (event.destinations[ordinal]?.claimed === true) this.#parts.dispatcher.giveUp(target);
    });
  }

  #resultOf(
    { request, targets }: Matched,
    outcome: Exclude<PublishOutcome, { kind: 'stale_routing' }>,
  ): PublishResult {
    switch (outcome.kind) {
      case 'stored':
        return {
          kind: 'accepted',
          id: request.id ?? this.#parts.storage.ids.eventId(outcome.seq),
          duplicate: false,
          destinationIds: targets.map(({ id }) => id),
        };
      case 'duplicate':
        return {
          kind: 'accepted',
          id: request.id ?? '',
          duplicate: true,
          destinationIds: outcome.destinationIds,
        };
      case 'conflict':
      case 'unknown_tenant':
        return outcome;
    }
  }
}
