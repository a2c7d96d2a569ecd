/** One more attempt, by hand. */
import type { FastifyInstance } from 'fastify';
import { retryByHand } from '../../engine/retry.ts';
import { auditAuthor } from '../audit-author.ts';
import { ApiError } from '../errors.ts';
import { errorResponses } from '../schemas/error.ts';
import { Success } from '../schemas/fields.ts';
import type { ServerParts } from '../server-parts.ts';
import { closedObject, optional, string } from '../schemas/json-schema.ts';
import { tenantScope } from '../tenant-scope.ts';

interface RetryBody {
  readonly event_id: string;
  readonly destination_id: string;
  readonly tenant_id?: string;
}

const RetryBodySchema = closedObject({
  event_id: string(),
  destination_id: string(),
  tenant_id: optional(string({ description: 'Needed where several tenants have used the id.' })),
});

export function retryRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  server.post<{ Body: RetryBody }>(
    '/retry',
    {
      config: { operation: 'deliveries.retry' },
      schema: {
        tags: ['deliveries'],
        summary: 'Attempt a delivery again, now',
        description:
          'Works for a delivered one too, and for a destination that never had the event.',
        body: RetryBodySchema,
        response: { 202: Success, ...errorResponses(400, 404, 409, 413, 415, 422) },
      },
    },
    async (request, reply) => {
      const {
        event_id: eventId,
        destination_id: destinationId,
        tenant_id: asked = null,
      } = request.body;
      const tenantId = tenantScope(request).narrowOne(asked);
      const result = await retryByHand(
        engine,
        { eventId, destinationId, tenantId },
        auditAuthor(request, engine.clock),
      );
      switch (result) {
        case 'due':
          return reply.status(202).send({ success: true });
        case 'unknown_event':
          throw new ApiError('event_not_found');
        case 'unknown_destination':
          throw new ApiError('destination_not_found');
        case 'destination_disabled':
          throw new ApiError('destination_disabled');
        case 'ambiguous_event':
          throw new ApiError('ambiguous_id');
      }
    },
  );
}
