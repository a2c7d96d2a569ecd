/** One publish on its way to its commit: what it is for, what is to be stored of it, and what its publisher is told. */
import { EventView } from '../domain/event-view.ts';
import type { EventResource, PublishRequest } from '../domain/event.ts';
import type { NewEvent, PublishOutcome } from '../storage/storage.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Item } from './group-commit.ts';
import type { Paced } from './pacer.ts';
import type { Matched, TenantRoute } from './routing.ts';
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

/** What becomes of it. */
export interface PublishingHost {
  nowMs(): number;
  eventId(seq: number): string;
  filterGaveUp(target: Target, topic: string): void;
  /** It is stored: what was claimed goes to the lanes, in the order of the commit. */
  handOver(publishing: Publishing, outcome: PublishOutcome & { kind: 'stored' }): void;
  /** The storage did not take it, because the tenant's destinations have changed: once more, with those of now. */
  again(publishing: Publishing): void;
  /** It was not stored: the places that were promised to it are free again. */
  giveUp(publishing: Publishing): void;
}

const NO_DESTINATIONS: NewEvent['destinations'] = [];

export class Publishing implements Item<PublishOutcome>, Matched, Paced {
  readonly request: PublishRequest;
  /** Of the monotonic clock. */
  readonly startedMs: number;
  readonly isOfBatch: boolean;
  readonly resolve: (result: PublishResult) => void;
  readonly #host: PublishingHost;
  readonly #reject: (error: Error) => void;
  targets: readonly Target[] = [];
  version = 0;
  destinations: NewEvent['destinations'] = NO_DESTINATIONS;
  #view: EventView | null = null;

  constructor(
    host: PublishingHost,
    request: PublishRequest,
    { startedMs, isOfBatch }: { startedMs: number; isOfBatch: boolean },
    resolve: (result: PublishResult) => void,
    reject: (error: Error) => void,
  ) {
    this.#host = host;
    this.request = request;
    this.startedMs = startedMs;
    this.isOfBatch = isOfBatch;
    this.resolve = resolve;
    this.#reject = reject;
  }

  get tenantId(): string {
    return this.request.tenantId;
  }

  get weightBytes(): number {
    return this.request.data.length;
  }

  get nowMs(): number {
    return this.#host.nowMs();
  }

  /** Read only where a destination asks for it. */
  get resourceUrn(): string | null {
    const { resource } = this.request;
    // Canonical JSON of ours.
    return resource === null ? null : (JSON.parse(resource) as EventResource).urn;
  }

  get topic(): string {
    return this.request.topic;
  }

  /** What filters see: neither the id nor the exact time that the commit may give it (docs/decisions/013). */
  get view(): EventView {
    const { request } = this;
    this.#view ??= new EventView({
      ...request,
      timeMs: request.timeMs ?? this.#host.nowMs(),
    });
    return this.#view;
  }

  gaveUp(target: Target): void {
    this.#host.filterGaveUp(target, this.request.topic);
  }

  match(route: TenantRoute): void {
    const { destinationId, test } = this.request;
    this.version = route.version;
    if (destinationId === null) this.targets = route.match(this);
    else if (test) this.targets = route.enabled(destinationId);
    else this.targets = route.addressed(destinationId, this);
  }

  reserve(dispatcher: Dispatcher): void {
    const { deliverAtMs, test } = this.request;
    this.destinations = this.targets.map((target) => ({
      id: target.id,
      claimed: deliverAtMs === null && dispatcher.reserve(target, test),
      order: target.order,
    }));
  }

  written(outcome: PublishOutcome): void {
    if (outcome.kind === 'stored') {
      this.#host.handOver(this, outcome);
      const id = this.request.id ?? this.#host.eventId(outcome.seq);
      this.resolve({
        kind: 'accepted',
        id,
        duplicate: false,
        destinationIds: this.targets.map((target) => target.id),
      });
      return;
    }
    this.#giveUp();
    switch (outcome.kind) {
      case 'stale_routing':
        this.#host.again(this);
        break;
      case 'duplicate': {
        const { destinationIds } = outcome;
        this.resolve({
          kind: 'accepted',
          id: this.request.id ?? '',
          duplicate: true,
          destinationIds,
        });
        break;
      }
      case 'conflict':
      case 'unknown_tenant':
        this.resolve(outcome);
        break;
    }
  }

  refused(error: unknown): void {
    this.#giveUp();
    this.#reject(error instanceof Error ? error : new Error(String(error)));
  }

  /** Once: what is tried again, and then refused, has no places any more. */
  #giveUp(): void {
    this.#host.giveUp(this);
    this.destinations = NO_DESTINATIONS;
  }

  /** What is to be stored. */
  get event(): NewEvent {
    const { request, destinations } = this;
    return {
      tenantId: request.tenantId,
      routingVersion: this.version,
      id: request.id,
      topic: request.topic,
      timeMs: request.timeMs,
      eligibleForRetry: request.eligibleForRetry,
      metadata: request.metadata,
      resource: request.resource,
      orderKey: request.orderKey,
      deliverAtMs: request.deliverAtMs,
      data: request.data,
      test: request.test,
      requestedDestinationId: request.destinationId,
      destinations,
    };
  }
}
