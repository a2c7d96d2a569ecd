/**
 * What every event passes that comes from outside, by a route or by an application's outbox: its body is parsed and
 * judged, its tenant's quota is taken, and it is committed. Each has a result or an error of its own.
 */
import type { PublishRequest } from '../domain/event.ts';
import type { PublishResult } from '../engine/publishing.ts';
import type { Quota } from '../engine/publish-quota.ts';
import { StorageInDoubtError, StorageUnavailableError } from '../storage/storage.ts';
import { ApiError } from './errors.ts';
import type { PublishLimits } from './publish-body.ts';
import type { ServerParts } from './server-parts.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

export type Accepted = PublishResult & { readonly kind: 'accepted' };
export type DoorParts = Pick<ServerParts, 'engine' | 'limits'>;

export interface EventDoor {
  /** What `parsePublish` and `parseBatch` hold events against at this moment. */
  limitsNow(): PublishLimits;
  /** Takes it of its tenant's quota; an error where that has no room. */
  grant(event: PublishRequest): PublishRequest | ApiError;
  /** Rejects with `ApiError`, or with `StorageUnavailableError`. */
  publish(event: PublishRequest): Promise<Accepted>;
  /** As `Publisher.publishAll`, in order; what is an error stays one. */
  publishAll(events: readonly (PublishRequest | ApiError)[]): Promise<(Accepted | ApiError)[]>;
}

/** Of any event that comes in a body. */
export function limitsOfEvents({ engine, limits }: DoorParts): PublishLimits {
  return {
    maxPayloadBytes: limits.maxPayloadBytes,
    nowMs: () => engine.clock.nowMs(),
    maxDelayMs: limits.retentionDays * DAY_MS,
  };
}

export function createEventDoor(parts: DoorParts): EventDoor {
  const { engine, limits } = parts;
  const { publisher, catalogue } = engine;
  const publishLimits = limitsOfEvents(parts);
  const judging: PublishLimits = {
    ...publishLimits,
    judge: (topic, data, bytes) => catalogue.judge(topic, data, bytes),
  };
  return {
    limitsNow: () => (catalogue.isJudging ? judging : publishLimits),
    grant(event) {
      const refused = quotaRefusal(engine.quota.take(event, limits.maxPublishPerMinute));
      return refused ?? event;
    },
    async publish(event) {
      const result = await publisher.publish(event);
      if (result.kind !== 'accepted') throw refusal(result);
      return result;
    },
    async publishAll(events) {
      const good = events.filter((event): event is PublishRequest => !(event instanceof ApiError));
      const results = (await publisher.publishAll(good)).values();
      return events.map((event) =>
        event instanceof ApiError ? event : acceptedOrError(results.next().value),
      );
    },
  };
}

/** `null`: it may be published. */
function quotaRefusal(quota: Quota): ApiError | null {
  switch (quota.kind) {
    case 'granted':
      return null;
    case 'too_large':
      return new ApiError(
        'payload_too_large',
        `The event’s data are larger than ${quota.maxBytes} bytes, the tenant’s limit \`payload_bytes\`.`,
      );
    case 'too_many': {
      const waitS = Math.ceil(quota.waitMs / 1000);
      const message = `The tenant may publish ${quota.perMinute} events a minute: repeat this one in ${waitS} s.`;
      return new ApiError('rate_limited', message, [], waitS);
    }
  }
}

function acceptedOrError(result: PublishResult | Error | undefined): Accepted | ApiError {
  // All met the same storage, but some may have been committed before: each for itself.
  if (result instanceof StorageInDoubtError) return new ApiError('in_doubt');
  if (result instanceof StorageUnavailableError) return new ApiError('unavailable');
  if (result === undefined || result instanceof Error) return new ApiError('internal');
  return result.kind === 'accepted' ? result : refusal(result);
}

function refusal({ kind }: Exclude<PublishResult, { kind: 'accepted' }>): ApiError {
  switch (kind) {
    case 'unknown_tenant':
      return new ApiError('tenant_not_found');
    case 'conflict':
      return new ApiError('event_conflict');
  }
}
