import { describe, expect, it } from 'vitest';
import { withApi } from '../support/api-server.ts';
import type { ApiServer } from '../support/api-server.ts';
import type { DestinationView, ErrorView, TopicView } from '../support/api-views.ts';

interface Listed {
  readonly models: readonly TopicView[];
  readonly pagination: {
    readonly next: string | null;
    readonly prev: string | null;
    readonly limit: number;
    readonly order_by: string;
  };
}

const put = (api: ApiServer, name: string, body: object = {}) =>
  api.put<TopicView & ErrorView>(`/v1/catalogue/${encodeURIComponent(name)}`, body);

const names = ({ models }: Listed) => models.map(({ name }) => name);

const FULL = {
  description: 'A room was created.',
  schema: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
  sample: { id: 'room_1' },
  deprecated: true,
  enforcement: 'warn',
};

describe('PUT /catalogue/{topic}', () => {
  it('adds a topic, and replaces it whole', () =>
    withApi({}, async (api) => {
      const added = await put(api, 'room.created', FULL);
      expect(added.status).toBe(201);
      expect(added.body).toEqual({
        name: 'room.created',
        ...FULL,
        violations: 0,
        created_at: expect.any(String) as string,
        updated_at: added.body.created_at,
      });
      const got = await api.get('/v1/catalogue/room.created');
      expect({ status: got.status, body: got.body }).toEqual({ status: 200, body: added.body });
      const replaced = await put(api, 'room.created', { description: 'Other' });
      expect(replaced.status).toBe(200);
      expect(replaced.body).toMatchObject({
        description: 'Other',
        schema: null,
        sample: null,
        deprecated: false,
        enforcement: 'off',
        created_at: added.body.created_at,
      });
      expect((await api.get('/v1/topics')).body).toEqual(['room.created']);
    }));

  it.each([
    ['a schema that is none', { schema: { type: 'nothing' } }, ['/schema/type']],
    ['a reference that leads out', { schema: { $ref: 'https://example.com/a' } }, ['/schema']],
    [
      'a sample that is not of the schema',
      { schema: { required: ['a', 'b'], properties: { c: { type: 'string' } } }, sample: { c: 1 } },
      ['/sample/a', '/sample/b', '/sample/c'],
    ],
    ['nothing to enforce', { enforcement: 'reject' }, ['/enforcement']],
    ['an unknown field', { sampel: {} }, ['/sampel']],
    [
      'fields of the wrong kind',
      { deprecated: 1, description: null },
      ['/deprecated', '/description'],
    ],
  ])('refuses %s, naming the places', (_claim, body, pointers) =>
    withApi({}, async (api) => {
      const answer = await put(api, 'a', body);
      expect(answer.status).toBe(422);
      expect(answer.body.errors.map(({ pointer }) => pointer).toSorted()).toEqual(
        expect.arrayContaining(pointers),
      );
      expect((await api.get('/v1/topics')).body).toEqual([]);
    }),
  );

  it.each(['a b', 'a*', 'export', 'import', 'ä'])('refuses the name %j', (name) =>
    withApi({}, async (api) => {
      expect((await put(api, name)).status).toBe(422);
    }),
  );

  it('takes names that paths have to spell', () =>
    withApi({}, async (api) => {
      const name = 'a/b?c#d%20{e}';
      expect((await put(api, name)).body.name).toBe(name);
      const got = await api.get<TopicView>(`/v1/catalogue/${encodeURIComponent(name)}`);
      expect(got.body.name).toBe(name);
      expect((await api.delete(`/v1/catalogue/${encodeURIComponent(name)}`)).status).toBe(200);
    }));
});

describe('GET /catalogue', () => {
  it('searches names and descriptions for each word', () =>
    withApi({}, async (api) => {
      await put(api, 'room.created', { description: 'A room was made' });
      await put(api, 'user.created', { description: 'Somebody JOINED' });
      await put(api, 'user.gone', { deprecated: true });
      const search = async (query: string) =>
        names((await api.get<Listed>(`/v1/catalogue?${query}`)).body);
      expect(await search('')).toEqual(['room.created', 'user.created', 'user.gone']);
      expect(await search('search=created')).toEqual(['room.created', 'user.created']);
      expect(await search('search=CREATED%20joined')).toEqual(['user.created']);
      expect(await search('search=nothing')).toEqual([]);
      expect(await search('deprecated=true')).toEqual(['user.gone']);
      expect(await search('deprecated=false&search=user')).toEqual(['user.created']);
    }));

  it('gives each topic once, page by page, there and back', () =>
    withApi({}, async (api) => {
      const all = Array.from({ length: 7 }, (_, index) => `t${index}`);
      for (const name of all) await put(api, name);
      for (const dir of ['asc', 'desc']) {
        const pages: Listed[] = [];
        let query = `limit=3&dir=${dir}`;
        for (;;) {
          const { body } = await api.get<Listed>(`/v1/catalogue?${query}`);
          pages.push(body);
          if (body.pagination.next === null) break;
          query = `limit=3&dir=${dir}&next=${body.pagination.next}`;
        }
        const expected = dir === 'asc' ? all : all.toReversed();
        expect(pages.flatMap(names)).toEqual(expected);
        expect(pages[0]?.pagination).toMatchObject({ order_by: 'name', limit: 3, prev: null });
        const back = await api.get<Listed>(
          `/v1/catalogue?limit=3&dir=${dir}&prev=${pages[2]?.pagination.prev ?? ''}`,
        );
        expect(names(back.body)).toEqual(expected.slice(3, 6));
        expect(back.body.pagination.prev).not.toBeNull();
      }
    }));

  it.each([
    'next=x',
    'prev=%21',
    'limit=0',
    'limit=1001',
    'dir=up',
    'deprecated=1',
    'other=1',
    'next=YQ&prev=YQ',
  ])('refuses ?%s', (query) =>
    withApi({}, async (api) => {
      expect((await api.get(`/v1/catalogue?${query}`)).status).toBe(422);
    }),
  );
});

describe('DELETE /catalogue/{topic}', () => {
  it('is refused while a destination names the topic, unless it is forced', () =>
    withApi({}, async (api) => {
      await put(api, 'a');
      const tenantId = await api.tenant();
      const { id } = await api.destination(tenantId, { topics: ['a'] });
      const refused = await api.delete<ErrorView>('/v1/catalogue/a');
      expect(refused.body).toMatchObject({ status: 409, code: 'topic_in_use' });
      expect(refused.body.message).toContain(`${id} of ${tenantId}`);
      expect((await api.get('/v1/topics')).body).toEqual(['a']);
      expect((await api.delete('/v1/catalogue/a?force=maybe')).status).toBe(422);
      expect((await api.delete('/v1/catalogue/a?force=true')).body).toEqual({ success: true });
      expect((await api.get('/v1/topics')).body).toEqual([]);
      expect((await api.delete('/v1/catalogue/a')).status).toBe(404);
      expect((await api.get('/v1/catalogue/a')).status).toBe(404);
    }));
});

describe('a destination', () => {
  it('names any topic while the catalogue is empty, and only those of it once it is not', () =>
    withApi({}, async (api) => {
      const tenantId = await api.tenant();
      const { id } = await api.destination(tenantId, { topics: ['early'] });
      await put(api, 'a');
      await put(api, 'b');
      const path = `/v1/tenants/${tenantId}/destinations`;
      const create = (topics: unknown) =>
        api.post<DestinationView & ErrorView>(path, {
          type: 'webhook',
          topics,
          config: { url: api.receiver.url('/ok') },
        });
      const refused = await create(['a', 'nothing', 'x.*', 'early']);
      expect(refused.status).toBe(422);
      expect(refused.body.errors.map(({ pointer, code }) => [pointer, code])).toEqual([
        ['/topics/1', 'unknown_topic'],
        ['/topics/3', 'unknown_topic'],
      ]);
      for (const topics of ['*', ['*'], ['a'], ['x.*', 'b', '*.created']])
        expect((await create(topics)).status).toBe(201);

      const patch = (body: object) => api.patch<ErrorView>(`${path}/${id}`, body);
      expect((await patch({ topics: ['nothing'] })).body).toMatchObject({
        status: 422,
        errors: [{ pointer: '/topics/0', code: 'unknown_topic' }],
      });
      expect((await patch({ topics: ['b'] })).status).toBe(200);
    }));

  it('that names a topic which is no more can be changed otherwise', () =>
    withApi({}, async (api) => {
      const tenantId = await api.tenant();
      const { id } = await api.destination(tenantId, { topics: ['early'] });
      await put(api, 'a');
      const path = `/v1/tenants/${tenantId}/destinations/${id}`;
      expect((await api.patch(path, { name: 'Other' })).status).toBe(200);
      expect((await api.put(`${path}/disable`)).status).toBe(200);
    }));
});
