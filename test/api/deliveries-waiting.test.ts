/** Why a delivery waits, each reason as `GET /deliveries` tells it. */
import { describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ErrorView, ListView } from '../support/api-views.ts';

const api = useApi();
const HOUR_MS = 3_600_000;

/** By event, in the order of their publishing; when all are as wanted. */
function whenAll(
  eventIds: readonly string[],
  wanted: (delivery: DeliveryView, index: number) => boolean,
): Promise<DeliveryView[]> {
  return until('deliveries that stand so', async () => {
    const found: DeliveryView[] = [];
    for (const [index, id] of eventIds.entries()) {
      const { body } = await api().get<ListView<DeliveryView>>(`/v1/deliveries?event_id=${id}`);
      const [delivery] = body.models;
      if (delivery === undefined || !wanted(delivery, index)) return undefined;
      found.push(delivery);
    }
    return found;
  });
}

async function publish(tenantId: string, count: number, given: object = {}): Promise<string[]> {
  const ids: string[] = [];
  for (let left = count; left > 0; left--)
    ids.push((await api().publish({ tenant_id: tenantId, data: {}, ...given })).body.id);
  return ids;
}

/** A receiver that holds its first request, so that what comes after it has to wait. */
async function held(policy: object): Promise<{ tenantId: string; path: string; name: string }> {
  const tenantId = await api().tenant();
  const name = `held-${tenantId}`;
  const path = `/hold/${name}`;
  await api().destination(tenantId, { policy, config: { url: api().receiver.url(path) } });
  return { tenantId, path, name };
}

describe('a delivery waits', () => {
  it('for its time: `deliver_at`, and not a moment less', async () => {
    const tenantId = await api().tenant();
    const url = api().receiver.url(`/later/${tenantId}`);
    await api().destination(tenantId, { config: { url } });
    const deliver_at = new Date(Date.now() + HOUR_MS).toISOString();
    const [delivery] = await whenAll(await publish(tenantId, 1, { deliver_at }), () => true);
    expect(delivery).toMatchObject({
      status: 'pending',
      attempts: 0,
      waits_for: 'deliver_at',
      next_attempt_at: deliver_at,
    });
    const soonMs = Date.now() + 300;
    await publish(tenantId, 1, { deliver_at: new Date(soonMs).toISOString() });
    await api().receiver.wait(`/later/${tenantId}`, 1);
    expect(Date.now()).toBeGreaterThanOrEqual(soonMs);
    await publish(tenantId, 1, { deliver_at: '2020-01-01T00:00:00Z' });
    await api().receiver.wait(`/later/${tenantId}`, 2);
  });

  it('for its rate, in memory as in the storage', async () => {
    const tenantId = await api().tenant();
    await api().destination(tenantId, { policy: { rate_per_minute: 1 } });
    const ids = await publish(tenantId, 4);
    const [, ...others] = await whenAll(ids, ({ status, waits_for: why }, index) =>
      index === 0 ? status === 'delivered' : why === 'rate',
    );
    for (const delivery of others)
      expect(delivery).toMatchObject({ status: 'pending', attempts: 0 });
  });

  it('for those of its key that go first: `order`', async () => {
    const { tenantId, path, name } = await held({ order: 'key' });
    const ids = await publish(tenantId, 3, { order_key: 'k' });
    await api().receiver.wait(path, 1);
    const found = await whenAll(ids, ({ status, waits_for: why }, index) =>
      index === 0 ? status === 'delivering' : why === 'order',
    );
    expect(found.map(({ status }) => status)).toEqual(['delivering', 'pending', 'pending']);
    api().receiver.release(name);
    await whenAll(ids, ({ status, waits_for: why }) => status === 'delivered' && why === null);
  });

  it('for a place beside others: `concurrency`', async () => {
    const { tenantId, path, name } = await held({ concurrency: 1 });
    const ids = await publish(tenantId, 2);
    await api().receiver.wait(path, 1);
    await whenAll(ids, ({ status, waits_for: why }, index) =>
      index === 0 ? status === 'delivering' && why === null : why === 'concurrency',
    );
    api().receiver.release(name);
    await whenAll(ids, ({ status }) => status === 'delivered');
  });

  it('until its destination is enabled: `disabled`', async () => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId, { policy: { while_disabled: 'hold' } });
    const path = `/v1/tenants/${tenantId}/destinations/${id}`;
    await api().put(`${path}/disable`);
    const ids = await publish(tenantId, 1);
    await whenAll(ids, ({ status, waits_for: why }) => status === 'pending' && why === 'disabled');
    await api().put(`${path}/enable`);
    await whenAll(ids, ({ status }) => status === 'delivered');
  });

  it('for the receiver to be up again: `breaker`, and its destination says until when', async () => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId, {
      config: { url: api().receiver.url('/status/503') },
      policy: { retry: { delays_s: [] }, concurrency: 1 },
    });
    const path = `/v1/tenants/${tenantId}/destinations/${id}`;
    // One after the other, until nobody is asked any more.
    await until('an open breaker', async () => {
      await publish(tenantId, 5);
      const { body } = await api().get<{ state: { breaker_until: string | null } }>(path);
      return body.state.breaker_until ?? undefined;
    });
    await until('a delivery that waits for it', async () => {
      await publish(tenantId, 1);
      const list = `/v1/deliveries?tenant_id=${tenantId}&status=pending&limit=1000`;
      const { body } = await api().get<ListView<DeliveryView>>(list);
      return body.models.find(({ waits_for: why }) => why === 'breaker');
    });
  });
});

it.each([
  ['soon', 'format'],
  [5, 'format'],
  [null, 'format'],
  [new Date(Date.now() + 30 * 24 * HOUR_MS).toISOString(), 'too_late'],
])('deliver_at %j is refused', async (deliver_at, code) => {
  const body = { tenant_id: await api().tenant(), data: {}, deliver_at };
  const answer = await api().post<ErrorView>('/v1/publish', body);
  expect(answer.status).toBe(422);
  expect(answer.body.errors).toMatchObject([{ pointer: '/deliver_at', code }]);
});
