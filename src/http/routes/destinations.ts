/** Destinations of a tenant. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/caller.ts';
import { deleteDestination } from '../../engine/delete-destination.ts';
import { DESTINATION_STATUSES } from '../../engine/destination-state.ts';
import type { DeleteResult } from '../../engine/delete-destination.ts';
import {
  changeDestination,
  createDestination,
  getDestination,
  listDestinations,
} from '../../engine/manage-destinations.ts';
import { OPERATOR_TENANT } from '../../domain/operator-tenant.ts';
import { topicMatches } from '../../domain/topic.ts';
import type {
  DestinationChange,
  ManageResult,
  OpenedDestination,
} from '../../engine/manage-destinations.ts';
import { auditAuthor } from '../audit-author.ts';
import { maxDestinations, tooManyDestinations } from '../destination-limit.ts';
import { ApiError, validationFailed } from '../errors.ts';
import type { FieldError } from '../errors.ts';
import { etagOf, ifMatch } from '../etag.ts';
import { filterOf } from '../filter-body.ts';
import { Query } from '../query.ts';
import {
  DestinationBodySchema,
  destinationChange,
  DestinationPatchSchema,
  newDestination,
} from '../schemas/destination.ts';
import { RotateSecretBodySchema, secretRotation } from '../schemas/rotate-secret.ts';
import type { RotateSecretBody } from '../schemas/rotate-secret.ts';
import type { DestinationBody, DestinationPatch } from '../schemas/destination.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  choices,
  DestinationParamsSchema,
  Success,
  TenantParamsSchema,
  queryParameters,
} from '../schemas/fields.ts';
import type { DestinationParams, TenantParams } from '../schemas/fields.ts';
import type { ServerParts } from '../server-parts.ts';
import { arrayOf, nullable, ref } from '../schemas/json-schema.ts';
import { destinationFor } from '../shown-destination.ts';

const LIST_PARAMETERS = {
  type: 'Only of these types.',
  topics: 'Only those that take all of these topics, by name, pattern or `*`.',
  status: choices(DESTINATION_STATUSES, 'Only those whose `state` is one of these.'),
};

export function destinationRoutes(server: FastifyInstance, { engine, limits }: ServerParts): void {
  const { clock } = engine;

  server.get<{ Params: TenantParams }>(
    '/tenants/:tenant_id/destinations',
    {
      config: { operation: 'destinations.list' },
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
      const statuses = query.allOf('status', DESTINATION_STATUSES);
      query.done();
      await mustExist(request.params.tenant_id);
      const found = await listDestinations(engine, request.params.tenant_id);
      return found
        .filter(({ destination }) => types.length === 0 || types.includes(destination.type))
        .filter(({ state }) => statuses.length === 0 || statuses.includes(state.status))
        .filter(({ destination }) => topics.every((topic) => takes(destination.topics, topic)))
        .map((each) => destinationFor(request.caller, each));
    },
  );

  server.post<{ Params: TenantParams; Body: DestinationBody }>(
    '/tenants/:tenant_id/destinations',
    {
      config: { operation: 'destinations.create' },
      schema: {
        tags: ['destinations'],
        summary: 'Create a destination',
        params: TenantParamsSchema,
        body: DestinationBodySchema,
        response: { 201: ref('Destination'), ...errorResponses(400, 404, 409, 413, 415) },
      },
    },
    async (request, reply) => {
      if (request.params.tenant_id === OPERATOR_TENANT) await makeOperatorTenant();
      await mustExist(request.params.tenant_id);
      const problems: FieldError[] = [];
      const filter = filterOf(request, problems) ?? null;
      const input = newDestination(request.params.tenant_id, request.body, filter, problems);
      if (problems.length > 0) throw validationFailed(problems);
      const result = await createDestination(
        engine,
        input,
        maxDestinations(engine, limits, request.params.tenant_id),
        auditAuthor(request, clock),
      );
      void reply.status(201);
      return show(request, reply, done(result));
    },
  );

  server.get<{ Params: DestinationParams }>(
    '/tenants/:tenant_id/destinations/:destination_id',
    {
      config: { operation: 'destinations.get' },
      schema: {
        tags: ['destinations'],
        summary: 'Get a destination',
        params: DestinationParamsSchema,
        response: { 200: ref('Destination'), ...errorResponses(404) },
      },
    },
    async (request, reply) => {
      await mustExist(request.params.tenant_id);
      const found = await getDestination(engine, keyOf(request.params));
      if (found === null) throw new ApiError('destination_not_found');
      return show(request, reply, found);
    },
  );

  server.patch<{ Params: DestinationParams; Body: DestinationPatch }>(
    '/tenants/:tenant_id/destinations/:destination_id',
    {
      config: { operation: 'destinations.change' },
      schema: {
        tags: ['destinations'],
        summary: 'Change a destination',
        description:
          'The last write wins, unless `If-Match` has the `ETag` of what was read: then 412 where it was changed since.',
        params: DestinationParamsSchema,
        body: DestinationPatchSchema,
        response: { 200: ref('Destination'), ...errorResponses(400, 404, 409, 412, 413, 415) },
      },
    },
    (request, reply) => {
      const problems: FieldError[] = [];
      const change = destinationChange(request.body, filterOf(request, problems), problems);
      if (problems.length > 0) throw validationFailed(problems);
      return apply(request, reply, change);
    },
  );

  server.put<{ Params: DestinationParams }>(
    '/tenants/:tenant_id/destinations/:destination_id/enable',
    {
      config: { operation: 'destinations.enable' },
      schema: {
        tags: ['destinations'],
        summary: 'Enable a destination',
        params: DestinationParamsSchema,
        response: { 200: ref('Destination'), ...errorResponses(404, 409, 412) },
      },
    },
    (request, reply) => apply(request, reply, { disabledAtMs: null }),
  );

  server.put<{ Params: DestinationParams }>(
    '/tenants/:tenant_id/destinations/:destination_id/disable',
    {
      config: { operation: 'destinations.disable' },
      schema: {
        tags: ['destinations'],
        summary: 'Disable a destination',
        description: 'It gets nothing more, and what it was owed is canceled.',
        params: DestinationParamsSchema,
        response: { 200: ref('Destination'), ...errorResponses(404, 409, 412) },
      },
    },
    async (request, reply) => {
      await mustExist(request.params.tenant_id);
      const found = await getDestination(engine, keyOf(request.params));
      const disabledAtMs = found?.destination.disabledAtMs ?? clock.nowMs();
      // Disabled again, it stays as it was.
      if (found?.destination.disabledAtMs === disabledAtMs && isWanted(request, found))
        return show(request, reply, found);
      return apply(request, reply, { disabledAtMs });
    },
  );

  server.post<{ Params: DestinationParams; Body: RotateSecretBody | null | undefined }>(
    '/tenants/:tenant_id/destinations/:destination_id/rotate-secret',
    {
      config: { operation: 'destinations.rotate' },
      schema: {
        tags: ['destinations'],
        summary: 'Rotate a destination’s signing secret',
        description:
          'Messages are signed with the new secret at once, and with the one before as well until its time is over.',
        params: DestinationParamsSchema,
        body: nullable(RotateSecretBodySchema),
        response: { 200: ref('Destination'), ...errorResponses(400, 404, 409, 412, 413, 415) },
      },
    },
    (request, reply) => apply(request, reply, secretRotation(request.body ?? {}, clock.nowMs())),
  );

  server.delete<{ Params: DestinationParams }>(
    '/tenants/:tenant_id/destinations/:destination_id',
    {
      config: { operation: 'destinations.delete' },
      schema: {
        tags: ['destinations'],
        summary: 'Delete a destination',
        description: 'What it was owed is canceled; its history stays until retention ends.',
        params: DestinationParamsSchema,
        response: { 200: Success, ...errorResponses(404, 409, 412) },
      },
    },
    async (request) => {
      await mustExist(request.params.tenant_id);
      const author = auditAuthor(request, clock);
      const options = { ifRevisions: ifMatch(request) };
      const { kind } = await deleteDestination(engine, keyOf(request.params), author, options);
      if (kind !== 'deleted') throw refusal(kind);
      return { success: true };
    },
  );

  /** It is there as soon as it is needed. */
  async function makeOperatorTenant(): Promise<void> {
    if (engine.routing.tenant(OPERATOR_TENANT) !== undefined) return;
    await engine.storage.tenantUpsert({ id: OPERATOR_TENANT, metadata: {} });
    await engine.routing.refresh(OPERATOR_TENANT);
  }

  async function mustExist(tenantId: string): Promise<void> {
    if (engine.routing.tenant(tenantId) !== undefined) return;
    if ((await engine.storage.tenantGet({ id: tenantId })) === null)
      throw new ApiError('tenant_not_found');
  }

  async function apply(
    request: FastifyRequest<{ Params: DestinationParams }>,
    reply: FastifyReply,
    change: DestinationChange,
  ) {
    const { params } = request;
    await mustExist(params.tenant_id);
    const author = auditAuthor(request, clock);
    const options = { ifRevisions: ifMatch(request) };
    const result = await changeDestination(engine, keyOf(params), change, author, options);
    return show(request, reply, done(result));
  }

  function show(
    { caller }: { caller: Caller | null },
    reply: FastifyReply,
    opened: OpenedDestination,
  ) {
    void reply.header('etag', etagOf(opened.revision));
    return destinationFor(caller, opened);
  }

  function done(result: ManageResult): OpenedDestination {
    switch (result.kind) {
      case 'done':
        return result.opened;
      case 'invalid':
        throw validationFailed(result.problems);
      case 'unknown_tenant':
        throw new ApiError('tenant_not_found');
      case 'id_taken':
        throw new ApiError('id_taken');
      case 'too_many':
        throw tooManyDestinations(result.max);
      case 'unknown':
      case 'other_revision':
      case 'changed_meanwhile':
        throw refusal(result.kind);
    }
  }
}

function isWanted(request: FastifyRequest, { revision }: OpenedDestination): boolean {
  return ifMatch(request)?.includes(revision) ?? true;
}

function refusal(kind: Exclude<DeleteResult['kind'], 'deleted'>): ApiError {
  switch (kind) {
    case 'unknown':
      return new ApiError('destination_not_found');
    case 'other_revision':
      return new ApiError('precondition_failed');
    case 'changed_meanwhile':
      return new ApiError('changed_meanwhile');
  }
}

function takes(patterns: readonly string[], topic: string): boolean {
  return patterns.some((pattern) => topicMatches(pattern, topic));
}

function keyOf(params: DestinationParams): { tenantId: string; id: string } {
  return { tenantId: params.tenant_id, id: params.destination_id };
}
