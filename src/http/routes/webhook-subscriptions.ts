/** Baack's webhook subscriptions: a door to the webhook destinations of the profile `baack`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiClient } from '../../domain/api-client.ts';
import { isExpired } from '../../domain/ending.ts';
import { subjectsOf } from '../../domain/subject.ts';
import { deleteDestination } from '../../engine/delete-destination.ts';
import { changeDestination, createDestination } from '../../engine/manage-destinations.ts';
import type { DestinationChange, OpenedDestination } from '../../engine/manage-destinations.ts';
import { auditAuthor } from '../audit-author.ts';
import { deliveryFacts } from '../delivery-facts.ts';
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
import { ApiError, validationFailed } from '../errors.ts';
import type { FieldError } from '../errors.ts';
import { nameParameters } from '../name-paging.ts';
import { owningClient } from '../own-destinations.ts';
import { Query } from '../query.ts';
import { errorResponses } from '../schemas/error.ts';
import { Listed, PAGE_PARAMETERS, queryParameters, Success } from '../schemas/fields.ts';
import { nullable, object, ref, string } from '../schemas/json-schema.ts';
import {
  RenewBodySchema,
  subscriptionJson,
  SubjectsSchema,
  SubscriptionBodySchema,
  SubscriptionPatchSchema,
} from '../schemas/webhook-subscription.ts';
import type {
  RenewBody,
  SubscriptionBody,
  SubscriptionPatch,
} from '../schemas/webhook-subscription.ts';
import type { ServerParts } from '../server-parts.ts';
import { newSubscription, POINTERS, subscriptionChange } from '../subscription-input.ts';
import { endOf, MAX_LIFETIME_MS, topicNames } from '../subscription-words.ts';
import { tenantScope } from '../tenant-scope.ts';

interface SubscriptionParams {
  readonly urn: string;
}

const SubscriptionParamsSchema = object({ urn: string() });
const DOOR: Door = { profile: 'baack', notFound: 'subscription_not_found' };
const LIST_PARAMETERS = { ...TENANT_PARAMETER, ...PAGE_PARAMETERS };

export function webhookSubscriptionRoutes(
  server: FastifyInstance,
  { engine, access, limits }: ServerParts,
): void {
  const { storage, clock } = engine;

  server.get(
    '/webhooksubscriptions',
    {
      config: { operation: 'subscriptions.list' },
      schema: {
        tags: ['webhooksubscriptions'],
        summary: 'List webhook subscriptions',
        description: 'An API client sees its own.',
        querystring: queryParameters(LIST_PARAMETERS),
        response: { 200: Listed('WebhookSubscription'), ...errorResponses(404, 422) },
      },
    },
    async (request) => {
      const query = new Query(request.query, Object.keys(LIST_PARAMETERS));
      const asked = query.text('tenant_id');
      const paged = nameParameters(query, 'createdTimestamp', 'desc');
      query.done();
      const found = await listThrough(DOOR, engine, request, tenantMeant(request, asked));
      const { models, pagination } = paged(byAge(found));
      return { models: await Promise.all(models.map(({ opened }) => shown(opened))), pagination };
    },
  );

  server.get(
    '/webhooksubscriptions/subjects',
    {
      config: { operation: 'subscriptions.subjects' },
      schema: {
        tags: ['webhooksubscriptions'],
        summary: 'List the subjects and their events',
        description:
          'Of the topics in the catalogue that end in create, update or delete. While it is empty every subject is good, and this list is empty.',
        response: { 200: SubjectsSchema, ...errorResponses() },
      },
    },
    () => ({
      models: [...subjectsOf(topicNames(engine.catalogue))].map(([subject, events]) => ({
        subject,
        events,
      })),
    }),
  );

  server.post<{ Body: SubscriptionBody }>(
    '/webhooksubscriptions',
    {
      config: { operation: 'subscriptions.create' },
      schema: {
        tags: ['webhooksubscriptions'],
        summary: 'Create a webhook subscription',
        body: SubscriptionBodySchema,
        response: {
          201: ref('WebhookSubscription'),
          ...errorResponses(400, 403, 404, 409, 413, 415),
        },
      },
    },
    async (request, reply) => {
      const client = await namedClient(request, request.body.apiClient);
      const input = await newSubscription(engine, client, request.body);
      const author = auditAuthor(request, clock);
      const max = maxDestinations(engine, limits, input.tenantId);
      const result = await createDestination(engine, input, max, author);
      return await answer(reply.status(201), doneThrough(DOOR, result, POINTERS));
    },
  );

  server.get<{ Params: SubscriptionParams }>(
    '/webhooksubscriptions/:urn',
    {
      config: { operation: 'subscriptions.get' },
      schema: {
        tags: ['webhooksubscriptions'],
        summary: 'Get a webhook subscription',
        params: SubscriptionParamsSchema,
        querystring: queryParameters(TENANT_PARAMETER),
        response: { 200: ref('WebhookSubscription'), ...errorResponses(404, 409, 422) },
      },
    },
    async (request, reply) => answer(reply, await find(request)),
  );

  for (const method of ['PUT', 'PATCH'] as const) {
    server.route<{ Params: SubscriptionParams; Body: SubscriptionPatch }>({
      method,
      url: '/webhooksubscriptions/:urn',
      config: { operation: 'subscriptions.change' },
      schema: {
        tags: ['webhooksubscriptions'],
        summary: 'Change a webhook subscription',
        ...(method === 'PUT' ? { operationId: 'subscriptions.put' } : {}),
        params: SubscriptionParamsSchema,
        querystring: queryParameters(TENANT_PARAMETER),
        body: SubscriptionPatchSchema,
        response: {
          200: ref('WebhookSubscription'),
          ...errorResponses(400, 403, 404, 409, 413, 415),
        },
      },
      handler: async (request, reply) => {
        const found = await find(request);
        const client = await liveClient(found);
        const change = await subscriptionChange(engine, client, found, request.body);
        return await apply(request, reply, found, change);
      },
    });
  }

  server.post<{ Params: SubscriptionParams; Body: RenewBody | null | undefined }>(
    '/webhooksubscriptions/:urn/renew',
    {
      config: { operation: 'subscriptions.renew' },
      schema: {
        tags: ['webhooksubscriptions'],
        summary: 'Renew a webhook subscription',
        description: 'Until the time given, or for 90 days from now.',
        params: SubscriptionParamsSchema,
        querystring: queryParameters(TENANT_PARAMETER),
        body: nullable(RenewBodySchema),
        response: {
          200: ref('WebhookSubscription'),
          ...errorResponses(400, 404, 409, 413, 415),
        },
      },
    },
    async (request, reply) => {
      const found = await find(request);
      const end = request.body?.expirationTimestamp ?? null;
      const nowMs = clock.nowMs();
      const problems: FieldError[] = [];
      const expiresAtMs = end === null ? nowMs + MAX_LIFETIME_MS : endOf(end, nowMs, problems);
      if (problems.length > 0) throw validationFailed(problems);
      return await apply(request, reply, found, { expiresAtMs });
    },
  );

  server.post<{ Params: SubscriptionParams }>(
    '/webhooksubscriptions/:urn/enable',
    {
      config: { operation: 'subscriptions.enable' },
      schema: {
        tags: ['webhooksubscriptions'],
        summary: 'Enable a webhook subscription that has expired or was stopped',
        description: 'One that has expired is renewed for 90 days.',
        params: SubscriptionParamsSchema,
        querystring: queryParameters(TENANT_PARAMETER),
        response: { 200: ref('WebhookSubscription'), ...errorResponses(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const found = await find(request);
      const { subscription, expiresAtMs } = found.destination;
      const isOfClient = (subscription?.apiClient ?? null) !== null;
      if (isOfClient && (await liveClient(found)) === null)
        throw new ApiError('api_client_revoked');
      const nowMs = clock.nowMs();
      const hasExpired = expiresAtMs !== null && expiresAtMs <= nowMs;
      return await apply(request, reply, found, {
        disabledAtMs: null,
        ...(hasExpired ? { expiresAtMs: nowMs + MAX_LIFETIME_MS } : {}),
      });
    },
  );

  server.delete<{ Params: SubscriptionParams }>(
    '/webhooksubscriptions/:urn',
    {
      config: { operation: 'subscriptions.delete' },
      schema: {
        tags: ['webhooksubscriptions'],
        summary: 'Delete a webhook subscription',
        params: SubscriptionParamsSchema,
        querystring: queryParameters(TENANT_PARAMETER),
        response: { 200: Success, ...errorResponses(404, 409, 422) },
      },
    },
    async (request) => {
      const { destination } = await find(request);
      const { kind } = await deleteDestination(engine, destination, auditAuthor(request, clock));
      if (kind === 'unknown') throw new ApiError(DOOR.notFound);
      if (kind !== 'deleted') throw new ApiError('changed_meanwhile');
      return { success: true };
    },
  );

  function find(
    request: FastifyRequest<{ Params: SubscriptionParams }>,
  ): Promise<OpenedDestination> {
    const query = new Query(request.query, Object.keys(TENANT_PARAMETER));
    const asked = query.text('tenant_id');
    query.done();
    return findThrough(DOOR, engine, request, { id: request.params.urn, asked });
  }

  async function apply(
    request: FastifyRequest,
    reply: FastifyReply,
    { destination }: OpenedDestination,
    change: DestinationChange,
  ) {
    const author = auditAuthor(request, clock);
    const result = await changeDestination(engine, destination, change, author);
    return answer(reply, doneThrough(DOOR, result, POINTERS));
  }

  async function answer(reply: FastifyReply, opened: OpenedDestination) {
    return reply.send(await shown(opened));
  }

  async function shown(opened: OpenedDestination) {
    const { destination } = opened;
    const facts = await deliveryFacts(storage, destination, clock.nowMs());
    const client = destination.disabledAtMs === null ? null : await clientOf(opened);
    const clientRevokedAtMs = client?.revokedAtMs ?? null;
    return subscriptionJson(opened, { ...facts, clientRevokedAtMs });
  }

  async function clientOf({ destination }: OpenedDestination): Promise<ApiClient | null> {
    const urn = destination.subscription?.apiClient ?? null;
    return urn === null ? null : storage.clientGet({ urn });
  }

  /** `null` where it was revoked. */
  async function liveClient(opened: OpenedDestination): Promise<ApiClient | null> {
    const client = await clientOf(opened);
    return client?.revokedAtMs === null ? client : null;
  }

  async function namedClient(request: FastifyRequest, urn: string): Promise<ApiClient> {
    const scope = tenantScope(request);
    const client = await access.storage.clientGet({ urn });
    const refuse = (code: string, message: string) =>
      validationFailed([{ pointer: '/apiClient', code, message }]);
    if (client === null || !scope.has(client.tenantId)) throw new ApiError('api_client_not_found');
    if (client.revokedAtMs !== null) throw refuse('revoked', 'This API client was revoked.');
    if (isExpired(client.expiresAtMs, clock.nowMs()))
      throw refuse('expired', 'This API client has expired: give it a later `expires_at`.');
    const owner = owningClient(request.caller);
    if (owner !== null && owner !== urn)
      throw new ApiError('client_permission', 'An API client subscribes for itself alone.');
    if (client.scope !== 'webhook')
      throw refuse('scope', 'Only an API client of scope webhook can subscribe to events.');
    return client;
  }
}
