import { beforeAll, describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ErrorView, ListView } from '../support/api-views.ts';

const api = useApi();

const A_MOMENT_AGO = () => new Date(Date.now() - 60_000).toISOString();

/** A tenant with one event of each topic, at a destination that takes it, one that fails, one that will be retried. */
let tenantId = '';
let first = '';
let second = '';

const list = (query: string) => api().get<ListView<DeliveryView>>(`/v1/deliveries?${query}`);

beforeAll(async () => {
  tenantId = await api().tenant();
  const url = (path: string) => ({ config: { url: api().receiver.url(path) } });
  await api().destination(tenantId, { id: 'good', ...url('/ok') });
  await api().destination(tenantId, {
    id: 'bad',
    ...url('/status/503'),
    policy: { retry: { delays_s: [] } },
  });
  await api().destination(tenantId, {
    id: 'later',
    topics: ['a'],
    ...url('/status/500'),
    policy: { retry: { delays_s: [3600], jitter: 0 } },
  });
  first = (await api().publish({ tenant_id: tenantId, topic: 'a', data: {} })).body.id;
  second = (await api().publish({ tenant_id: tenantId, topic: 'b', data: {} })).body.id;
  await until('all first attempts', async () => {
    const { body } = await list(`tenant_id=${tenantId}`);
    return body.models.every(({ attempts }) => attempts === 1) ? body : undefined;
  });
});

async function shown(query: string): Promise<string[]> {
  const { status, body } = await list(`tenant_id=${tenantId}&dir=asc&${query}`);
  expect(status).toBe(200);
  return body.models.map((model) => `${model.event_id === first ? 1 : 2} ${model.destination_id}`);
}

const ALL = ['1 good', '1 bad', '1 later', '2 good', '2 bad'];

describe('GET /deliveries', () => {
  it('lists what is owed and was owed, the newest first', async () => {
    expect(await shown('')).toEqual(ALL);
    const { body } = await list(`tenant_id=${tenantId}&limit=2`);
    expect(body.models.map(({ event_id }) => event_id)).toEqual([second, second]);
    expect(body.pagination).toMatchObject({ order_by: 'created_at', dir: 'desc', prev: null });
  });

  it.each([
    ['status=delivered', ['1 good', '2 good']],
    ['status=failed', ['1 bad', '2 bad']],
    ['status=pending', ['1 later']],
    ['status=delivering', ['1 later']],
    ['status=canceled', []],
    ['code=503', ['1 bad', '2 bad']],
    ['code=500&code=200', ['1 good', '1 later', '2 good']],
    ['code=500&status=failed', []],
    ['destination_id=bad', ['1 bad', '2 bad']],
    ['destination_id=nothing', []],
    ['topic=a', ['1 good', '1 bad', '1 later']],
    ['topic[]=a&topic[]=b&status=failed', ['1 bad', '2 bad']],
    ['event_id=nothing', []],
    ['time[lt]=2026-01-01T00:00:00Z', []],
  ])('filtered by %s gives %j', async (query, expected) => {
    expect(await shown(query)).toEqual(expected);
  });

  it('filtered by an event gives that one’s', async () => {
    expect(await shown(`event_id=${first}`)).toEqual(['1 good', '1 bad', '1 later']);
    expect(await shown(`event_id=${second}&status=failed`)).toEqual(['2 bad']);
  });

  it('filtered by time goes by when they came in', async () => {
    expect(await shown(`time[gte]=${A_MOMENT_AGO()}`)).toEqual(ALL);
    expect(await shown(`time[lt]=${A_MOMENT_AGO()}`)).toEqual([]);
  });

  it('tells how each stands', async () => {
    const { body } = await list(`tenant_id=${tenantId}&event_id=${first}&dir=asc`);
    const common = {
      id: expect.stringMatching(/^dlv_[0-9a-z]{18}$/) as string,
      tenant_id: tenantId,
      event_id: first,
      topic: 'a',
      test: false,
      attempts: 1,
      created_at: expect.any(String) as string,
      updated_at: expect.any(String) as string,
    };
    expect(body.models).toEqual([
      {
        ...common,
        destination_id: 'good',
        status: 'delivered',
        next_attempt_at: null,
        waits_for: null,
        last_code: '200',
        delivered_at: expect.stringMatching(/Z$/) as string,
      },
      {
        ...common,
        destination_id: 'bad',
        status: 'failed',
        next_attempt_at: null,
        waits_for: null,
        last_code: '503',
        delivered_at: null,
      },
      {
        ...common,
        destination_id: 'later',
        status: 'pending',
        next_attempt_at: expect.stringMatching(/Z$/) as string,
        waits_for: 'retry',
        last_code: '500',
        delivered_at: null,
      },
    ]);
    const dueMs = Date.parse(body.models[2]?.next_attempt_at ?? '');
    expect(dueMs - Date.now()).toBeGreaterThan(3500 * 1000);
    expect(dueMs - Date.now()).toBeLessThanOrEqual(3600 * 1000);
  });

  it('shows one that is in an attempt as such', async () => {
    const own = await api().tenant();
    const hold = `delivering-${own}`;
    await api().destination(own, { config: { url: api().receiver.url(`/hold/${hold}`) } });
    const { body } = await api().publish({ tenant_id: own, data: {} });
    await api().receiver.wait(`/hold/${hold}`, 1);
    for (const status of ['pending', 'delivering']) {
      const listed = await list(`event_id=${body.id}&status=${status}`);
      expect(listed.body.models).toMatchObject([
        { status: 'delivering', attempts: 0, waits_for: null, next_attempt_at: null },
      ]);
    }
    api().receiver.release(hold);
    await until('its delivery', async () => {
      const listed = await list(`event_id=${body.id}&status=delivered`);
      return listed.body.models[0];
    });
  });

  it('is 409 for an event’s id that several tenants have used, unless the tenant is given', async () => {
    const [one, two] = [await api().tenant(), await api().tenant()];
    for (const id of [one, two]) {
      await api().destination(id);
      await api().publish({ tenant_id: id, id: 'ambiguous', data: {} });
    }
    const { body } = await api().get('/v1/deliveries?event_id=ambiguous');
    expect(body).toMatchObject({ status: 409, code: 'ambiguous_id' });
    const listed = await list(`event_id=ambiguous&tenant_id=${two}`);
    expect(listed.body.models).toMatchObject([{ tenant_id: two }]);
  });

  it.each([
    ['status=done', '?status', 'enum'],
    ['last_code=500', '?last_code', 'unknown_parameter'],
    ['limit=1001', '?limit', 'range'],
    ['order_by=time', '?order_by', 'unknown_parameter'],
    ['time[gt]=x', '?time[gt]', 'format'],
  ])('refuses %s with 422', async (query, pointer, code) => {
    const { status, body } = await api().get<ErrorView>(`/v1/deliveries?${query}`);
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer, code }]);
  });
});

describe('GET /deliveries/{delivery_id}', () => {
  it('gives each one as the list does', async () => {
    const { body } = await list(`tenant_id=${tenantId}`);
    for (const model of body.models) {
      const got = await api().get(`/v1/deliveries/${model.id}`);
      expect({ status: got.status, body: got.body }).toEqual({ status: 200, body: model });
    }
  });

  it.each(['nothing', 'dlv_', 'dlv_00000000000abcd000', 'evt_00000000000abcd'])(
    'is 404 for %s',
    async (id) => {
      const { body } = await api().get(`/v1/deliveries/${id}`);
      expect(body).toMatchObject({ status: 404, code: 'delivery_not_found' });
    },
  );

  it('is 404 for an ordinal that the event does not have', async () => {
    const { body } = await list(`event_id=${second}`);
    const id = body.models[0]?.id ?? '';
    const got = await api().get(`/v1/deliveries/${id.slice(0, -3)}zzz`);
    expect(got.body).toMatchObject({ status: 404, code: 'delivery_not_found' });
  });
});
