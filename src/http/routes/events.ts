/** Events to read. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { cancelEvent } from '../../engine/cancel.ts';
import type { EventRecord } from '../../storage/reading.ts';
import { auditAuthor } from '../audit-author.ts';
import { ApiError } from '../errors.ts';
import { pageRequest, pagination } from '../paging.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import { eventJsonText } from '../schemas/event.ts';
import {
  choice,
  Listed,
  PAGE_PARAMETERS,
  queryParameters,
  oneText,
  TIME_PARAMETERS,
} from '../schemas/fields.ts';
import { sendJsonText } from '../send-json.ts';
import type { ServerParts } from '../server-parts.ts';
import { integer, object, ref, string } from '../schemas/json-schema.ts';
import { tenantScope } from '../tenant-scope.ts';

const MAX_SEARCH_LENGTH = 256;
const LIST_PARAMETERS = {
  id: 'Only these events.',
  tenant_id: 'Only of these tenants.',
  topic: 'Only of these topics.',
  destination_id: oneText('Only those that this destination was owed.'),
  search: oneText(
    'Only those whose `data` hold this text, as they were published, byte for byte. A page looks at so many events at most: it may have few or none, and `next` goes on.',
    { minLength: 1, maxLength: MAX_SEARCH_LENGTH },
  ),
  ...TIME_PARAMETERS,
  order_by: choice(['time'], 'There is one order.'),
  ...PAGE_PARAMETERS,
};
const KNOWN = Object.keys(LIST_PARAMETERS);

/** What one page of a search looks at: some 20 ms of reading. */
const SEARCHED = { maxRows: 10_000, maxBytes: 16 * 1024 * 1024 };

interface EventParams {
  readonly event_id: string;
}

const ONE_PARAMETERS = {
  tenant_id: oneText('Needed where several tenants have used the id.'),
};
const EVENT_PARAMS = object({ event_id: string() });

export function eventRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  const { storage } = engine;

  server.get(
    '/events',
    {
      config: { operation: 'events.list' },
      schema: {
        tags: ['events'],
        summary: 'List events',
        description: 'Of one tenant by time; of several or all by the time at which they came in.',
        querystring: queryParameters(LIST_PARAMETERS),
        response: { 200: Listed('Event'), ...errorResponses(422) },
      },
    },
    async (request, reply) => {
      const query = new Query(request.query, KNOWN);
      const tenantIds = tenantScope(request).narrow(query.list('tenant_id'));
      query.oneOf('order_by', ['time']);
      const filters = {
        ids: query.list('id'),
        tenantIds,
        topics: query.list('topic'),
        destinationId: query.text('destination_id'),
        time: query.time('time'),
      };
      const page = pageRequest(query, {
        defaultLimit: 100,
        maxLimit: 1000,
        positionLength: tenantIds.length === 1 ? 2 : 1,
      });
      const search = query.text('search');
      if (search !== null && (search === '' || search.length > MAX_SEARCH_LENGTH))
        query.wrong('search', 'length', `It has 1 to ${MAX_SEARCH_LENGTH} characters.`);
      query.done();
      // What is named may have been published just now.
      const question = { ...filters, page, mayLag: filters.ids.length === 0 };
      const found =
        search === null
          ? { ...(await storage.eventList(question)), stoppedAt: null }
          : await storage.eventSearch({ ...question, text: search, ...SEARCHED });
      const models = found.rows.map(eventJsonText).join(',');
      const envelope = pagination(page, found, 'time', found.stoppedAt);
      return sendJsonText(reply, `{"models":[${models}],"pagination":${JSON.stringify(envelope)}}`);
    },
  );

  server.get<{ Params: EventParams }>(
    '/events/:event_id',
    {
      config: { operation: 'events.get' },
      schema: {
        tags: ['events'],
        summary: 'Get an event',
        params: EVENT_PARAMS,
        querystring: queryParameters(ONE_PARAMETERS),
        response: { 200: ref('Event'), ...errorResponses(404, 409, 422) },
      },
    },
    async (request, reply) => sendJsonText(reply, eventJsonText(await one(request))),
  );

  server.post<{ Params: EventParams }>(
    '/events/:event_id/cancel',
    {
      config: { operation: 'events.cancel' },
      schema: {
        tags: ['events'],
        summary: 'Cancel what is pending of an event',
        description: 'Attempts that are under way end and are recorded; no others follow.',
        params: EVENT_PARAMS,
        querystring: queryParameters(ONE_PARAMETERS),
        response: {
          200: object({ canceled: integer({ description: 'How many deliveries.' }) }),
          ...errorResponses(404, 409, 422),
        },
      },
    },
    async (request) => {
      const { seq } = await one(request);
      return { canceled: await cancelEvent(engine, seq, auditAuthor(request, engine.clock)) };
    },
  );

  async function one(request: FastifyRequest<{ Params: EventParams }>): Promise<EventRecord> {
    const id = request.params.event_id;
    const query = new Query(request.query, Object.keys(ONE_PARAMETERS));
    const tenantId = tenantScope(request).narrowOne(query.text('tenant_id'));
    query.done();
    const [event, ...others] = await storage.eventGet({ id, tenantId });
    if (event === undefined) throw new ApiError('event_not_found');
    if (others.length > 0) throw new ApiError('ambiguous_id');
    return event;
  }
}
