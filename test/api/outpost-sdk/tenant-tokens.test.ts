/** Outpost's client with a tenant's token, as the portals that were built with it use it. */
import { describe, expect, it } from 'vitest';
import { outpostClient } from '../../support/api-outpost-client.ts';
import { useApi } from '../../support/api-server.ts';
import { until } from '../../support/api-until.ts';

const api = useApi({ storage: 'file' });

const operator = () => outpostClient(api());

async function tenantWithToken(id: string) {
  await operator().tenants.upsert(id);
  const { token = '', tenantId } = await operator().tenants.getToken(id);
  expect(tenantId).toBe(id);
  return outpostClient(api(), token);
}

const webhook = () => ({
  type: 'webhook' as const,
  topics: '*' as const,
  config: { url: api().receiver.url('/ok') },
});

describe('with a tenant’s token, the client', () => {
  it('looks after the tenant’s destinations', async () => {
    const client = await tenantWithToken('sdk-own');
    const created = await client.destinations.create('sdk-own', webhook());
    expect(await client.destinations.list('sdk-own')).toEqual([created]);
    await client.destinations.disable('sdk-own', created.id);
    await client.destinations.enable('sdk-own', created.id);
    expect(await client.tenants.get('sdk-own')).toMatchObject({ destinationsCount: 1 });
    expect(await client.destinations.delete('sdk-own', created.id)).toEqual({ success: true });
  });

  it('sees and retries what the tenant got, and nothing of others', async () => {
    const client = await tenantWithToken('sdk-reader');
    const { id: destinationId } = await client.destinations.create('sdk-reader', webhook());
    for (const tenantId of ['sdk-reader', 'sdk-stranger']) {
      await operator().tenants.upsert(tenantId);
      await operator().publish({ tenantId, topic: 'a', data: {} });
    }
    const events = (await client.events.list({})).models ?? [];
    expect(events.map(({ tenantId }) => tenantId)).toEqual(['sdk-reader']);
    const eventId = events[0]?.id ?? '';
    // One that is asked for before the first has been made is that one.
    await until('the first attempt', async () => {
      const { models = [] } = await client.attempts.list({});
      return models.length === 1 ? models : undefined;
    });
    expect(await client.retry({ eventId, destinationId })).toEqual({ success: true });
    const attempts = await until('two attempts', async () => {
      const { models = [] } = await client.attempts.list({});
      return models.length > 1 ? models : undefined;
    });
    expect(new Set(attempts.map(({ tenantId }) => tenantId))).toEqual(new Set(['sdk-reader']));
    expect((await client.tenants.list({})).models?.map(({ id }) => id)).toEqual(['sdk-reader']);
    await expect(client.events.list({ tenantId: 'sdk-stranger' })).rejects.toMatchObject({
      statusCode: 404,
    });
    await expect(client.destinations.list('sdk-stranger')).rejects.toMatchObject({
      statusCode: 404,
    });
  });

  it('may not delete the tenant, publish, or make tokens', async () => {
    const client = await tenantWithToken('sdk-limits');
    const forbidden = { statusCode: 403 };
    await expect(client.tenants.delete('sdk-limits')).rejects.toMatchObject(forbidden);
    await expect(client.tenants.getToken('sdk-limits')).rejects.toMatchObject(forbidden);
    const event = { tenantId: 'sdk-limits', topic: 'a', data: {} };
    await expect(client.publish(event)).rejects.toMatchObject(forbidden);
  });

  it('gets in by the link to the portal', async () => {
    const { redirectUrl = '' } = await operator().tenants.getPortalUrl('sdk-portal', 'dark');
    const fragment = new URLSearchParams(new URL(redirectUrl).hash.slice(1));
    expect(fragment.get('theme')).toBe('dark');
    const client = outpostClient(api(), fragment.get('token') ?? '');
    expect(await client.tenants.upsert('sdk-portal')).toMatchObject({ id: 'sdk-portal' });
    expect(await client.destinations.list('sdk-portal')).toEqual([]);
  });
});
