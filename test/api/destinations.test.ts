import { describe, expect, it } from 'vitest';
import { useApi, withApi } from '../support/api-server.ts';
import type { DestinationView, ErrorView } from '../support/api-views.ts';

const api = useApi();

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const NO_TENANT = { status: 404, code: 'tenant_not_found' };
const NO_DESTINATION = { status: 404, code: 'destination_not_found' };

function webhook(given: object = {}): object {
  return { type: 'webhook', topics: '*', config: { url: api().receiver.url('/ok') }, ...given };
}

const at = (tenantId: string, id = '') =>
  `/v1/tenants/${tenantId}/destinations${id === '' ? '' : `/${encodeURIComponent(id)}`}`;

const HEALTHY = {
  status: 'healthy',
  reason: null,
  since: null,
  consecutive_failures: 0,
  last_success_at: null,
  breaker_until: null,
};

describe('POST /tenants/{tenant_id}/destinations', () => {
  it('answers 201 with what is required alone, and leaves out what was not given', async () => {
    const tenantId = await api().tenant();
    const url = api().receiver.url('/ok');
    const { status, body } = await api().post<DestinationView>(at(tenantId), webhook());
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^des_[0-9a-z]{26}$/) as string,
      type: 'webhook',
      topics: '*',
      config: { url },
      credentials: { secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/) as string },
      target: url,
      target_url: url,
      created_at: expect.any(String) as string,
      updated_at: body.created_at,
      disabled_at: null,
      expires_at: null,
      state: HEALTHY,
      retry_schedule: expect.objectContaining({ jitter: 0.1, window_s: null }) as object,
    });
  });

  it('answers every field that was given, as GET and the list do', async () => {
    const tenantId = await api().tenant();
    const given = {
      id: 'every-field',
      type: 'webhook',
      name: 'Orders',
      profile: 'standard',
      topics: ['order.created', 'user.*'],
      config: { url: api().receiver.url('/ok'), custom_headers: '{"x-a":"1"}' },
      credentials: { secret: SECRET },
      delivery_metadata: { source: 'shop' },
      metadata: { team: 'blue' },
      policy: { timeout_ms: 5000, concurrency: 3, retry: { delays_s: [5, 30], jitter: 0.2 } },
      disabled_at: '2026-02-03T04:05:06.789Z',
    };
    const { status, body } = await api().post<DestinationView>(at(tenantId), given);
    expect(status).toBe(201);
    expect(body).toEqual({
      ...given,
      target: given.config.url,
      target_url: given.config.url,
      created_at: expect.any(String) as string,
      updated_at: body.created_at,
      expires_at: null,
      state: {
        ...HEALTHY,
        status: 'disabled',
        reason: 'by_hand',
        since: given.disabled_at,
      },
      retry_schedule: {
        attempts_after_s: [0, 5, 35],
        attempts_after: ['PT0S', 'PT5S', 'PT35S'],
        jitter: 0.2,
        window_s: null,
      },
    });
    const got = await api().get<DestinationView>(at(tenantId, 'every-field'));
    expect({ status: got.status, body: got.body }).toEqual({ status: 200, body });
    const listed = await api().get<DestinationView[]>(at(tenantId));
    expect({ status: listed.status, body: listed.body }).toEqual({ status: 200, body: [body] });
  });

  it('takes null where nothing is meant', async () => {
    const tenantId = await api().tenant();
    const nothing = { metadata: null, delivery_metadata: null, disabled_at: null };
    const { status, body } = await api().post<DestinationView>(at(tenantId), webhook(nothing));
    expect(status).toBe(201);
    expect(Object.keys(body)).not.toContain('metadata');
    expect(Object.keys(body)).not.toContain('delivery_metadata');
  });

  it.each([
    ['["*"] as "*"', ['*'], '*'],
    ['one topic', ['a'], ['a']],
    ['one that stands twice as one', ['b', 'a', 'b'], ['b', 'a']],
    ['patterns', ['user.*', '*.created', 'a*b'], ['user.*', '*.created', 'a*b']],
  ])('takes topics: %s', async (_what, topics, shown) => {
    const tenantId = await api().tenant();
    const { status, body } = await api().post<DestinationView>(at(tenantId), webhook({ topics }));
    expect({ status, topics: body.topics }).toEqual({ status: 201, topics: shown });
  });

  it('takes custom headers as an object too, and answers them as JSON in a string', async () => {
    const tenantId = await api().tenant();
    const config = { url: api().receiver.url('/ok'), custom_headers: { 'x-a': '1', 'x-b': '2' } };
    const { body } = await api().post<DestinationView>(at(tenantId), webhook({ config }));
    expect(body.config).toEqual({ url: config.url, custom_headers: '{"x-a":"1","x-b":"2"}' });
  });

  it('answers times in UTC with milliseconds', async () => {
    const tenantId = await api().tenant();
    const { body } = await api().post<DestinationView>(
      at(tenantId),
      webhook({ disabled_at: '2026-02-03t04:05:06.7+02:00' }),
    );
    expect(body.disabled_at).toBe('2026-02-03T02:05:06.700Z');
  });

  it('takes an id of any visible characters, and is found under it', async () => {
    const tenantId = await api().tenant();
    const visible = String.fromCharCode(...Array.from({ length: 94 }, (_, index) => 0x21 + index));
    for (const id of [visible, 'a/b', '%2F', 'x'.repeat(255), '/', '%', '...']) {
      const { status } = await api().post(at(tenantId), webhook({ id }));
      expect(status).toBe(201);
      const got = await api().get<DestinationView>(at(tenantId, id));
      expect(got.body.id).toBe(id);
      expect((await api().delete(at(tenantId, id))).body).toEqual({ success: true });
    }
  });

  it('is 409 for an id that is there, in this tenant alone', async () => {
    const [tenantId, otherId] = [await api().tenant(), await api().tenant()];
    await api().destination(tenantId, { id: 'mine' });
    const { body } = await api().post(at(tenantId), webhook({ id: 'mine' }));
    expect(body).toMatchObject({ status: 409, code: 'id_taken' });
    expect((await api().post(at(otherId), webhook({ id: 'mine' }))).status).toBe(201);
  });

  it('is 404 for an unknown tenant', async () => {
    expect((await api().post(at('nobody'), webhook())).body).toMatchObject(NO_TENANT);
  });

  it('is 422 when the tenant has as many as it may', () =>
    withApi({ limits: { maxDestinationsPerTenant: 2 } }, async (own) => {
      const tenantId = await own.tenant();
      await own.destination(tenantId);
      const { id } = await own.destination(tenantId);
      const body = { type: 'webhook', topics: '*', config: { url: own.receiver.url('/ok') } };
      const refused = await own.post(at(tenantId), body);
      expect(refused.body).toMatchObject({ status: 422, code: 'too_many_destinations' });
      await own.delete(at(tenantId, id));
      expect((await own.post(at(tenantId), body)).status).toBe(201);
    }));

  it.each<[what: string, given: object, pointer: string, code: string]>([
    ['an unknown field', { label: 'x' }, '/label', 'unknown_field'],
    [
      '__proto__',
      JSON.parse('{"__proto__": {"name": "x"}}') as object,
      '/__proto__',
      'unknown_field',
    ],
    ['no type', { type: undefined }, '/type', 'required'],
    ['an unknown type', { type: 'pigeon' }, '/type', 'enum'],
    ['no topics', { topics: undefined }, '/topics', 'required'],
    ['empty topics', { topics: [] }, '/topics', 'minItems'],
    ['an empty topic', { topics: ['a', ''] }, '/topics/1', 'minLength'],
    ['a blank in a topic', { topics: ['a', 'b c'] }, '/topics/1', 'format'],
    ['a topic too long', { topics: ['x'.repeat(256)] }, '/topics/0', 'maxLength'],
    ['a number as topic', { topics: [1] }, '/topics/0', 'type'],
    ['an empty id', { id: '' }, '/id', 'pattern'],
    ['an id too long', { id: 'x'.repeat(256) }, '/id', 'pattern'],
    ['an id that paths do not lead to', { id: '..' }, '/id', 'pattern'],
    ['a blank in an id', { id: 'a b' }, '/id', 'pattern'],
    ['an unknown profile', { profile: 'x' }, '/profile', 'enum'],
    ['a number as name', { name: 1 }, '/name', 'type'],
    ['null as config', { config: null }, '/config', 'type'],
    ['no URL', { config: {} }, '/config/url', 'required'],
    ['a number as URL', { config: { url: 1 } }, '/config/url', 'type'],
    ['a URL that is none', { config: { url: 'x' } }, '/config/url', 'invalid_url'],
    ['another scheme', { config: { url: 'ftp://a.example/' } }, '/config/url', 'scheme'],
    [
      'a denied address',
      { config: { url: 'https://10.0.0.1/' } },
      '/config/url',
      'blocked_address',
    ],
    ['user info', { config: { url: 'https://a:b@c.example/' } }, '/config/url', 'userinfo'],
    [
      'an unknown credential',
      { credentials: { token: 'x' } },
      '/credentials/token',
      'unknown_field',
    ],
    ['a bad secret', { credentials: { secret: 'x' } }, '/credentials/secret', 'secret_format'],
    [
      'a masked secret',
      { credentials: { secret: '********' } },
      '/credentials/secret',
      'secret_format',
    ],
    ['a number in metadata', { metadata: { a: 1 } }, '/metadata/a', 'type'],
    ['null in metadata', { delivery_metadata: { a: null } }, '/delivery_metadata/a', 'type'],
    ['a line break in a name', { metadata: { 'a\nb': 1 } }, '/metadata/a\nb', 'type'],
    ['an unknown policy', { policy: { speed: 1 } }, '/policy/speed', 'unknown_field'],
    ['a time-out too short', { policy: { timeout_ms: 99 } }, '/policy/timeout_ms', 'minimum'],
    ['a time-out too long', { policy: { timeout_ms: 120_001 } }, '/policy/timeout_ms', 'maximum'],
    ['a fraction of one', { policy: { concurrency: 1.5 } }, '/policy/concurrency', 'type'],
    ['a time that is none', { disabled_at: 'today' }, '/disabled_at', 'format'],
    ['a day that is none', { disabled_at: '2026-02-30T00:00:00Z' }, '/disabled_at', 'format'],
    ['a number as time', { disabled_at: 5 }, '/disabled_at', 'type'],
  ])(
    'refuses %s with 422 and its pointer, and makes nothing',
    async (_what, given, pointer, code) => {
      const tenantId = await api().tenant();
      const { status, body } = await api().post<ErrorView>(at(tenantId), webhook(given));
      expect({ status, code: body.code }).toEqual({ status: 422, code: 'validation_failed' });
      expect(body.errors).toContainEqual({ pointer, code, message: expect.any(String) as string });
      expect((await api().get(at(tenantId))).body).toEqual([]);
    },
  );

  it.each([
    { delays_s: [1], base_s: 1, factor: 2, cap_s: 10, count: 3 },
    { base_s: 1, factor: 2, cap_s: 10 },
    { delays_s: [-1] },
    { delays_s: ['5'] },
    { delays_s: [1], jitter: 1.1 },
    { delays_s: [1], window_s: 0 },
    { jitter: 0.5 },
    {},
  ])('refuses the retry policy %j', async (retry) => {
    const tenantId = await api().tenant();
    const { status, body } = await api().post<ErrorView>(
      at(tenantId),
      webhook({ policy: { retry } }),
    );
    expect(status).toBe(422);
    expect(body.errors.every(({ pointer }) => pointer.startsWith('/policy/retry'))).toBe(true);
    expect(body.errors.length).toBeGreaterThan(0);
  });

  it('tells everything that is wrong at once', async () => {
    const tenantId = await api().tenant();
    const { body } = await api().post<ErrorView>(at(tenantId), {
      type: 'webhook',
      topics: ['a'],
      profile: 'x',
      config: { url: 'x', speed: '1' },
      credentials: { secret: 'x' },
    });
    expect(body.errors.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/config/speed',
      '/config/url',
      '/credentials/secret',
      '/profile',
    ]);
    expect(body.data).toHaveLength(4);
    expect(body.data[0]).toContain(body.errors[0]?.message);
  });

  it('shows at most 100 of very many mistakes', async () => {
    const tenantId = await api().tenant();
    const topics = Array.from({ length: 20_000 }, () => 1);
    const { status, body } = await api().post<ErrorView>(at(tenantId), webhook({ topics }));
    expect({ status, shown: body.errors.length }).toEqual({ status: 422, shown: 100 });
  });
});

describe('GET /tenants/{tenant_id}/destinations', () => {
  it('lists the oldest first, as a bare array', async () => {
    const tenantId = await api().tenant();
    for (const id of ['b', 'a', 'c']) await api().destination(tenantId, { id });
    const { body } = await api().get<DestinationView[]>(at(tenantId));
    expect(body.map(({ id }) => id)).toEqual(['b', 'a', 'c']);
  });

  it.each([
    ['type=webhook', ['all', 'rooms', 'both', 'room']],
    ['type=aws_sqs', []],
    ['type[]=aws_sqs&type[]=webhook', ['all', 'rooms', 'both', 'room']],
    ['topics=room.created', ['all', 'rooms', 'both', 'room']],
    ['topics=user.created', ['all', 'both']],
    ['topics=room.created&topics=user.created', ['all', 'both']],
    ['topics[0]=room.created&topics[1]=user.created', ['all', 'both']],
    ['topics=room.*', ['all', 'rooms']],
    ['topics=*', ['all']],
    ['type=webhook&topics=user.created', ['all', 'both']],
    ['status=healthy', ['all', 'rooms', 'both']],
    ['status=disabled', ['room']],
    ['status=failing&status=disabled&topics=room.created', ['room']],
    ['status=expired', []],
  ])('filtered by %s gives %j', async (query, ids) => {
    const tenantId = await api().tenant();
    await api().destination(tenantId, { id: 'all', topics: '*' });
    await api().destination(tenantId, { id: 'rooms', topics: ['room.*'] });
    await api().destination(tenantId, { id: 'both', topics: ['room.created', 'user.created'] });
    await api().destination(tenantId, { id: 'room', topics: ['room.created'] });
    await api().put(`${at(tenantId)}/room/disable`);
    const { body } = await api().get<DestinationView[]>(`${at(tenantId)}?${query}`);
    expect(body.map(({ id }) => id)).toEqual(ids);
  });

  it('is 404 for an unknown tenant', async () => {
    expect((await api().get(at('nobody'))).body).toMatchObject(NO_TENANT);
  });
});

describe('one destination', () => {
  it.each([
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['PUT', '/enable'],
    ['PUT', '/disable'],
    ['GET', '/attempts'],
    ['GET', '/attempts/att_1'],
  ] as const)(
    '%s %s is 404 for an unknown tenant or destination, and another tenant’s',
    async (method, tail) => {
      const [tenantId, otherId] = [await api().tenant(), await api().tenant()];
      await api().destination(otherId, { id: 'theirs' });
      const options = method === 'PATCH' ? { body: {} } : {};
      const call = (path: string) => api().request(method, `${path}${tail}`, options);
      expect((await call(at('nobody', 'theirs'))).body).toMatchObject(NO_TENANT);
      expect((await call(at(tenantId, 'nothing'))).body).toMatchObject(NO_DESTINATION);
      expect((await call(at(tenantId, 'theirs'))).body).toMatchObject(NO_DESTINATION);
    },
  );

  it('is gone once it is deleted', async () => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId);
    const { status, body } = await api().delete(at(tenantId, id));
    expect({ status, body }).toEqual({ status: 200, body: { success: true } });
    expect((await api().get(at(tenantId, id))).body).toMatchObject(NO_DESTINATION);
    expect((await api().get(at(tenantId))).body).toEqual([]);
    expect((await api().delete(at(tenantId, id))).body).toMatchObject(NO_DESTINATION);
  });

  it('is disabled since the first time that it was, and enabled again', async () => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId);
    const first = await api().put<DestinationView>(`${at(tenantId, id)}/disable`);
    expect(first.status).toBe(200);
    expect(first.body.disabled_at).toMatch(/Z$/);
    const second = await api().put<DestinationView>(`${at(tenantId, id)}/disable`);
    expect(second.body.disabled_at).toBe(first.body.disabled_at);
    const enabled = await api().put<DestinationView>(`${at(tenantId, id)}/enable`);
    expect({ status: enabled.status, at: enabled.body.disabled_at }).toEqual({
      status: 200,
      at: null,
    });
    const again = await api().put<DestinationView>(`${at(tenantId, id)}/enable`);
    expect(again.body.disabled_at).toBeNull();
  });

  it.each(['/enable', '/disable'])('%s takes no fields', async (tail) => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId);
    const { status, body } = await api().put<ErrorView>(`${at(tenantId, id)}${tail}`, { until: 1 });
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer: '/until', code: 'unknown_field' }]);
    expect((await api().put(`${at(tenantId, id)}${tail}`, {})).status).toBe(200);
  });
});
