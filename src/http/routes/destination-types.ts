/** What kinds of destinations there are, and what each wants to know. */
import type { FastifyInstance } from 'fastify';
import { ApiError } from '../errors.ts';
import { destinationTypeJson } from '../schemas/destination-type.ts';
import { errorResponses } from '../schemas/error.ts';
import { arrayOf, object, ref, string } from '../schemas/json-schema.ts';
import type { ServerParts } from '../server-parts.ts';

export function destinationTypeRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  const { targets } = engine;

  server.get(
    '/destination-types',
    {
      config: { operation: 'destination_types.list' },
      schema: {
        tags: ['destinations'],
        summary: 'List destination types',
        response: { 200: arrayOf(ref('DestinationType')), ...errorResponses() },
      },
    },
    () => [...targets.types.values()].map(destinationTypeJson),
  );

  server.get<{ Params: { type: string } }>(
    '/destination-types/:type',
    {
      config: { operation: 'destination_types.get' },
      schema: {
        tags: ['destinations'],
        summary: 'Get a destination type',
        params: object({ type: string() }),
        response: { 200: ref('DestinationType'), ...errorResponses(404) },
      },
    },
    (request) => {
      const type = targets.types.get(request.params.type);
      if (type === undefined) throw new ApiError('destination_type_not_found');
      return destinationTypeJson(type);
    },
  );
}
