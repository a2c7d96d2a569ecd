/** Replays: events of a time range again. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { REPLAY_STATUSES } from '../../domain/replay.ts';
import type { ReplayTrigger } from '../../domain/replay.ts';
import {
  changeReplay,
  countReplay,
  createReplay,
  MAX_OPEN_REPLAYS,
} from '../../engine/manage-replays.ts';
import type { ReplayRefusal } from '../../engine/manage-replays.ts';
import type { ReplayRecord } from '../../storage/replaying.ts';
import { auditAuthor } from '../audit-author.ts';
import { ApiError, validationFailed } from '../errors.ts';
import type { FieldError } from '../errors.ts';
import { filterOf } from '../filter-body.ts';
import { pageRequest, pagination } from '../paging.ts';
import type { OperationId } from '../permissions.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import { Listed, PAGE_PARAMETERS, queryParameters, oneText } from '../schemas/fields.ts';
import { object, ref, string } from '../schemas/json-schema.ts';
import {
  ReplayBodySchema,
  ReplayCountSchema,
  replayJson,
  replayRequest,
} from '../schemas/replay.ts';
import type { ReplayBody } from '../schemas/replay.ts';
import type { ServerParts } from '../server-parts.ts';
import { tenantScope } from '../tenant-scope.ts';

const LIST_PARAMETERS = {
  tenant_id: 'Only of these tenants.',
  destination_id: oneText('Only to this destination.'),
  status: 'Only in these statuses.',
  ...PAGE_PARAMETERS,
};
const PAGING = { defaultLimit: 100, maxLimit: 1000, positionLength: 1 };

interface ReplayParams {
  readonly replay_id: string;
}

const ReplayParamsSchema = object({ replay_id: string() });

export function replayRoutes(server: FastifyInstance, { engine }: ServerParts): void {
  const { storage, clock } = engine;

  server.get(
    '/replays',
    {
      config: { operation: 'replays.list' },
      schema: {
        tags: ['replays'],
        summary: 'List replays',
        querystring: queryParameters(LIST_PARAMETERS),
        response: { 200: Listed('Replay'), ...errorResponses(422) },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(LIST_PARAMETERS));
      const tenantIds = tenantScope(request).narrow(query.list('tenant_id'));
      const destinationId = query.text('destination_id');
      const statuses = query.allOf('status', REPLAY_STATUSES);
      const page = pageRequest(query, PAGING);
      query.done();
      const found = await storage.replayList({ tenantIds, destinationId, statuses, page });
      return {
        models: found.rows.map(replayJson),
        pagination: pagination(page, found, 'created_at'),
      };
    },
  );

  server.post<{ Body: ReplayBody }>(
    '/replays',
    {
      config: { operation: 'replays.create' },
      schema: {
        tags: ['replays'],
        summary: 'Send events of a time range again',
        description:
          'With `dry_run` they are only counted. Each delivery gets one attempt, under the event’s own id.',
        body: ReplayBodySchema,
        response: {
          200: ReplayCountSchema,
          201: ref('Replay'),
          ...errorResponses(400, 404, 413, 415, 422),
        },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const problems: FieldError[] = [];
      const tenantId = tenantScope(request).narrowOne(body.tenant_id ?? null);
      const filter = filterOf(request, problems) ?? null;
      const wanted = replayRequest(body, tenantId, filter, problems);
      if (problems.length > 0) throw validationFailed(problems);
      if (body.dry_run === true) {
        const count = await countReplay(engine, wanted);
        if (typeof count === 'string') throw refusal(count);
        return { count };
      }
      const replay = await createReplay(engine, wanted, auditAuthor(request, clock));
      if (typeof replay === 'string') throw refusal(replay);
      return reply.status(201).send(replayJson(replay));
    },
  );

  server.get<{ Params: ReplayParams }>(
    '/replays/:replay_id',
    {
      config: { operation: 'replays.get' },
      schema: {
        tags: ['replays'],
        summary: 'Get a replay',
        params: ReplayParamsSchema,
        response: { 200: ref('Replay'), ...errorResponses(404) },
      },
    },
    async (request) => replayJson(await find(request)),
  );

  changeRoute('pause', 'replays.pause', 'Pause a replay', 'What is due already is sent.');
  changeRoute('resume', 'replays.resume', 'Resume a paused replay');
  changeRoute('cancel', 'replays.cancel', 'Cancel a replay', 'What is due already is sent.');

  function changeRoute(
    trigger: ReplayTrigger,
    operation: OperationId,
    summary: string,
    description = '',
  ): void {
    server.post<{ Params: ReplayParams }>(
      `/replays/:replay_id/${trigger}`,
      {
        config: { operation },
        schema: {
          tags: ['replays'],
          summary,
          ...(description === '' ? {} : { description }),
          params: ReplayParamsSchema,
          response: { 200: ref('Replay'), ...errorResponses(404, 409) },
        },
      },
      async (request) => {
        const author = auditAuthor(request, clock);
        const changed = await changeReplay(engine, await find(request), trigger, author);
        if (changed === null) throw new ApiError('replay_not_found');
        if (changed === 'refused') throw new ApiError('replay_ended');
        return replayJson(changed);
      },
    );
  }

  async function find(request: FastifyRequest<{ Params: ReplayParams }>): Promise<ReplayRecord> {
    const found = await storage.replayGet({ id: request.params.replay_id });
    if (found === null || !tenantScope(request).has(found.tenantId))
      throw new ApiError('replay_not_found');
    return found;
  }
}

function refusal(why: ReplayRefusal | 'too_many'): ApiError {
  switch (why) {
    case 'unknown_tenant':
      return new ApiError('tenant_not_found');
    case 'unknown_destination':
      return new ApiError('destination_not_found');
    case 'destination_disabled':
      return new ApiError('destination_disabled');
    case 'too_many': {
      const message = `The tenant has ${MAX_OPEN_REPLAYS} replays running or paused: wait for one, or cancel some.`;
      return new ApiError('too_many_replays', message);
    }
  }
}
