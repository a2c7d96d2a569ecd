/** Pages: with rows arriving between them, each row that was there before the first page comes exactly once. */
import { describe, expect, it } from 'vitest';
import type { ApiServer } from '../support/api-server.ts';
import { useApi, withApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { ErrorView, ListView } from '../support/api-views.ts';

const api = useApi();

const ORDERS = ['asc', 'desc'] as const;

interface Row {
  readonly id: string;
}

interface PagedList {
  readonly name: string;
  /** Path and filters of the list. */
  readonly url: (tenantId: string) => string;
  /** Adds a row to the list. */
  readonly add: (own: ApiServer, tenantId: string, number: number) => Promise<unknown>;
}

const publish = (own: ApiServer, tenantId: string, given: object = {}) =>
  own.publish({ tenant_id: tenantId, data: {}, ...given });

const LISTS: readonly PagedList[] = [
  {
    name: 'tenants',
    url: () => '/v1/tenants?',
    add: (own) => own.tenant(),
  },
  {
    name: 'events of one tenant, whose times go up and down',
    url: (tenantId) => `/v1/events?tenant_id=${tenantId}`,
    add: (own, tenantId, number) => {
      const minute = String((number * 37) % 60).padStart(2, '0');
      return publish(own, tenantId, { time: `2026-01-01T00:${minute}:00Z` });
    },
  },
  {
    name: 'events of one tenant, all of one time',
    url: (tenantId) => `/v1/events?tenant_id=${tenantId}`,
    add: (own, tenantId) => publish(own, tenantId, { time: '2026-01-01T00:00:00Z' }),
  },
  {
    name: 'events of several tenants',
    url: (tenantId) => `/v1/events?tenant_id=${tenantId}&tenant_id=nobody`,
    add: (own, tenantId) => publish(own, tenantId),
  },
  {
    name: 'events of all tenants',
    url: () => '/v1/events?',
    add: (own, tenantId) => publish(own, tenantId),
  },
  {
    name: 'deliveries, two of each event',
    url: (tenantId) => `/v1/deliveries?tenant_id=${tenantId}`,
    add: (own, tenantId) => publish(own, tenantId),
  },
  {
    name: 'attempts',
    url: (tenantId) => `/v1/attempts?tenant_id=${tenantId}`,
    add: (own, tenantId) => publish(own, tenantId),
  },
  {
    name: 'a destination’s attempts',
    url: (tenantId) => `/v1/tenants/${tenantId}/destinations/one/attempts?`,
    add: (own, tenantId) => publish(own, tenantId),
  },
];

async function page(own: ApiServer, url: string): Promise<ListView<Row>> {
  const { status, body } = await own.get<ListView<Row>>(url);
  expect(status).toBe(200);
  return body;
}

/** All pages, one after the other; `between` runs before each but the first. */
async function walk(
  own: ApiServer,
  url: string,
  side: 'next' | 'prev',
  between: () => Promise<unknown> = () => Promise.resolve(),
): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | null = null;
  do {
    if (cursor !== null) await between();
    const from: string = cursor === null ? '' : `&${side}=${cursor}`;
    const found: ListView<Row> = await page(own, `${url}${from}`);
    pages.push(found.models.map(({ id }) => id));
    cursor = found.pagination[side];
  } while (cursor !== null);
  return pages;
}

/** A tenant with two destinations, its list filled with rows and no attempt under way. */
async function filled(own: ApiServer, { add, url }: PagedList, rows: number): Promise<string> {
  const tenantId = await own.tenant();
  for (const id of ['one', 'two']) await own.destination(tenantId, { id });
  for (let number = 0; number < rows; number++) await add(own, tenantId, number);
  await until('the end of all deliveries', async () => {
    const pending = await page(own, `/v1/deliveries?tenant_id=${tenantId}&status=pending`);
    return pending.models.length === 0 ? pending : undefined;
  });
  expect((await page(own, `${url(tenantId)}&limit=100`)).models.length).toBeGreaterThanOrEqual(
    rows,
  );
  return tenantId;
}

describe.each(LISTS)('pages of $name', (list) => {
  it.each(ORDERS)('give each row that was there once, while rows arrive, %s', (order) =>
    withApi({}, async (own) => {
      const tenantId = await filled(own, list, 20);
      const url = `${list.url(tenantId)}&dir=${order}`;
      const before = (await page(own, `${url}&limit=100`)).models.map(({ id }) => id);
      let number = 100;
      const pages = await walk(own, `${url}&limit=3`, 'next', () =>
        list.add(own, tenantId, number++),
      );
      const seen = pages.flat();
      expect(new Set(seen).size).toBe(seen.length);
      const known = new Set(before);
      expect(seen.filter((id) => known.has(id))).toEqual(before);
      // All but the last are full: rows are not left out to make it so.
      for (const ids of pages.slice(0, -1)) expect(ids).toHaveLength(3);
    }),
  );

  it.each(ORDERS)('lead back the way they came, %s', (order) =>
    withApi({}, async (own) => {
      const tenantId = await filled(own, list, 10);
      const url = `${list.url(tenantId)}&dir=${order}&limit=3`;
      const pages = await walk(own, url, 'next');
      let at: ListView<Row> = await page(own, url);
      for (const expected of pages.slice(1)) {
        at = await page(own, `${url}&next=${at.pagination.next}`);
        expect(at.models.map(({ id }) => id)).toEqual(expected);
      }
      for (const expected of pages.slice(0, -1).toReversed()) {
        at = await page(own, `${url}&prev=${at.pagination.prev}`);
        expect(at.models.map(({ id }) => id)).toEqual(expected);
      }
      expect(at.pagination.prev).toBeNull();
      expect(at.pagination.next).not.toBeNull();
    }),
  );
});

describe('pages', () => {
  it.each<[limit: number, sizes: number[]]>([
    [1, [1, 1, 1, 1]],
    [3, [3, 1]],
    [4, [4]],
    [5, [4]],
  ])('of %d end with null, also where the last one is full', async (limit, sizes) => {
    const tenantId = await api().tenant();
    for (let count = 0; count < 4; count++) await publish(api(), tenantId);
    const pages = await walk(api(), `/v1/events?tenant_id=${tenantId}&limit=${limit}`, 'next');
    expect(pages.map((ids) => ids.length)).toEqual(sizes);
  });

  it('keep their filters with their cursors', async () => {
    const tenantId = await api().tenant();
    for (let count = 0; count < 9; count++)
      await publish(api(), tenantId, { id: `e${count}`, topic: count % 2 === 0 ? 'a' : 'b' });
    const pages = await walk(api(), `/v1/events?tenant_id=${tenantId}&topic=a&limit=2`, 'next');
    expect(pages).toEqual([['e8', 'e6'], ['e4', 'e2'], ['e0']]);
  });

  it('are empty, with no cursors, where there is nothing', async () => {
    const tenantId = await api().tenant();
    const { models, pagination } = await page(api(), `/v1/events?tenant_id=${tenantId}`);
    expect({ models, next: pagination.next, prev: pagination.prev }).toEqual({
      models: [],
      next: null,
      prev: null,
    });
  });

  it('give cursors that say nothing and need no escape in a URL', async () => {
    const tenantId = await api().tenant();
    for (let count = 0; count < 3; count++) await publish(api(), tenantId);
    const { pagination } = await page(api(), `/v1/events?tenant_id=${tenantId}&limit=1`);
    expect(pagination.next).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it('turn round where the order is turned', async () => {
    const tenantId = await api().tenant();
    for (let count = 0; count < 5; count++) await publish(api(), tenantId, { id: `e${count}` });
    const url = `/v1/events?tenant_id=${tenantId}&limit=2`;
    const { pagination } = await page(api(), `${url}&dir=desc`);
    const turned = await page(api(), `${url}&dir=asc&next=${pagination.next}`);
    expect(turned.models.map(({ id }) => id)).toEqual(['e4']);
  });
});

describe('a bad cursor', () => {
  const cursor = (text: string) => Buffer.from(text).toString('base64url');

  const BAD = [
    '',
    'x',
    '!!!',
    'null',
    cursor(''),
    cursor('a'),
    cursor('1.5'),
    cursor('1e3'),
    cursor(' 1'),
    cursor('0x10'),
    cursor('1,2,3'),
    cursor('9007199254740993'),
    cursor('{"a":1}'),
    `${cursor('1')}=`,
    `${cursor('1')}%00`,
    'x'.repeat(5000),
  ];

  it.each([
    '/v1/tenants?',
    '/v1/events?',
    '/v1/events?tenant_id=t',
    '/v1/deliveries?',
    '/v1/attempts?',
  ])('of %s is 422, in both directions', async (url) => {
    for (const side of ['next', 'prev']) {
      for (const bad of BAD) {
        const { status, body } = await api().get<ErrorView>(`${url}&${side}=${bad}`);
        expect({ status, errors: body.errors }, bad).toMatchObject({
          status: 422,
          errors: [{ pointer: `?${side}`, code: 'cursor' }],
        });
      }
    }
  });

  it('is one of a list that is ordered otherwise', async () => {
    const tenantId = await api().tenant();
    for (let count = 0; count < 3; count++) await publish(api(), tenantId);
    const { pagination } = await page(api(), `/v1/events?tenant_id=${tenantId}&limit=1`);
    for (const url of ['/v1/events?', '/v1/tenants?', '/v1/attempts?']) {
      const { status } = await api().get(`${url}&next=${pagination.next}`);
      expect(status).toBe(422);
    }
  });

  it('is every cursor that comes with another', async () => {
    const { body } = await api().get<ErrorView>(
      `/v1/events?next=${cursor('1')}&prev=${cursor('1')}`,
    );
    expect(body.errors).toMatchObject([{ pointer: '?prev', code: 'exclusive' }]);
    const twice = await api().get<ErrorView>(`/v1/events?next=${cursor('1')}&next=${cursor('2')}`);
    expect(twice.body.errors).toMatchObject([{ pointer: '?next', code: 'repeated' }]);
  });
});
