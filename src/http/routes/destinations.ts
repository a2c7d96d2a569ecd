/** Destinations of a tenant. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import {
  changeDestination,
  createDestination,
  deleteDestination,
  getDestination,
  listDestinations,
} from '../../engine/manage-destinations.ts';
import type { DestinationChange, ManageResult } from '../../engine/manage-destinations.ts';
import { ApiError, validationFailed } from '../errors.ts';
import type { FieldError } from '../errors.ts';
import { Query } from '../query.ts';
import {
  DestinationBody,
  destinationChange,
  destinationJson,
  DestinationPatch,
  newDestination,
} from '../schemas/destination.ts';
import { errorResponses } from '../schemas/error.ts';
import { DestinationParams, queryParameters, Success, TenantParams } from '../schemas/fields.ts';
import type { ServerParts } from '../server-parts.ts';

const LIST_PARAMETERS = {
  type: 'Only of these types.',
  topics: 'Only those that take all of these topics by name, or `*`.',
};

type Tenant = Static<typeof TenantParams>;
type Key = Static<typeof DestinationParams>;

export function destinationRoutes(server: FastifyInstance, { engine, limits }: ServerParts): void {
  const { clock } = engine;

  server.get<{ Params: Tenant }>(
    '/tenants/:tenant_id/destinations',
    {
      schema: {
        tags: ['destinations'],
        summary: 'List a tenant’s destinations',
        params: TenantParams,
        querystring: queryParameters(LIST_PARAMETERS),
        response: { 200: Type.Array(Type.Ref('Destination')), ...errorResponses(404, 422) },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(LIST_PARAMETERS));
      const types = query.list('type');
      const topics = query.list('topics');
      query.done();
      await mustExist(request.params.tenant_id);
      const found = await listDestinations(engine, request.params.tenant_id);
      return found
        .filter(({ destination }) => types.length === 0 || types.includes(destination.type))
        .filter(({ destination }) => topics.every((topic) => destination.topics.includes(topic)))
        .map(destinationJson);
    },
  );

  server.post<{ Params: Tenant; Body: Static<typeof DestinationBody> }>(
    '/tenants/:tenant_id/destinations',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Create a destination',
        params: TenantParams,
        body: DestinationBody,
        response: { 201: Type.Ref('Destination'), ...errorResponses(400, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      await mustExist(request.params.tenant_id);
      const problems: FieldError[] = [];
      const input = newDestination(request.params.tenant_id, request.body, problems);
      if (problems.length > 0) throw validationFailed(problems);
      const result = await createDestination(engine, input, limits.maxDestinationsPerTenant);
      return reply.status(201).send(shown(result));
    },
  );

  server.get<{ Params: Key }>(
    '/tenants/:tenant_id/destinations/:destination_id',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Get a destination',
        params: DestinationParams,
        response: { 200: Type.Ref('Destination'), ...errorResponses(404) },
      },
    },
    async (request) => {
      await mustExist(request.params.tenant_id);
      const found = await getDestination(engine, keyOf(request.params));
      if (found === null) throw new ApiError('destination_not_found');
      return destinationJson(found);
    },
  );

  server.patch<{ Params: Key; Body: Static<typeof DestinationPatch> }>(
    '/tenants/:tenant_id/destinations/:destination_id',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Change a destination',
        params: DestinationParams,
        body: DestinationPatch,
        response: { 200: Type.Ref('Destination'), ...errorResponses(400, 404, 409, 422) },
      },
    },
    (request) => {
      const problems: FieldError[] = [];
      const change = destinationChange(request.body, problems);
      if (problems.length > 0) throw validationFailed(problems);
      return apply(request.params, change);
    },
  );

  server.put<{ Params: Key }>(
    '/tenants/:tenant_id/destinations/:destination_id/enable',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Enable a destination',
        params: DestinationParams,
        response: { 200: Type.Ref('Destination'), ...errorResponses(404, 409) },
      },
    },
    (request) => apply(request.params, { disabledAtMs: null }),
  );

  server.put<{ Params: Key }>(
    '/tenants/:tenant_id/destinations/:destination_id/disable',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Disable a destination',
        description: 'It gets nothing more, and what it was owed is canceled.',
        params: DestinationParams,
        response: { 200: Type.Ref('Destination'), ...errorResponses(404, 409) },
      },
    },
    async (request) => {
      await mustExist(request.params.tenant_id);
      const found = await getDestination(engine, keyOf(request.params));
      // Disabled again, it stays disabled since when it was.
      if (found !== null && found.destination.disabledAtMs !== null) return destinationJson(found);
      return apply(request.params, { disabledAtMs: clock.nowMs() });
    },
  );

  server.delete<{ Params: Key }>(
    '/tenants/:tenant_id/destinations/:destination_id',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Delete a destination',
        description: 'What it was owed is canceled; its history stays until retention ends.',
        params: DestinationParams,
        response: { 200: Success, ...errorResponses(404) },
      },
    },
    async (request) => {
      await mustExist(request.params.tenant_id);
      if (!(await deleteDestination(engine, keyOf(request.params))))
        throw new ApiError('destination_not_found');
      return { success: true };
    },
  );

  async function mustExist(tenantId: string): Promise<void> {
    if (engine.routing.tenant(tenantId) !== undefined) return;
    if ((await engine.storage.tenantGet({ id: tenantId })) === null)
      throw new ApiError('tenant_not_found');
  }

  async function apply(params: Key, change: DestinationChange) {
    await mustExist(params.tenant_id);
    return shown(await changeDestination(engine, keyOf(params), change));
  }

  function shown(result: ManageResult) {
    switch (result.kind) {
      case 'done':
        return destinationJson(result.opened);
      case 'invalid':
        throw validationFailed(result.problems);
      case 'unknown':
        throw new ApiError('destination_not_found');
      case 'unknown_tenant':
        throw new ApiError('tenant_not_found');
      case 'id_taken':
        throw new ApiError('id_taken');
      case 'changed_meanwhile':
        throw new ApiError('changed_meanwhile');
      case 'too_many':
        throw new ApiError(
          'too_many_destinations',
          `A tenant has at most ${limits.maxDestinationsPerTenant} destinations.`,
        );
    }
  }
}

function keyOf(params: Key): { tenantId: string; id: string } {
  return { tenantId: params.tenant_id, id: params.destination_id };
}
