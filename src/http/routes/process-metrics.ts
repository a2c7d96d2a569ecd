/** What this process measures of itself, for Prometheus. */
import type { FastifyInstance } from 'fastify';
import { errorResponses } from '../schemas/error.ts';
import { string } from '../schemas/json-schema.ts';
import type { ServerParts } from '../server-parts.ts';

export function processMetricsRoutes(server: FastifyInstance, { metrics }: ServerParts): void {
  server.get(
    '/metrics',
    {
      config: { operation: 'process.metrics' },
      schema: {
        tags: ['metrics'],
        summary: 'Metrics of the process, for Prometheus',
        description: 'Counted since the process started.',
        response: {
          200: { description: 'Metrics.', content: { 'text/plain': { schema: string() } } },
          ...errorResponses(422),
        },
      },
    },
    (_request, reply) => reply.type(metrics.contentType).send(metrics.text()),
  );
}
