import { describe, expect, it } from 'vitest';
import { useApi, withApi } from '../support/api-server.ts';
import type { DestinationView, ErrorView } from '../support/api-views.ts';

const api = useApi();

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OTHER_SECRET = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;

const at = (tenantId: string, id: string) => `/v1/tenants/${tenantId}/destinations/${id}`;

/** A destination with every field, and how to change it. */
async function full() {
  const tenantId = await api().tenant();
  const before = await api().destination(tenantId, {
    id: 'full',
    name: 'Orders',
    profile: 'standard',
    topics: ['a', 'b'],
    config: { url: api().receiver.url('/ok'), custom_headers: '{"x-a":"1"}' },
    credentials: { secret: SECRET },
    delivery_metadata: { d1: '1', d2: '2' },
    metadata: { m1: '1', m2: '2' },
    policy: { timeout_ms: 5000, concurrency: 3, retry: { delays_s: [5], jitter: 0.5 } },
  });
  const path = at(tenantId, 'full');
  return {
    before,
    path,
    patch: (change: unknown) => api().patch<DestinationView>(path, change),
    refused: (change: unknown) => api().patch<ErrorView>(path, change),
  };
}

describe('PATCH of a destination', () => {
  it('changes nothing but the time when nothing is given', async () => {
    const { before, patch } = await full();
    const { status, body } = await patch({});
    expect(status).toBe(200);
    expect(body).toEqual({ ...before, updated_at: body.updated_at });
    expect(body.updated_at >= before.updated_at).toBe(true);
  });

  it.each<[what: string, change: object, changed: object]>([
    ['the name', { name: 'x' }, { name: 'x' }],
    ['the topics', { topics: ['c'] }, { topics: ['c'] }],
    ['the topics to all', { topics: '*' }, { topics: '*' }],
    ['one metadata', { metadata: { m1: '9' } }, { metadata: { m1: '9', m2: '2' } }],
    ['one more metadata', { metadata: { m3: '3' } }, { metadata: { m1: '1', m2: '2', m3: '3' } }],
    ['metadata with null away', { metadata: { m1: null } }, { metadata: { m2: '2' } }],
    [
      'what is not there with null',
      { metadata: { none: null } },
      { metadata: { m1: '1', m2: '2' } },
    ],
    [
      'delivery metadata',
      { delivery_metadata: { d1: null, d3: '3' } },
      { delivery_metadata: { d2: '2', d3: '3' } },
    ],
    [
      'the secret',
      { credentials: { secret: OTHER_SECRET } },
      { credentials: { secret: OTHER_SECRET } },
    ],
    [
      'a masked secret not',
      { credentials: { secret: '********' } },
      { credentials: { secret: SECRET } },
    ],
    ['its own type not', { type: 'webhook' }, {}],
    [
      'one policy',
      { policy: { timeout_ms: 100 } },
      { policy: { timeout_ms: 100, concurrency: 3, retry: { delays_s: [5], jitter: 0.5 } } },
    ],
    [
      'a policy with null away',
      { policy: { timeout_ms: null, retry: null } },
      { policy: { concurrency: 3 } },
    ],
    [
      'the retry policy as a whole',
      { policy: { retry: { delays_s: [9] } } },
      { policy: { timeout_ms: 5000, concurrency: 3, retry: { delays_s: [9] } } },
    ],
  ])('changes %s and leaves the rest', async (_what, change, changed) => {
    const { before, path, patch } = await full();
    const { status, body } = await patch(change);
    expect(status).toBe(200);
    // What its schedule comes to follows from the policy (profiles.test.ts).
    const { updated_at, retry_schedule } = body;
    expect(body).toEqual({ ...before, ...changed, updated_at, retry_schedule });
    expect((await api().get(path)).body).toEqual(body);
  });

  it.each<[what: string, change: object, gone: string]>([
    ['the name', { name: null }, 'name'],
    ['the profile', { profile: null }, 'profile'],
    ['all metadata', { metadata: null }, 'metadata'],
    ['the last of the metadata', { metadata: { m1: null, m2: null } }, 'metadata'],
    ['all delivery metadata', { delivery_metadata: null }, 'delivery_metadata'],
    ['the policy', { policy: null }, 'policy'],
    [
      'the last of the policy',
      { policy: { timeout_ms: null, concurrency: null, retry: null } },
      'policy',
    ],
  ])('takes %s away', async (_what, change, gone) => {
    const { before, patch } = await full();
    const { status, body } = await patch(change);
    const { [gone]: _gone, ...rest } = before as unknown as Record<string, unknown>;
    const { updated_at, retry_schedule } = body;
    expect({ status, body }).toEqual({
      status: 200,
      body: { ...rest, updated_at, retry_schedule },
    });
  });

  it('merges the config: one field is changed, another taken away', async () => {
    const { before, patch } = await full();
    const url = api().receiver.url('/other');
    const changed = await patch({ config: { url } });
    expect(changed.body).toMatchObject({
      config: { url, custom_headers: '{"x-a":"1"}' },
      target: url,
      target_url: url,
    });
    const removed = await patch({ config: { custom_headers: null } });
    expect(removed.body.config).toEqual({ url });
    expect(removed.body.credentials).toEqual(before.credentials);
  });

  it('has a new secret made where the one that is there is taken away', async () => {
    const { before, patch } = await full();
    const { body } = await patch({ credentials: { secret: null } });
    expect(body.credentials['secret']).toMatch(/^whsec_/);
    expect(body.credentials).not.toEqual(before.credentials);
  });

  it('disables and enables by disabled_at', async () => {
    const { patch } = await full();
    const disabled = await patch({ disabled_at: '2026-01-02T03:04:05Z' });
    expect(disabled.body.disabled_at).toBe('2026-01-02T03:04:05.000Z');
    expect((await patch({ name: 'x' })).body.disabled_at).toBe('2026-01-02T03:04:05.000Z');
    expect((await patch({ disabled_at: null })).body.disabled_at).toBeNull();
  });

  it.each<[what: string, change: unknown, pointer: string, code: string]>([
    ['another type', { type: 'aws_sqs' }, '/type', 'immutable'],
    ['an unknown field', { label: 'x' }, '/label', 'unknown_field'],
    ['another id', { id: 'x' }, '/id', 'unknown_field'],
    [
      'the time of creation',
      { created_at: '2026-01-01T00:00:00Z' },
      '/created_at',
      'unknown_field',
    ],
    ['no topics', { topics: [] }, '/topics', 'minItems'],
    ['null as topics', { topics: null }, '/topics', 'type'],
    ['null as config', { config: null }, '/config', 'type'],
    ['null as URL', { config: { url: null } }, '/config/url', 'required'],
    ['an unknown config', { config: { speed: '1' } }, '/config/speed', 'unknown_field'],
    ['a bad URL', { config: { url: 'x' } }, '/config/url', 'invalid_url'],
    ['a bad secret', { credentials: { secret: 'x' } }, '/credentials/secret', 'secret_format'],
    ['an unknown profile', { profile: 'x' }, '/profile', 'enum'],
    ['a number in metadata', { metadata: { m1: 1 } }, '/metadata/m1', 'type'],
    ['a bad policy', { policy: { timeout_ms: 1 } }, '/policy/timeout_ms', 'minimum'],
    [
      'a retry policy in part',
      { policy: { retry: { jitter: 0.1 } } },
      '/policy/retry/delays_s',
      'required',
    ],
    ['a bad time', { disabled_at: 'now' }, '/disabled_at', 'format'],
    ['a list', [], '', 'type'],
    ['null', null, '', 'type'],
  ])(
    'refuses %s with 422 and its pointer, and changes nothing',
    async (_what, change, pointer, code) => {
      const { before, path, refused } = await full();
      const { status, body } = await refused(change);
      expect(status).toBe(422);
      expect(body.errors).toContainEqual({ pointer, code, message: expect.any(String) as string });
      expect((await api().get(path)).body).toEqual(before);
    },
  );

  it('changes nothing where one of several changes is refused', async () => {
    const { before, path, refused } = await full();
    const { status } = await refused({ name: 'x', topics: '*', config: { url: 'x' } });
    expect(status).toBe(422);
    expect((await api().get(path)).body).toEqual(before);
  });

  it('does not let a map grow past 100 names, change by change', async () => {
    const { patch, refused } = await full();
    const names = (from: number, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${from + index}`, '']));
    expect((await patch({ metadata: names(0, 98) })).status).toBe(200);
    const { status, body } = await refused({ metadata: names(98, 1) });
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer: '/metadata', code: 'too_many' }]);
    expect((await patch({ metadata: { ...names(98, 1), m1: null } })).status).toBe(200);
  });

  it('is 400 for JSON that does not parse', async () => {
    const { before, path } = await full();
    const { body } = await api().patch(path, '{"name":');
    expect(body).toMatchObject({ status: 400, code: 'invalid_json' });
    expect((await api().get(path)).body).toEqual(before);
  });
});

describe('changes at the same moment', () => {
  it('are all kept: none of 40 is lost', async () => {
    const { path, patch } = await full();
    const names = Array.from({ length: 40 }, (_, index) => `k${index}`);
    const answers = await Promise.all(names.map((name) => patch({ metadata: { [name]: name } })));
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200));
    const { body } = await api().get<DestinationView>(path);
    expect(body.metadata).toEqual({
      m1: '1',
      m2: '2',
      ...Object.fromEntries(names.map((name) => [name, name])),
    });
  });

  it('are all kept over two threads too, beside enabling and disabling', () =>
    withApi({ storage: 'file' }, async (own) => {
      const tenantId = await own.tenant();
      const { id } = await own.destination(tenantId);
      const path = at(tenantId, id);
      const names = Array.from({ length: 20 }, (_, index) => `k${index}`);
      const answers = await Promise.all([
        ...names.map((name) => own.patch<DestinationView>(path, { metadata: { [name]: name } })),
        own.put(`${path}/disable`),
        own.put(`${path}/enable`),
        own.put(`${path}/disable`),
      ]);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      const { body } = await own.get<DestinationView>(path);
      expect(Object.keys(body.metadata ?? {}).toSorted()).toEqual(names.toSorted());
    }));

  it('with a deletion among them end in 200 or 404, and in nothing left', async () => {
    const { path, patch } = await full();
    const answers = await Promise.all([
      ...Array.from({ length: 10 }, (_, index) => patch({ name: `n${index}` })),
      api().delete(path),
      ...Array.from({ length: 10 }, (_, index) => patch({ name: `m${index}` })),
    ]);
    for (const { status } of answers) expect([200, 404]).toContain(status);
    expect((await api().get(path)).status).toBe(404);
  });
});
