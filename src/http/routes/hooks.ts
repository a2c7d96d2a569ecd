/** REST hooks: a door to the webhook destinations of the profile `basekit`, by event and URL. */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { mayTake, subjectAndEvent } from '../../domain/subject.ts';
import { isTopic } from '../../domain/topic.ts';
import { deleteDestination } from '../../engine/delete-destination.ts';
import { changeDestination, createDestination } from '../../engine/manage-destinations.ts';
import type { NewDestination, OpenedDestination } from '../../engine/manage-destinations.ts';
import { auditAuthor } from '../audit-author.ts';
import {
  byAge,
  doneThrough,
  findThrough,
  listThrough,
  TENANT_PARAMETER,
  tenantMeant,
} from '../destination-door.ts';
import type { Door } from '../destination-door.ts';
import { maxDestinations } from '../destination-limit.ts';
import { ApiError } from '../errors.ts';
import { expiryOf } from '../expiry.ts';
import { hookSamples } from '../hook-samples.ts';
import { nameParameters } from '../name-paging.ts';
import { owningClient } from '../own-destinations.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import {
  limitParameter,
  Listed,
  oneText,
  PAGE_PARAMETERS,
  queryParameters,
  required,
} from '../schemas/fields.ts';
import { hookAsked, HookBodySchema, hookJson } from '../schemas/hook.ts';
import type { HookAsked, HookBody } from '../schemas/hook.ts';
import {
  anything,
  arrayOf,
  closedObject,
  object,
  record,
  ref,
  string,
} from '../schemas/json-schema.ts';
import { sendJsonText } from '../send-json.ts';
import type { ServerParts } from '../server-parts.ts';

interface HookParams {
  readonly id: string;
}

const HookParamsSchema = object({ id: string() });
const DOOR: Door = { profile: 'basekit', notFound: 'hook_not_found' };
const LIST_PARAMETERS = { ...TENANT_PARAMETER, ...PAGE_PARAMETERS };
const DEFAULT_SAMPLES = 3;
const MAX_SAMPLES = 100;
const SAMPLE_PARAMETERS = {
  ...TENANT_PARAMETER,
  event: required(oneText('The topic.')),
  limit: limitParameter(MAX_SAMPLES, DEFAULT_SAMPLES),
};
const ID_BYTES = 16;

export function hookRoutes(server: FastifyInstance, { engine, limits }: ServerParts): void {
  const { clock } = engine;

  server.get(
    '/hooks',
    {
      config: { operation: 'hooks.list' },
      schema: {
        tags: ['hooks'],
        summary: 'List hooks',
        description: 'An API client sees its own.',
        querystring: queryParameters(LIST_PARAMETERS),
        response: { 200: Listed('Hook'), ...errorResponses(404, 422) },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(LIST_PARAMETERS));
      const asked = query.text('tenant_id');
      const paged = nameParameters(query, 'created_at', 'desc');
      query.done();
      const found = await listThrough(DOOR, engine, request, tenantMeant(request, asked));
      const { models, pagination } = paged(byAge(found));
      return { models: models.map(({ opened }) => hookJson(opened)), pagination };
    },
  );

  server.post<{ Body: HookBody }>(
    '/hooks',
    {
      config: { operation: 'hooks.create' },
      schema: {
        tags: ['hooks'],
        summary: 'Subscribe a URL to an event',
        description:
          'The same pair again is the same hook (200): it is enabled, and its end is as asked now.',
        querystring: queryParameters(TENANT_PARAMETER),
        body: HookBodySchema,
        response: {
          200: ref('Hook'),
          201: ref('Hook'),
          ...errorResponses(400, 403, 404, 409, 413, 415),
        },
      },
    },
    async (request, reply) => {
      const query = new Query(request.query, Object.keys(TENANT_PARAMETER));
      const tenantAsked = query.text('tenant_id');
      query.done();
      const tenantId = tenantMeant(request, tenantAsked);
      const asked = hookAsked(request.body);
      const end = request.body.expiration_date ?? null;
      const expiresAtMs = expiryOf(end, clock.nowMs(), '/expiration_date');
      mustBePermitted(request, asked.event);
      const before = await sameHook(request, tenantId, asked);
      if (before !== null) return reply.send(await again(request, before, expiresAtMs, asked));
      const id = hookId(request, asked);
      const first = await create(request, newHook(request, { id, tenantId, asked, expiresAtMs }));
      if (first.kind !== 'id_taken')
        return reply.status(201).send(hookJson(doneThrough(DOOR, first, asked.pointers)));
      // Somebody else has subscribed the same pair at this moment, or one like it was changed since.
      const now = await sameHook(request, tenantId, asked);
      if (now !== null) return reply.send(hookJson(now));
      const other = newHook(request, { id: null, tenantId, asked, expiresAtMs });
      const made = doneThrough(DOOR, await create(request, other), asked.pointers);
      return reply.status(201).send(hookJson(made));
    },
  );

  server.get(
    '/hooks/samples',
    {
      config: { operation: 'hooks.samples' },
      schema: {
        tags: ['hooks'],
        summary: 'Get samples of an event, newest first',
        description:
          'In the shape that is pushed, each with an `id`: recent events, or the catalogue’s sample where there are none.',
        querystring: queryParameters(SAMPLE_PARAMETERS),
        response: { 200: arrayOf(record(anything)), ...errorResponses(403, 404, 422) },
      },
    },
    async (request, reply) => {
      const query = new Query(request.query, Object.keys(SAMPLE_PARAMETERS));
      const asked = query.text('tenant_id');
      const topic = query.text('event') ?? '';
      const limit = query.integer('limit', 1, MAX_SAMPLES) ?? DEFAULT_SAMPLES;
      if (!isTopic(topic)) query.wrong('event', 'required', 'Say of which event: its topic.');
      query.done();
      const tenantId = tenantMeant(request, asked);
      if ((await engine.storage.tenantGet({ id: tenantId })) === null)
        throw new ApiError('tenant_not_found');
      mustBePermitted(request, topic);
      const profile = engine.targets.profiles.get(DOOR.profile);
      if (profile === undefined) throw new Error(`there is no profile ${DOOR.profile}`);
      return sendJsonText(reply, await hookSamples(engine, profile, { tenantId, topic, limit }));
    },
  );

  server.get<{ Params: HookParams }>(
    '/hooks/:id',
    {
      config: { operation: 'hooks.get' },
      schema: {
        tags: ['hooks'],
        summary: 'Get a hook',
        params: HookParamsSchema,
        querystring: queryParameters(TENANT_PARAMETER),
        response: { 200: ref('Hook'), ...errorResponses(404, 409, 422) },
      },
    },
    async (request) => hookJson(await find(request)),
  );

  server.delete<{ Params: HookParams }>(
    '/hooks/:id',
    {
      config: { operation: 'hooks.delete' },
      schema: {
        tags: ['hooks'],
        summary: 'Unsubscribe',
        params: HookParamsSchema,
        querystring: queryParameters(TENANT_PARAMETER),
        response: { 200: closedObject({}), ...errorResponses(404, 409, 422) },
      },
    },
    async (request) => {
      const { destination } = await find(request);
      const { kind } = await deleteDestination(engine, destination, auditAuthor(request, clock));
      if (kind === 'unknown') throw new ApiError(DOOR.notFound);
      if (kind !== 'deleted') throw new ApiError('changed_meanwhile');
      return {};
    },
  );

  function find(request: FastifyRequest<{ Params: HookParams }>): Promise<OpenedDestination> {
    const query = new Query(request.query, Object.keys(TENANT_PARAMETER));
    const asked = query.text('tenant_id');
    query.done();
    return findThrough(DOOR, engine, request, { id: request.params.id, asked });
  }

  /** The one of the same owner that has the pair already. */
  async function sameHook(
    request: FastifyRequest,
    tenantId: string,
    { event, url }: HookAsked,
  ): Promise<OpenedDestination | null> {
    const owner = owningClient(request.caller);
    const normal = URL.parse(url)?.href ?? url;
    const found = await listThrough(DOOR, engine, request, tenantId);
    const same = found.find(
      ({ destination: { topics, config, subscription } }) =>
        topics.length === 1 &&
        topics[0] === event &&
        config['url'] === normal &&
        (subscription?.apiClient ?? null) === owner,
    );
    return same ?? null;
  }

  /** Whoever subscribes again wants it: it is enabled, until the time that he says now. */
  async function again(
    request: FastifyRequest,
    { destination }: OpenedDestination,
    expiresAtMs: number | null,
    { pointers }: HookAsked,
  ) {
    const author = auditAuthor(request, clock);
    const change = { disabledAtMs: null, expiresAtMs };
    const result = await changeDestination(engine, destination, change, author);
    return hookJson(doneThrough(DOOR, result, pointers));
  }

  function create(request: FastifyRequest, input: NewDestination) {
    const max = maxDestinations(engine, limits, input.tenantId);
    return createDestination(engine, input, max, auditAuthor(request, clock));
  }
}

function newHook(
  { caller }: FastifyRequest,
  {
    id,
    tenantId,
    asked: { event, url },
    expiresAtMs,
  }: { id: string | null; tenantId: string; asked: HookAsked; expiresAtMs: number | null },
): NewDestination {
  const apiClient = owningClient(caller);
  return {
    tenantId,
    id,
    type: 'webhook',
    name: null,
    profile: DOOR.profile,
    httpSignature: null,
    topics: [event],
    filter: null,
    config: { url },
    credentials: {},
    auth: null,
    deliveryMetadata: null,
    metadata: null,
    policy: {},
    subscription:
      apiClient === null ? null : { apiClient, auth: 'none', words: null, resource: null },
    expiresAtMs,
    disabledAtMs: null,
  };
}

/** Of the pair and its owner, so that the pair is subscribed once, whoever else asks for it at the same moment. */
function hookId({ caller }: FastifyRequest, { event, url }: HookAsked): string {
  const text = JSON.stringify([owningClient(caller), event, URL.parse(url)?.href ?? url]);
  return `hook_${createHash('sha256')
    .update(text)
    .digest('hex')
    .slice(0, 2 * ID_BYTES)}`;
}

/** A hook of all topics, or of a pattern, takes full access. */
function mustBePermitted({ caller }: FastifyRequest, event: string): void {
  if (caller?.kind !== 'client' || caller.scope !== 'webhook') return;
  if (caller.permissions === 'all') return;
  if (event.includes('*') || !mayTake(caller.permissions, subjectAndEvent(event)))
    throw new ApiError('client_permission');
}
