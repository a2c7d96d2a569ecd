import { beforeAll, describe, expect, it } from 'vitest';
import { useApi, withApi } from '../support/api-server.ts';
import type { ErrorView, EventView, ListView } from '../support/api-views.ts';

const api = useApi();

let tenantId = '';

beforeAll(async () => {
  tenantId = await api().tenant();
  const publish = (id: string, topic: string, text: string) =>
    api().publish({ tenant_id: tenantId, id, topic, data: { text } });
  await publish('one', 'a', 'the quick brown fox');
  await publish('two', 'b', 'the quick red fox');
  await publish('three', 'a', 'Größe: 100 %');
});

async function found(query: string): Promise<string[]> {
  const url = `/v1/events?tenant_id=${tenantId}&dir=asc&${query}`;
  const { status, body } = await api().get<ListView<EventView>>(url);
  expect(status).toBe(200);
  return body.models.map(({ id }) => id);
}

describe('GET /events?search=', () => {
  it.each([
    ['quick', ['one', 'two']],
    ['red fox', ['two']],
    ['"text":"the', ['one', 'two']],
    ['Größe', ['three']],
    ['100 %', ['three']],
    ['Quick', []],
    ['_', []],
  ])('finds the text %j in data, byte for byte', async (text, expected) => {
    expect(await found(`search=${encodeURIComponent(text)}`)).toEqual(expected);
  });

  it('goes together with the other filters', async () => {
    expect(await found('search=fox&topic=a')).toEqual(['one']);
    expect(await found('search=fox&id=two&id=three')).toEqual(['two']);
    expect(await found('search=fox&time[lt]=2020-01-01T00:00:00Z')).toEqual([]);
  });

  it('comes in pages', async () => {
    const url = `/v1/events?tenant_id=${tenantId}&dir=asc&limit=1&search=quick`;
    const first = await api().get<ListView<EventView>>(url);
    expect(first.body.models.map(({ id }) => id)).toEqual(['one']);
    const next = `&next=${first.body.pagination.next ?? ''}`;
    const second = await api().get<ListView<EventView>>(`${url}${next}`);
    expect(second.body.models.map(({ id }) => id)).toEqual(['two']);
  });

  it.each(['', 'x'.repeat(257)])('refuses a text of such a length (%#)', async (text) => {
    const { status, body } = await api().get<ErrorView>(`/v1/events?search=${text}`);
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer: '?search', code: 'length' }]);
  });

  it('looks at so much for a page, and goes on with the next, though nothing was found', async () => {
    await withApi({}, async (own) => {
      const id = await own.tenant();
      const filler = 'x'.repeat(1_000_000);
      await own.publish({ tenant_id: id, id: 'needle', data: { text: 'a needle' } });
      for (let left = 20; left > 0; left--) await own.publish({ tenant_id: id, data: { filler } });
      const ids: string[] = [];
      let pages = 0;
      let cursor: string | null = '';
      while (cursor !== null) {
        const next: string = cursor === '' ? '' : `&next=${cursor}`;
        const url = `/v1/events?tenant_id=${id}&search=needle${next}`;
        const { models, pagination } = (await own.get<ListView<EventView>>(url)).body;
        ids.push(...models.map((event) => event.id));
        cursor = pagination.next;
        pages++;
      }
      expect(ids).toEqual(['needle']);
      expect(pages).toBe(2);
    });
  });
});
