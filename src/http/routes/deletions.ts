/** Tenants that were deleted, while what they leave is being dropped. */
import type { FastifyInstance } from 'fastify';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import { queryParameters, Time } from '../schemas/fields.ts';
import { arrayOf, integer, object, string } from '../schemas/json-schema.ts';
import type { ServerParts } from '../server-parts.ts';
import { tenantScope } from '../tenant-scope.ts';
import { formatTime } from '../time.ts';

const Deletion = object({
  tenant_id: string(),
  started_at: Time,
  remaining: object({ events: integer(), deliveries: integer(), attempts: integer() }),
});

export function deletionRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  server.get(
    '/deletions',
    {
      config: { operation: 'deletions.list' },
      schema: {
        tags: ['tenants'],
        summary: 'List deletions of tenants that are under way',
        description: 'One that is through leaves nothing behind, and is not listed.',
        querystring: queryParameters({}),
        response: { 200: object({ models: arrayOf(Deletion) }), ...errorResponses(422) },
      },
    },
    async (request) => {
      new Query(request.query, []).done();
      const scope = tenantScope(request);
      const found = await engine.storage.deletionList();
      return {
        models: found
          .filter(({ tenantId }) => scope.has(tenantId))
          .map(({ tenantId, startedAtMs, remaining }) => ({
            tenant_id: tenantId,
            started_at: formatTime(startedAtMs),
            remaining,
          })),
      };
    },
  );
}
