/** Publishing: the answer comes after the commit. */
import type { FastifyInstance } from 'fastify';
import type { PublishRequest } from '../../domain/event.ts';
import type { Quota } from '../../engine/publish-quota.ts';
import { TOPIC } from '../../domain/topic.ts';
import type { PublishResult } from '../../engine/publish.ts';
import { StorageUnavailableError } from '../../storage/storage.ts';
import { ApiError, errorBody } from '../errors.ts';
import { keepJsonBytes } from '../plugins/parse-json.ts';
import {
  DESTINATION_ID,
  EVENT_ID,
  MAX_BATCH_EVENTS,
  ORDER_KEY,
  parseBatch,
  parsePublish,
} from '../publish-body.ts';
import type { PublishLimits } from '../publish-body.ts';
import { ErrorOfOne, errorResponses } from '../schemas/error.ts';
import { Resource, StringMap, Time } from '../schemas/fields.ts';
import type { ServerParts } from '../server-parts.ts';
import {
  anything,
  boolean,
  closedObject,
  arrayOf,
  object,
  optional,
  record,
  string,
  union,
} from '../schemas/json-schema.ts';
import { tenantScope } from '../tenant-scope.ts';

const EVENT_FIELDS = {
  id: optional(
    string({
      pattern: EVENT_ID.source,
      description: 'Key of idempotency within the tenant; made where it is left out.',
    }),
  ),
  // An empty one is none.
  topic: optional(string({ pattern: `^$|${TOPIC.source}` })),
  destination_id: optional(
    string({ pattern: DESTINATION_ID.source, description: 'Addresses one destination.' }),
  ),
  time: optional(Time),
  eligible_for_retry: optional(boolean({ default: true })),
  metadata: optional(StringMap),
  resource: optional(Resource),
  order_key: optional(
    string({
      pattern: ORDER_KEY.source,
      description:
        'Events with the same key arrive one after the other at destinations that ask for `order: key`.',
    }),
  ),
  deliver_at: optional({
    ...Time,
    description: 'Not before that; at most as far ahead as events are kept.',
  }),
  data: record(anything, {
    description: 'Delivered byte for byte as it is sent.',
  }),
};

const EventBody = closedObject(
  { tenant_id: string({ minLength: 1 }), ...EVENT_FIELDS },
  { examples: [{ tenant_id: 'acme', topic: 'user.created', data: { plan: 'gold' } }] },
);

/** One that is not published: it needs no tenant. */
export const TestEventBody = closedObject(
  { tenant_id: optional(string()), ...EVENT_FIELDS },
  { description: 'As it would be published; it needs no tenant.' },
);

const Published = object({
  id: string(),
  duplicate: boolean(),
  destination_ids: arrayOf(string(), { description: 'Those that it is owed to.' }),
});

const DAY_MS = 24 * 60 * 60 * 1000;

/** Of any event that comes in a body. */
export function limitsOfEvents({ engine, limits }: ServerParts): PublishLimits {
  return {
    maxPayloadBytes: limits.maxPayloadBytes,
    nowMs: () => engine.clock.nowMs(),
    maxDelayMs: limits.retentionDays * DAY_MS,
  };
}

export function publishRoutes(server: FastifyInstance, parts: ServerParts): void {
  const { engine, limits } = parts;
  const { publisher, catalogue } = engine;
  const publishLimits = limitsOfEvents(parts);
  const judging: PublishLimits = {
    ...publishLimits,
    judge: (topic, data, bytes) => catalogue.judge(topic, data, bytes),
  };
  const limitsNow = (): PublishLimits => (catalogue.isJudging ? judging : publishLimits);
  const grant = (event: PublishRequest) => {
    const refused = quotaRefusal(engine.quota.take(event, limits.maxPublishPerMinute));
    return refused ?? event;
  };
  void server.register((scope, _options, done) => {
    keepJsonBytes(scope);
    // The bytes are read by publish-body.ts, which tells all that is wrong; the schemas are for the document.
    scope.setValidatorCompiler(() => () => true);

    scope.post(
      '/publish',
      {
        bodyLimit: limits.maxPayloadBytes + ENVELOPE_BYTES,
        config: { operation: 'publish.one' },
        schema: {
          tags: ['publish'],
          summary: 'Publish an event',
          description: '202 comes after the event and what it owes are on the disk.',
          body: EventBody,
          response: { 202: Published, ...errorResponses(400, 404, 409, 413, 415, 422, 429) },
        },
      },
      async (request, reply) => {
        const event = parsePublish(bytesOf(request.body), limitsNow());
        if (!tenantScope(request).has(event.tenantId)) throw new ApiError('tenant_not_found');
        const granted = grant(event);
        if (granted instanceof ApiError) throw granted;
        const result = await publisher.publish(granted);
        if (result.kind !== 'accepted') throw refusal(result);
        return reply.status(202).send(published(result));
      },
    );

    scope.post(
      '/publish/batch',
      {
        bodyLimit: limits.maxBatchBytes,
        config: { operation: 'publish.batch' },
        schema: {
          tags: ['publish'],
          summary: `Publish up to ${MAX_BATCH_EVENTS} events`,
          description:
            'One result for each event, in order; a wrong event does not keep the others.',
          body: object(
            { events: arrayOf(EventBody, { minItems: 1, maxItems: MAX_BATCH_EVENTS }) },
            { additionalProperties: false },
          ),
          response: {
            202: object({
              results: arrayOf(union(Published, object({ error: ErrorOfOne }))),
            }),
            ...errorResponses(400, 413, 415, 422),
          },
        },
      },
      async (request, reply) => {
        const tenants = tenantScope(request);
        const events = parseBatch(bytesOf(request.body), limitsNow()).map((event) => {
          if (event instanceof ApiError) return event;
          return tenants.has(event.tenantId) ? grant(event) : new ApiError('tenant_not_found');
        });
        const good = events.filter(
          (event): event is PublishRequest => !(event instanceof ApiError),
        );
        const results = (await publisher.publishAll(good)).values();
        return reply.status(202).send({
          results: events.map((event) =>
            batchResult(event instanceof ApiError ? event : results.next().value),
          ),
        });
      },
    );
    done();
  });
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

/** What a body may have besides its data: metadata, ids and the like. */
const ENVELOPE_BYTES = 512 * 1024;

/** Throws `ApiError` where there are none. */
export function bytesOf(body: unknown): Buffer {
  if (body instanceof Buffer && body.length > 0) return body;
  throw new ApiError('invalid_json', 'The body is empty: send JSON.');
}

function published({ id, duplicate, destinationIds }: PublishResult & { kind: 'accepted' }) {
  return { id, duplicate, destination_ids: destinationIds };
}

function batchResult(result: PublishResult | Error | undefined) {
  if (result instanceof ApiError) return { error: errorBody(result) };
  // The whole batch met the same storage, but some of it may have been committed before: each for itself.
  if (result instanceof StorageUnavailableError)
    return { error: errorBody(new ApiError('unavailable')) };
  if (result === undefined || result instanceof Error)
    return { error: errorBody(new ApiError('internal')) };
  return result.kind === 'accepted' ? published(result) : { error: errorBody(refusal(result)) };
}

function refusal({ kind }: Exclude<PublishResult, { kind: 'accepted' }>): ApiError {
  switch (kind) {
    case 'unknown_tenant':
      return new ApiError('tenant_not_found');
    case 'conflict':
      return new ApiError('event_conflict');
  }
}
