/** Destinations of a tenant. */
import type { FastifyInstance } from 'fastify';
import {
  changeDestination,
  createDestination,
  deleteDestination,
  getDestination,
  listDestinations,
} from '../../engine/manage-destinations.ts';
import { topicMatches } from '../../domain/topic.ts';
import type { DestinationChange, ManageResult } from '../../engine/manage-destinations.ts';
import { ApiError, validationFailed } from '../errors.ts';
import type { FieldError } from '../errors.ts';
import { Query } from '../query.ts';
import {
  DestinationBodySchema,
  destinationChange,
  destinationJson,
  DestinationPatchSchema,
  newDestination,
} from '../schemas/destination.ts';
import { RotateSecretBodySchema, secretRotation } from '../schemas/rotate-secret.ts';
import type { RotateSecretBody } from '../schemas/rotate-secret.ts';
import type { DestinationBody, DestinationPatch } from '../schemas/destination.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  DestinationParamsSchema,
  Success,
  TenantParamsSchema,
  queryParameters,
} from '../schemas/fields.ts';
import type { DestinationParams, TenantParams } from '../schemas/fields.ts';
import type { ServerParts } from '../server-parts.ts';
import { arrayOf, nullable, ref } from '../schemas/json-schema.ts';

const LIST_PARAMETERS = {
  type: 'Only of these types.',
  topics: 'Only those that take all of these topics, by name, pattern or `*`.',
};

export function destinationRoutes(server: FastifyInstance, { engine, limits }: ServerParts): void {
  const { clock } = engine;

  server.get<{ Params: TenantParams }>(
    '/tenants/:tenant_id/destinations',
    {
      schema: {
        tags: ['destinations'],
        summary: 'List a tenant’s destinations',
        params: TenantParamsSchema,
        querystring: queryParameters(LIST_PARAMETERS),
        response: { 200: arrayOf(ref('Destination')), ...errorResponses(404, 422) },
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
        .filter(({ destination }) => topics.every((topic) => takes(destination.topics, topic)))
        .map(destinationJson);
    },
  );

  server.post<{ Params: TenantParams; Body: DestinationBody }>(
    '/tenants/:tenant_id/destinations',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Create a destination',
        params: TenantParamsSchema,
        body: DestinationBodySchema,
        response: { 201: ref('Destination'), ...errorResponses(400, 404, 409, 413, 415) },
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

  server.get<{ Params: DestinationParams }>(
    '/tenants/:tenant_id/destinations/:destination_id',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Get a destination',
        params: DestinationParamsSchema,
        response: { 200: ref('Destination'), ...errorResponses(404) },
      },
    },
    async (request) => {
      await mustExist(request.params.tenant_id);
      const found = await getDestination(engine, keyOf(request.params));
      if (found === null) throw new ApiError('destination_not_found');
      return destinationJson(found);
    },
  );

  server.patch<{ Params: DestinationParams; Body: DestinationPatch }>(
    '/tenants/:tenant_id/destinations/:destination_id',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Change a destination',
        params: DestinationParamsSchema,
        body: DestinationPatchSchema,
        response: { 200: ref('Destination'), ...errorResponses(400, 404, 409, 413, 415) },
      },
    },
    (request) => {
      const problems: FieldError[] = [];
      const change = destinationChange(request.body, problems);
      if (problems.length > 0) throw validationFailed(problems);
      return apply(request.params, change);
    },
  );

  server.put<{ Params: DestinationParams }>(
    '/tenants/:tenant_id/destinations/:destination_id/enable',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Enable a destination',
        params: DestinationParamsSchema,
        response: { 200: ref('Destination'), ...errorResponses(404, 409) },
      },
    },
    (request) => apply(request.params, { disabledAtMs: null }),
  );

  server.put<{ Params: DestinationParams }>(
    '/tenants/:tenant_id/destinations/:destination_id/disable',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Disable a destination',
        description: 'It gets nothing more, and what it was owed is canceled.',
        params: DestinationParamsSchema,
        response: { 200: ref('Destination'), ...errorResponses(404, 409) },
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

  server.post<{ Params: DestinationParams; Body: RotateSecretBody | null | undefined }>(
    '/tenants/:tenant_id/destinations/:destination_id/rotate-secret',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Rotate a destination’s signing secret',
        description:
          'Messages are signed with the new secret at once, and with the one before as well until its time is over.',
        params: DestinationParamsSchema,
        body: nullable(RotateSecretBodySchema),
        response: { 200: ref('Destination'), ...errorResponses(400, 404, 409, 413, 415, 422) },
      },
    },
    (request) => apply(request.params, secretRotation(request.body ?? {}, clock.nowMs())),
  );

  server.delete<{ Params: DestinationParams }>(
    '/tenants/:tenant_id/destinations/:destination_id',
    {
      schema: {
        tags: ['destinations'],
        summary: 'Delete a destination',
        description: 'What it was owed is canceled; its history stays until retention ends.',
        params: DestinationParamsSchema,
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

  async function apply(params: DestinationParams, change: DestinationChange) {
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

function takes(patterns: readonly string[], topic: string): boolean {
  return patterns.some((pattern) => topicMatches(pattern, topic));
}

function keyOf(params: DestinationParams): { tenantId: string; id: string } {
  return { tenantId: params.tenant_id, id: params.destination_id };
}
