/** Events to read. */
import type { FastifyInstance } from 'fastify';
import { ApiError } from '../errors.ts';
import { pageRequest, pagination } from '../paging.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import { eventJsonText } from '../schemas/event.ts';
import { Listed, PAGE_PARAMETERS, queryParameters, TIME_PARAMETERS } from '../schemas/fields.ts';
import { sendJsonText } from '../send-json.ts';
import type { ServerParts } from '../server-parts.ts';
import { object, ref, string } from '../schemas/json-schema.ts';
import { tenantScope } from '../tenant-scope.ts';

const LIST_PARAMETERS = {
  id: 'Only these events.',
  tenant_id: 'Only of these tenants.',
  topic: 'Only of these topics.',
  destination_id: 'Only those that this destination was owed.',
  ...TIME_PARAMETERS,
  order_by: '`time`.',
  ...PAGE_PARAMETERS,
};
const KNOWN = Object.keys(LIST_PARAMETERS);

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
      query.done();
      const found = await storage.eventList({ ...filters, page });
      const models = found.rows.map(eventJsonText).join(',');
      return sendJsonText(
        reply,
        `{"models":[${models}],"pagination":${JSON.stringify(pagination(page, found, 'time'))}}`,
      );
    },
  );

  server.get<{ Params: { event_id: string } }>(
    '/events/:event_id',
    {
      config: { operation: 'events.get' },
      schema: {
        tags: ['events'],
        summary: 'Get an event',
        params: object({ event_id: string() }),
        querystring: queryParameters({
          tenant_id: 'Needed where several tenants have used the id.',
        }),
        response: { 200: ref('Event'), ...errorResponses(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const query = new Query(request.query, ['tenant_id']);
      const tenantId = tenantScope(request).narrowOne(query.text('tenant_id'));
      query.done();
      const [event, ...others] = await storage.eventGet({ id: request.params.event_id, tenantId });
      if (event === undefined) throw new ApiError('event_not_found');
      if (others.length > 0) throw new ApiError('ambiguous_id');
      return sendJsonText(reply, eventJsonText(event));
    },
  );
}
