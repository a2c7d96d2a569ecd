/** Tokens of tenants, and links to the portal. */
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { tokenDigest } from '../../src/domain/api-key.ts';
import { deriveTokenKey } from '../../src/domain/token-key.ts';
import { TenantTokens } from '../../src/http/tenant-token.ts';
import { MovedClock } from '../support/api-clock.ts';
import { ENCRYPTION_KEY, useApi } from '../support/api-server.ts';
import type { ErrorView } from '../support/api-views.ts';

const clock = new MovedClock();
const api = useApi({ clock });

const LIFETIME_S = 3600;

interface TokenView {
  readonly token: string;
  readonly tenant_id: string;
}

interface PortalView {
  readonly redirect_url: string;
  readonly tenant_id: string;
}

describe('a token', () => {
  it('is a short-lived JWT under a key made of the encryption key', async () => {
    const tenantId = await api().tenant();
    const { body } = await api().get<TokenView>(`/v1/tenants/${tenantId}/token`);
    expect(body.tenant_id).toBe(tenantId);
    expect(decodeProtectedHeader(body.token)).toEqual({ alg: 'HS256', typ: 'JWT' });
    const verified = await jwtVerify(body.token, deriveTokenKey(ENCRYPTION_KEY), {
      currentDate: new Date(clock.nowMs()),
    });
    const iat = Math.floor(clock.nowMs() / 1000);
    expect(verified.payload).toEqual({
      iss: 'angarium',
      aud: 'angarium:tenant',
      sub: tenantId,
      role: 'admin',
      iat: expect.closeTo(iat, -1) as number,
      exp: (verified.payload.iat ?? 0) + LIFETIME_S,
    });
  });

  it('is of the role that is asked for', async () => {
    const tenantId = await api().tenant();
    expect(decodeJwt(await api().token(tenantId, 'viewer'))).toMatchObject({ role: 'viewer' });
    const { body } = await api().get<ErrorView>(`/v1/tenants/${tenantId}/token?role=operator`);
    expect(body.errors).toMatchObject([{ pointer: '?role', code: 'enum' }]);
  });

  it('ends, a few seconds of leeway later, whether it was used before or not', async () => {
    const tenantId = await api().tenant();
    const [used, unused] = [await api().token(tenantId), await api().token(tenantId, 'viewer')];
    const statuses = async (...tokens: string[]) =>
      Promise.all(tokens.map(async (key) => (await api().get('/v1/tenants', { key })).status));
    expect(await statuses(used)).toEqual([200]);
    clock.move((LIFETIME_S - 5) * 1000);
    expect(await statuses(used)).toEqual([200]);
    clock.move(15_000);
    expect(await statuses(used, unused)).toEqual([401, 401]);
  });

  it('lets its bearer in without a tenant being named', async () => {
    const tenantId = await api().tenant();
    const key = await api().token(tenantId);
    interface List {
      readonly models: { readonly id: string }[];
      readonly count: number;
    }
    const { body } = await api().get<List>('/v1/tenants', { key });
    expect(body.models.map(({ id }) => id)).toEqual([tenantId]);
    expect(body.count).toBe(1);
    const other = await api().tenant();
    const asked = await api().get(`/v1/tenants?id=${tenantId}&id=${other}`, { key });
    expect(asked.body).toMatchObject({ status: 404, code: 'tenant_not_found' });
  });

  it('sets no limits and no profile of its own tenant', async () => {
    const tenantId = await api().tenant();
    const key = await api().token(tenantId);
    const put = (body: object) => api().request('PUT', `/v1/tenants/${tenantId}`, { key, body });
    for (const body of [{ limits: { destinations: 9 } }, { profile: 'baack' }, { limits: null }])
      expect((await put(body)).body).toMatchObject({ status: 403, code: 'forbidden' });
    const allowed = { name: 'Acme', contacts: [{ email: 'a@example.com' }], metadata: { a: '1' } };
    expect((await put(allowed)).body).toMatchObject(allowed);
  });

  it('is given for no tenant that there is not', async () => {
    const { body } = await api().get<ErrorView>('/v1/tenants/nobody/token');
    expect(body).toMatchObject({ status: 404, code: 'tenant_not_found' });
  });
});

describe('while the encryption key is rotated', () => {
  const [old, current] = [Buffer.alloc(32, 2), Buffer.alloc(32, 3)].map(deriveTokenKey);
  if (old === undefined || current === undefined) throw new Error('there are two');
  const request = { tenantId: 't', role: 'viewer', maySetUp: false } as const;
  const verify = (tokens: TenantTokens, token: string) => tokens.verify(token, tokenDigest(token));

  it('tokens of all keys are good, and new ones are under the first', async () => {
    const before = await new TenantTokens([old], clock, 60).issue(request);
    const during = new TenantTokens([current, old], clock, 60);
    const caller = { kind: 'tenant', ...request };
    expect(await verify(during, before)).toEqual(caller);
    const after = new TenantTokens([current], clock, 60);
    expect(await verify(after, await during.issue(request))).toEqual(caller);
    expect(await verify(after, before)).toBeNull();
  });
});

describe('a link to the portal', () => {
  const fragmentOf = ({ redirect_url: url }: PortalView) =>
    new URLSearchParams(new URL(url).hash.slice(1));

  it('has the token in the fragment, and the theme', async () => {
    const tenantId = await api().tenant();
    const path = `/v1/tenants/${tenantId}/portal`;
    const { body } = await api().get<PortalView>(`${path}?theme=dark&role=viewer`);
    expect(body.tenant_id).toBe(tenantId);
    expect(body.redirect_url).toMatch(
      /^http:\/\/127\.0\.0\.1:8080\/portal#token=[\w.-]+&theme=dark$/,
    );
    const key = fragmentOf(body).get('token') ?? '';
    expect(decodeJwt(key)).toMatchObject({ sub: tenantId, role: 'viewer' });
    expect((await api().get(`/v1/tenants/${tenantId}`, { key })).status).toBe(200);
    const plain = await api().get<PortalView>(path);
    expect([...fragmentOf(plain.body).keys()]).toEqual(['token']);
    const wrong = await api().get<ErrorView>(`${path}?theme=blue`);
    expect(wrong.body.errors).toMatchObject([{ pointer: '?theme', code: 'enum' }]);
  });

  it('for an unknown tenant lets it be set up, and nothing before that', async () => {
    const path = '/v1/tenants/new-one';
    const { body } = await api().get<PortalView>(`${path}/portal`);
    const key = fragmentOf(body).get('token') ?? '';
    for (const closed of [path, `${path}/destinations`, '/v1/events', '/v1/tenants'])
      expect((await api().get(closed, { key })).body).toMatchObject({ code: 'tenant_not_found' });
    const create = { body: { type: 'webhook', topics: '*', config: { url: 'https://a.example' } } };
    const tooEarly = await api().request('POST', `${path}/destinations`, { key, ...create });
    expect(tooEarly.body).toMatchObject({ code: 'tenant_not_found' });
    const other = await api().request('PUT', '/v1/tenants/another', { key });
    expect(other.body).toMatchObject({ code: 'tenant_not_found' });
    expect((await api().request('PUT', path, { key })).status).toBe(201);
    expect((await api().get(path, { key })).status).toBe(200);
  });

  it('for a viewer of an unknown tenant lets nothing be set up', async () => {
    const { body } = await api().get<PortalView>('/v1/tenants/unseen/portal?role=viewer');
    const key = fragmentOf(body).get('token') ?? '';
    const put = await api().request('PUT', '/v1/tenants/unseen', { key });
    expect(put.body).toMatchObject({ status: 403, code: 'forbidden' });
  });

  it('is not made for what cannot be a tenant', async () => {
    const { body } = await api().get<ErrorView>('/v1/tenants/a%3Fb/portal');
    expect(body.errors).toMatchObject([{ pointer: '/tenant_id', code: 'format' }]);
  });
});
