/** REST hooks, as Zapier uses them: subscribe, samples, push, 410 unsubscribes, unsubscribe. */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { MovedClock } from '../support/api-clock.ts';
import { makeClient } from '../support/api-clients.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DestinationView, ErrorView } from '../support/api-views.ts';

interface HookView {
  readonly id: string;
  readonly event: string;
  readonly target_url: string;
  readonly created_at: string;
  readonly expiration_date?: string;
}

const clock = new MovedClock();
const api = useApi({ clock });
const HOUR_MS = 3_600_000;

let tenantId: string;
let key: string;

beforeAll(async () => {
  tenantId = await api().tenant();
  ({ token: key } = await makeClient(api(), tenantId));
});

const as = <Body>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown, by = key) =>
  api().request<Body>(method, path, { key: by, ...(body === undefined ? {} : { body }) });
const subscribe = (body: unknown, by?: string) => as<HookView>('POST', '/v1/hooks', body, by);
const publish = (topic: string, data: object) =>
  api().publish({ tenant_id: tenantId, topic, data });

/** Verifies what comes, as Zapier's code step does, and answers 410 once its Zap is off. */
async function startZap(secret: string) {
  const received: unknown[] = [];
  const forged: string[] = [];
  let isOn = true;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const expected = createHmac('sha256', secret).update(body).digest('hex');
      if (request.headers['x-delivery-hmac-sha256'] === expected)
        received.push(JSON.parse(body.toString()));
      else forged.push(body.toString());
      response.writeHead(isOn ? 200 : 410).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/hooks/catch/1/abc/`,
    received,
    forged,
    turnOff: () => (isOn = false),
  };
}

it('a Zap from its first subscription to its end', async () => {
  const secretPath = `/v1/environment/hmac-secret?tenant_id=${tenantId}`;
  const { body: environment } = await api().post<{ secret: string }>(secretPath);
  const zap = await startZap(environment.secret);

  const subscribed = await subscribe({ event: 'site.publish', hookUrl: zap.url });
  expect(subscribed.status).toBe(201);
  const hook = subscribed.body;
  expect(hook).toMatchObject({ event: 'site.publish', target_url: zap.url });

  for (const count of [1, 2, 3, 4]) await publish('site.publish', { site: count });
  await until('four pushes', () => (zap.received.length === 4 ? true : undefined));
  expect(zap.forged).toEqual([]);
  expect(zap.received).toContainEqual({ event: 'site.publish', site: 1 });

  const { body: samples } = await as<Record<string, unknown>[]>(
    'GET',
    '/v1/hooks/samples?event=site.publish&limit=3',
  );
  expect(samples.map(({ site }) => site)).toEqual([4, 3, 2]);
  for (const { id, ...pushed } of samples) {
    expect(id).toMatch(/^evt_/);
    expect(zap.received).toContainEqual(pushed);
  }

  expect((await subscribe({ event: 'site.publish', hookUrl: zap.url })).body.id).toBe(hook.id);
  expect((await as('DELETE', `/v1/hooks/${hook.id}`)).body).toEqual({});
  expect((await as<ErrorView>('DELETE', `/v1/hooks/${hook.id}`)).body.code).toBe('hook_not_found');
  const { body: unheard } = await publish('site.publish', { site: 5 });
  expect(unheard.destination_ids).toEqual([]);

  const again = await subscribe({ event: 'site.publish', hookUrl: zap.url });
  expect(again.status).toBe(201);
  zap.turnOff();
  await publish('site.publish', { site: 6 });
  await until('the hook to go', async () => {
    const { status } = await as('GET', `/v1/hooks/${again.body.id}`);
    return status === 404 ? true : undefined;
  });
  expect((await publish('site.publish', { site: 7 })).body.destination_ids).toEqual([]);
});

describe('subscribing', () => {
  it.each([
    [{ event: 'a.b', target_url: '/one' }],
    [{ topic: 'a.b', targetUrl: '/one' }],
    [{ event: 'a.b', hookUrl: '/one' }],
    [{ topic: 'a.b', url: '/one' }],
  ])('as %j is one and the same hook', async (spelled) => {
    const own = await makeClient(api(), tenantId);
    const entries = Object.entries(spelled).map(([name, value]) => [
      name,
      value.startsWith('/') ? api().receiver.url(value) : value,
    ]);
    const body: unknown = Object.fromEntries(entries);
    const first = await subscribe(body, own.token);
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ event: 'a.b', target_url: api().receiver.url('/one') });
    const again = await subscribe({ event: 'a.b', url: api().receiver.url('/one') }, own.token);
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
  });

  it('at the same moment makes one hook', async () => {
    const own = await makeClient(api(), tenantId);
    const body = { event: 'same', url: api().receiver.url('/ok') };
    const answers = await Promise.all(Array.from({ length: 8 }, () => subscribe(body, own.token)));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  });

  it.each([
    [{}, ['/event', '/target_url']],
    [{ event: 'a', topic: 'a', url: 'https://example.com/' }, ['/topic']],
    [{ event: 'a', url: 'https://a.test/', hookUrl: 'https://a.test/' }, ['/url']],
    [{ event: 'a b', url: 'https://example.com/' }, ['/event']],
    [{ event: 'a', hookUrl: 'https://10.0.0.1/' }, ['/hookUrl']],
    [{ event: 'a', url: 'https://example.com/', color: 'red' }, ['/color']],
    [
      { event: 'a', url: 'https://example.com/', expiration_date: '2020-01-01T00:00:00Z' },
      ['/expiration_date'],
    ],
  ])('with %j is refused', async (body, pointers) => {
    const answer = await as<ErrorView>('POST', '/v1/hooks', body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map(({ pointer }) => pointer)).toEqual(pointers);
  });

  it('ends when it says', async () => {
    const expirationDate = new Date(clock.nowMs() + HOUR_MS).toISOString();
    const body = {
      event: 'ending',
      url: api().receiver.url('/ok'),
      expiration_date: expirationDate,
    };
    const { body: hook } = await subscribe(body);
    expect(hook.expiration_date).toBe(expirationDate);
    expect((await publish('ending', {})).body.destination_ids).toEqual([hook.id]);
    clock.move(2 * HOUR_MS);
    expect((await publish('ending', {})).body.destination_ids).toEqual([]);
    const renewed = await subscribe({ event: 'ending', url: api().receiver.url('/ok') });
    expect(renewed.body).toMatchObject({ id: hook.id });
    expect(renewed.body.expiration_date).toBeUndefined();
    expect((await publish('ending', {})).body.destination_ids).toEqual([hook.id]);
  });

  it('takes the permission of the event, as far as one can name it', async () => {
    const narrow = await makeClient(api(), tenantId, {
      full_access: false,
      permissions: [
        { subject: 'SITE', events: ['ALL'] },
        { subject: 'ROOM', events: ['CREATE'] },
      ],
    });
    const outcome = async (event: string) => {
      const body = { event, url: api().receiver.url('/ok') };
      const answer = await as<ErrorView>('POST', '/v1/hooks', body, narrow.token);
      return answer.status === 403 ? answer.body.code : answer.status;
    };
    expect(await outcome('site.publish')).toBe(201);
    expect(await outcome('room.create')).toBe(201);
    for (const event of ['room.delete', 'room.lock', 'other.create', '*', 'site.*'])
      expect(await outcome(event)).toBe('client_permission');
    const samples = await as<ErrorView>(
      'GET',
      '/v1/hooks/samples?event=x.y',
      undefined,
      narrow.token,
    );
    expect(samples.body.code).toBe('client_permission');
  });
});

describe('samples', () => {
  it('are the catalogue’s where nothing was published, and none where there is none', async () => {
    const path = '/v1/catalogue/sampled.event';
    const sample = { name: 'Ada', big: 1 };
    expect((await api().put(path, { description: 'A', sample })).status).toBeLessThan(300);
    const samples = await as('GET', '/v1/hooks/samples?event=sampled.event');
    expect(samples.body).toEqual([{ id: 'sample', event: 'sampled.event', ...sample }]);
    await api().delete(path);
    expect((await as('GET', '/v1/hooks/samples?event=nothing')).body).toEqual([]);
  });

  it('keep what was published byte for byte, and an id of its own', async () => {
    const body = `{"tenant_id":"${tenantId}","topic":"kept","data":{"id":"own","n":1e2,"big":12345678901234567890}}`;
    await api().request('POST', '/v1/publish', { body });
    const { text } = await as('GET', '/v1/hooks/samples?event=kept');
    expect(text).toBe('[{"event":"kept","id":"own","n":1e2,"big":12345678901234567890}]');
  });

  it('need an event, and are at most 100', async () => {
    expect((await as('GET', '/v1/hooks/samples')).status).toBe(422);
    expect((await as('GET', '/v1/hooks/samples?event=a&limit=101')).status).toBe(422);
  });
});

it('hooks are seen through every door, and by other clients through none', async () => {
  const other = await makeClient(api(), tenantId);
  const { body: hook } = await subscribe({ event: 'seen', url: api().receiver.url('/ok') });
  const path = `/v1/tenants/${tenantId}/destinations/${hook.id}`;
  const destination = await api().get<DestinationView>(path);
  expect(destination.body).toMatchObject({ profile: 'basekit', topics: ['seen'] });
  expect((await api().get(`/v1/hooks/${hook.id}`)).body).toEqual(hook);
  const foreign = await as<ErrorView>('GET', `/v1/hooks/${hook.id}`, undefined, other.token);
  expect(foreign.body.code).toBe('hook_not_found');
  const list = await as<{ models: HookView[] }>('GET', '/v1/hooks', undefined, other.token);
  expect(list.body.models).toEqual([]);
  const made = await api().destination(tenantId, { profile: 'basekit', topics: ['elsewhere'] });
  const all = await api().get<{ models: HookView[] }>(`/v1/hooks?tenant_id=${tenantId}&limit=1000`);
  expect(all.body.models.map(({ id }) => id)).toContain(made.id);
});

describe('the secret of an environment', () => {
  it('is made once, and rotated with an overlap in which both sign', async () => {
    const own = await api().tenant();
    const token = await api().token(own);
    const ask = () =>
      api().request<{ secret: string; previous_secret?: string }>(
        'POST',
        '/v1/environment/hmac-secret',
        { key: token },
      );
    const first = await ask();
    expect(first.status).toBe(201);
    const second = await ask();
    expect(second.status).toBe(200);
    expect(second.body.previous_secret).toBe(first.body.secret);
    const url = api().receiver.url('/rotated');
    const hook = { event: 'a', url };
    const { status } = await api().request('POST', '/v1/hooks', { key: token, body: hook });
    expect(status).toBe(201);
    await api().publish({ tenant_id: own, topic: 'a', data: {} });
    const [received] = await api().receiver.wait('/rotated', 1);
    const of = (secret: string) =>
      createHmac('sha256', secret)
        .update(received?.body ?? '')
        .digest('hex');
    expect(received?.headers['x-delivery-hmac-sha256']).toBe(
      `${of(second.body.secret)},${of(first.body.secret)}`,
    );
    const audit = await api().get(`/v1/audit?action=tenant.secret_rotated&tenant_id=${own}`);
    expect(audit.text).toContain('"profile":"basekit"');
    expect(audit.text).not.toContain(second.body.secret);
  });

  it('is made by the first hook where nobody asked for it, and every hook shows it', async () => {
    const own = await api().tenant();
    const made = await api().destination(own, { profile: 'basekit' });
    const other = await api().destination(own, { profile: 'basekit' });
    expect(other.credentials['secret']).toBe(made.credentials['secret']);
    const renewed = await api().post(`/v1/environment/hmac-secret?tenant_id=${own}`);
    expect(renewed.body).toMatchObject({ previous_secret: made.credentials['secret'] });
  });

  it('is not for API clients', async () => {
    const answer = await as<ErrorView>('POST', '/v1/environment/hmac-secret');
    expect(answer.body).toMatchObject({ status: 403, code: 'client_scope' });
  });
});
