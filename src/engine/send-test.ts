/**
 * Test events: a destination is tried out with a topic's sample. It goes the way of every event, marked, to that one
 * destination alone, whatever topics it takes; it is attempted once.
 */
import type { Clock } from '../domain/clock.ts';
import { RateWindow } from '../domain/rate-window.ts';
import { topicToTest } from '../domain/topic-catalogue.ts';
import type { StoredAttempt } from '../storage/reading.ts';
import type { Storage } from '../storage/storage.ts';
import type { Catalogue } from './catalogue.ts';
import type { Publisher } from './publish.ts';
import type { Recorder } from './record.ts';
import type { RoutingTable } from './routing.ts';

/** How long the call waits for the attempt to end. */
export const TEST_WAIT_MS = 10_000;
const WINDOW_MS = 60_000;
const PER_DESTINATION = { limit: 10, windowMs: WINDOW_MS };
const PER_TENANT = { limit: 60, windowMs: WINDOW_MS };

export interface TestRequest {
  readonly tenantId: string;
  readonly destinationId: string;
  /** `null`: one that the destination takes. */
  readonly topic: string | null;
  /** JSON of an object; `null`: the topic's sample. */
  readonly data: Uint8Array | null;
}

export type TestResult =
  | {
      readonly kind: 'sent';
      readonly eventId: string;
      readonly deliveryId: string;
      /** `null`: it had not ended when the wait was over. */
      readonly attempt: StoredAttempt | null;
    }
  | { readonly kind: 'too_many'; readonly retryAfterMs: number }
  | { readonly kind: 'unknown_tenant' | 'unknown_destination' | 'disabled' | 'unknown_topic' };

export interface TestSenderParts {
  readonly storage: Storage;
  readonly routing: RoutingTable;
  readonly catalogue: Catalogue;
  readonly publisher: Publisher;
  readonly recorder: Recorder;
  readonly clock: Clock;
}

export class TestSender {
  readonly #parts: TestSenderParts;
  readonly #byDestination = new RateWindow(PER_DESTINATION);
  readonly #byTenant = new RateWindow(PER_TENANT);

  constructor(parts: TestSenderParts) {
    this.#parts = parts;
  }

  /** Rejects with `StorageUnavailableError`: then nothing was sent. */
  async send(request: TestRequest): Promise<TestResult> {
    const { routing, catalogue, publisher, storage } = this.#parts;
    const { tenantId, destinationId } = request;
    const target = routing.target(tenantId, destinationId);
    if (target === undefined) return { kind: 'unknown_destination' };
    if (!target.enabled) return { kind: 'disabled' };
    const topic = request.topic ?? topicToTest(target.topics, catalogue.list());
    if (request.topic !== null && catalogue.refuses(topic)) return { kind: 'unknown_topic' };
    const retryAfterMs = this.#take(tenantId, destinationId);
    if (retryAfterMs > 0) return { kind: 'too_many', retryAfterMs };

    const published = await publisher.publish({
      tenantId,
      id: null,
      topic,
      destinationId,
      timeMs: null,
      eligibleForRetry: false,
      metadata: null,
      resource: null,
      orderKey: null,
      deliverAtMs: null,
      data: request.data ?? sampleBytes(catalogue, topic),
      test: true,
    });
    if (published.kind !== 'accepted') return { kind: 'unknown_tenant' };
    // Disabled or deleted in the meantime.
    if (published.destinationIds.length === 0) return { kind: 'disabled' };
    const seq = storage.ids.parseEventId(published.id);
    if (seq === undefined) throw new Error(`${published.id} is not an id of this database`);
    const delivery = { seq, ordinal: 0 };
    const hasEnded = await this.#ended(seq);
    const attempt = hasEnded ? await this.#attemptOf(delivery) : null;
    return {
      kind: 'sent',
      eventId: published.id,
      deliveryId: storage.ids.deliveryId(delivery),
      attempt,
    };
  }

  /** Milliseconds to wait; 0: it was counted and may go. */
  #take(tenantId: string, destinationId: string): number {
    const nowMs = this.#parts.clock.monotonicMs();
    const key = `${tenantId}\0${destinationId}`;
    const waitMs = Math.max(
      this.#byDestination.waitMs(key, nowMs),
      this.#byTenant.waitMs(tenantId, nowMs),
    );
    if (waitMs > 0) return waitMs;
    this.#byDestination.take(key, nowMs);
    this.#byTenant.take(tenantId, nowMs);
    return 0;
  }

  /** Whether the event's attempt was recorded before the wait was over. */
  #ended(seq: number): Promise<boolean> {
    const { recorder, clock } = this.#parts;
    return new Promise((resolve) => {
      const timer = clock.schedule(TEST_WAIT_MS, () => {
        recorder.unwatch(seq);
        resolve(false);
      });
      recorder.watch(seq, () => {
        timer.cancel();
        resolve(true);
      });
    });
  }

  async #attemptOf(delivery: { seq: number; ordinal: number }): Promise<StoredAttempt | null> {
    const found = await this.#parts.storage.attemptList({
      tenantIds: [],
      destinationId: null,
      destinationTypes: [],
      eventSeq: null,
      delivery,
      topics: [],
      status: null,
      time: { fromMs: null, toMs: null },
      page: { limit: 1, order: 'asc', from: null },
    });
    return found.rows[0] ?? null;
  }
}

function sampleBytes(catalogue: Catalogue, topic: string): Uint8Array {
  return Buffer.from(JSON.stringify(catalogue.get(topic)?.sample ?? { test: true }));
}
