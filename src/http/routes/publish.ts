/** Publishing: the answer comes after the commit. */
import type { FastifyInstance } from 'fastify';
import { TOPIC } from '../../domain/topic.ts';
import { ApiError, errorBody } from '../errors.ts';
import { createEventDoor } from '../event-door.ts';
import type { Accepted } from '../event-door.ts';
import { keepJsonBytes } from '../plugins/parse-json.ts';
import {
  DESTINATION_ID,
  EVENT_ID,
  MAX_BATCH_EVENTS,
  ORDER_KEY,
  parseBatch,
  parsePublish,
} from '../publish-body.ts';
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

export function publishRoutes(server: FastifyInstance, parts: ServerParts): void {
  const { limits } = parts;
  const door = createEventDoor(parts);
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
        const event = parsePublish(bytesOf(request.body), door.limitsNow());
        if (!tenantScope(request).has(event.tenantId)) throw new ApiError('tenant_not_found');
        const granted = door.grant(event);
        if (granted instanceof ApiError) throw granted;
        return reply.status(202).send(published(await door.publish(granted)));
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
        const parsed = await parseBatch(bytesOf(request.body), door.limitsNow());
        const events = parsed.map((event) => {
          if (event instanceof ApiError) return event;
          return tenants.has(event.tenantId) ? door.grant(event) : new ApiError('tenant_not_found');
        });
        const results = await door.publishAll(events);
        return reply.status(202).send({
          results: results.map((result) =>
            result instanceof ApiError ? { error: errorBody(result) } : published(result),
          ),
        });
      },
    );
    done();
  });
}

/** What a body may have besides its data: metadata, ids and the like. */
const ENVELOPE_BYTES = 512 * 1024;

/** Throws `ApiError` where there are none. */
export function bytesOf(body: unknown): Buffer {
  if (body instanceof Buffer && body.length > 0) return body;
  throw new ApiError('invalid_json', 'The body is empty: send JSON.');
}

function published({ id, duplicate, destinationIds }: Accepted) {
  return { id, duplicate, destination_ids: destinationIds };
}
