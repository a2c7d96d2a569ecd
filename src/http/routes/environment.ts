/** What a tenant's REST hooks share. */
import type { FastifyInstance } from 'fastify';
import { renewTenantSecret } from '../../engine/tenant-secret.ts';
import { auditAuthor } from '../audit-author.ts';
import { TENANT_PARAMETER, tenantMeant } from '../destination-door.ts';
import { ApiError } from '../errors.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import { queryParameters, Time } from '../schemas/fields.ts';
import { object, optional, string } from '../schemas/json-schema.ts';
import type { ServerParts } from '../server-parts.ts';

const SecretSchema = object({
  secret: string({ description: 'Its UTF-8 bytes are the key, as it stands here.' }),
  previous_secret: optional(string({ description: 'Signs as well until its time is over.' })),
  previous_secret_invalid_at: optional(Time),
});

export function environmentRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  server.post(
    '/environment/hmac-secret',
    {
      config: { operation: 'environment.secret' },
      schema: {
        tags: ['hooks'],
        summary: 'Generate the secret that signs a tenant’s hooks',
        description:
          'Again: a new one, beside which the one before signs for a day. Where none was asked for, the first hook makes one.',
        querystring: queryParameters(TENANT_PARAMETER),
        response: { 200: SecretSchema, 201: SecretSchema, ...errorResponses(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const query = new Query(request.query, Object.keys(TENANT_PARAMETER));
      const asked = query.text('tenant_id');
      query.done();
      const tenantId = tenantMeant(request, asked);
      const which = { tenantId, typeName: 'webhook', profileName: 'basekit' };
      const result = await renewTenantSecret(engine, which, auditAuthor(request, engine.clock));
      if (!('credentials' in result))
        throw new ApiError(
          result.kind === 'unknown_tenant' ? 'tenant_not_found' : 'changed_meanwhile',
        );
      return reply.status(result.kind === 'made' ? 201 : 200).send(result.credentials);
    },
  );
}
