/** What a tenant may have and publish, and what is left of it when it is deleted. */
import { describe, expect, it } from 'vitest';
import { NodeShares } from '../../src/engine/node-shares.ts';
import { PublishQuota } from '../../src/engine/publish-quota.ts';
import { makeClient, subscriptionBody } from '../support/api-clients.ts';
import { useApi, withApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type {
  BatchView,
  DeletionsView,
  DestinationView,
  ErrorView,
  ListView,
} from '../support/api-views.ts';
import { HandClock } from '../support/receiver-clock.ts';

const MINUTE_MS = 60_000;

const api = useApi();

async function tenantWith(limits: object): Promise<string> {
  const tenantId = await api().tenant();
  expect((await api().put(`/v1/tenants/${tenantId}`, { limits })).status).toBe(200);
  return tenantId;
}

const publish = (tenantId: string, data: object = {}) =>
  api().post<ErrorView>('/v1/publish', { tenant_id: tenantId, data });

describe('a limit of destinations', () => {
  it('counts instead of the instance’s, until it is taken away', async () => {
    const tenantId = await tenantWith({ destinations: 1 });
    const create = () =>
      api().post<DestinationView & ErrorView>(`/v1/tenants/${tenantId}/destinations`, {
        type: 'webhook',
        topics: '*',
        config: { url: api().receiver.url('/ok') },
      });
    expect((await create()).status).toBe(201);
    const { body } = await create();
    expect(body).toMatchObject({ status: 422, code: 'too_many_destinations' });
    expect(body.message).toContain('1 destinations');
    await api().put(`/v1/tenants/${tenantId}`, { limits: null });
    expect((await create()).status).toBe(201);
  });
});

describe('a limit of destinations', () => {
  it('holds at every door', async () => {
    const tenantId = await tenantWith({ destinations: 1 });
    const client = await makeClient(api(), tenantId);
    const subscribe = () =>
      api().post<ErrorView>('/v1/webhooksubscriptions', subscriptionBody(api(), client));
    const hook = (path: string) =>
      api().post<ErrorView>(`/v1/hooks?tenant_id=${tenantId}`, {
        event: 'user.created',
        url: api().receiver.url(path),
      });
    expect((await subscribe()).status).toBe(201);
    for (const { body } of [await subscribe(), await hook('/ok')]) {
      expect(body).toMatchObject({ status: 422, code: 'too_many_destinations' });
      expect(body.message).toContain('1 destinations');
    }
    await api().put(`/v1/tenants/${tenantId}`, { limits: { destinations: 2 } });
    expect((await hook('/ok')).status).toBe(201);
    expect((await hook('/other')).body.code).toBe('too_many_destinations');
  });
});

describe('a limit of bytes', () => {
  it('refuses larger data with 413, and in a batch only those', async () => {
    const tenantId = await tenantWith({ payload_bytes: 20 });
    expect((await publish(tenantId, { a: 'x'.repeat(12) })).status).toBe(202);
    const large = { a: 'x'.repeat(13) };
    const { body } = await publish(tenantId, large);
    expect(body).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(body.message).toContain('payload_bytes');
    const events = [{}, large, {}].map((data) => ({ tenant_id: tenantId, data }));
    const batch = await api().post<BatchView>('/v1/publish/batch', { events });
    expect(batch.body.results).toMatchObject([
      { duplicate: false },
      { error: { status: 413, code: 'payload_too_large' } },
      { duplicate: false },
    ]);
  });
});

describe('a rate of publishing', () => {
  it('refuses what is over it with 429 and when to come again', async () => {
    const tenantId = await tenantWith({ publish_per_minute: 3 });
    const beginMs = performance.now();
    for (let index = 0; index < 3; index++) expect((await publish(tenantId)).status).toBe(202);
    const { status, body, headers } = await publish(tenantId);
    expect({ status, code: body.code }).toEqual({ status: 429, code: 'rate_limited' });
    const retryAfterS = Number(headers['retry-after']);
    // A third of a minute after the first, less what has passed since.
    const passedS = (performance.now() - beginMs) / 1000;
    expect(retryAfterS).toBeGreaterThanOrEqual(Math.max(1, Math.floor(20 - passedS)));
    expect(retryAfterS).toBeLessThanOrEqual(20);
    expect((await publish(await api().tenant())).status).toBe(202);
  });

  it('counts each event of a batch, and refuses each for itself', async () => {
    const tenantId = await tenantWith({ publish_per_minute: 2 });
    const other = await api().tenant();
    const events = [tenantId, other, tenantId, tenantId, other].map((id) => ({
      tenant_id: id,
      data: {},
    }));
    const { body } = await api().post<BatchView>('/v1/publish/batch', { events });
    const codes = body.results.map((each) => ('error' in each ? each.error.code : 'accepted'));
    expect(codes).toEqual(['accepted', 'accepted', 'accepted', 'rate_limited', 'accepted']);
  });

  it('of the instance is that of tenants without one', async () => {
    await withApi({ limits: { maxPublishPerMinute: 1 } }, async (own) => {
      const plain = await own.tenant();
      const special = await own.tenant();
      await own.put(`/v1/tenants/${special}`, { limits: { publish_per_minute: 2 } });
      const statuses = async (id: string) => {
        const found: number[] = [];
        for (let index = 0; index < 3; index++)
          found.push((await own.publish({ tenant_id: id, data: {} })).status);
        return found;
      };
      expect(await statuses(plain)).toEqual([202, 429, 429]);
      expect(await statuses(special)).toEqual([202, 202, 429]);
    });
  });

  it.each([1, 7, 60, 1000, 6000])(
    'of %i a minute is a minute’s worth at once, and then each event when it is earned, no sooner or later',
    async (perMinute) => {
      const tenantId = await tenantWith({ publish_per_minute: perMinute });
      const clock = new HandClock();
      const { routing } = api().engine;
      const quota = new PublishQuota({ routing, clock, shares: new NodeShares(routing) });
      const take = () => quota.take({ tenantId, data: new Uint8Array() }, null);
      const takeAll = () => {
        let count = 0;
        while (take().kind === 'granted') count++;
        return count;
      };
      expect(takeAll()).toBe(perMinute);
      let taken = 0;
      for (let elapsedMs = 100; elapsedMs <= 2 * MINUTE_MS; elapsedMs += 100) {
        clock.advance(100);
        taken += takeAll();
        expect(taken, `after ${elapsedMs} ms`).toBe(
          Math.floor((perMinute * elapsedMs) / MINUTE_MS),
        );
      }
      // However long it waits, it saves no more than a minute's worth.
      clock.advance(60 * MINUTE_MS);
      expect(takeAll()).toBe(perMinute);
      const refused = take();
      if (refused.kind !== 'too_many') throw new Error('it is not refused');
      clock.advance(refused.waitMs - 1);
      expect(takeAll()).toBe(0);
      clock.advance(2);
      expect(takeAll()).toBe(1);
    },
  );
});

describe('a deleted tenant', () => {
  it('is dropped in the background, which the operator can watch', async () => {
    const tenantId = await api().tenant();
    await api().destination(tenantId);
    for (let index = 0; index < 5; index++) await publish(tenantId);
    expect((await api().delete(`/v1/tenants/${tenantId}`)).body).toEqual({ success: true });
    const left = await until('the tenant to be dropped', async () => {
      const { status, body } = await api().get<DeletionsView>('/v1/deletions');
      expect(status).toBe(200);
      return body.models.some((each) => each.tenant_id === tenantId) ? undefined : body.models;
    });
    expect(left).toEqual([]);
    const events = await api().get<ListView<unknown>>(`/v1/events?tenant_id=${tenantId}`);
    expect(events.body.models).toEqual([]);
  });

  it('that is created anew meanwhile begins empty, and is not harmed', async () => {
    const tenantId = await api().tenant();
    await api().destination(tenantId, { id: 'd' });
    for (let index = 0; index < 5; index++) await publish(tenantId);
    await api().delete(`/v1/tenants/${tenantId}`);
    expect((await api().put(`/v1/tenants/${tenantId}`)).status).toBe(201);
    await api().destination(tenantId, { id: 'd' });
    const { body } = await api().publish({ tenant_id: tenantId, data: {} });
    expect(body.destination_ids).toEqual(['d']);
    await until('the old one to be dropped', async () => {
      const deletions = await api().get<DeletionsView>('/v1/deletions');
      return deletions.body.models.length === 0 ? true : undefined;
    });
    const events = await api().get<ListView<{ id: string }>>(`/v1/events?tenant_id=${tenantId}`);
    expect(events.body.models.map(({ id }) => id)).toEqual([body.id]);
  });
});
