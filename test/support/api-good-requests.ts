/** For each route of the server, a request that is answered with success to whoever may ask. */
import type { Grant } from '../../src/domain/caller.ts';
import type { OperationId } from '../../src/http/permissions.ts';
import { createCertificate } from './certificate.ts';
import { makeClient, makeSubscription, subscriptionBody } from './api-clients.ts';
import type { IssuedClientView } from './api-clients.ts';
import type { ApiServer } from './api-server.ts';
import { until } from './api-until.ts';

/** A tenant, and what it has. */
export interface Seed {
  readonly tenantId: string;
  /** A hook of its API client. */
  readonly destinationId: string;
  /** Of scope `webhook`. */
  readonly clientUrn: string;
  readonly clientToken: string;
  readonly subscriptionUrn: string;
  readonly eventId: string;
  readonly deliveryId: string;
  readonly attemptId: string;
}

export interface GoodRequest {
  readonly path: string;
  readonly body?: unknown;
}

interface GoodRoute {
  readonly operation: OperationId;
  /** Asks for what is the seed's; what a call uses up is made anew. */
  readonly request: (
    seed: Seed,
    api: ApiServer,
    grant: Grant,
  ) => GoodRequest | Promise<GoodRequest>;
}

export async function seedTenant(api: ApiServer): Promise<Seed> {
  const tenantId = await api.tenant();
  const client = await makeClient(api, tenantId);
  const destinationId = await hookOf(client, 'a', api);
  const { urn: subscriptionUrn } = await makeSubscription(api, client);
  const { body: event } = await api.publish({ tenant_id: tenantId, topic: 'a', data: {} });
  const idOf = async (list: string) => {
    const path = `/v1/${list}?event_id=${event.id}`;
    const { body } = await api.get<{ models: { id: string }[] }>(path);
    return body.models[0]?.id;
  };
  const attemptId = await until('an attempt', () => idOf('attempts'));
  const deliveryId = await until('a delivery', () => idOf('deliveries'));
  return {
    tenantId,
    destinationId,
    clientUrn: client.urn,
    clientToken: client.token,
    subscriptionUrn,
    eventId: event.id,
    deliveryId,
    attemptId,
  };
}

/** There may be a catalogue. */
async function knownSubject(api: ApiServer): Promise<void> {
  await api.put('/v1/catalogue/entity.create', { description: 'An entity came to be.' });
}

async function hookOf(
  { token }: Pick<IssuedClientView, 'token'>,
  event: string,
  api: ApiServer,
): Promise<string> {
  const body = { event, url: api.receiver.url('/ok') };
  const answer = await api.request<{ id: string }>('POST', '/v1/hooks', { key: token, body });
  if (answer.status >= 300) throw new Error(`no hook was made: ${answer.text}`);
  return answer.body.id;
}

function metricsQuery(tenantId: string): string {
  const range = 'time[start]=2026-01-01T00:00:00Z&time[end]=2026-01-02T00:00:00Z';
  return `${range}&measures=count&filters[tenant_id]=${tenantId}`;
}

/** One that is attempted in an hour. */
async function waitingDelivery(api: ApiServer, tenantId: string): Promise<string | undefined> {
  const eventId = await waitingEvent(api, tenantId);
  const { body } = await api.get<{ models: { id: string }[] }>(
    `/v1/deliveries?event_id=${eventId}`,
  );
  return body.models[0]?.id;
}

async function waitingEvent(api: ApiServer, tenantId: string): Promise<string> {
  const deliverAt = new Date(api.engine.clock.nowMs() + 3_600_000).toISOString();
  const event = { tenant_id: tenantId, topic: 'a', deliver_at: deliverAt, data: {} };
  return (await api.publish(event)).body.id;
}

const MAY_CANCEL: ReadonlySet<Grant> = new Set(['operator:admin', 'tenant:admin', 'client:api']);

/** By method and path, as the router knows them. */
export const GOOD_REQUESTS: Readonly<Record<string, GoodRoute>> = {
  'GET /healthz': { operation: 'health.get', request: () => ({ path: '/healthz' }) },
  'GET /.well-known/jwks.json': {
    operation: 'public_keys.get',
    request: () => ({ path: '/.well-known/jwks.json' }),
  },
  'GET /readyz': { operation: 'health.get', request: () => ({ path: '/readyz' }) },
  'GET /api/v1/healthz': { operation: 'health.get', request: () => ({ path: '/api/v1/healthz' }) },

  'GET /api/v1/profiles': {
    operation: 'profiles.list',
    request: () => ({ path: '/v1/profiles' }),
  },
  'POST /api/v1/keys/reencrypt': {
    operation: 'keys.reencrypt',
    request: () => ({ path: '/v1/keys/reencrypt', body: { limit: 1 } }),
  },
  'GET /api/v1/tenants': {
    operation: 'tenants.list',
    request: ({ tenantId }) => ({ path: `/v1/tenants?id=${tenantId}` }),
  },
  'GET /api/v1/tenants/:tenant_id': {
    operation: 'tenants.get',
    request: ({ tenantId }) => ({ path: `/v1/tenants/${tenantId}` }),
  },
  'PUT /api/v1/tenants/:tenant_id': {
    operation: 'tenants.put',
    request: ({ tenantId }) => ({ path: `/v1/tenants/${tenantId}`, body: {} }),
  },
  'DELETE /api/v1/tenants/:tenant_id': {
    operation: 'tenants.delete',
    request: async ({ tenantId }, api, grant) => ({
      path: `/v1/tenants/${grant === 'operator:admin' ? await api.tenant() : tenantId}`,
    }),
  },
  'GET /api/v1/deletions': {
    operation: 'deletions.list',
    request: () => ({ path: '/v1/deletions' }),
  },
  'GET /api/v1/tenants/:tenant_id/token': {
    operation: 'tenants.token',
    request: ({ tenantId }) => ({ path: `/v1/tenants/${tenantId}/token` }),
  },
  'GET /api/v1/tenants/:tenant_id/portal': {
    operation: 'tenants.portal',
    request: ({ tenantId }) => ({ path: `/v1/tenants/${tenantId}/portal` }),
  },

  'GET /api/v1/tenants/:tenant_id/destinations': {
    operation: 'destinations.list',
    request: ({ tenantId }) => ({ path: `/v1/tenants/${tenantId}/destinations` }),
  },
  'POST /api/v1/tenants/:tenant_id/destinations': {
    operation: 'destinations.create',
    request: ({ tenantId }, api) => ({
      path: `/v1/tenants/${tenantId}/destinations`,
      body: { type: 'webhook', topics: ['none'], config: { url: api.receiver.url('/ok') } },
    }),
  },
  'GET /api/v1/tenants/:tenant_id/destinations/:destination_id': {
    operation: 'destinations.get',
    request: (seed) => ({ path: destinationPath(seed) }),
  },
  'PATCH /api/v1/tenants/:tenant_id/destinations/:destination_id': {
    operation: 'destinations.change',
    request: (seed) => ({ path: destinationPath(seed), body: { metadata: { a: '1' } } }),
  },
  'PUT /api/v1/tenants/:tenant_id/destinations/:destination_id/enable': {
    operation: 'destinations.enable',
    request: async (seed, api) => ({
      path: `${destinationPath(await withDestination(seed, api))}/enable`,
    }),
  },
  'PUT /api/v1/tenants/:tenant_id/destinations/:destination_id/disable': {
    operation: 'destinations.disable',
    request: async (seed, api) => ({
      path: `${destinationPath(await withDestination(seed, api))}/disable`,
    }),
  },
  'POST /api/v1/tenants/:tenant_id/destinations/:destination_id/rotate-secret': {
    operation: 'destinations.rotate',
    request: async (seed, api) => ({
      path: `${destinationPath(await withDestination(seed, api))}/rotate-secret`,
    }),
  },
  'DELETE /api/v1/tenants/:tenant_id/destinations/:destination_id': {
    operation: 'destinations.delete',
    request: async (seed, api) => ({ path: destinationPath(await withDestination(seed, api)) }),
  },

  'POST /api/v1/tenants/:tenant_id/destinations/:destination_id/test': {
    operation: 'destinations.test',
    request: async (seed, api) => ({
      path: `${destinationPath(await withDestination(seed, api))}/test`,
    }),
  },
  'GET /api/v1/destination-types': {
    operation: 'destination_types.list',
    request: () => ({ path: '/v1/destination-types' }),
  },
  'GET /api/v1/destination-types/:type': {
    operation: 'destination_types.get',
    request: () => ({ path: '/v1/destination-types/webhook' }),
  },

  'GET /api/v1/topics': { operation: 'topics.list', request: () => ({ path: '/v1/topics' }) },
  'GET /api/v1/catalogue': {
    operation: 'catalogue.list',
    request: () => ({ path: '/v1/catalogue' }),
  },
  'GET /api/v1/catalogue/export': {
    operation: 'catalogue.export',
    request: () => ({ path: '/v1/catalogue/export' }),
  },
  'GET /api/v1/catalogue/:topic': {
    operation: 'catalogue.get',
    request: async (_seed, api) => ({ path: await withTopic(api) }),
  },
  'PUT /api/v1/catalogue/:topic': {
    operation: 'catalogue.put',
    request: async (_seed, api) => ({ path: await withTopic(api), body: { description: 'D.' } }),
  },
  'POST /api/v1/catalogue/import': {
    operation: 'catalogue.import',
    request: async (_seed, api) => {
      await withTopic(api);
      const topics = { shown: { description: 'Imported.' } };
      return { path: '/v1/catalogue/import', body: { documents: [{ document: { topics } }] } };
    },
  },
  'DELETE /api/v1/catalogue/:topic': {
    operation: 'catalogue.delete',
    request: async (_seed, api) => ({ path: `${await withTopic(api)}?force=true` }),
  },

  'POST /api/v1/publish': {
    operation: 'publish.one',
    request: ({ tenantId }) => ({
      path: '/v1/publish',
      body: { tenant_id: tenantId, topic: 'quiet', data: {} },
    }),
  },
  'POST /api/v1/publish/batch': {
    operation: 'publish.batch',
    request: ({ tenantId }) => ({
      path: '/v1/publish/batch',
      body: { events: [{ tenant_id: tenantId, topic: 'quiet', data: {} }] },
    }),
  },
  'GET /api/v1/events': {
    operation: 'events.list',
    request: ({ tenantId }) => ({ path: `/v1/events?tenant_id=${tenantId}` }),
  },
  'GET /api/v1/events/:event_id': {
    operation: 'events.get',
    request: ({ eventId }) => ({ path: `/v1/events/${eventId}` }),
  },
  'GET /api/v1/deliveries': {
    operation: 'deliveries.list',
    request: ({ tenantId }) => ({ path: `/v1/deliveries?tenant_id=${tenantId}` }),
  },
  'GET /api/v1/deliveries/:delivery_id': {
    operation: 'deliveries.get',
    request: ({ deliveryId }) => ({ path: `/v1/deliveries/${deliveryId}` }),
  },
  'GET /api/v1/attempts': {
    operation: 'attempts.list',
    request: ({ tenantId }) => ({ path: `/v1/attempts?tenant_id=${tenantId}` }),
  },
  'GET /api/v1/attempts/:attempt_id': {
    operation: 'attempts.get',
    request: ({ attemptId }) => ({ path: `/v1/attempts/${attemptId}` }),
  },
  'GET /api/v1/tenants/:tenant_id/destinations/:destination_id/attempts': {
    operation: 'attempts.list',
    request: (seed) => ({ path: `${destinationPath(seed)}/attempts` }),
  },
  'GET /api/v1/tenants/:tenant_id/destinations/:destination_id/attempts/:attempt_id': {
    operation: 'attempts.get',
    request: (seed) => ({ path: `${destinationPath(seed)}/attempts/${seed.attemptId}` }),
  },
  'POST /api/v1/filters/test': {
    operation: 'filters.test',
    request: ({ eventId }) => ({
      path: '/v1/filters/test',
      body: { filter: { topic: 'a' }, event_id: eventId },
    }),
  },
  'POST /api/v1/retry': {
    operation: 'deliveries.retry',
    request: ({ eventId, destinationId }) => ({
      path: '/v1/retry',
      body: { event_id: eventId, destination_id: destinationId },
    }),
  },

  'POST /api/v1/deliveries/:delivery_id/cancel': {
    operation: 'deliveries.cancel',
    request: async ({ tenantId, deliveryId }, api, grant) => {
      const id = MAY_CANCEL.has(grant) ? await waitingDelivery(api, tenantId) : deliveryId;
      return { path: `/v1/deliveries/${id}/cancel` };
    },
  },
  'POST /api/v1/events/:event_id/cancel': {
    operation: 'events.cancel',
    request: async ({ tenantId, eventId }, api, grant) => {
      const id = MAY_CANCEL.has(grant) ? await waitingEvent(api, tenantId) : eventId;
      return { path: `/v1/events/${id}/cancel` };
    },
  },
  'GET /api/v1/metrics/events': {
    operation: 'metrics.events',
    request: ({ tenantId }) => ({ path: `/v1/metrics/events?${metricsQuery(tenantId)}` }),
  },
  'GET /api/v1/metrics/attempts': {
    operation: 'metrics.attempts',
    request: ({ tenantId }) => ({ path: `/v1/metrics/attempts?${metricsQuery(tenantId)}` }),
  },
  'GET /api/v1/usage': {
    operation: 'usage.list',
    request: ({ tenantId }) => ({ path: `/v1/usage?tenant_id=${tenantId}` }),
  },
  'GET /api/v1/exports/events': {
    operation: 'exports.events',
    request: ({ tenantId }) => ({ path: `/v1/exports/events?tenant_id=${tenantId}` }),
  },
  'GET /api/v1/exports/attempts': {
    operation: 'exports.attempts',
    request: ({ tenantId }) => ({ path: `/v1/exports/attempts?tenant_id=${tenantId}` }),
  },
  'GET /metrics': { operation: 'process.metrics', request: () => ({ path: '/metrics' }) },
  'GET /api/v1/replays': {
    operation: 'replays.list',
    request: ({ tenantId }) => ({ path: `/v1/replays?tenant_id=${tenantId}` }),
  },
  'POST /api/v1/replays': {
    operation: 'replays.create',
    request: (seed) => ({ path: '/v1/replays', body: slowReplay(seed) }),
  },
  'GET /api/v1/replays/:replay_id': {
    operation: 'replays.get',
    request: async (seed, api) => ({ path: `/v1/replays/${await replayOf(seed, api)}` }),
  },
  'POST /api/v1/replays/:replay_id/pause': {
    operation: 'replays.pause',
    request: async (seed, api) => ({ path: `/v1/replays/${await replayOf(seed, api)}/pause` }),
  },
  'POST /api/v1/replays/:replay_id/resume': {
    operation: 'replays.resume',
    request: async (seed, api) => {
      const id = await replayOf(seed, api);
      await api.post(`/v1/replays/${id}/pause`);
      return { path: `/v1/replays/${id}/resume` };
    },
  },
  'POST /api/v1/replays/:replay_id/cancel': {
    operation: 'replays.cancel',
    request: async (seed, api) => ({ path: `/v1/replays/${await replayOf(seed, api)}/cancel` }),
  },

  'GET /api/v1/keys': { operation: 'keys.list', request: () => ({ path: '/v1/keys' }) },
  'POST /api/v1/keys': {
    operation: 'keys.create',
    request: () => ({ path: '/v1/keys', body: { name: 'a', scope: 'read' } }),
  },
  'GET /api/v1/keys/:key_id': {
    operation: 'keys.get',
    request: async (_seed, api) => ({ path: `/v1/keys/${(await api.key('read')).id}` }),
  },
  'PATCH /api/v1/keys/:key_id': {
    operation: 'keys.change',
    request: async (_seed, api) => ({
      path: `/v1/keys/${(await api.key('read')).id}`,
      body: { name: 'b' },
    }),
  },
  'DELETE /api/v1/keys/:key_id': {
    operation: 'keys.revoke',
    request: async (_seed, api) => ({ path: `/v1/keys/${(await api.key('read')).id}` }),
  },
  'GET /api/v1/apiclients': {
    operation: 'clients.list',
    request: ({ tenantId }) => ({ path: `/v1/apiclients?tenant_id=${tenantId}` }),
  },
  'POST /api/v1/apiclients': {
    operation: 'clients.create',
    request: ({ tenantId }) => ({
      path: '/v1/apiclients',
      body: { tenant_id: tenantId, name: 'a', scope: 'webhook', full_access: true },
    }),
  },
  'GET /api/v1/apiclients/:urn': {
    operation: 'clients.get',
    request: ({ clientUrn }) => ({ path: `/v1/apiclients/${clientUrn}` }),
  },
  'PATCH /api/v1/apiclients/:urn': {
    operation: 'clients.change',
    request: ({ clientUrn }) => ({ path: `/v1/apiclients/${clientUrn}`, body: { name: 'b' } }),
  },
  'POST /api/v1/apiclients/:urn/rotate': {
    operation: 'clients.rotate',
    request: async ({ tenantId }, api) => ({
      path: `/v1/apiclients/${(await makeClient(api, tenantId)).urn}/rotate`,
    }),
  },
  'PUT /api/v1/apiclients/:urn/client-certificate': {
    operation: 'clients.certify',
    request: ({ clientUrn }) => {
      const { cert: certificate, key } = createCertificate(['client.test']);
      return { path: `/v1/apiclients/${clientUrn}/client-certificate`, body: { certificate, key } };
    },
  },
  'DELETE /api/v1/apiclients/:urn': {
    operation: 'clients.revoke',
    request: async ({ tenantId }, api) => ({
      path: `/v1/apiclients/${(await makeClient(api, tenantId)).urn}`,
    }),
  },

  'GET /api/v1/webhooksubscriptions': {
    operation: 'subscriptions.list',
    request: ({ tenantId }) => ({ path: `/v1/webhooksubscriptions?tenant_id=${tenantId}` }),
  },
  'GET /api/v1/webhooksubscriptions/subjects': {
    operation: 'subscriptions.subjects',
    request: () => ({ path: '/v1/webhooksubscriptions/subjects' }),
  },
  'POST /api/v1/webhooksubscriptions': {
    operation: 'subscriptions.create',
    request: async ({ clientUrn }, api) => {
      await knownSubject(api);
      return {
        path: '/v1/webhooksubscriptions',
        body: subscriptionBody(api, { urn: clientUrn }),
      };
    },
  },
  'GET /api/v1/webhooksubscriptions/:urn': {
    operation: 'subscriptions.get',
    request: (seed) => ({ path: subscriptionPath(seed) }),
  },
  'PUT /api/v1/webhooksubscriptions/:urn': {
    operation: 'subscriptions.change',
    request: (seed) => ({ path: subscriptionPath(seed), body: { eventsPerMinute: 5 } }),
  },
  'PATCH /api/v1/webhooksubscriptions/:urn': {
    operation: 'subscriptions.change',
    request: (seed) => ({ path: subscriptionPath(seed), body: { eventsPerMinute: 6 } }),
  },
  'POST /api/v1/webhooksubscriptions/:urn/renew': {
    operation: 'subscriptions.renew',
    request: (seed) => ({ path: subscriptionPath(seed, '/renew') }),
  },
  'POST /api/v1/webhooksubscriptions/:urn/enable': {
    operation: 'subscriptions.enable',
    request: async (seed, api) => {
      const { tenantId, subscriptionUrn } = seed;
      await api.put(`/v1/tenants/${tenantId}/destinations/${subscriptionUrn}/disable`);
      return { path: subscriptionPath(seed, '/enable') };
    },
  },
  'DELETE /api/v1/webhooksubscriptions/:urn': {
    operation: 'subscriptions.delete',
    request: async ({ clientUrn: urn, clientToken: token }, api) => {
      await knownSubject(api);
      const body = subscriptionBody(api, { urn });
      const made = await api.request<{ urn: string }>('POST', '/v1/webhooksubscriptions', {
        key: token,
        body,
      });
      return { path: `/v1/webhooksubscriptions/${made.body.urn}` };
    },
  },

  'GET /api/v1/hooks': {
    operation: 'hooks.list',
    request: ({ tenantId }) => ({ path: `/v1/hooks?tenant_id=${tenantId}` }),
  },
  'POST /api/v1/hooks': {
    operation: 'hooks.create',
    request: ({ tenantId }, api) => ({
      path: `/v1/hooks?tenant_id=${tenantId}`,
      body: { event: 'none*', url: api.receiver.url('/ok') },
    }),
  },
  'GET /api/v1/hooks/samples': {
    operation: 'hooks.samples',
    request: ({ tenantId }) => ({ path: `/v1/hooks/samples?event=a&tenant_id=${tenantId}` }),
  },
  'GET /api/v1/hooks/:id': {
    operation: 'hooks.get',
    request: ({ destinationId, tenantId }) => ({
      path: `/v1/hooks/${destinationId}?tenant_id=${tenantId}`,
    }),
  },
  'DELETE /api/v1/hooks/:id': {
    operation: 'hooks.delete',
    request: async ({ clientToken: token }, api) => ({
      path: `/v1/hooks/${await hookOf({ token }, 'unsubscribed*', api)}`,
    }),
  },
  'POST /api/v1/environment/hmac-secret': {
    operation: 'environment.secret',
    request: ({ tenantId }) => ({ path: `/v1/environment/hmac-secret?tenant_id=${tenantId}` }),
  },

  'GET /api/v1/audit': { operation: 'audit.list', request: () => ({ path: '/v1/audit' }) },
};

function subscriptionPath({ subscriptionUrn, tenantId }: Seed, action = ''): string {
  return `/v1/webhooksubscriptions/${subscriptionUrn}${action}?tenant_id=${tenantId}`;
}

function destinationPath({ tenantId, destinationId }: Seed): string {
  return `/v1/tenants/${tenantId}/destinations/${destinationId}`;
}

/** It takes minutes, as far as a test is concerned for ever. */
function slowReplay({ tenantId, destinationId }: Seed): object {
  return {
    tenant_id: tenantId,
    destination_id: destinationId,
    time: { gte: '2026-01-01T00:00:00Z' },
    rate_per_minute: 1,
  };
}

/** A replay that runs: of two events at least, one of them now. */
async function replayOf(seed: Seed, api: ApiServer): Promise<string> {
  const { tenantId } = seed;
  const path = `/v1/replays?tenant_id=${tenantId}&status=running`;
  const running = await api.get<{ models: { id: string }[] }>(path);
  const [known] = running.body.models;
  if (known !== undefined) return known.id;
  await api.publish({ tenant_id: tenantId, topic: 'a', data: {} });
  const { body } = await api.post<{ id: string }>('/v1/replays', slowReplay(seed));
  return body.id;
}

/** With a destination of its own, that no event goes to. */
async function withDestination(seed: Seed, api: ApiServer): Promise<Seed> {
  const { id } = await api.destination(seed.tenantId, { topics: ['none'] });
  return { ...seed, destinationId: id };
}

/** Path of a topic that is there, with those that destinations here name: once there is a catalogue, it has them too. */
async function withTopic(api: ApiServer): Promise<string> {
  for (const name of ['a', 'none', 'shown']) await api.put(`/v1/catalogue/${name}`, {});
  return '/v1/catalogue/shown';
}
