/** Tenants. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { ApiError, validationFailed } from '../errors.ts';
import { pageRequest, pagination } from '../paging.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  Listed,
  PAGE_PARAMETERS,
  queryParameters,
  Success,
  TenantParams,
} from '../schemas/fields.ts';
import { TenantBody, tenantJson } from '../schemas/tenant.ts';
import type { ServerParts } from '../server-parts.ts';

/** Visible ASCII, without what is special in paths. */
const TENANT_ID = /^[\x21-\x24\x26-\x2e\x30-\x3e\x40-\x5b\x5d-\x7e]{1,255}$/;

const LIST_PARAMETERS = { id: 'Only these tenants.', ...PAGE_PARAMETERS };
const PAGING = { defaultLimit: 20, maxLimit: 100, positionLength: 1 };

export function tenantRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  const { storage, routing } = engine;

  server.get(
    '/tenants',
    {
      schema: {
        tags: ['tenants'],
        summary: 'List tenants',
        querystring: queryParameters(LIST_PARAMETERS),
        response: {
          200: Type.Intersect([Listed('Tenant'), Type.Object({ count: Type.Integer() })]),
          ...errorResponses(422),
        },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(LIST_PARAMETERS));
      const ids = query.list('id');
      const page = pageRequest(query, PAGING);
      query.done();
      const found = await storage.tenantList({ ids, page });
      return {
        models: found.rows.map(tenantJson),
        pagination: pagination(page, found, 'created_at'),
        count: found.count,
      };
    },
  );

  server.put<{
    Params: Static<typeof TenantParams>;
    Body: Static<typeof TenantBody> | null | undefined;
  }>(
    '/tenants/:tenant_id',
    {
      schema: {
        tags: ['tenants'],
        summary: 'Create a tenant, or replace its metadata',
        params: TenantParams,
        body: Type.Optional(Type.Union([TenantBody, Type.Null()])),
        response: { 200: Type.Ref('Tenant'), 201: Type.Ref('Tenant'), ...errorResponses(400, 422) },
      },
    },
    async (request, reply) => {
      const id = request.params.tenant_id;
      if (!TENANT_ID.test(id)) {
        const message =
          'A tenant’s id has 1 to 255 visible ASCII characters, none of them / \\ ? or %.';
        throw validationFailed([{ pointer: '/tenant_id', code: 'format', message }]);
      }
      const { created, tenant } = await storage.tenantUpsert({
        id,
        metadata: request.body?.metadata ?? {},
      });
      if (created) await routing.refresh(id);
      return reply.status(created ? 201 : 200).send(tenantJson(tenant));
    },
  );

  server.get<{ Params: Static<typeof TenantParams> }>(
    '/tenants/:tenant_id',
    {
      schema: {
        tags: ['tenants'],
        summary: 'Get a tenant',
        params: TenantParams,
        response: { 200: Type.Ref('Tenant'), ...errorResponses(404) },
      },
    },
    async (request) => {
      const tenant = await storage.tenantGet({ id: request.params.tenant_id });
      if (tenant === null) throw new ApiError('tenant_not_found');
      return tenantJson(tenant);
    },
  );

  server.delete<{ Params: Static<typeof TenantParams> }>(
    '/tenants/:tenant_id',
    {
      schema: {
        tags: ['tenants'],
        summary: 'Delete a tenant with its destinations',
        description: 'What they were owed is canceled.',
        params: TenantParams,
        response: { 200: Success, ...errorResponses(404) },
      },
    },
    async (request) => {
      const id = request.params.tenant_id;
      if (!(await storage.tenantDelete({ id }))) throw new ApiError('tenant_not_found');
      await routing.refresh(id);
      engine.wakeCanceler();
      return { success: true };
    },
  );
}
