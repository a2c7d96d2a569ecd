import { beforeAll, describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import type { ErrorView, EventView, ListView } from '../support/api-views.ts';

const api = useApi();

const HOUR = (hour: number) => `2026-05-01T${String(hour).padStart(2, '0')}:00:00.000Z`;

/** Two tenants; the first one's events e0 to e5, an hour apart, every other one of topic `even`. */
let one = '';
let two = '';

beforeAll(async () => {
  one = await api().tenant();
  two = await api().tenant();
  await api().destination(one, { id: 'odd-only', topics: ['odd'] });
  await api().destination(one, { id: 'all' });
  for (let hour = 0; hour < 6; hour++) {
    const topic = hour % 2 === 0 ? 'even' : 'odd';
    const event = { id: `e${hour}`, topic, time: HOUR(hour), data: { hour } };
    await api().publish({ tenant_id: one, ...event });
  }
  await api().publish({ tenant_id: two, id: 'e0', topic: 'even', data: { of: 'two' } });
  await api().publish({ tenant_id: two, id: 'only-two', topic: 'odd', data: {} });
});

const list = (query: string) => api().get<ListView<EventView>>(`/v1/events?${query}`);

async function idsOf(query: string): Promise<string[]> {
  const { status, body } = await list(query);
  expect(status).toBe(200);
  return body.models.map(({ id }) => id);
}

describe('GET /events', () => {
  it('lists a tenant’s events by their time, the newest first', async () => {
    expect(await idsOf(`tenant_id=${one}`)).toEqual(['e5', 'e4', 'e3', 'e2', 'e1', 'e0']);
    expect(await idsOf(`tenant_id=${one}&dir=asc&order_by=time`)).toEqual([
      'e0',
      'e1',
      'e2',
      'e3',
      'e4',
      'e5',
    ]);
  });

  it('lists those of several tenants, and of all, by when they came in', async () => {
    const both = ['e0', 'e1', 'e2', 'e3', 'e4', 'e5', 'e0', 'only-two'];
    expect(await idsOf(`dir=asc&tenant_id=${one}&tenant_id=${two}`)).toEqual(both);
    expect(await idsOf('dir=asc')).toEqual(both);
    expect(await idsOf('dir=desc')).toEqual(both.toReversed());
  });

  it.each<[query: string, ids: string[]]>([
    ['topic=odd', ['e1', 'e3', 'e5']],
    ['topic=odd&topic=even', ['e0', 'e1', 'e2', 'e3', 'e4', 'e5']],
    ['topic[]=odd', ['e1', 'e3', 'e5']],
    ['topic[0]=odd&topic[1]=none', ['e1', 'e3', 'e5']],
    ['topic=', []],
    ['id=e1&id=e4', ['e1', 'e4']],
    ['id[]=e1&id[]=nothing', ['e1']],
    ['id[0]=e1&id[1]=e4&topic=even', ['e4']],
    ['destination_id=odd-only', ['e1', 'e3', 'e5']],
    ['destination_id=nothing', []],
    [`time[gte]=${HOUR(2)}`, ['e2', 'e3', 'e4', 'e5']],
    [`time[gt]=${HOUR(2)}`, ['e3', 'e4', 'e5']],
    [`time[lte]=${HOUR(2)}`, ['e0', 'e1', 'e2']],
    [`time[lt]=${HOUR(2)}`, ['e0', 'e1']],
    [`time[gte]=${HOUR(1)}&time[lt]=${HOUR(4)}&topic=odd`, ['e1', 'e3']],
    [
      `time[gt]=${HOUR(1)}&time[gte]=${HOUR(0)}&time[lte]=${HOUR(4)}&time[lt]=${HOUR(4)}`,
      ['e2', 'e3'],
    ],
    [`time[gte]=${HOUR(4)}&time[lt]=${HOUR(1)}`, []],
    ['time%5Bgte%5D=2026-05-01T07:00:00%2B02:00', ['e5']],
  ])('filtered by %s gives %j', async (query, ids) => {
    expect(await idsOf(`tenant_id=${one}&dir=asc&${query}`)).toEqual(ids);
  });

  it('lists nothing of a tenant that is not there', async () => {
    expect(await idsOf('tenant_id=nobody')).toEqual([]);
    expect(await idsOf('tenant_id=')).toEqual([]);
  });

  it('has the envelope of all lists', async () => {
    const { body } = await list(`tenant_id=${one}&limit=2`);
    expect(body.pagination).toEqual({
      order_by: 'time',
      dir: 'desc',
      limit: 2,
      next: expect.any(String) as string,
      prev: null,
    });
    expect((await list('')).body.pagination.limit).toBe(100);
  });

  it.each<[query: string, pointer: string, code: string]>([
    ['limit=0', '?limit', 'range'],
    ['limit=1001', '?limit', 'range'],
    ['limit=-1', '?limit', 'range'],
    ['limit=1.5', '?limit', 'range'],
    ['limit=1e2', '?limit', 'range'],
    ['limit=', '?limit', 'range'],
    ['limit=5&limit=6', '?limit', 'repeated'],
    ['dir=up', '?dir', 'enum'],
    ['dir=ASC', '?dir', 'enum'],
    ['order_by=topic', '?order_by', 'enum'],
    ['time=2026-01-01T00:00:00Z', '?time', 'unknown_parameter'],
    ['time[gte]=yesterday', '?time[gte]', 'format'],
    ['time[eq]=2026-01-01T00:00:00Z', '?time[eq]', 'unknown_parameter'],
    ['time[gte]=2026-01-01T00:00:00Z&time[gte]=2026-01-02T00:00:00Z', '?time[gte]', 'repeated'],
    ['topics=odd', '?topics', 'unknown_parameter'],
    ['tenant=x', '?tenant', 'unknown_parameter'],
    ['id[x]=1', '?id[x]', 'unknown_parameter'],
    ['id[][]=1', '?id[]', 'unknown_parameter'],
    ['__proto__=1', '?__proto__', 'unknown_parameter'],
    ['constructor[prototype]=1', '?constructor[prototype]', 'unknown_parameter'],
    ['order_by=time&order_by=time', '?order_by', 'repeated'],
    [Array.from({ length: 101 }, (_, index) => `id=${index}`).join('&'), '?id', 'too_many'],
  ])('refuses %s with 422 and its name', async (query, pointer, code) => {
    const { status, body } = await api().get<ErrorView>(`/v1/events?${query}`);
    expect(status).toBe(422);
    expect(body.errors).toContainEqual({ pointer, code, message: expect.any(String) as string });
  });

  it('tells everything that is wrong with a query at once', async () => {
    const { body } = await api().get<ErrorView>('/v1/events?limit=x&dir=y&foo=1&time[gt]=z');
    expect(body.errors.map(({ pointer }) => pointer).toSorted()).toEqual([
      '?dir',
      '?foo',
      '?limit',
      '?time[gt]',
    ]);
  });
});

describe('GET /events/{event_id}', () => {
  it('gives what is unambiguous without a tenant', async () => {
    const { status, body } = await api().get<EventView>('/v1/events/e3');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: 'e3',
      tenant_id: one,
      topic: 'odd',
      time: HOUR(3),
      data: { hour: 3 },
      matched_destination_ids: ['odd-only', 'all'],
    });
  });

  it('is 409 where several tenants have used the id, and asks for the tenant', async () => {
    const { status, body } = await api().get<ErrorView>('/v1/events/e0');
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'ambiguous_id' });
    expect(body.message).toContain('tenant_id');
    const ofTwo = await api().get<EventView>(`/v1/events/e0?tenant_id=${two}`);
    expect(ofTwo.body.data).toEqual({ of: 'two' });
  });

  it.each(['nothing', 'evt_00000000000abcd', 'E3'])('is 404 for %s', async (id) => {
    const { body } = await api().get(`/v1/events/${id}`);
    expect(body).toMatchObject({ status: 404, code: 'event_not_found' });
  });

  it('is 404 for another tenant’s', async () => {
    const { body } = await api().get(`/v1/events/only-two?tenant_id=${one}`);
    expect(body).toMatchObject({ status: 404, code: 'event_not_found' });
  });

  it('takes no other parameters', async () => {
    const { body } = await api().get<ErrorView>('/v1/events/e3?include=data');
    expect(body.errors).toMatchObject([{ pointer: '?include', code: 'unknown_parameter' }]);
  });
});
