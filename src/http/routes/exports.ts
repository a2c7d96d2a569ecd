/** Exports: all events or attempts of a range of time, as lines of JSON (application/x-ndjson). */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { attemptView } from '../attempt-view.ts';
import { Query } from '../query.ts';
import { rowStream } from '../row-stream.ts';
import { attemptJsonText, INCLUDES } from '../schemas/attempt.ts';
import { errorResponses } from '../schemas/error.ts';
import { eventJsonText } from '../schemas/event.ts';
import { ref } from '../schemas/json-schema.ts';
import { TIME_PARAMETERS, choice, choices, queryParameters, oneText } from '../schemas/fields.ts';
import type { ServerParts } from '../server-parts.ts';
import { tenantScope } from '../tenant-scope.ts';

const NDJSON = 'application/x-ndjson';

const COMMON_PARAMETERS = {
  tenant_id: 'Only of these tenants.',
  destination_id: oneText('Only of this destination.'),
  topic: 'Only of these topics.',
  ...TIME_PARAMETERS,
};
const EVENT_PARAMETERS = COMMON_PARAMETERS;
const ATTEMPT_PARAMETERS = {
  ...COMMON_PARAMETERS,
  status: choice(['success', 'failed'], 'Only those that ended so.'),
  include: choices(INCLUDES, 'What else to show.'),
};

const DESCRIPTION =
  'One JSON object a line, oldest first. The range goes by the same time as in the list. A stream that breaks off is cut: its last chunk is missing.';

export function exportRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  const { storage } = engine;

  server.get(
    '/exports/events',
    {
      config: { operation: 'exports.events' },
      schema: {
        tags: ['exports'],
        summary: 'Export events',
        description: DESCRIPTION,
        querystring: queryParameters(EVENT_PARAMETERS),
        response: {
          200: { description: 'Events.', content: { [NDJSON]: { schema: ref('Event') } } },
          ...errorResponses(422),
        },
      },
    },
    (request, reply) => {
      const query = new Query(request.query, Object.keys(EVENT_PARAMETERS));
      const filters = { ids: [], ...commonFilters(request, query) };
      query.done();
      const stream = rowStream(
        (page) => storage.eventList({ ...filters, page, mayLag: true }),
        (rows) => rows.map((event) => `${eventJsonText(event)}\n`).join(''),
      );
      return reply.type(NDJSON).send(stream);
    },
  );

  server.get(
    '/exports/attempts',
    {
      config: { operation: 'exports.attempts' },
      schema: {
        tags: ['exports'],
        summary: 'Export attempts',
        description: `${DESCRIPTION} Secrets are masked.`,
        querystring: queryParameters(ATTEMPT_PARAMETERS),
        response: {
          200: { description: 'Attempts.', content: { [NDJSON]: { schema: ref('Attempt') } } },
          ...errorResponses(422),
        },
      },
    },
    (request, reply) => {
      const query = new Query(request.query, Object.keys(ATTEMPT_PARAMETERS));
      const include = new Set(query.allOf('include', INCLUDES));
      const filters = {
        ...commonFilters(request, query),
        destinationTypes: [],
        eventSeq: null,
        delivery: null,
        status: query.oneOf('status', ['success', 'failed']),
      };
      query.done();
      const stream = rowStream(
        (page) => storage.attemptList({ ...filters, page, mayLag: true }),
        async (rows) => {
          const view = await attemptView(engine, request.caller, rows, include);
          return rows.map((attempt) => `${attemptJsonText(attempt, view)}\n`).join('');
        },
      );
      return reply.type(NDJSON).send(stream);
    },
  );
}

function commonFilters(request: FastifyRequest, query: Query) {
  return {
    tenantIds: tenantScope(request).narrow(query.list('tenant_id')),
    destinationId: query.text('destination_id'),
    topics: query.list('topic'),
    time: query.time('time'),
  };
}
