/** A test event to one destination, and what came of it. */
import type { FastifyInstance } from 'fastify';
import { MAX_DEPTH } from '../../domain/json-members.ts';
import { nestsDeeperThan } from '../../domain/json-depth.ts';
import { TOPIC } from '../../domain/topic.ts';
import { TEST_WAIT_MS } from '../../engine/send-test.ts';
import { ApiError, validationFailed } from '../errors.ts';
import type { FieldError } from '../errors.ts';
import { sentBodies, attemptJsonText } from '../schemas/attempt.ts';
import { errorResponses } from '../schemas/error.ts';
import { DestinationParamsSchema } from '../schemas/fields.ts';
import type { DestinationParams } from '../schemas/fields.ts';
import {
  anything,
  closedObject,
  nullable,
  object,
  optional,
  record,
  ref,
  string,
} from '../schemas/json-schema.ts';
import { sendJsonText } from '../send-json.ts';
import type { ServerParts } from '../server-parts.ts';

interface TestBody {
  readonly topic?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

const TestBodySchema = closedObject({
  topic: optional(
    string({
      pattern: TOPIC.source,
      description:
        'By default the first of the catalogue that the destination takes and that has a sample.',
    }),
  ),
  data: optional(
    record(anything, { description: 'By default the topic’s sample, or `{"test": true}`.' }),
  ),
});

const IDS = { event_id: string(), delivery_id: string() };

export function testEventRoutes(server: FastifyInstance, { engine, limits }: ServerParts): void {
  server.post<{ Params: DestinationParams; Body: TestBody | null | undefined }>(
    '/tenants/:tenant_id/destinations/:destination_id/test',
    {
      config: { operation: 'destinations.test' },
      schema: {
        tags: ['destinations'],
        summary: 'Send a test event',
        description: `To this destination alone, whatever topics it takes; attempted once. 202 where the attempt has not ended within ${TEST_WAIT_MS / 1000} s.`,
        params: DestinationParamsSchema,
        body: nullable(TestBodySchema),
        response: {
          200: object({ ...IDS, attempt: ref('Attempt') }),
          202: object(IDS),
          ...errorResponses(400, 404, 409, 413, 415, 429),
        },
      },
    },
    async (request, reply) => {
      const { tenant_id: tenantId, destination_id: destinationId } = request.params;
      const { topic = null, data } = request.body ?? {};
      const problems = wrongFields(data);
      if (problems.length > 0) throw validationFailed(problems);
      const bytes = data === undefined ? null : Buffer.from(JSON.stringify(data));
      if (bytes !== null && bytes.length > limits.maxPayloadBytes)
        throw new ApiError('payload_too_large');
      if (engine.routing.tenant(tenantId) === undefined) throw new ApiError('tenant_not_found');

      const result = await engine.testSender.send({ tenantId, destinationId, topic, data: bytes });
      switch (result.kind) {
        case 'sent': {
          const { eventId, deliveryId, attempt } = result;
          const ids = { event_id: eventId, delivery_id: deliveryId };
          if (attempt === null) return reply.status(202).send(ids);
          const text = attemptJsonText(attempt, {
            ids: engine.storage.ids,
            include: new Set(['request', 'response'] as const),
            bodies: await sentBodies([attempt], engine.expressions),
            destinationText: () => null,
          });
          return sendJsonText(reply, `${JSON.stringify(ids).slice(0, -1)},"attempt":${text}}`);
        }
        case 'too_many':
          void reply.header('retry-after', Math.ceil(result.retryAfterMs / 1000));
          throw new ApiError('too_many_tests');
        case 'unknown_topic':
          throw validationFailed([
            {
              pointer: '/topic',
              code: 'unknown_topic',
              message: `There is no topic ${topic ?? ''} in the catalogue.`,
            },
          ]);
        case 'disabled':
          throw new ApiError('test_of_disabled');
        case 'unknown_tenant':
          throw new ApiError('tenant_not_found');
        case 'unknown_destination':
          throw new ApiError('destination_not_found');
      }
    },
  );
}

function wrongFields(data: TestBody['data']): FieldError[] {
  const problems: FieldError[] = [];
  if (nestsDeeperThan(data, MAX_DEPTH)) {
    const message = `A field may nest ${MAX_DEPTH} levels deep.`;
    problems.push({ pointer: '/data', code: 'too_deep', message });
  }
  return problems;
}
