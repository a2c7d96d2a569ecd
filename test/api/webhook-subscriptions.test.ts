/** Baack's webhook subscriptions, field for field, and what each sends. */
import { createHash, createHmac } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { disableByRule } from '../../src/engine/end-destination.ts';
import { createCertificate } from '../support/certificate.ts';
import { MovedClock } from '../support/api-clock.ts';
import { makeClient, makeSubscription, SECRET, subscriptionBody } from '../support/api-clients.ts';
import type { IssuedClientView, SubscriptionView } from '../support/api-clients.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, DestinationView, ErrorView, ListView } from '../support/api-views.ts';

const clock = new MovedClock();
const api = useApi({ clock });
const DAY_MS = 86_400_000;
const zoneless = (timeMs: number) => new Date(timeMs).toISOString().slice(0, -1);
const pathOf = ({ urn }: { urn: string }) => `/v1/webhooksubscriptions/${urn}`;

let tenantId: string;
let client: IssuedClientView;

beforeAll(async () => {
  tenantId = await api().tenant();
  client = await makeClient(api(), tenantId, { client_id: 'acme' });
});

const create = (given: object) =>
  api().request<Omit<SubscriptionView, 'status'> & ErrorView>('POST', '/v1/webhooksubscriptions', {
    key: client.token,
    body: subscriptionBody(api(), client, given),
  });
const destinationsOf = async (event: object) =>
  (await api().publish({ tenant_id: tenantId, data: {}, ...event })).body.destination_ids;

describe('a new subscription', () => {
  it('has every field of the document, spelled as there', async () => {
    const made = await makeSubscription(api(), client);
    expect(made).toMatchObject({
      apiClient: client.urn,
      subject: 'ENTITY',
      event: 'ALL',
      resource: null,
      destinationUrl: api().receiver.url('/ok'),
      auth: 'HMAC_SHA256',
      secret: createHash('sha256').update(SECRET).digest('hex'),
      eventsPerMinute: 6000,
      status: 'ACTIVE',
      statusReason: null,
      statusTimestamp: null,
      lastDeliveryTimestamp: null,
      billableAttempts: 0,
    });
    expect(made.urn).toHaveLength(36);
    for (const time of [made.createdTimestamp, made.updatedTimestamp, made.expirationTimestamp])
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/);
    const lifetime =
      Date.parse(`${made.expirationTimestamp}Z`) - Date.parse(`${made.createdTimestamp}Z`);
    expect(Math.round(lifetime / DAY_MS)).toBe(90);
    expect((await api().get(pathOf(made))).body).toEqual(made);
  });

  it('is a webhook destination of the profile baack, to be looked after through that door, too', async () => {
    const made = await makeSubscription(api(), client, {
      subject: 'MESSAGE_THREAD',
      event: 'UPDATE',
    });
    const path = `/v1/tenants/${tenantId}/destinations/${made.urn}`;
    const { body } = await api().get<DestinationView>(path);
    expect(body).toMatchObject({
      type: 'webhook',
      profile: 'baack',
      topics: ['message.thread.update'],
      credentials: { secret: made.secret },
      subscription: { api_client: client.urn, subject: 'MESSAGE_THREAD', event: 'UPDATE' },
    });
    expect(body.subscription).not.toHaveProperty('resource');
    const other = await api().destination(tenantId, { topics: ['of.another.door'] });
    expect(other).not.toHaveProperty('subscription');
    const narrow = await makeSubscription(api(), client, { resource: 'urn:thread:7' });
    const { body: narrowed } = await api().get<DestinationView>(
      `/v1/tenants/${tenantId}/destinations/${narrow.urn}`,
    );
    expect(narrowed.subscription).toMatchObject({ resource: 'urn:thread:7' });
    await api().put(`${path}/disable`);
    expect((await api().get(pathOf(made))).body).toMatchObject({
      status: 'STOPPED',
      statusReason: 'by_hand',
    });
  });

  it.each([
    ['apiClient', undefined, 'required'],
    ['apiClient', 'nobody', 'pattern'],
    ['subject', undefined, 'required'],
    ['subject', 'entity', 'format'],
    ['event', undefined, 'required'],
    ['event', 'READ', 'enum'],
    ['destinationUrl', undefined, 'required'],
    ['destinationUrl', `https://example.com/${'a'.repeat(1005)}`, 'maxLength'],
    ['destinationUrl', 'https://10.0.0.1/', 'blocked_address'],
    ['auth', 'NTLM', 'enum'],
    ['auth', 'MTLS', 'no_certificate'],
    ['secret', undefined, 'required'],
    ['secret', '', 'secret_format'],
    ['eventsPerMinute', undefined, 'required'],
    ['eventsPerMinute', 0, 'minimum'],
    ['eventsPerMinute', 6001, 'maximum'],
    ['eventsPerMinute', 1.5, 'type'],
    ['expirationTimestamp', '2126-11-21T10:00:00Z', 'format'],
    ['expirationTimestamp', '2126-11-21T10:00:00.000', 'range'],
    ['expirationTimestamp', '2020-11-21T10:00:00.000', 'past'],
    ['resource', 'a b', 'pattern'],
    ['status', 'ACTIVE', 'unknown_field'],
  ])('with %s = %j is refused, and the field is named', async (field, value, code) => {
    const { status, body } = await create({ [field]: value });
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer: `/${field}`, code }]);
  });

  it('names the allowed values where one is wrong', async () => {
    const { body } = await create({ event: 'READ' });
    expect(body.errors[0]?.message).toContain('CREATE, UPDATE, DELETE, ALL');
  });

  it('may have up to 1,024 characters of URL, and as many events as the operator allows', async () => {
    const head = api().receiver.url('/');
    const destinationUrl = head + 'a'.repeat(1024 - head.length);
    expect((await create({ destinationUrl })).status).toBe(201);
    await api().put(`/v1/tenants/${tenantId}`, { limits: { events_per_minute: 7000 } });
    expect((await create({ eventsPerMinute: 7000 })).status).toBe(201);
    expect((await create({ eventsPerMinute: 7001 })).status).toBe(422);
  });

  it('expires when it says, at most 90 days ahead', async () => {
    const expirationTimestamp = zoneless(clock.nowMs() + DAY_MS);
    expect((await create({ expirationTimestamp })).body.expirationTimestamp).toBe(
      expirationTimestamp,
    );
    const late = await create({ expirationTimestamp: zoneless(clock.nowMs() + 91 * DAY_MS) });
    expect(late.status).toBe(422);
  });

  it('is made for a client of scope webhook of the caller’s, and by no other client', async () => {
    const apiScoped = await makeClient(api(), tenantId, { scope: 'api' });
    const stranger = await makeClient(api(), await api().tenant());
    const colleague = await makeClient(api(), tenantId);
    const asOperator = await api().post<ErrorView>(
      '/v1/webhooksubscriptions',
      subscriptionBody(api(), apiScoped),
    );
    expect(asOperator.body.errors).toMatchObject([{ pointer: '/apiClient', code: 'scope' }]);
    expect((await create({ apiClient: stranger.urn })).body).toMatchObject({
      status: 404,
      code: 'api_client_not_found',
    });
    expect((await create({ apiClient: colleague.urn })).body).toMatchObject({
      status: 403,
      code: 'client_permission',
    });
  });
});

describe('permissions', () => {
  it('limit the subjects and events, whoever subscribes for the client', async () => {
    const narrow = await makeClient(api(), tenantId, {
      full_access: false,
      permissions: [
        { subject: 'ENTITY', events: ['CREATE', 'UPDATE'] },
        { subject: 'ROOM', events: ['ALL'] },
      ],
    });
    const statusOf = async (subject: string, event: string, key?: string) => {
      const body = subscriptionBody(api(), narrow, { subject, event });
      const options = key === undefined ? { body } : { body, key };
      const path = '/v1/webhooksubscriptions';
      const answer = await api().request<ErrorView>('POST', path, options);
      return answer.status === 403 ? answer.body.code : answer.status;
    };
    expect(await statusOf('ENTITY', 'CREATE', narrow.token)).toBe(201);
    expect(await statusOf('ENTITY', 'DELETE', narrow.token)).toBe('client_permission');
    expect(await statusOf('ENTITY', 'ALL', narrow.token)).toBe('client_permission');
    expect(await statusOf('ENTITY', 'ALL')).toBe('client_permission');
    expect(await statusOf('ROOM', 'ALL', narrow.token)).toBe(201);
    expect(await statusOf('ROOM', 'DELETE', narrow.token)).toBe(201);
    expect(await statusOf('OTHER', 'CREATE', narrow.token)).toBe('client_permission');
    const made = await makeSubscription(api(), narrow, { event: 'CREATE' });
    const patch = { key: narrow.token, body: { event: 'DELETE' } };
    const widened = await api().request<ErrorView>('PATCH', pathOf(made), patch);
    expect(widened.body.code).toBe('client_permission');
  });

  it('a client sees and changes its own subscriptions alone', async () => {
    const other = await makeClient(api(), tenantId);
    const mine = await makeSubscription(api(), client);
    const key = other.token;
    for (const [method, path, body] of [
      ['GET', pathOf(mine), undefined],
      ['PATCH', pathOf(mine), {}],
      ['DELETE', pathOf(mine), undefined],
      ['POST', `${pathOf(mine)}/renew`, undefined],
      ['POST', `${pathOf(mine)}/enable`, undefined],
    ] as const) {
      const options = body === undefined ? { key } : { key, body };
      const answer = await api().request<ErrorView>(method, path, options);
      expect(answer.body).toMatchObject({ status: 404, code: 'subscription_not_found' });
    }
    const list = await api().request<{ models: unknown[] }>('GET', '/v1/webhooksubscriptions', {
      key,
    });
    expect(list.body.models).toEqual([]);
  });

  it('a client reads what was delivered to it, and not what was published', async () => {
    const path = '/own-deliveries';
    const own = await makeClient(api(), tenantId);
    const body = { subject: 'OWN', destinationUrl: api().receiver.url(path) };
    const made = await makeSubscription(api(), own, body);
    await makeSubscription(api(), client, { subject: 'OWN' });
    await api().publish({ tenant_id: tenantId, topic: 'own.create', data: { a: 1 } });
    await api().receiver.wait(path, 1);
    const read = (resource: string) =>
      api().request<{ models: { destination_id: string; id: string }[] }>('GET', resource, {
        key: own.token,
      });
    const attempts = await until('an attempt', async () => {
      const found = await read('/v1/attempts');
      return found.body.models.length > 0 ? found.body.models : undefined;
    });
    const { models: deliveries } = (await read('/v1/deliveries')).body;
    for (const found of [attempts, deliveries])
      expect(found.map(({ destination_id: id }) => id)).toEqual([made.urn]);
    expect((await read(`/v1/attempts/${attempts[0]?.id}`)).status).toBe(200);
    expect((await read('/v1/attempts?include=event.data')).status).toBe(403);
    const foreign = (
      await api().get<{ models: { id: string; destination_id: string }[] }>(
        `/v1/deliveries?tenant_id=${tenantId}`,
      )
    ).body.models.find(({ destination_id: id }) => id !== made.urn);
    expect((await read(`/v1/deliveries/${foreign?.id}`)).status).toBe(404);
  });
});

describe('what it takes', () => {
  it('ALL is every event of the subject, and one event is that one', async () => {
    const all = await makeSubscription(api(), client, { subject: 'A_B' });
    const one = await makeSubscription(api(), client, { subject: 'A_B', event: 'UPDATE' });
    for (const topic of ['a.b.create', 'a.b.delete'])
      expect(await destinationsOf({ topic })).toEqual([all.urn]);
    expect(await destinationsOf({ topic: 'a.b.update' })).toEqual([all.urn, one.urn]);
    for (const topic of ['a.b.c.create', 'a.create', 'a.b.read'])
      expect(await destinationsOf({ topic })).toEqual([]);
  });

  it('a resource narrows it to that one', async () => {
    const thread = await makeSubscription(api(), client, { subject: 'THREAD', resource: 'urn:1' });
    const topic = 'thread.update';
    expect(await destinationsOf({ topic, resource: { urn: 'urn:1' } })).toEqual([thread.urn]);
    expect(await destinationsOf({ topic, resource: { urn: 'urn:2' } })).toEqual([]);
    expect(await destinationsOf({ topic })).toEqual([]);
    await api().patch(pathOf(thread), { resource: null });
    expect(await destinationsOf({ topic })).toEqual([thread.urn]);
  });

  it('is sent thin and signed, under the trigger’s urn', async () => {
    const path = '/thin';
    await makeSubscription(api(), client, {
      subject: 'THIN',
      destinationUrl: api().receiver.url(path),
    });
    const resource = { urn: 'urn:r', vector_clock: { a: 3 }, trigger_urn: 'urn:t' };
    const event = { tenant_id: tenantId, topic: 'thin.update', data: { hidden: 1 }, resource };
    const { body: published } = await api().publish(event);
    const [received] = await api().receiver.wait(path, 1);
    const sent = received?.body.toString() ?? '';
    expect(JSON.parse(sent)).toMatchObject({
      urn: published.id,
      subject: 'THIN',
      event: 'UPDATE',
      resource: 'urn:r',
      vectorClock: { a: 3 },
      trigger: { urn: 'urn:t', event: 'UPDATE' },
    });
    expect(sent).not.toContain('hidden');
    const headers = received?.headers ?? {};
    const signed = `${sent}${String(headers['x-baack-timestamp'])}urn:t`;
    expect(headers['idempotency-key']).toBe('urn:t');
    expect(headers['x-baack-signature']).toBe(
      createHmac('sha256', SECRET).update(signed).digest('hex'),
    );
  });
});

describe('authentication', () => {
  const headersWith = async (auth: string) => {
    const path = `/auth-${auth}`;
    const subject = `AUTH${auth}`;
    const destinationUrl = api().receiver.url(path);
    const made = await makeSubscription(api(), client, { subject, auth, destinationUrl });
    expect(made.auth).toBe(auth);
    const next = async (count: number) => {
      const topic = `${subject.toLowerCase().replaceAll('_', '.')}.create`;
      await api().publish({ tenant_id: tenantId, topic, data: {} });
      const received = await api().receiver.wait(path, count);
      const headers = received[count - 1]?.headers;
      expect(headers?.['x-baack-signature']).toMatch(/^[0-9a-f]{64}$/);
      return headers?.authorization;
    };
    return { made, next };
  };

  it('BASIC has the client id and the secret, also one that was changed', async () => {
    const { made, next } = await headersWith('BASIC');
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(await next(1)).toBe(basic(`acme:${SECRET}`));
    await api().patch(pathOf(made), { secret: 'another one' });
    expect(await next(2)).toBe(basic('acme:another one'));
  });

  it('BEARER has the client’s token, and the new one once it was rotated', async () => {
    const { next } = await headersWith('BEARER');
    expect(await next(1)).toBe(`Bearer ${client.token}`);
    const path = `/v1/apiclients/${client.urn}/rotate`;
    const { body } = await api().post<IssuedClientView>(path);
    client = { ...client, token: body.token };
    expect(await next(2)).toBe(`Bearer ${client.token}`);
  });

  it('BEARER: what waits already when the token is rotated goes out with the new one', async () => {
    const waiting = await api().tenant();
    const own = await makeClient(api(), waiting);
    const rotate = async () => {
      const path = `/v1/apiclients/${own.urn}/rotate`;
      return (await api().post<IssuedClientView>(path)).body.token;
    };
    const tokensAt = async (path: string, count: number) =>
      (await api().receiver.wait(path, count)).map(({ headers }) => headers.authorization);
    const publish = (topic: string) => api().publish({ tenant_id: waiting, topic, data: {} });

    // The first is under way, and the second one waits until it is over.
    const path = '/hold/rotated';
    const made = await makeSubscription(api(), own, {
      subject: 'ENTITY',
      auth: 'BEARER',
      destinationUrl: api().receiver.url(path),
    });
    const destination = `/v1/tenants/${waiting}/destinations/${made.urn}`;
    await api().patch(destination, { policy: { concurrency: 1 } });
    await publish('entity.create');
    expect(await tokensAt(path, 1)).toEqual([`Bearer ${own.token}`]);
    await publish('entity.create');
    const second = await rotate();
    api().receiver.release('rotated');
    expect(await tokensAt(path, 2)).toEqual([`Bearer ${own.token}`, `Bearer ${second}`]);

    // It failed, and waits for its retry.
    const failing = '/status/503';
    const before = api().receiver.at(failing).length;
    await makeSubscription(
      api(),
      { ...own, token: second },
      {
        subject: 'ROOM',
        auth: 'BEARER',
        destinationUrl: api().receiver.url(failing),
      },
    );
    const { body: event } = await publish('room.create');
    expect((await tokensAt(failing, before + 1)).at(-1)).toBe(`Bearer ${second}`);
    const third = await rotate();
    const pending = await until('the first attempt to be recorded', async () => {
      const query = `tenant_id=${waiting}&event_id=${event.id}`;
      const { body } = await api().get<ListView<DeliveryView>>(`/v1/deliveries?${query}`);
      return body.models.find((each) => each.waits_for === 'retry');
    });
    const retry = { event_id: event.id, destination_id: pending.destination_id };
    await api().post('/v1/retry', retry);
    expect((await tokensAt(failing, before + 2)).at(-1)).toBe(`Bearer ${third}`);
  });

  it('HMAC_SHA256 has nothing beside the signature', async () => {
    const { next } = await headersWith('HMAC_SHA256');
    expect(await next(1)).toBeUndefined();
  });

  it('MTLS has the client’s certificate, which is given before', async () => {
    const { cert: certificate, key } = createCertificate(['client.test']);
    await api().put(`/v1/apiclients/${client.urn}/client-certificate`, { certificate, key });
    const made = await makeSubscription(api(), client, { auth: 'MTLS' });
    expect(made.auth).toBe('MTLS');
    const path = `/v1/tenants/${tenantId}/destinations/${made.urn}`;
    const { body, text } = await api().get<DestinationView>(path);
    expect(body.auth).toMatchObject({ method: 'mtls', certificate });
    expect(text).not.toContain('PRIVATE KEY');
  });

  it('is changed at the subscription, and not at the destination', async () => {
    const made = await makeSubscription(api(), client, { auth: 'DIGEST' });
    const path = `/v1/tenants/${tenantId}/destinations/${made.urn}`;
    const destination = await api().get<DestinationView>(path);
    expect(destination.body.auth).toMatchObject({ method: 'digest', username: 'acme' });
    expect(destination.text).not.toContain(SECRET);
    const refused = await api().patch<ErrorView>(path, { auth: { method: 'none' } });
    expect(refused.body.errors).toMatchObject([{ pointer: '/auth', code: 'conflict' }]);
    const changed = await api().patch(pathOf(made), { auth: 'HMAC_SHA256' });
    expect(changed.body).toMatchObject({ auth: 'HMAC_SHA256' });
  });
});

describe('a change', () => {
  it.each(['PUT', 'PATCH'] as const)('by %s keeps what is left out', async (method) => {
    const made = await makeSubscription(api(), client, { auth: 'BASIC' });
    const body = { eventsPerMinute: 7, event: 'CREATE' };
    const answer = await api().request<SubscriptionView>(method, pathOf(made), { body });
    expect(answer.status).toBe(200);
    const { updatedTimestamp: _updated, ...rest } = made;
    expect(answer.body).toMatchObject({ ...rest, ...body });
  });

  it('that sends the whole subscription back changes nothing, its digest neither', async () => {
    const made = await makeSubscription(api(), client);
    const answer = await api().put<SubscriptionView>(pathOf(made), made);
    const { updatedTimestamp: _one, ...before } = made;
    const { updatedTimestamp: _other, ...after } = answer.body;
    expect(after).toEqual(before);
  });

  it('of the API client is not looked at', async () => {
    const made = await makeSubscription(api(), client);
    const answer = await api().patch(pathOf(made), { apiClient: 'another' });
    expect(answer.body).toMatchObject({ apiClient: client.urn });
  });

  it('of what is wrong is refused', async () => {
    const made = await makeSubscription(api(), client);
    const answer = await api().patch<ErrorView>(pathOf(made), { eventsPerMinute: 0, color: 'red' });
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/color',
      '/eventsPerMinute',
    ]);
  });
});

describe('the end', () => {
  it('stops new deliveries at that moment; renewed, it goes on', async () => {
    const made = await makeSubscription(api(), client, {
      subject: 'ENDING',
      expirationTimestamp: zoneless(clock.nowMs() + DAY_MS),
    });
    expect(await destinationsOf({ topic: 'ending.create' })).toEqual([made.urn]);
    clock.move(2 * DAY_MS);
    expect(await destinationsOf({ topic: 'ending.create' })).toEqual([]);
    expect((await api().get(pathOf(made))).body).toMatchObject({
      status: 'EXPIRED',
      statusReason: 'expired',
      statusTimestamp: made.expirationTimestamp,
    });
    // The same once its end was carried out.
    const key = { tenantId, id: made.urn };
    const { storage, routing, targets, dispatcher } = api().engine;
    const stored = await storage.destinationGet(key);
    const ends = { storage, routing, targets, dispatcher, wakeCanceler: () => {} };
    const createdAtMs = stored?.createdAtMs ?? 0;
    expect(await disableByRule(ends, { ...key, createdAtMs }, 'expired', clock.nowMs())).toBe(true);
    expect((await api().get(pathOf(made))).body).toMatchObject({
      status: 'EXPIRED',
      statusReason: 'expired',
      statusTimestamp: made.expirationTimestamp,
    });
    const renewed = await api().post<SubscriptionView>(`${pathOf(made)}/renew`);
    expect(renewed.body.status).toBe('ACTIVE');
    expect(await destinationsOf({ topic: 'ending.create' })).toEqual([made.urn]);
    const expirationTimestamp = zoneless(clock.nowMs() + DAY_MS);
    const body = { expirationTimestamp };
    expect((await api().post(`${pathOf(made)}/renew`, body)).body).toMatchObject(body);
    const late = { expirationTimestamp: zoneless(clock.nowMs() + 91 * DAY_MS) };
    expect((await api().post(`${pathOf(made)}/renew`, late)).status).toBe(422);
    clock.move(2 * DAY_MS);
    const enabled = await api().post<SubscriptionView>(`${pathOf(made)}/enable`);
    expect(enabled.body.status).toBe('ACTIVE');
    expect(await destinationsOf({ topic: 'ending.create' })).toEqual([made.urn]);
  });

  it('stopped, it is enabled again', async () => {
    const made = await makeSubscription(api(), client);
    await api().put(`/v1/tenants/${tenantId}/destinations/${made.urn}/disable`);
    const enabled = await api().post(`${pathOf(made)}/enable`);
    expect(enabled.body).toMatchObject({ status: 'ACTIVE', statusReason: null });
  });

  it('stopped by a rule, it says which', async () => {
    const made = await makeSubscription(api(), client, {
      subject: 'STOPPING',
      destinationUrl: api().receiver.url('/status/500'),
    });
    const path = `/v1/tenants/${tenantId}/destinations/${made.urn}`;
    await api().patch(path, { policy: { disable: { consecutive_failures: 1 } } });
    await api().publish({ tenant_id: tenantId, topic: 'stopping.create', data: {} });
    const stopped = await until('it is stopped', async () => {
      const { body } = await api().get<SubscriptionView>(pathOf(made));
      return body.status === 'STOPPED' ? body : undefined;
    });
    expect(stopped.statusReason).toBe('consecutive_failures');
    expect((stopped.statusTimestamp ?? '') >= made.createdTimestamp).toBe(true);
  });

  it('deleted, it is gone', async () => {
    const made = await makeSubscription(api(), client);
    expect((await api().delete(pathOf(made))).body).toEqual({ success: true });
    expect((await api().delete(pathOf(made))).status).toBe(404);
  });
});

it('a list comes page by page, in the envelope', async () => {
  const own = await api().tenant();
  const their = await makeClient(api(), own);
  const urns: string[] = [];
  for (let count = 0; count < 3; count++) urns.push((await makeSubscription(api(), their)).urn);
  interface List {
    models: SubscriptionView[];
    pagination: { order_by: string; dir: string; limit: number; next: string | null };
  }
  const path = `/v1/webhooksubscriptions?tenant_id=${own}&limit=2`;
  const first = (await api().get<List>(path)).body;
  expect(first.pagination).toMatchObject({ order_by: 'createdTimestamp', dir: 'desc', limit: 2 });
  const second = (await api().get<List>(`${path}&next=${first.pagination.next}`)).body;
  expect([...first.models, ...second.models].map(({ urn }) => urn).toSorted()).toEqual(
    urns.toSorted(),
  );
  expect(second.pagination.next).toBeNull();
  const anybody = await api().get<ErrorView>('/v1/webhooksubscriptions');
  expect(anybody.body.errors).toMatchObject([{ pointer: '?tenant_id' }]);
});

it('tells when it delivered last', async () => {
  const subject = 'LATELY';
  const made = await makeSubscription(api(), client, { subject });
  await api().publish({ tenant_id: tenantId, topic: 'lately.create', data: {} });
  const time = await until('a delivery', async () => {
    const { body } = await api().get<SubscriptionView>(pathOf(made));
    return body.lastDeliveryTimestamp ?? undefined;
  });
  expect(time >= made.createdTimestamp).toBe(true);
});
