/** What lets a tenant in: tokens, and links to the portal that carry one. */
import { OPERATOR_TENANT } from '../../domain/operator-tenant.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuditAction } from '../../domain/audit.ts';
import { TENANT_ROLES } from '../../domain/caller.ts';
import type { TenantRole } from '../../domain/caller.ts';
import { auditAuthor } from '../audit-author.ts';
import { ApiError } from '../errors.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import { TenantParamsSchema, choice, queryParameters } from '../schemas/fields.ts';
import type { TenantParams } from '../schemas/fields.ts';
import { object, string } from '../schemas/json-schema.ts';
import { checkTenantId } from '../schemas/tenant.ts';
import type { ServerParts } from '../server-parts.ts';

const TOKEN_PARAMETERS = {
  role: choice(TENANT_ROLES, '`admin` by default; a `viewer` reads and changes nothing.'),
};
const PORTAL_PARAMETERS = {
  ...TOKEN_PARAMETERS,
  theme: choice(['light', 'dark'], 'Of the portal.'),
};

export function tenantAccessRoutes(
  server: FastifyInstance,
  { access, tokens, publicUrl }: ServerParts,
): void {
  const { storage, clock } = access;

  server.get<{ Params: TenantParams }>(
    '/tenants/:tenant_id/token',
    {
      config: { operation: 'tenants.token' },
      schema: {
        tags: ['tenants'],
        summary: 'Give out a tenant’s token',
        description: 'A JWT that is good for this tenant alone, for a short time.',
        params: TenantParamsSchema,
        querystring: queryParameters(TOKEN_PARAMETERS),
        response: {
          200: object({ token: string(), tenant_id: string() }),
          ...errorResponses(404, 422),
        },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(TOKEN_PARAMETERS));
      const role = query.oneOf('role', TENANT_ROLES) ?? 'admin';
      query.done();
      const { tenant_id: tenantId } = request.params;
      const isOwn = tenantId === OPERATOR_TENANT;
      if (isOwn || (await storage.tenantGet({ id: tenantId })) === null)
        throw new ApiError('tenant_not_found');
      const token = await tokens.issue({ tenantId, role, maySetUp: false });
      await note(request, 'tenant.token_issued', tenantId, role);
      return { token, tenant_id: tenantId };
    },
  );

  server.get<{ Params: TenantParams }>(
    '/tenants/:tenant_id/portal',
    {
      config: { operation: 'tenants.portal' },
      schema: {
        tags: ['tenants'],
        summary: 'Make a link to a tenant’s portal',
        description:
          'The link signs in by itself, for a short time. There may be no such tenant yet: then it can set this tenant up, and nothing else before that.',
        params: TenantParamsSchema,
        querystring: queryParameters(PORTAL_PARAMETERS),
        response: {
          200: object({ redirect_url: string(), tenant_id: string() }),
          ...errorResponses(422),
        },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(PORTAL_PARAMETERS));
      const role = query.oneOf('role', TENANT_ROLES) ?? 'admin';
      const theme = query.oneOf('theme', ['light', 'dark']);
      query.done();
      const { tenant_id: tenantId } = request.params;
      checkTenantId(tenantId);
      const maySetUp = (await storage.tenantGet({ id: tenantId })) === null;
      const token = await tokens.issue({ tenantId, role, maySetUp });
      await note(request, 'tenant.portal_link_issued', tenantId, role);
      // In the fragment, which browsers send to nobody.
      const fragment = new URLSearchParams({ token, ...(theme === null ? {} : { theme }) });
      return {
        redirect_url: `${publicUrl}/portal#${fragment.toString()}`,
        tenant_id: tenantId,
      };
    },
  );

  /** Before the token is given out: none goes out unnoticed. */
  function note(
    request: FastifyRequest,
    action: AuditAction,
    tenantId: string,
    role: TenantRole,
  ): Promise<void> {
    return storage.auditInsert({
      entry: {
        ...auditAuthor(request, clock),
        action,
        tenantId,
        resource: { kind: 'tenant', id: tenantId },
        before: null,
        after: { role },
      },
    });
  }
}
