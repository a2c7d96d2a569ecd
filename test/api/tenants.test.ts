import { describe, expect, it } from 'vitest';
import { useApi, withApi } from '../support/api-server.ts';
import type { DestinationView, ErrorView, ListView, TenantView } from '../support/api-views.ts';

const api = useApi();

const NO_TENANT = { status: 404, code: 'tenant_not_found' };
const DAY_2000_MS = Date.UTC(2000, 0, 1);

describe('PUT /tenants/{tenant_id}', () => {
  it('creates with 201, and answers every field', async () => {
    const { status, body } = await api().put<TenantView>('/v1/tenants/put-new', {
      metadata: { plan: 'gold' },
    });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: 'put-new',
      destinations_count: 0,
      topics: [],
      metadata: { plan: 'gold' },
      created_at: expect.any(String) as string,
      updated_at: body.created_at,
    });
    expect(Date.parse(body.created_at)).toBeGreaterThan(DAY_2000_MS);
  });

  it('replaces the metadata of one that is there with 200, and keeps when it was created', async () => {
    const { body: before } = await api().put<TenantView>('/v1/tenants/put-again', {
      metadata: { plan: 'gold', city: 'Oslo' },
    });
    const { status, body } = await api().put<TenantView>('/v1/tenants/put-again', {
      metadata: { plan: 'tin' },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ metadata: { plan: 'tin' }, created_at: before.created_at });
    expect(body.updated_at >= before.updated_at).toBe(true);
  });

  it.each([
    ['no body', undefined],
    ['an empty body', ''],
    ['null', null],
    ['an empty object', {}],
    ['null as metadata', { metadata: null }],
  ])('takes %s, and has no metadata then', async (what, sent) => {
    const path = `/v1/tenants/empty-${what.replaceAll(' ', '-')}`;
    await api().put(path, { metadata: { old: 'yes' } });
    const { status, body } = await api().put<TenantView>(path, sent);
    expect({ status, metadata: body.metadata }).toEqual({ status: 200, metadata: {} });
  });

  it('takes any visible character that is not special in a path, up to 255 of them', async () => {
    const visible = String.fromCharCode(...Array.from({ length: 94 }, (_, index) => 0x21 + index));
    const allowed = visible.replaceAll(/[/\\?%]/g, '');
    for (const id of [allowed, 'x'.repeat(255), '...', '~']) {
      const { status, body } = await api().put<TenantView>(`/v1/tenants/${encodeURIComponent(id)}`);
      expect({ status, id: body.id }).toEqual({ status: 201, id });
      const got = await api().get<TenantView>(`/v1/tenants/${encodeURIComponent(id)}`);
      expect(got.body.id).toBe(id);
    }
  });

  it.each(['a/b', 'a\\b', 'a?b', 'a%b', 'a b', 'ü', 'a\u0000b', 'x'.repeat(256)])(
    'refuses the id %j with 422',
    async (id) => {
      const { status, body } = await api().put<ErrorView>(`/v1/tenants/${encodeURIComponent(id)}`);
      expect(status).toBe(422);
      expect(body.errors).toMatchObject([{ pointer: '/tenant_id', code: 'format' }]);
    },
  );

  it.each([
    ['an unknown field', { title: 'x' }, '/title', 'unknown_field'],
    ['an unknown profile', { profile: 'nobody' }, '/profile', 'enum'],
    ['contacts without an address', { contacts: [{}] }, '/contacts/0/email', 'required'],
    ['a contact that is none', { contacts: [{ email: 'a b' }] }, '/contacts/0/email', 'pattern'],
    ['an unknown limit', { limits: { events: 1 } }, '/limits/events', 'unknown_field'],
    ['metadata that are no object', { metadata: 'x' }, '/metadata', 'type'],
    ['a list as metadata', { metadata: [] }, '/metadata', 'type'],
    ['a value that is no string', { metadata: { a: 1 } }, '/metadata/a', 'type'],
    ['a line break in a name', { metadata: { 'a\nb': 1 } }, '/metadata/a\nb', 'type'],
    ['a name with a slash', { metadata: { 'a/b': null } }, '/metadata/a~1b', 'type'],
    [
      'a name too long',
      { metadata: { ['x'.repeat(256)]: '' } },
      `/metadata/${'x'.repeat(256)}`,
      'name',
    ],
    ['a value too long', { metadata: { a: 'x'.repeat(4097) } }, '/metadata/a', 'maxLength'],
    ['a list as the body', [], '', 'type'],
    ['a string as the body', '"x"', '', 'type'],
  ])('refuses %s with 422 and its pointer', async (_what, sent, pointer, code) => {
    const { status, body } = await api().put<ErrorView>('/v1/tenants/refused', sent);
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer, code }]);
    expect((await api().get('/v1/tenants/refused')).status).toBe(404);
  });

  it('refuses more than 100 metadata', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [index, '']));
    const { body } = await api().put<ErrorView>('/v1/tenants/refused', { metadata });
    expect(body.errors).toMatchObject([{ pointer: '/metadata', code: 'maxProperties' }]);
  });

  it('carries names that are special in JavaScript unharmed', async () => {
    const metadata = '{"__proto__":"a","constructor":"b","toString":"c","":"d"}';
    const put = await api().put('/v1/tenants/special', `{"metadata":${metadata}}`);
    expect(put.text).toContain(`"metadata":${metadata}`);
    const got = await api().get('/v1/tenants/special');
    expect(got.text).toContain(`"metadata":${metadata}`);
  });

  it('refuses __proto__ as a field', async () => {
    const { body } = await api().put<ErrorView>(
      '/v1/tenants/special',
      '{"__proto__":{"metadata":{}}}',
    );
    expect(body.errors).toMatchObject([{ pointer: '/__proto__', code: 'unknown_field' }]);
  });

  it('lets events be published as soon as it has answered, also where two create it at once', () =>
    withApi({ storage: 'file' }, async (own) => {
      for (let round = 0; round < 50; round++) {
        const id = `twins-${round}`;
        const answers = await Promise.all(
          [1, 2].map(async () => {
            const { status } = await own.put(`/v1/tenants/${id}`);
            const published = await own.publish({ tenant_id: id, data: {} });
            return { status, published: published.status };
          }),
        );
        expect(answers).toContainEqual({ status: 201, published: 202 });
        expect(answers).toContainEqual({ status: 200, published: 202 });
      }
    }));
});

describe('GET /tenants/{tenant_id}', () => {
  it('counts its destinations, and tells their topics, sorted and each once', async () => {
    const id = await api().tenant();
    await api().destination(id, { topics: ['b', 'a'] });
    await api().destination(id, { topics: ['c.*', 'a'], disabled_at: '2026-01-01T00:00:00Z' });
    const { status, body } = await api().get<TenantView>(`/v1/tenants/${id}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ destinations_count: 2, topics: ['a', 'b', 'c.*'] });
  });

  it('tells the topic of all as such', async () => {
    const id = await api().tenant();
    await api().destination(id);
    const { body } = await api().get<TenantView>(`/v1/tenants/${id}`);
    expect(body.topics).toEqual(['*']);
  });

  it('is 404 for one that is not there', async () => {
    expect((await api().get('/v1/tenants/nobody')).body).toMatchObject(NO_TENANT);
  });
});

describe('DELETE /tenants/{tenant_id}', () => {
  it('takes its destinations with it, and refuses its events from then on', async () => {
    const id = await api().tenant();
    const destination = await api().destination(id);
    const { status, body } = await api().delete(`/v1/tenants/${id}`);
    expect({ status, body }).toEqual({ status: 200, body: { success: true } });
    const path = `/v1/tenants/${id}/destinations/${destination.id}`;
    expect((await api().get(`/v1/tenants/${id}`)).body).toMatchObject(NO_TENANT);
    expect((await api().get(path)).body).toMatchObject(NO_TENANT);
    expect((await api().publish({ tenant_id: id, data: {} })).body).toMatchObject(NO_TENANT);
    expect((await api().delete(`/v1/tenants/${id}`)).body).toMatchObject(NO_TENANT);
  });

  it('leaves nothing to one that is made anew under its id', async () => {
    const id = await api().tenant();
    await api().destination(id, { id: 'same' });
    const first = await api().publish({ tenant_id: id, id: 'same', data: { a: 1 } });
    await api().delete(`/v1/tenants/${id}`);
    const { status, body } = await api().put<TenantView>(`/v1/tenants/${id}`);
    expect({ status, count: body.destinations_count }).toEqual({ status: 201, count: 0 });
    const events = await api().get<ListView<unknown>>(`/v1/events?tenant_id=${id}`);
    expect(events.body.models).toEqual([]);
    const listed = await api().get<DestinationView[]>(`/v1/tenants/${id}/destinations`);
    expect(listed.body).toEqual([]);
    const second = await api().publish({ tenant_id: id, id: 'same', data: { a: 2 } });
    expect(first.body.duplicate || second.body.duplicate).toBe(false);
  });
});

describe('GET /tenants', () => {
  it('lists the newest first, with their count', () =>
    withApi({}, async (own) => {
      for (const id of ['a', 'b', 'c']) await own.put(`/v1/tenants/${id}`);
      const { status, body } = await own.get<ListView<TenantView> & { count: number }>(
        '/v1/tenants',
      );
      expect(status).toBe(200);
      expect(body.models.map(({ id }) => id)).toEqual(['c', 'b', 'a']);
      expect(body.count).toBe(3);
      expect(body.pagination).toEqual({
        order_by: 'created_at',
        dir: 'desc',
        limit: 20,
        next: null,
        prev: null,
      });
    }));

  it.each([
    'id=a&id=c',
    'id[]=a&id[]=c',
    'id[0]=a&id[1]=c',
    'id%5B0%5D=a&id%5B1%5D=c',
    'id[]=a&id=c',
  ])('takes a list of ids as %s', (query) =>
    withApi({}, async (own) => {
      for (const id of ['a', 'b', 'c']) await own.put(`/v1/tenants/${id}`);
      const { body } = await own.get<ListView<TenantView> & { count: number }>(
        `/v1/tenants?dir=asc&${query}`,
      );
      expect(body.models.map(({ id }) => id)).toEqual(['a', 'c']);
      expect(body.count).toBe(2);
    }),
  );

  it('lists nothing for ids that are not there', async () => {
    const { body } = await api().get<ListView<TenantView> & { count: number }>(
      '/v1/tenants?id=nobody',
    );
    expect({ models: body.models, count: body.count }).toEqual({ models: [], count: 0 });
  });
});
