/** What creating, changing, disabling and deleting a destination does to events and deliveries. */
import { describe, expect, it } from 'vitest';
import type { ApiServer } from '../support/api-server.ts';
import { useApi, withApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { AttemptView, DeliveryView, EventView, ListView } from '../support/api-views.ts';

const api = useApi();

/** Its first attempt fails, and the next is an hour away. */
const FAILING = { policy: { retry: { delays_s: [3600], jitter: 0 } } };

const at = (tenantId: string, id: string) => `/v1/tenants/${tenantId}/destinations/${id}`;

async function deliveries(own: ApiServer, query: string): Promise<readonly DeliveryView[]> {
  return (await own.get<ListView<DeliveryView>>(`/v1/deliveries?${query}`)).body.models;
}

function deliveryOf(own: ApiServer, query: string, wanted: (delivery: DeliveryView) => boolean) {
  return until(`a delivery of ${query}`, async () =>
    (await deliveries(own, query)).find((delivery) => wanted(delivery)),
  );
}

describe('the very next publish', () => {
  it('goes to a destination that was created, and not to one that was disabled or deleted, 1,000 times', () =>
    withApi({ storage: 'file' }, async (own) => {
      const tenantId = await own.tenant();
      const publish = async () =>
        (await own.publish({ tenant_id: tenantId, topic: 'a', data: {} })).body.destination_ids;
      const url = own.receiver.url('/ok');
      for (let round = 0; round < 250; round++) {
        const { id } = await own.destination(tenantId, { topics: ['a'], config: { url } });
        expect(await publish()).toEqual([id]);
        await own.put(`${at(tenantId, id)}/disable`);
        expect(await publish()).toEqual([]);
        await own.patch(at(tenantId, id), { disabled_at: null });
        expect(await publish()).toEqual([id]);
        await own.delete(at(tenantId, id));
        expect(await publish()).toEqual([]);
      }
    }));

  it('goes by the topics that were just set', async () => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId, { topics: ['a'] });
    for (let round = 0; round < 50; round++) {
      const topic = round % 2 === 0 ? 'b' : 'a';
      await api().patch(at(tenantId, id), { topics: [topic] });
      for (const published of ['a', 'b']) {
        const { body } = await api().publish({ tenant_id: tenantId, topic: published, data: {} });
        expect(body.destination_ids).toEqual(published === topic ? [id] : []);
      }
    }
  });

  it('is delivered to the URL that was just set', async () => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId);
    for (let round = 0; round < 20; round++) {
      const path = `/moved/${tenantId}/${round}`;
      await api().patch(at(tenantId, id), { config: { url: api().receiver.url(path) } });
      await api().publish({ tenant_id: tenantId, data: { round } });
      const [received] = await api().receiver.wait(path, 1);
      expect(JSON.parse(received?.body.toString() ?? '')).toMatchObject({ data: { round } });
    }
  });
});

describe('a destination that is disabled', () => {
  it.each([
    ['PUT /disable', (path: string) => api().put(`${path}/disable`)],
    [
      'PATCH disabled_at',
      (path: string) => api().patch(path, { disabled_at: '2026-01-01T00:00:00Z' }),
    ],
    ['DELETE', (path: string) => api().delete(path)],
  ])('by %s is owed nothing any more', async (_how, disable) => {
    const tenantId = await api().tenant();
    const config = { url: api().receiver.url('/status/500') };
    const { id } = await api().destination(tenantId, { ...FAILING, config });
    const { body } = await api().publish({ tenant_id: tenantId, data: {} });
    const query = `tenant_id=${tenantId}&event_id=${body.id}`;
    const waiting = await deliveryOf(api(), query, ({ waits_for }) => waits_for === 'retry');
    expect(waiting).toMatchObject({ status: 'pending', attempts: 1, last_code: '500' });
    await disable(at(tenantId, id));
    const canceled = await deliveryOf(api(), query, ({ status }) => status === 'canceled');
    expect(canceled).toMatchObject({ attempts: 1, next_attempt_at: null, waits_for: null });
    const event = await api().get<EventView>(`/v1/events/${body.id}`);
    expect(event.body.status).toEqual({ pending: 0, delivered: 0, failed: 0, canceled: 1 });
  });

  it('is owed what is published after it was enabled again, and not what was canceled', async () => {
    const tenantId = await api().tenant();
    const config = { url: api().receiver.url('/status/500') };
    const { id } = await api().destination(tenantId, { ...FAILING, config });
    const before = await api().publish({ tenant_id: tenantId, data: {} });
    await api().put(`${at(tenantId, id)}/disable`);
    await api().patch(at(tenantId, id), {
      disabled_at: null,
      config: { url: api().receiver.url(`/enabled/${tenantId}`) },
    });
    const after = await api().publish({ tenant_id: tenantId, data: { after: true } });
    await api().receiver.wait(`/enabled/${tenantId}`, 1);
    await deliveryOf(api(), `event_id=${before.body.id}`, ({ status }) => status === 'canceled');
    await deliveryOf(api(), `event_id=${after.body.id}`, ({ status }) => status === 'delivered');
    expect(api().receiver.at(`/enabled/${tenantId}`)).toHaveLength(1);
  });
});

describe('a destination that takes the id of a deleted one', () => {
  it('has a history of its own', async () => {
    const tenantId = await api().tenant();
    const of = (path: string) => ({ id: 'same', config: { url: api().receiver.url(path) } });
    await api().destination(tenantId, of('/first'));
    const first = await api().publish({ tenant_id: tenantId, data: { first: true } });
    const query = `tenant_id=${tenantId}&destination_id=same`;
    await deliveryOf(api(), query, ({ status }) => status === 'delivered');
    await api().delete(at(tenantId, 'same'));
    await api().destination(tenantId, of('/second'));
    const second = await api().publish({ tenant_id: tenantId, data: { second: true } });
    await deliveryOf(api(), `event_id=${second.body.id}`, ({ status }) => status === 'delivered');

    // The first one's event was never owed to the second: a retry by hand makes a delivery of its own.
    const retried = await api().post('/v1/retry', {
      event_id: first.body.id,
      destination_id: 'same',
    });
    expect(retried.status).toBe(202);
    const ofFirst = await until('the delivery that was added', async () => {
      const found = await deliveries(api(), `event_id=${first.body.id}&dir=asc`);
      return found.length === 2 && found[1]?.status === 'delivered' ? found : undefined;
    });
    expect(ofFirst.map(({ attempts }) => attempts)).toEqual([1, 1]);
    const attempts = await api().get<ListView<AttemptView & { request: { url: string } }>>(
      `/v1/attempts?event_id=${first.body.id}&dir=asc&include=request`,
    );
    expect(
      attempts.body.models.map(({ request, kind }) => [new URL(request.url).pathname, kind]),
    ).toEqual([
      ['/first', 'first'],
      ['/second', 'manual'],
    ]);
  });

  it('does not inherit what is owed, nor the place of one that is under way', async () => {
    const tenantId = await api().tenant();
    const hold = `recreated-${tenantId}`;
    await api().destination(tenantId, {
      id: 'same',
      config: { url: api().receiver.url(`/hold/${hold}`) },
    });
    const held = await api().publish({ tenant_id: tenantId, data: {} });
    await api().receiver.wait(`/hold/${hold}`, 1);
    await api().delete(at(tenantId, 'same'));
    await api().destination(tenantId, {
      id: 'same',
      config: { url: api().receiver.url(`/fresh/${tenantId}`) },
    });
    const fresh = await api().publish({ tenant_id: tenantId, data: {} });
    await deliveryOf(api(), `event_id=${fresh.body.id}`, ({ status }) => status === 'delivered');
    api().receiver.release(hold);
    const first = await deliveryOf(
      api(),
      `event_id=${held.body.id}`,
      ({ attempts }) => attempts === 1,
    );
    expect(first.status).toBe('canceled');
    expect(api().receiver.at(`/fresh/${tenantId}`)).toHaveLength(1);
  });
});
