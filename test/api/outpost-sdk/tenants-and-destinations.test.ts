/** The calls of Outpost's client for tenants and destinations. */
import { describe, expect, it } from 'vitest';
import { allPages, outpostClient } from '../../support/api-outpost-client.ts';
import { useApi, withApi } from '../../support/api-server.ts';

const api = useApi({ storage: 'file' });

const client = () => outpostClient(api());

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

const webhook = (given: object = {}) => ({
  type: 'webhook' as const,
  topics: '*' as const,
  config: { url: api().receiver.url('/ok') },
  ...given,
});

describe('tenants', () => {
  it('are created, replaced, got, and deleted', async () => {
    const { tenants } = client();
    const created = await tenants.upsert('sdk-tenant', { metadata: { plan: 'gold' } });
    expect(created).toEqual({
      id: 'sdk-tenant',
      destinationsCount: 0,
      topics: [],
      metadata: { plan: 'gold' },
      createdAt: expect.any(Date) as Date,
      updatedAt: expect.any(Date) as Date,
    });
    expect(await tenants.get('sdk-tenant')).toEqual(created);
    expect((await tenants.upsert('sdk-tenant', { metadata: null })).metadata).toEqual({});
    expect((await tenants.upsert('sdk-tenant')).createdAt).toEqual(created.createdAt);
    expect(await tenants.delete('sdk-tenant')).toEqual({ success: true });
  });

  it('are listed page by page, forth and back', () =>
    withApi({}, async (own) => {
      const { tenants } = outpostClient(own);
      const ids = ['a', 'b', 'c', 'd', 'e'];
      for (const id of ids) await tenants.upsert(id);
      const pages = await allPages((next) => tenants.list({ limit: 2, dir: 'asc', next }));
      expect(pages.map((models) => models.map(({ id }) => id))).toEqual([
        ['a', 'b'],
        ['c', 'd'],
        ['e'],
      ]);
      const first = await tenants.list({ limit: 2 });
      expect(first).toMatchObject({
        count: 5,
        pagination: { orderBy: 'created_at', dir: 'desc', limit: 2, prev: null },
      });
      const second = await tenants.list({ limit: 2, next: first.pagination?.next ?? '' });
      const back = await tenants.list({ limit: 2, prev: second.pagination?.prev ?? '' });
      expect(back.models).toEqual(first.models);
      const some = await tenants.list({ id: ['a', 'e', 'nobody'], dir: 'asc' });
      expect(some.models?.map(({ id }) => id)).toEqual(['a', 'e']);
      expect((await tenants.list({ id: 'c' })).models).toMatchObject([{ id: 'c' }]);
    }));
});

describe('destinations', () => {
  it('have a filter, which is replaced whole and cleared', async () => {
    const outpost = client();
    const { tenants, destinations } = outpost;
    await tenants.upsert('sdk-filter');
    // As BalkanID's document has it.
    const filter = { data: { roles: ['reviewer'] } };
    const created = await destinations.create('sdk-filter', webhook({ filter }));
    expect(created).toMatchObject({ filter });
    const { id } = created;
    expect(await destinations.get('sdk-filter', id)).toMatchObject({ filter });
    const goesTo = async (roles: readonly string[]) =>
      (await outpost.publish({ tenantId: 'sdk-filter', topic: 'a', data: { roles } }))
        .destinationIds;
    expect(await goesTo(['admin', 'reviewer'])).toEqual([id]);
    expect(await goesTo(['admin'])).toEqual([]);
    const changed = { topic: { $startsWith: 'b' } };
    const update = (given: object) =>
      destinations.update('sdk-filter', id, { type: 'webhook', filter: given });
    expect(await update(changed)).toMatchObject({ filter: changed });
    expect(await goesTo(['reviewer'])).toEqual([]);
    await update({});
    expect(await goesTo(['admin'])).toEqual([id]);
  });

  it('are created with what is required, and answered whole', async () => {
    const { tenants, destinations } = client();
    await tenants.upsert('sdk-create');
    const created = await destinations.create('sdk-create', webhook());
    const url = api().receiver.url('/ok');
    expect(created).toEqual({
      id: expect.stringMatching(/^des_/) as string,
      type: 'webhook',
      topics: '*',
      config: { url },
      credentials: { secret: expect.stringMatching(/^whsec_/) as string },
      target: url,
      targetUrl: url,
      createdAt: expect.any(Date) as Date,
      updatedAt: expect.any(Date) as Date,
      disabledAt: null,
    });
    expect(await destinations.get('sdk-create', created.id)).toEqual(created);
    expect(await destinations.list('sdk-create')).toEqual([created]);
  });

  it('are created with every field that the client has for webhooks', async () => {
    const { tenants, destinations } = client();
    await tenants.upsert('sdk-every-field');
    const disabledAt = new Date('2026-01-02T03:04:05.678Z');
    const created = await destinations.create(
      'sdk-every-field',
      webhook({
        id: 'mine',
        topics: ['a', 'b.*'],
        config: { url: api().receiver.url('/ok'), customHeaders: '{"x-a":"1"}' },
        credentials: { secret: SECRET },
        deliveryMetadata: { d: '1' },
        metadata: { m: '1' },
        disabledAt,
      }),
    );
    expect(created).toMatchObject({
      id: 'mine',
      topics: ['a', 'b.*'],
      config: { customHeaders: '{"x-a":"1"}' },
      credentials: { secret: SECRET },
      deliveryMetadata: { d: '1' },
      metadata: { m: '1' },
      disabledAt,
    });
  });

  it('are listed by type and topics, one or several', async () => {
    const { tenants, destinations } = client();
    await tenants.upsert('sdk-list');
    await destinations.create('sdk-list', webhook({ id: 'all' }));
    await destinations.create('sdk-list', webhook({ id: 'ab', topics: ['a', 'b'] }));
    await destinations.create('sdk-list', webhook({ id: 'a', topics: ['a'] }));
    const ids = async (...filters: [type?: 'webhook' | 'aws_sqs', topics?: string | string[]]) =>
      (await destinations.list('sdk-list', ...filters)).map(({ id }) => id);
    expect(await ids('webhook')).toEqual(['all', 'ab', 'a']);
    expect(await ids('aws_sqs')).toEqual([]);
    expect(await ids(undefined, 'a')).toEqual(['all', 'ab', 'a']);
    expect(await ids(undefined, ['a', 'b'])).toEqual(['all', 'ab']);
  });

  it('are changed, disabled, enabled and deleted', async () => {
    const { tenants, destinations } = client();
    await tenants.upsert('sdk-change');
    const { id } = await destinations.create(
      'sdk-change',
      webhook({ metadata: { a: '1', b: '2' }, credentials: { secret: SECRET } }),
    );
    const changed = await destinations.update('sdk-change', id, {
      type: 'webhook',
      topics: ['a'],
      metadata: { a: null, c: '3' },
      config: { url: api().receiver.url('/other') },
    });
    expect(changed).toMatchObject({
      topics: ['a'],
      metadata: { b: '2', c: '3' },
      config: { url: api().receiver.url('/other') },
      credentials: { secret: SECRET },
    });
    const cleared = await destinations.update('sdk-change', id, {
      type: 'webhook',
      metadata: null,
    });
    expect(cleared.metadata).toBeUndefined();
    const disabled = await destinations.disable('sdk-change', id);
    expect(disabled.disabledAt).toEqual(expect.any(Date));
    expect((await destinations.enable('sdk-change', id)).disabledAt).toBeNull();
    expect(await destinations.delete('sdk-change', id)).toEqual({ success: true });
    expect(await destinations.list('sdk-change')).toEqual([]);
  });
});
