/** Tenants. */
import type { FastifyInstance } from 'fastify';
import { OPERATOR_TENANT } from '../../domain/operator-tenant.ts';
import type { Caller } from '../../domain/caller.ts';
import type { TenantSettingsChange } from '../../domain/tenant.ts';
import { auditAuthor } from '../audit-author.ts';
import { ApiError, validationFailed } from '../errors.ts';
import { pageRequest, pagination } from '../paging.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  Listed,
  Success,
  TenantParamsSchema,
  PAGE_PARAMETERS,
  limitParameter,
  queryParameters,
} from '../schemas/fields.ts';
import type { TenantParams } from '../schemas/fields.ts';
import { checkTenantId, TenantBodySchema, tenantJson } from '../schemas/tenant.ts';
import type { TenantBody } from '../schemas/tenant.ts';
import type { ServerParts } from '../server-parts.ts';
import { integer, nullable, ref } from '../schemas/json-schema.ts';
import { tenantScope } from '../tenant-scope.ts';

const PAGING = { defaultLimit: 20, maxLimit: 100, positionLength: 1 };
const LIST_PARAMETERS = {
  id: 'Only these tenants.',
  ...PAGE_PARAMETERS,
  limit: limitParameter(PAGING.maxLimit, PAGING.defaultLimit),
};

export function tenantRoutes(server: FastifyInstance, { engine, access }: ServerParts): void {
  const { storage, routing, targets, clock } = engine;

  server.get(
    '/tenants',
    {
      config: { operation: 'tenants.list' },
      schema: {
        tags: ['tenants'],
        summary: 'List tenants',
        querystring: queryParameters(LIST_PARAMETERS),
        response: {
          200: Listed('Tenant', { count: integer() }),
          ...errorResponses(422),
        },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(LIST_PARAMETERS));
      const asked = query.list('id');
      const page = pageRequest(query, PAGING);
      query.done();
      const ids = tenantScope(request).narrow(asked);
      const found = await storage.tenantList({ ids, hidden: OPERATOR_TENANT, page });
      return {
        models: found.rows.map(tenantJson),
        pagination: pagination(page, found, 'created_at'),
        count: found.count,
      };
    },
  );

  server.put<{
    Params: TenantParams;
    Body: TenantBody | null | undefined;
  }>(
    '/tenants/:tenant_id',
    {
      config: { operation: 'tenants.put' },
      schema: {
        tags: ['tenants'],
        summary: 'Create a tenant, or replace its metadata',
        params: TenantParamsSchema,
        body: nullable(TenantBodySchema),
        response: { 200: ref('Tenant'), 201: ref('Tenant'), ...errorResponses(400, 413, 415, 422) },
      },
    },
    async (request, reply) => {
      const id = request.params.tenant_id;
      checkTenantId(id);
      const { metadata, ...settings } = request.body ?? {};
      keepOperators(request, settings);
      if (typeof settings.profile === 'string' && !targets.profiles.has(settings.profile)) {
        const message = `There are the profiles ${[...targets.profiles.keys()].join(', ')}.`;
        throw validationFailed([{ pointer: '/profile', code: 'enum', message }]);
      }
      const { created, tenant } = await storage.tenantUpsert({
        id,
        metadata: metadata ?? {},
        settings,
        author: auditAuthor(request, clock),
      });
      const isChanged = created || Object.keys(settings).length > 0;
      // Also where another request has created it and has not come this far.
      if (isChanged || routing.tenant(id) === undefined) await routing.refresh(id);
      return reply.status(created ? 201 : 200).send(tenantJson(tenant));
    },
  );

  server.get<{ Params: TenantParams }>(
    '/tenants/:tenant_id',
    {
      config: { operation: 'tenants.get' },
      schema: {
        tags: ['tenants'],
        summary: 'Get a tenant',
        params: TenantParamsSchema,
        response: { 200: ref('Tenant'), ...errorResponses(404) },
      },
    },
    async (request) => {
      const tenant = await storage.tenantGet({ id: request.params.tenant_id });
      if (tenant === null) throw new ApiError('tenant_not_found');
      return tenantJson(tenant);
    },
  );

  server.delete<{ Params: TenantParams }>(
    '/tenants/:tenant_id',
    {
      config: { operation: 'tenants.delete' },
      schema: {
        tags: ['tenants'],
        summary: 'Delete a tenant with its destinations',
        description:
          'At once; what they were owed is not sent. What else there is of it is dropped in the background: `GET /deletions`.',
        params: TenantParamsSchema,
        response: { 200: Success, ...errorResponses(404) },
      },
    },
    async (request) => {
      const id = request.params.tenant_id;
      const author = auditAuthor(request, clock);
      if (!(await storage.tenantDelete({ id, author }))) throw new ApiError('tenant_not_found');
      await access.clients.refresh();
      await routing.refresh(id);
      engine.wakeCanceler();
      engine.wakeEraser();
      return { success: true };
    },
  );
}

/** What a tenant may have, the operator says, and not the tenant’s own administrator. */
function keepOperators(
  { caller }: { caller: Caller | null },
  { limits, profile }: TenantSettingsChange,
): void {
  if (caller?.kind === 'operator' || (limits === undefined && profile === undefined)) return;
  throw new ApiError('forbidden', '`limits` and `profile` of a tenant are set by the operator.');
}
