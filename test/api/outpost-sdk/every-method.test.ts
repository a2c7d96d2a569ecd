/**
 * Every method of the installed version of Outpost's client, by the operator's key and by a tenant's token. The methods
 * are asked of the client's classes: a new one has to be called here too.
 */
import type { Outpost } from '@hookdeck/outpost-sdk';
import { OutpostError } from '@hookdeck/outpost-sdk/models/errors';
import { beforeAll, describe, expect, it } from 'vitest';
import { seedTenant } from '../../support/api-good-requests.ts';
import type { Seed } from '../../support/api-good-requests.ts';
import { outpostClient } from '../../support/api-outpost-client.ts';
import { useApi } from '../../support/api-server.ts';

const api = useApi();

interface Call {
  readonly call: (client: Outpost, seed: Seed, who: 'operator' | 'tenant') => Promise<unknown>;
  /** What the operator gets; success where it is left out. */
  readonly operator?: number;
  /** What a tenant's token gets. */
  readonly tenant?: number;
}

const TO_BE_DELETED = 'to-be-deleted';
const TIME = { start: new Date('2026-01-01T00:00:00Z'), end: new Date('2026-01-02T00:00:00Z') };

/** A destination for one call alone. */
async function own(client: Outpost, { tenantId }: Seed): Promise<string> {
  const { id } = await client.destinations.create(tenantId, {
    type: 'webhook',
    topics: ['none'],
    config: { url: api().receiver.url('/ok') },
  });
  return id;
}

const CALLS: Readonly<Record<string, Call>> = {
  publish: {
    call: (client, { tenantId }) => client.publish({ tenantId, topic: 'none', data: {} }),
    tenant: 403,
  },
  retry: {
    call: (client, { eventId, destinationId }) => client.retry({ eventId, destinationId }),
  },
  'health.check': { call: ({ health }) => health.check() },
  // Of Hookdeck's own installation, as its documentation says: where one hosts it oneself, there are none.
  'configuration.getManagedConfig': {
    call: ({ configuration }) => configuration.getManagedConfig(),
    operator: 404,
    tenant: 404,
  },
  'configuration.updateManagedConfig': {
    call: ({ configuration }) => configuration.updateManagedConfig({}),
    operator: 404,
    tenant: 404,
  },
  'tenants.list': { call: ({ tenants }) => tenants.list({}) },
  'tenants.upsert': { call: ({ tenants }, { tenantId }) => tenants.upsert(tenantId) },
  'tenants.get': { call: ({ tenants }, { tenantId }) => tenants.get(tenantId) },
  'tenants.delete': {
    // The tenant is refused its own.
    call: ({ tenants }, { tenantId }, who) =>
      tenants.delete(who === 'operator' ? TO_BE_DELETED : tenantId),
    tenant: 403,
  },
  'tenants.getPortalUrl': {
    call: ({ tenants }, { tenantId }) => tenants.getPortalUrl(tenantId),
    tenant: 403,
  },
  'tenants.getToken': {
    call: ({ tenants }, { tenantId }) => tenants.getToken(tenantId),
    tenant: 403,
  },
  'events.list': { call: ({ events }) => events.list({}) },
  'events.get': { call: ({ events }, { eventId }) => events.get(eventId) },
  'attempts.list': { call: ({ attempts }) => attempts.list({}) },
  'attempts.get': { call: ({ attempts }, { attemptId }) => attempts.get(attemptId) },
  'destinations.list': {
    call: ({ destinations }, { tenantId }) => destinations.list(tenantId),
  },
  'destinations.create': { call: own },
  'destinations.get': {
    call: ({ destinations }, { tenantId, destinationId }) =>
      destinations.get(tenantId, destinationId),
  },
  'destinations.update': {
    call: async (client, seed) =>
      client.destinations.update(seed.tenantId, await own(client, seed), {
        type: 'webhook',
        metadata: { a: '1' },
      }),
  },
  'destinations.delete': {
    call: async (client, seed) =>
      client.destinations.delete(seed.tenantId, await own(client, seed)),
  },
  'destinations.enable': {
    call: async (client, seed) =>
      client.destinations.enable(seed.tenantId, await own(client, seed)),
  },
  'destinations.disable': {
    call: async (client, seed) =>
      client.destinations.disable(seed.tenantId, await own(client, seed)),
  },
  'destinations.listAttempts': {
    call: ({ destinations }, { tenantId, destinationId }) =>
      destinations.listAttempts({ tenantId, destinationId }),
  },
  'destinations.getAttempt': {
    call: ({ destinations }, { tenantId, destinationId, attemptId }) =>
      destinations.getAttempt(tenantId, destinationId, attemptId),
  },
  'schemas.listDestinationTypes': { call: ({ schemas }) => schemas.listDestinationTypes() },
  'schemas.getDestinationType': { call: ({ schemas }) => schemas.getDestinationType('webhook') },
  'topics.list': { call: ({ topics }) => topics.list() },
  'metrics.getEventMetrics': {
    call: ({ metrics }) => metrics.getEventMetrics({ time: TIME, measures: 'count' }),
  },
  'metrics.getAttemptMetrics': {
    call: ({ metrics }) => metrics.getAttemptMetrics({ time: TIME, measures: 'count' }),
  },
};

/** `publish`, `tenants.list`: the methods of the client, and those of the parts that it has. */
function methodsOf(client: Outpost): string[] {
  const described = (value: object) =>
    Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(value) as object));
  return described(client).flatMap(([name, descriptor]) => {
    if (name === 'constructor') return [];
    if (descriptor.get === undefined) return [name];
    return described(Reflect.get(client, name) as object)
      .map(([method]) => method)
      .filter((method) => method !== 'constructor')
      .map((method) => `${name}.${method}`);
  });
}

/** 200 stands for success. */
async function statusOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 200;
  } catch (error) {
    if (error instanceof OutpostError) return error.statusCode;
    throw error;
  }
}

describe('Outpost’s client', () => {
  let seed: Seed;
  let token: string;

  beforeAll(async () => {
    await api().put(`/v1/tenants/${TO_BE_DELETED}`);
    seed = await seedTenant(api());
    token = await api().token(seed.tenantId);
  });

  it('has no method that is not called here', () => {
    const methods = methodsOf(outpostClient(api()));
    expect(methods.toSorted()).toEqual(Object.keys(CALLS).toSorted());
    expect(methods).toContain('destinations.getAttempt');
  });

  it.each(Object.entries(CALLS))(
    'by the operator and by a tenant: %s',
    async (_name, { call, operator = 200, tenant = 200 }) => {
      expect(await statusOf(call(outpostClient(api()), seed, 'operator'))).toBe(operator);
      expect(await statusOf(call(outpostClient(api(), token), seed, 'tenant'))).toBe(tenant);
    },
  );
});
