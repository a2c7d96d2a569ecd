/** Attempts: every try, with request and answer. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/caller.ts';
import type { Page, StoredAttempt } from '../../storage/reading.ts';
import { attemptView } from '../attempt-view.ts';
import { ApiError } from '../errors.ts';
import { ownDestinations, owningClient } from '../own-destinations.ts';
import { pageRequest, pagination } from '../paging.ts';
import type { Pagination } from '../paging.ts';
import { Query } from '../query.ts';
import { attemptJsonText, INCLUDES } from '../schemas/attempt.ts';
import type { AttemptView, Include } from '../schemas/attempt.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  DestinationParamsSchema,
  Listed,
  PAGE_PARAMETERS,
  TIME_PARAMETERS,
  choice,
  choices,
  queryParameters,
  oneText,
} from '../schemas/fields.ts';
import type { DestinationParams } from '../schemas/fields.ts';
import { sendJsonText } from '../send-json.ts';
import type { ServerParts } from '../server-parts.ts';
import { object, ref, string } from '../schemas/json-schema.ts';
import { tenantScope } from '../tenant-scope.ts';

const INCLUDE_PARAMETER = {
  include: choices(INCLUDES, 'What else to show.'),
};
const FILTER_PARAMETERS = {
  event_id: oneText('Only of this event.'),
  topic: 'Only of these topics.',
  status: choice(['success', 'failed'], 'Only those that ended so.'),
  ...TIME_PARAMETERS,
  order_by: choice(['time'], 'There is one order.'),
  ...INCLUDE_PARAMETER,
  ...PAGE_PARAMETERS,
};
const LIST_PARAMETERS = {
  tenant_id: 'Only of these tenants.',
  destination_id: oneText('Only of this destination.'),
  destination_type: 'Only of destinations of these types.',
  delivery_id: oneText('Only of this delivery.'),
  ...FILTER_PARAMETERS,
};
const PAGING = { defaultLimit: 100, maxLimit: 1000, positionLength: 1 };
interface AttemptParams {
  readonly attempt_id: string;
}

const ATTEMPT_PARAMS = object({ attempt_id: string() });

export function attemptRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  const { storage } = engine;

  server.get(
    '/attempts',
    {
      config: { operation: 'attempts.list' },
      schema: {
        tags: ['attempts'],
        summary: 'List attempts',
        querystring: queryParameters(LIST_PARAMETERS),
        response: { 200: Listed('Attempt'), ...errorResponses(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const query = new Query(request.query, Object.keys(LIST_PARAMETERS));
      const tenantIds = tenantScope(request).narrow(query.list('tenant_id'));
      const text = await list(request, query, tenantIds, query.text('destination_id'));
      return sendJsonText(reply, text);
    },
  );

  server.get<{ Params: DestinationParams }>(
    '/tenants/:tenant_id/destinations/:destination_id/attempts',
    {
      config: { operation: 'attempts.list' },
      schema: {
        operationId: 'destinations.attempts.list',
        tags: ['attempts'],
        summary: 'List a destination’s attempts',
        params: DestinationParamsSchema,
        querystring: queryParameters(FILTER_PARAMETERS),
        response: { 200: Listed('Attempt'), ...errorResponses(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const query = new Query(request.query, Object.keys(FILTER_PARAMETERS));
      const { tenant_id: tenantId, destination_id: destinationId } = request.params;
      await mustExist(request);
      const text = await list(request, query, [tenantId], destinationId);
      return sendJsonText(reply, text);
    },
  );

  server.get<{ Params: AttemptParams }>(
    '/attempts/:attempt_id',
    {
      config: { operation: 'attempts.get' },
      schema: {
        tags: ['attempts'],
        summary: 'Get an attempt, with request and answer',
        params: ATTEMPT_PARAMS,
        querystring: queryParameters({
          tenant_id: oneText('Only if it is of this tenant.'),
          ...INCLUDE_PARAMETER,
        }),
        response: { 200: ref('Attempt'), ...errorResponses(404, 422) },
      },
    },
    async (request, reply) => {
      const query = new Query(request.query, ['tenant_id', 'include']);
      const include = query.allOf('include', INCLUDES);
      const tenantId = tenantScope(request).narrowOne(query.text('tenant_id'));
      query.done();
      return sendJsonText(
        reply,
        await one(
          request,
          request.params.attempt_id,
          include,
          (found) => tenantId === null || found.tenantId === tenantId,
        ),
      );
    },
  );

  server.get<{ Params: DestinationParams & AttemptParams }>(
    '/tenants/:tenant_id/destinations/:destination_id/attempts/:attempt_id',
    {
      config: { operation: 'attempts.get' },
      schema: {
        operationId: 'destinations.attempts.get',
        tags: ['attempts'],
        summary: 'Get an attempt of a destination, with request and answer',
        params: object({ ...DestinationParamsSchema.properties, ...ATTEMPT_PARAMS.properties }),
        querystring: queryParameters(INCLUDE_PARAMETER),
        response: { 200: ref('Attempt'), ...errorResponses(404, 422) },
      },
    },
    async (request, reply) => {
      const query = new Query(request.query, ['include']);
      const include = query.allOf('include', INCLUDES);
      query.done();
      await mustExist(request);
      const {
        tenant_id: tenantId,
        destination_id: destinationId,
        attempt_id: attemptId,
      } = request.params;
      const text = await one(
        request,
        attemptId,
        include,
        (found) => found.tenantId === tenantId && found.destinationId === destinationId,
      );
      return sendJsonText(reply, text);
    },
  );

  async function one(
    request: FastifyRequest,
    id: string,
    include: readonly Include[],
    isWanted: (attempt: StoredAttempt) => boolean,
  ): Promise<string> {
    const seq = storage.ids.parseAttemptId(id);
    const found = seq === undefined ? null : await storage.attemptGet({ seq });
    const own = ownDestinations(request, engine);
    if (found === null || !isWanted(found) || own?.includes(found.destinationId) === false)
      throw new ApiError('attempt_not_found');
    mayInclude(request.caller, include);
    return attemptJsonText(
      found,
      await attemptView(
        engine,
        request.caller,
        [found],
        new Set([...include, 'request', 'response'] as const),
      ),
    );
  }

  async function list(
    request: FastifyRequest,
    query: Query,
    tenantIds: readonly string[],
    destinationId: string | null,
  ): Promise<string> {
    const eventId = query.text('event_id');
    const deliveryId = query.text('delivery_id');
    query.oneOf('order_by', ['time']);
    const include = new Set(query.allOf('include', INCLUDES));
    mayInclude(request.caller, include);
    const filters = {
      tenantIds,
      amongDestinations: ownDestinations(request, engine),
      destinationId,
      destinationTypes: query.list('destination_type'),
      topics: query.list('topic'),
      status: query.oneOf('status', ['success', 'failed']),
      time: query.time('time'),
    };
    const page = pageRequest(query, PAGING);
    query.done();
    const delivery =
      deliveryId === null
        ? null
        : (storage.ids.parseDeliveryId(deliveryId) ?? { seq: -1, ordinal: 0 });
    const eventSeq = eventId === null ? null : await seqOf(eventId, tenantIds);
    // What is asked of one event or delivery may have been attempted just now.
    const mayLag = eventId === null && deliveryId === null;
    const found = await storage.attemptList({ ...filters, delivery, eventSeq, page, mayLag });
    return listText(
      found,
      pagination(page, found, 'time'),
      await attemptView(engine, request.caller, found.rows, include),
    );
  }

  function listText(found: Page<StoredAttempt>, envelope: Pagination, shown: AttemptView): string {
    const models = found.rows.map((attempt) => attemptJsonText(attempt, shown)).join(',');
    return `{"models":[${models}],"pagination":${JSON.stringify(envelope)}}`;
  }

  async function mustExist(request: FastifyRequest<{ Params: DestinationParams }>): Promise<void> {
    const { tenant_id: tenantId, destination_id: id } = request.params;
    if ((await storage.tenantGet({ id: tenantId })) === null)
      throw new ApiError('tenant_not_found');
    const own = ownDestinations(request, engine);
    if (own?.includes(id) === false || (await storage.destinationGet({ tenantId, id })) === null)
      throw new ApiError('destination_not_found');
  }

  async function seqOf(id: string, tenantIds: readonly string[]): Promise<number> {
    const [tenantId = null] = tenantIds;
    const [event, ...others] = await storage.eventGet({ id, tenantId });
    if (others.length > 0) throw new ApiError('ambiguous_id');
    return event?.seq ?? -1;
  }
}

/** A client of scope `webhook` reads what it was sent, which need not be all that was published. */
function mayInclude(caller: Caller | null, include: Iterable<Include>): void {
  if (owningClient(caller) !== null && [...include].includes('event.data'))
    throw new ApiError('client_scope', 'What was published is not for this API client.');
}
