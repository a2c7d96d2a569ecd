import { describe, expect, it } from 'vitest';
import { routesOf } from '../support/api-routes.ts';
import { API_KEY, useApi } from '../support/api-server.ts';
import type { ErrorView, TenantView } from '../support/api-views.ts';

const api = useApi();

const UNAUTHORIZED = { status: 401, code: 'unauthorized' };

const filledIn = (path: string) => path.replaceAll(/:\w+/g, 'x').replace('*', 'x');

describe('without a key', () => {
  it('every route under /api/v1 is 401, save health', async () => {
    const closed = routesOf(api().server).filter(
      ({ path }) => path.startsWith('/api/v1/') && path !== '/api/v1/healthz',
    );
    const documented = Object.entries(api().document().paths)
      .filter(([path]) => path.startsWith('/api/v1/') && path !== '/api/v1/healthz')
      .flatMap(([, operations]) => Object.keys(operations));
    expect(closed).toHaveLength(documented.length);
    for (const { method, path } of closed) {
      const { body, headers } = await api().request(method, filledIn(path), { key: null });
      expect(body, `${method} ${path}`).toMatchObject(UNAUTHORIZED);
      expect(headers['www-authenticate']).toBe('Bearer');
    }
  });

  it('the process’s metrics are 401', async () => {
    const { body } = await api().get('/metrics', { key: null });
    expect(body).toMatchObject(UNAUTHORIZED);
  });

  it('only health, public keys, the document and its page are open', async () => {
    const open = routesOf(api().server).filter(
      ({ path }) =>
        path !== '/metrics' && (!path.startsWith('/api/v1/') || path === '/api/v1/healthz'),
    );
    for (const { path } of open)
      expect(path).toMatch(
        /^\/(?:healthz|readyz|api\/v1\/healthz|openapi\.json|docs\/?.*|mail\/.*|\.well-known\/jwks\.json)$/,
      );
    for (const path of [
      '/healthz',
      '/api/v1/healthz',
      '/readyz',
      '/openapi.json',
      '/docs',
      '/docs/',
      '/.well-known/jwks.json',
    ]) {
      const { status } = await api().get(path, { key: null });
      expect({ path, status }).toEqual({ path, status: 200 });
    }
  });

  it('nobody learns which paths there are under /api/v1', async () => {
    for (const path of ['/api/v1', '/api/v1/', '/api/v1?x', '/api/v1/nothing', '/v1/tenants/x/y']) {
      for (const method of ['GET', 'POST', 'DELETE'] as const) {
        const { body } = await api().request(method, path, { key: null });
        expect(body, path).toMatchObject(UNAUTHORIZED);
        const known = await api().request(method, path);
        expect(known.body, path).toMatchObject({ status: 404, code: 'not_found' });
      }
    }
  });

  it('what is nowhere else is 404', async () => {
    for (const path of [
      '/',
      '/nothing',
      '/api',
      '/api/v10',
      '/docs-not',
      '/.env',
      '/.well-known/x',
    ]) {
      for (const key of [null, 'wrong', API_KEY]) {
        const { body } = await api().get(path, { key });
        expect(body, path).toMatchObject({ status: 404, code: 'not_found' });
      }
    }
  });

  it('a body is not looked at', async () => {
    for (const body of ['{', ' '.repeat(3 * 1024 * 1024), Buffer.of(0xff)]) {
      const answer = await api().request('POST', '/v1/publish', { body, key: null });
      expect(answer.body).toMatchObject(UNAUTHORIZED);
    }
    const text = { body: 'x', headers: { 'content-type': 'text/plain' }, key: null };
    expect((await api().request('POST', '/v1/nothing', text)).body).toMatchObject(UNAUTHORIZED);
  });

  it('nothing is done', async () => {
    const answer = await api().request('PUT', '/v1/tenants/intruder', { key: null });
    expect(answer.body).toMatchObject(UNAUTHORIZED);
    expect((await api().get('/v1/tenants/intruder')).status).toBe(404);
  });
});

describe('the key', () => {
  const withHeader = (authorization: string) =>
    api().get<ErrorView | TenantView>('/v1/tenants', { key: null, headers: { authorization } });

  it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('is taken after %s', async (scheme) => {
    expect((await withHeader(`${scheme} ${API_KEY}`)).status).toBe(200);
  });

  it.each([
    ['nothing', ''],
    ['the scheme alone', 'Bearer'],
    ['an empty key', 'Bearer '],
    ['a wrong key', 'Bearer wrong'],
    ['the key without its last character', `Bearer ${API_KEY.slice(0, -1)}`],
    ['the key with one more', `Bearer ${API_KEY}0`],
    ['the key with another last character', `Bearer ${API_KEY.slice(0, -1)}x`],
    ['the key with another first character', `Bearer x${API_KEY.slice(1)}`],
    ['the key in capitals', `Bearer ${API_KEY.toUpperCase()}`],
    ['two blanks before the key', `Bearer  ${API_KEY}`],
    ['a tab before the key', `Bearer\t${API_KEY}`],
    ['the key twice', `Bearer ${API_KEY}, Bearer ${API_KEY}`],
    ['the key without scheme', API_KEY],
    ['another scheme', `Basic ${API_KEY}`],
    ['the key as a password', `Basic ${Buffer.from(`x:${API_KEY}`).toString('base64')}`],
    ['a scheme that begins so', `Bearerx ${API_KEY}`],
  ])('is not %s', async (_what, header) => {
    expect((await withHeader(header)).body).toMatchObject(UNAUTHORIZED);
  });

  it('is not taken from the query, a cookie or another header', async () => {
    for (const headers of [{ cookie: `key=${API_KEY}` }, { 'x-api-key': API_KEY }]) {
      const { body } = await api().get(`/v1/tenants?key=${API_KEY}`, { key: null, headers });
      expect(body).toMatchObject(UNAUTHORIZED);
    }
  });

  it('is never shown', async () => {
    for (const path of ['/healthz', '/openapi.json', '/docs', '/v1/tenants?x=1']) {
      const { text, headers } = await api().get(path);
      expect(text + JSON.stringify(headers)).not.toContain(API_KEY);
    }
  });
});
