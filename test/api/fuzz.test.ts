/**
 * Whatever is sent: never a 5xx, always JSON as the document says (`request` sees to it), and the server lives on.
 */
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { anyBytes, anyJson, anyJsonText, changed, withChangedBytes } from '../support/api-fuzz.ts';
import { routesOf } from '../support/api-routes.ts';
import { useApi } from '../support/api-server.ts';

const api = useApi();

const RUNS = { numRuns: 150 };
const TENANT = 'fuzz';
const DESTINATION = {
  type: 'webhook',
  name: 'a',
  profile: 'standard',
  topics: ['a', 'b.*'],
  config: { url: 'http://127.0.0.1:1/', custom_headers: '{"x-a":"1"}' },
  credentials: { secret: `whsec_${Buffer.alloc(32).toString('base64')}` },
  delivery_metadata: { a: '1' },
  metadata: { a: '1' },
  policy: {
    timeout_ms: 1000,
    concurrency: 1,
    retry: { delays_s: [1, 2], jitter: 0.1, window_s: 5 },
  },
  disabled_at: '2026-01-01T00:00:00Z',
};
const EVENT = {
  id: 'e',
  tenant_id: TENANT,
  topic: 'a',
  destination_id: 'd',
  time: '2026-01-01T00:00:00Z',
  eligible_for_retry: true,
  metadata: { a: '1' },
  resource: { urn: 'urn:r:1', vector_clock: { a: 1, b: 2 }, trigger_urn: 'urn:t:1' },
  data: { a: [1, { b: 'c' }] },
};

const KEY = { name: 'a', scope: 'read', expires_at: '2099-01-01T00:00:00Z' };
const CLIENT = {
  tenant_id: TENANT,
  name: 'a',
  client_id: 'b',
  scope: 'webhook',
  full_access: false,
  permissions: [{ subject: 'ENTITY', events: ['ALL'] }],
  expires_at: null,
};
const SUBSCRIPTION = {
  apiClient: '00000000-0000-4000-8000-000000000000',
  subject: 'ENTITY',
  event: 'ALL',
  resource: 'urn:r:1',
  destinationUrl: 'http://127.0.0.1:1/',
  auth: 'BASIC',
  secret: 'a secret',
  expirationTimestamp: '2026-12-01T00:00:00.000',
  eventsPerMinute: 60,
};
const TOPIC = {
  description: 'A.',
  schema: {
    type: 'object',
    properties: { a: { $ref: '#/$defs/n' } },
    $defs: { n: { type: 'integer' } },
  },
  sample: { a: 1 },
  deprecated: false,
  enforcement: 'reject',
};

const ONE = '/api/v1/tenants/:tenant_id/destinations/:destination_id';

interface Fuzzed {
  readonly method: 'POST' | 'PUT' | 'PATCH';
  readonly path: string;
  readonly good: unknown;
}

/** Every route that takes a body, with a good one. */
const ROUTES: readonly Fuzzed[] = [
  { method: 'POST', path: '/api/v1/apiclients', good: CLIENT },
  { method: 'PATCH', path: '/api/v1/apiclients/:urn', good: { name: 'a', full_access: true } },
  { method: 'POST', path: '/api/v1/apiclients/:urn/rotate', good: { overlap_s: 1 } },
  {
    method: 'PUT',
    path: '/api/v1/apiclients/:urn/client-certificate',
    good: { certificate: 'a', key: 'b', ca: null },
  },
  { method: 'POST', path: '/api/v1/webhooksubscriptions', good: SUBSCRIPTION },
  { method: 'PUT', path: '/api/v1/webhooksubscriptions/:urn', good: SUBSCRIPTION },
  { method: 'PATCH', path: '/api/v1/webhooksubscriptions/:urn', good: SUBSCRIPTION },
  {
    method: 'POST',
    path: '/api/v1/webhooksubscriptions/:urn/renew',
    good: { expirationTimestamp: '2026-12-01T00:00:00.000' },
  },
  { method: 'POST', path: '/api/v1/webhooksubscriptions/:urn/enable', good: {} },
  {
    method: 'POST',
    path: '/api/v1/hooks',
    good: { event: 'a', target_url: 'http://127.0.0.1:1/', expiration_date: null },
  },
  { method: 'POST', path: '/api/v1/environment/hmac-secret', good: {} },
  { method: 'POST', path: '/api/v1/publish', good: EVENT },
  {
    method: 'POST',
    path: '/api/v1/publish/batch',
    good: { events: [EVENT, { tenant_id: TENANT, data: {} }] },
  },
  {
    method: 'POST',
    path: '/api/v1/retry',
    good: { event_id: 'e', destination_id: 'd', tenant_id: TENANT },
  },
  {
    method: 'POST',
    path: '/api/v1/replays',
    good: {
      tenant_id: TENANT,
      destination_id: 'd',
      time: { gte: '2026-01-01T00:00:00Z', lt: '2026-02-01T00:00:00Z' },
      topics: ['a.*'],
      filter: { data: { a: 1 } },
      select: 'all',
      rate_per_minute: 10,
      dry_run: true,
    },
  },
  { method: 'POST', path: '/api/v1/replays/:replay_id/pause', good: {} },
  { method: 'POST', path: '/api/v1/replays/:replay_id/resume', good: {} },
  { method: 'POST', path: '/api/v1/replays/:replay_id/cancel', good: {} },
  {
    method: 'PUT',
    path: '/api/v1/tenants/:tenant_id',
    good: {
      metadata: { a: '1' },
      name: 'A',
      contacts: [{ email: 'someone@example.com' }],
      profile: 'baxcloud',
      limits: { destinations: 10, publish_per_minute: 1000, payload_bytes: 1000 },
    },
  },
  { method: 'POST', path: '/api/v1/tenants/:tenant_id/destinations', good: DESTINATION },
  {
    method: 'POST',
    path: '/api/v1/filters/test',
    good: {
      filter: { data: { a: { $or: [1, { $in: ['x'] }], $not: { $exist: false } } }, topic: 'a' },
      event: { id: 'x', topic: 'a', time: '2026-01-01T00:00:00Z', data: { a: [1, { b: null }] } },
    },
  },
  { method: 'PATCH', path: ONE, good: DESTINATION },
  {
    method: 'POST',
    path: `${ONE}/rotate-secret`,
    good: { secret: `whsec_${Buffer.alloc(32, 1).toString('base64')}`, overlap_s: 60 },
  },
  { method: 'POST', path: '/api/v1/keys', good: KEY },
  { method: 'PATCH', path: '/api/v1/keys/:key_id', good: { name: 'a', expires_at: null } },
  { method: 'POST', path: '/api/v1/deliveries/:delivery_id/cancel', good: {} },
  { method: 'POST', path: '/api/v1/events/:event_id/cancel', good: {} },
  { method: 'PUT', path: `${ONE}/enable`, good: {} },
  { method: 'PUT', path: `${ONE}/disable`, good: {} },
  { method: 'POST', path: '/api/v1/keys/reencrypt', good: { next: null, limit: 5 } },
  { method: 'POST', path: `${ONE}/test`, good: { topic: 'a', data: { a: 1 } } },
  // Last: once there is a catalogue, destinations name its topics.
  { method: 'PUT', path: '/api/v1/catalogue/:topic', good: TOPIC },
  {
    method: 'POST',
    path: '/api/v1/catalogue/import',
    good: {
      documents: [
        { name: 'a', document: TOPIC.schema },
        { document: { openapi: '3.1.0', webhooks: { b: { post: { description: 'B' } } } } },
        { document: { topics: { c: TOPIC } } },
      ],
      data_pointer: '/a',
      enforcement: 'warn',
    },
  },
];

const filledIn = (path: string) =>
  path
    .replace(':tenant_id', TENANT)
    .replace(':destination_id', 'd')
    .replace(':topic', 'fuzz.topic');

beforeAll(async () => {
  await api().put(`/v1/tenants/${TENANT}`);
  await api().destination(TENANT, { id: 'd', disabled_at: '2026-01-01T00:00:00Z' });
});

afterEach(async () => {
  expect((await api().get('/readyz')).status).toBe(200);
  expect(api().failures).toEqual([]);
});

/** Sends it; the answer is below 500, and an error has the shape of all errors. */
async function expectAnswer(
  method: 'POST' | 'PUT' | 'PATCH' | 'GET',
  path: string,
  body?: unknown,
): Promise<void> {
  const answer = await api().request<{ status?: unknown }>(method, path, { body });
  expect(answer.status).toBeLessThan(500);
  if (answer.status >= 400) expect(answer.body.status).toBe(answer.status);
}

it('every route that takes a body is fuzzed', () => {
  const taking = routesOf(api().server)
    // The forms of mails' pages take no JSON (test/api/mail-links.test.ts).
    .filter(
      ({ method, path }) => ['POST', 'PUT', 'PATCH'].includes(method) && !path.startsWith('/mail/'),
    )
    .map(({ method, path }) => `${method} ${path}`);
  const fuzzed = ROUTES.map(({ method, path }) => `${method} ${path}`);
  expect(fuzzed.toSorted()).toEqual(taking.toSorted());
});

describe.each(ROUTES)('$method $path', ({ method, path, good }) => {
  const url = filledIn(path);
  const send = (body: unknown) => expectAnswer(method, url, body);

  it('takes or refuses any JSON', () => fc.assert(fc.asyncProperty(anyJson, send), RUNS));

  it('takes or refuses any spelling of JSON', () =>
    fc.assert(fc.asyncProperty(anyJsonText, send), RUNS));

  it('takes or refuses a good body that was changed', () =>
    fc.assert(fc.asyncProperty(changed(good), send), { numRuns: 400 }));

  it('takes or refuses a good text with other bytes', () =>
    fc.assert(fc.asyncProperty(withChangedBytes(good), send), { numRuns: 300 }));

  it('takes or refuses any bytes', () => fc.assert(fc.asyncProperty(anyBytes, send), RUNS));
});

describe('paths and queries', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('', '..', '%', '\u0000', '__proto__', 'x'.repeat(2000), 'evt_0', 'dlv_0'),
  );
  const escaped = text.map((value) => encodeURIComponent(value));
  const raw = fc.string({
    unit: fc.constantFrom('%', '2', 'f', '0', '.', ';', '&', '=', '[', ']', 'a'),
    maxLength: 12,
  });

  it.each([
    '/v1/tenants/ID',
    '/v1/tenants/ID/destinations',
    `/v1/tenants/${TENANT}/destinations/ID`,
    `/v1/tenants/${TENANT}/destinations/ID/attempts`,
    `/v1/tenants/${TENANT}/destinations/d/attempts/ID`,
    '/v1/events/ID',
    '/v1/deliveries/ID',
    '/v1/attempts/ID',
  ])('with any id do no harm: %s', (path) =>
    fc.assert(
      fc.asyncProperty(fc.oneof(escaped, raw), (id) => expectAnswer('GET', path.replace('ID', id))),
      { numRuns: 200 },
    ),
  );

  it.each([
    '/v1/tenants',
    '/v1/events',
    '/v1/deliveries',
    '/v1/attempts',
    `/v1/tenants/${TENANT}/destinations`,
  ])('with any parameters do no harm: %s', (path) => {
    const known = fc.constantFrom(
      'id',
      'tenant_id',
      'topic',
      'topics',
      'type',
      'destination_id',
      'event_id',
      'status',
      'time[gte]',
      'limit',
      'dir',
      'next',
      'prev',
      'include',
      'order_by',
    );
    const value = fc.oneof(escaped, raw, fc.constantFrom('1', 'asc', 'MQ', 'MSwy', 'event'));
    const index = fc.constantFrom('', '[]', '[0]', '[1]', '[x]');
    const parameter = fc
      .tuple(fc.oneof(known, escaped), index, value)
      .map(([name, at, given]) => `${name}${at}=${given}`);
    return fc.assert(
      fc.asyncProperty(fc.array(parameter, { maxLength: 5 }), (parameters) =>
        expectAnswer('GET', `${path}?${parameters.join('&')}`),
      ),
      { numRuns: 300 },
    );
  });
});
