import { describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ListView } from '../support/api-views.ts';

const api = useApi();

/** An event whose delivery waits for its next attempt, in an hour. */
async function waiting(destinations = ['d']): Promise<{ tenantId: string; eventId: string }> {
  const tenantId = await api().tenant();
  for (const id of destinations) {
    await api().destination(tenantId, {
      id,
      config: { url: api().receiver.url('/status/500') },
      policy: { retry: { delays_s: [3600], jitter: 0 } },
    });
  }
  const { body } = await api().publish({ tenant_id: tenantId, data: {} });
  await until('the first attempts', async () => {
    const listed = await deliveries(body.id);
    return listed.every(({ attempts }) => attempts === 1) ? listed : undefined;
  });
  return { tenantId, eventId: body.id };
}

async function deliveries(eventId: string): Promise<readonly DeliveryView[]> {
  const { body } = await api().get<ListView<DeliveryView>>(
    `/v1/deliveries?event_id=${eventId}&dir=asc`,
  );
  return body.models;
}

const statuses = async (eventId: string) => (await deliveries(eventId)).map(({ status }) => status);

describe('POST /deliveries/{delivery_id}/cancel', () => {
  it('cancels a delivery that waits', async () => {
    const { eventId } = await waiting();
    const [delivery] = await deliveries(eventId);
    const { status, body } = await api().post<DeliveryView>(
      `/v1/deliveries/${delivery?.id}/cancel`,
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: delivery?.id, status: 'canceled', next_attempt_at: null });
    expect(await statuses(eventId)).toEqual(['canceled']);
  });

  it('is 409 for one that has ended', async () => {
    const { eventId } = await waiting();
    const [delivery] = await deliveries(eventId);
    const path = `/v1/deliveries/${delivery?.id}/cancel`;
    await api().post(path);
    expect((await api().post(path)).body).toMatchObject({ status: 409, code: 'delivery_final' });
  });

  it.each(['nothing', 'dlv_00000000000abcd000'])('is 404 for %s', async (id) => {
    const { body } = await api().post(`/v1/deliveries/${id}/cancel`);
    expect(body).toMatchObject({ status: 404, code: 'delivery_not_found' });
  });

  it('lets an attempt that is under way end, and starts none that waited behind it', async () => {
    const tenantId = await api().tenant();
    const hold = `cancel-${tenantId}`;
    const path = `/hold/${hold}`;
    await api().destination(tenantId, {
      config: { url: api().receiver.url(path) },
      policy: { concurrency: 1 },
    });
    const publish = async () => (await api().publish({ tenant_id: tenantId, data: {} })).body.id;
    const underWay = await publish();
    await api().receiver.wait(path, 1);
    const behind = await publish();
    const last = await publish();
    for (const eventId of [underWay, behind]) {
      const [delivery] = await deliveries(eventId);
      const { body } = await api().post<DeliveryView>(`/v1/deliveries/${delivery?.id}/cancel`);
      expect(body.status).toBe('canceled');
    }
    api().receiver.release(hold);
    await until('the last one', async () => {
      const found = await statuses(last);
      return found[0] === 'delivered' ? found : undefined;
    });
    expect(api().receiver.at(path)).toHaveLength(2);
    expect(await deliveries(underWay)).toMatchObject([{ status: 'canceled', attempts: 1 }]);
    expect(await deliveries(behind)).toMatchObject([{ status: 'canceled', attempts: 0 }]);
  });

  it('can be taken back by a retry', async () => {
    const { tenantId, eventId } = await waiting();
    const [delivery] = await deliveries(eventId);
    await api().post(`/v1/deliveries/${delivery?.id}/cancel`);
    await api().post('/v1/retry', { event_id: eventId, destination_id: 'd', tenant_id: tenantId });
    await until('the attempt by hand', async () => {
      const [found] = await deliveries(eventId);
      return found?.attempts === 2 ? found : undefined;
    });
  });
});

describe('POST /events/{event_id}/cancel', () => {
  it('cancels all that is pending of the event, and no other’s', async () => {
    const { tenantId, eventId } = await waiting(['a', 'b', 'c']);
    const other = await waiting();
    const [first] = await deliveries(eventId);
    await api().post(`/v1/deliveries/${first?.id}/cancel`);
    const path = `/v1/events/${eventId}/cancel?tenant_id=${tenantId}`;
    expect(await api().post(path)).toMatchObject({ status: 200, body: { canceled: 2 } });
    expect(await statuses(eventId)).toEqual(['canceled', 'canceled', 'canceled']);
    expect(await statuses(other.eventId)).toEqual(['pending']);
    expect(await api().post(path)).toMatchObject({ status: 200, body: { canceled: 0 } });
  });

  it('is 404 for an event that is not there, and 409 for an id of several tenants', async () => {
    expect((await api().post('/v1/events/nothing/cancel')).body).toMatchObject({
      status: 404,
      code: 'event_not_found',
    });
    for (const tenantId of [await api().tenant(), await api().tenant()])
      await api().publish({ tenant_id: tenantId, id: 'of-two', data: {} });
    expect((await api().post('/v1/events/of-two/cancel')).body).toMatchObject({
      status: 409,
      code: 'ambiguous_id',
    });
  });
});
