/** Every route with every kind of credential: what comes is what the table says (src/http/permissions.ts). */
import { beforeAll, describe, expect, it } from 'vitest';
import { MailLinks } from '../../src/domain/mail-link.ts';
import { deriveTokenKey } from '../../src/domain/token-key.ts';
import type { Grant } from '../../src/domain/caller.ts';
import { PERMISSIONS, permissionOf } from '../../src/http/permissions.ts';
import { buildServer } from '../../src/http/server.ts';
import { TenantTokens } from '../../src/http/tenant-token.ts';
import { makeClient } from '../support/api-clients.ts';
import { MovedClock } from '../support/api-clock.ts';
import { GOOD_REQUESTS, seedTenant } from '../support/api-good-requests.ts';
import type { GoodRequest, Seed } from '../support/api-good-requests.ts';
import { routesOf } from '../support/api-routes.ts';
import type { KnownRoute } from '../support/api-routes.ts';
import { API_KEY, ENCRYPTION_KEY, useApi } from '../support/api-server.ts';
import type { Answer } from '../support/api-server.ts';
import type { AuditView, ErrorView } from '../support/api-views.ts';

const clock = new MovedClock();
const api = useApi({ clock });

const HOUR_MS = 3_600_000;
/** In no word of an answer that is not about this tenant. */
const OTHERS_MARK = 'only-the-other-tenant-has-this';

/** By name; `null`: none is sent. */
const BAD = new Map<string, string | null>();
let mine: Seed;
let others: Seed;
let deleted: Seed;

const GRANTED = [
  ['the key of the configuration', 'operator:admin'],
  ['a key of scope admin', 'operator:admin'],
  ['a key of scope publish', 'operator:publish'],
  ['a key of scope read', 'operator:read'],
  ['the tenant’s administrator', 'tenant:admin'],
  ['the tenant’s viewer', 'tenant:viewer'],
  ['an API client of scope api', 'client:api'],
  ['an API client of scope webhook', 'client:webhook'],
] as const;
const good = new Map<string, string>([['the key of the configuration', API_KEY]]);

const ROLES = ['admin', 'viewer'] as const;
const OUTSIDERS = ['tenant:admin', 'tenant:viewer', 'client:api', 'client:webhook'] as const;
const deletedRequests = new Map<string, GoodRequest>();
let othersTokens: Record<(typeof OUTSIDERS)[number], string>;
let deletedTokens: Record<(typeof ROLES)[number], string>;

beforeAll(async () => {
  const expiresAt = new Date(clock.nowMs() + HOUR_MS).toISOString();
  const expired = await api().key('admin', { expires_at: expiresAt });
  const revoked = await api().key('admin');
  await api().delete(`/v1/keys/${revoked.id}`);
  mine = await seedTenant(api());
  const expiredToken = await api().token(mine.tenantId);
  const ended = await makeClient(api(), mine.tenantId, { scope: 'api', expires_at: expiresAt });
  const gone = await makeClient(api(), mine.tenantId, { scope: 'api' });
  expect((await api().delete(`/v1/apiclients/${gone.urn}`)).status).toBe(200);
  const rotated = await makeClient(api(), mine.tenantId, { scope: 'api' });
  const rotation = await api().post(`/v1/apiclients/${rotated.urn}/rotate`, { overlap_s: 3600 });
  expect(rotation.status).toBe(200);
  for (const { token } of [ended, rotated])
    expect((await api().get('/v1/topics', { key: token })).status).toBe(200);
  clock.move(2 * HOUR_MS);

  const tokens = (key: Uint8Array) => new TenantTokens([key], clock, 3600);
  const request = { tenantId: mine.tenantId, role: 'admin', maySetUp: false } as const;
  const current = await api().token(mine.tenantId);
  const [head, payload = '', signature] = current.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const [name, credential] of [
    ['none', null],
    ['a wrong key', 'ank_wrong'],
    ['an expired key', expired.token],
    ['a revoked key', revoked.token],
    ['a key with another end', `${(await api().key('admin')).token.slice(0, -1)}!`],
    ['an expired token', expiredToken],
    [
      'a token of another installation',
      await tokens(deriveTokenKey(Buffer.alloc(32, 9))).issue(request),
    ],
    ['a token under the encryption key itself', await tokens(ENCRYPTION_KEY).issue(request)],
    ['a token with another role', [head, encoded({ ...claims, role: 'x' }), signature].join('.')],
    ['the token of an API client whose time is over', ended.token],
    ['the token of a revoked API client', gone.token],
    ['the token that a rotation has replaced, after its overlap', rotated.token],
    ['an unsigned token', [encoded({ alg: 'none', typ: 'JWT' }), payload, ''].join('.')],
  ] as const) {
    BAD.set(name, credential);
  }

  others = await seedTenant(api());
  await api().put(`/v1/tenants/${others.tenantId}`, { metadata: { [OTHERS_MARK]: OTHERS_MARK } });
  await api().publish({ tenant_id: others.tenantId, topic: OTHERS_MARK, data: { OTHERS_MARK } });
  deleted = await seedTenant(api());
  const tokensOf = async ({ tenantId }: Seed) => ({
    admin: await api().token(tenantId),
    viewer: await api().token(tenantId, 'viewer'),
  });
  const apiClient = async ({ tenantId }: Seed) =>
    (await makeClient(api(), tenantId, { scope: 'api' })).token;
  const { admin, viewer } = await tokensOf(others);
  othersTokens = {
    'tenant:admin': admin,
    'tenant:viewer': viewer,
    'client:api': await apiClient(others),
    'client:webhook': others.clientToken,
  };
  deletedTokens = await tokensOf(deleted);
  for (const route of routes())
    deletedRequests.set(
      nameOf(route),
      await goodRoute(route).request(deleted, api(), 'tenant:admin'),
    );
  await api().delete(`/v1/tenants/${deleted.tenantId}`);
  for (const scope of ['admin', 'publish', 'read'] as const)
    good.set(`a key of scope ${scope}`, (await api().key(scope)).token);
  good.set('the tenant’s administrator', current);
  good.set('the tenant’s viewer', await api().token(mine.tenantId, 'viewer'));
  good.set('an API client of scope api', await apiClient(mine));
  good.set('an API client of scope webhook', mine.clientToken);
});

function routes(): KnownRoute[] {
  return routesOf(api().server).filter(
    ({ path }) => !/^\/(?:docs|mail\/|openapi\.json)/.test(path),
  );
}

function nameOf({ method, path }: KnownRoute): string {
  return `${method} ${path}`;
}

function whoMay(route: KnownRoute): 'anyone' | readonly Grant[] {
  return permissionOf(goodRoute(route).operation).who;
}

function goodRoute(route: KnownRoute) {
  const found = GOOD_REQUESTS[nameOf(route)];
  if (found === undefined) throw new Error(`add a good request for ${nameOf(route)}`);
  return found;
}

/** Sends the good request for what is the seed's. */
async function ask(
  route: KnownRoute,
  seed: Seed,
  key: string | null,
  grant: Grant,
): Promise<Answer<ErrorView>> {
  return send(route, await goodRoute(route).request(seed, api(), grant), key);
}

function send(
  route: KnownRoute,
  { path, body }: GoodRequest,
  key: string | null,
): Promise<Answer<ErrorView>> {
  return api().request(route.method, path, { key, ...(body === undefined ? {} : { body }) });
}

const isOfTenant = ({ path }: KnownRoute) => path.includes('/:tenant_id');

it('every route has a good request here, and no other has', () => {
  expect(Object.keys(GOOD_REQUESTS).toSorted()).toEqual(routes().map(nameOf).toSorted());
});

it('every line of the table has a route', () => {
  const used = new Set(Object.values(GOOD_REQUESTS).map(({ operation }) => operation));
  expect([...used].toSorted()).toEqual(Object.keys(PERMISSIONS).toSorted());
});

it('who sends no good credential gets 401, wherever not anyone may', async () => {
  expect(BAD.size).toBe(13);
  for (const [name, key] of BAD) {
    for (const route of routes()) {
      const { status } = await ask(route, mine, key, 'operator:read');
      const what = `${nameOf(route)} with ${name}`;
      expect({ what, status }).toEqual({ what, status: whoMay(route) === 'anyone' ? 200 : 401 });
    }
  }
});

describe.each(GRANTED)('%s', (name, grant) => {
  it('may what the table says, and gets 403 for the rest', async () => {
    const counted = { granted: 0, refused: 0 };
    for (const route of routes()) {
      const who = whoMay(route);
      const isGranted = who === 'anyone' || who.includes(grant);
      const { status, body } = await ask(route, mine, good.get(name) ?? '', grant);
      const what = `${nameOf(route)}: ${status}`;
      counted[isGranted ? 'granted' : 'refused']++;
      if (isGranted) expect(status, what).toBeLessThan(300);
      else {
        const code = grant.startsWith('client:') ? 'client_scope' : 'forbidden';
        expect(body, what).toMatchObject({ status: 403, code });
      }
    }
    expect(counted.granted).toBeGreaterThan(3);
    expect(counted.refused > 0).toBe(grant !== 'operator:admin');
  });
});

describe.each(OUTSIDERS)('a credential of another tenant (%s)', (grant) => {
  it('gets 404 for whatever is not that tenant’s, never 403, and what all may see', async () => {
    for (const route of routes()) {
      const who = whoMay(route);
      if (who === 'anyone') continue;
      const isGranted = who.includes(grant);
      const { status, text } = await ask(route, mine, othersTokens[grant], grant);
      const what = nameOf(route);
      if (isGranted && goodRoute(route).operation === 'publish.batch') {
        // Each event for itself.
        expect(text).toContain('tenant_not_found');
        continue;
      }
      const { sameForAll } = permissionOf(goodRoute(route).operation);
      const ofOthers = isGranted || isOfTenant(route) ? 404 : 403;
      const expected = isGranted && sameForAll ? 200 : ofOthers;
      expect({ what, status }).toEqual({ what, status: expected });
    }
  });

  it('changes nothing', async () => {
    const { body } = await api().get<{ models: AuditView[] }>(
      `/v1/audit?actor_id=${others.tenantId}&actor_id=${others.clientUrn}&tenant_id=${mine.tenantId}`,
    );
    expect(body.models).toEqual([]);
  });
});

describe('lists without a filter', () => {
  it.each(['the tenant’s administrator', 'the tenant’s viewer'])(
    'show %s nothing of others',
    async (name) => {
      const lists = ['tenants', 'events', 'deliveries', 'attempts', 'replays'];
      for (const list of lists) {
        const { status, text } = await api().get(`/v1/${list}?limit=100`, {
          key: good.get(name) ?? '',
        });
        expect(status, list).toBe(200);
        expect(text.includes(`"${mine.tenantId}"`), list).toBe(true);
        for (const hidden of [OTHERS_MARK, ...Object.values(others)])
          expect(text.includes(`"${hidden}"`), `${hidden} in ${list}`).toBe(false);
      }
    },
  );

  it('show the operator everything', async () => {
    for (const list of ['tenants', 'events', 'deliveries', 'attempts']) {
      const { text } = await api().get(`/v1/${list}?limit=100`);
      for (const id of [mine.tenantId, others.tenantId])
        expect(text.includes(`"${id}"`), `${id} in ${list}`).toBe(true);
    }
  });
});

describe.each(ROLES)('a token of a deleted tenant (%s)', (role) => {
  it('finds nothing, and makes no new one', async () => {
    for (const route of routes()) {
      const who = whoMay(route);
      if (who === 'anyone') continue;
      const isGranted = who.includes(`tenant:${role}`);
      const request = deletedRequests.get(nameOf(route));
      if (request === undefined) throw new Error(`no request for ${nameOf(route)}`);
      const answer = await send(route, request, deletedTokens[role]);
      const what = nameOf(route);
      expect({ what, status: answer.status }).toEqual({ what, status: isGranted ? 404 : 403 });
    }
    expect((await api().get(`/v1/tenants/${deleted.tenantId}`)).status).toBe(404);
  });
});

describe('API clients, in the table', () => {
  const lines = Object.entries(PERMISSIONS) as [
    string,
    { who: unknown; audit: readonly string[] },
  ][];
  const of = (grant: Grant) =>
    lines.filter(([, { who }]) => Array.isArray(who) && who.includes(grant)).map(([name]) => name);

  it('of scope api publish, read and retry, and manage nothing', () => {
    const managing = /^(?:tenants|destinations|keys)\.(?!list|get)/;
    expect(of('client:api')).toEqual(
      expect.arrayContaining(['publish.one', 'publish.batch', 'events.list', 'deliveries.retry']),
    );
    expect(of('client:api').filter((name) => managing.test(name))).toEqual([]);
  });

  it('of scope api change no destination, subscription or hook', () => {
    const changing = of('client:api').filter((name) => {
      const line = lines.find(([each]) => each === name);
      return (line?.[1].audit.length ?? 0) > 0;
    });
    expect(changing).toEqual([
      'deliveries.retry',
      'deliveries.cancel',
      'events.cancel',
      'replays.create',
      'replays.pause',
      'replays.resume',
      'replays.cancel',
    ]);
  });

  it('of scope webhook have their subscriptions, their hooks and what was delivered to these', () => {
    const allowed = /^(?:subscriptions|hooks)\.|^(?:deliveries|attempts)\.(?:list|get)$/;
    expect(of('client:webhook').filter((name) => !allowed.test(name))).toEqual([]);
    expect(of('client:webhook')).toHaveLength(17);
  });
});

describe('a new route', () => {
  const build = () =>
    buildServer({
      engine: api().engine,
      access: api().access,
      apiKey: API_KEY,
      tokens: new TenantTokens([deriveTokenKey(ENCRYPTION_KEY)], clock, 3600),
      mailLinks: new MailLinks([ENCRYPTION_KEY]),
      version: '0',
      publicUrl: 'http://127.0.0.1:8080',
      publicKeys: [],
      trustProxy: [],
      limits: {
        maxPayloadBytes: 1,
        maxBatchBytes: 1,
        maxDestinationsPerTenant: 1,
        maxPublishPerMinute: null,
        retentionDays: 7,
      },
      metrics: { contentType: 'text/plain', text: () => '' },
      log: { requestFailed: () => {}, signInsRefused: () => {} },
    });

  it('that does not say which operation it is keeps the server from starting', async () => {
    const server = await build();
    expect(() => server.get('/api/v1/new', () => ({}))).toThrow(
      'GET /api/v1/new does not say which operation it is',
    );
    expect(() => server.get('/portal/assets/*', () => ({}))).not.toThrow();
    await server.close();
  });

  it('that does not look at whose tenant it is answers nobody who belongs to one', async () => {
    const server = await build();
    server.get('/api/v1/new', { config: { operation: 'events.list' } }, () => ({ a: 1 }));
    const statusFor = async (name: string) => {
      const headers = { authorization: `Bearer ${good.get(name) ?? ''}` };
      const answer = await server.inject({ url: '/api/v1/new', headers });
      return { status: answer.statusCode, isShown: answer.body === '{"a":1}' };
    };
    expect(await statusFor('a key of scope read')).toEqual({ status: 200, isShown: true });
    for (const name of ['the tenant’s administrator', 'the tenant’s viewer'])
      expect(await statusFor(name)).toEqual({ status: 500, isShown: false });
    await server.close();
  });
});
