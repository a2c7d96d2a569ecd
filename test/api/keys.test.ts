import { describe, expect, it } from 'vitest';
import { MovedClock } from '../support/api-clock.ts';
import { API_KEY, useApi, withApi } from '../support/api-server.ts';
import type { CreatedKeyView, ErrorView, KeyView } from '../support/api-views.ts';

const clock = new MovedClock();
const api = useApi({ clock });

const HOUR_MS = 3_600_000;
const inAnHour = () => new Date(clock.nowMs() + HOUR_MS).toISOString();
const statusWith = async (key: string, path = '/v1/tenants') =>
  (await api().get(path, { key })).status;

describe('a key', () => {
  it('is created with a token of much chance, which is shown only then', async () => {
    const expiresAt = inAnHour();
    const body = { name: 'Shop', scope: 'publish', expires_at: expiresAt };
    const created = await api().post<CreatedKeyView>('/v1/keys', body);
    const { token, ...key } = created.body;
    expect(created.status).toBe(201);
    expect(token).toMatch(/^ank_[A-Za-z0-9_-]{43}$/);
    expect(key).toEqual({
      ...body,
      id: expect.stringMatching(/^key_[0-9a-z]{26}$/) as string,
      prefix: token.slice(0, 12),
      created_at: expect.any(String) as string,
      last_used_at: null,
      revoked_at: null,
    });
    expect((await api().get(`/v1/keys/${key.id}`)).body).toEqual(key);
    for (const path of ['/v1/keys', `/v1/keys/${key.id}`, '/v1/audit'])
      expect((await api().get(path)).text).not.toContain(token);
  });

  it('is in the storage only as a hash', async () => {
    const { id, token } = await api().key('read');
    const stored = await api().engine.storage.keyGet({ id });
    expect(JSON.stringify(stored)).not.toContain(token.slice(12));
    expect(Buffer.from(stored?.hash ?? []).toString('latin1')).not.toContain(token.slice(12));
    expect(stored?.hash).toHaveLength(32);
  });

  it('opens nothing any more from the moment at which it was revoked', async () => {
    const { id, token } = await api().key('read');
    expect(await statusWith(token)).toBe(200);
    const revoked = await api().delete<KeyView>(`/v1/keys/${id}`);
    expect(revoked.body.revoked_at).toEqual(expect.any(String));
    expect(await statusWith(token)).toBe(401);
    expect((await api().get<KeyView>(`/v1/keys/${id}`)).body).toEqual(revoked.body);
    const changed = await api().patch<ErrorView>(`/v1/keys/${id}`, { name: 'x' });
    expect(changed.body).toMatchObject({ status: 409, code: 'key_revoked' });
  });

  it('opens nothing from its expiry on, and again once that is moved', async () => {
    const { id, token } = await api().key('read', { expires_at: inAnHour() });
    clock.move(HOUR_MS - 10_000);
    expect(await statusWith(token)).toBe(200);
    clock.move(10_000);
    expect(await statusWith(token)).toBe(401);
    await api().patch(`/v1/keys/${id}`, { expires_at: inAnHour() });
    expect(await statusWith(token)).toBe(200);
    const { body } = await api().patch<KeyView>(`/v1/keys/${id}`, { expires_at: null });
    expect(body.expires_at).toBeNull();
    clock.move(HOUR_MS);
    expect(await statusWith(token)).toBe(200);
  });

  it('has a name that can be changed, and nothing else of it is', async () => {
    const { token, ...key } = await api().key('read', { expires_at: inAnHour() });
    const changed = await api().patch<KeyView>(`/v1/keys/${key.id}`, { name: 'other' });
    expect(changed.body).toEqual({ ...key, name: 'other' });
    expect(await statusWith(token)).toBe(200);
    const { body } = await api().patch<ErrorView>(`/v1/keys/${key.id}`, { scope: 'admin' });
    expect(body.errors).toMatchObject([{ pointer: '/scope', code: 'unknown_field' }]);
    const { body: missing } = await api().patch<ErrorView>('/v1/keys/key_x', { name: 'x' });
    expect(missing).toMatchObject({ status: 404, code: 'key_not_found' });
  });

  it('shows when it was last used, to within a minute, without a write for each use', async () => {
    const { id, token } = await api().key('read');
    const lastUsed = async () => {
      await api().access.keys.writeUses();
      return (await api().get<KeyView>(`/v1/keys/${id}`)).body.last_used_at;
    };
    expect(await lastUsed()).toBeNull();
    await statusWith(token);
    const first = await lastUsed();
    expect(first).not.toBeNull();
    clock.move(30_000);
    await statusWith(token);
    expect(await lastUsed()).toBe(first);
    clock.move(40_000);
    await statusWith(token);
    expect(Date.parse((await lastUsed()) ?? '')).toBeGreaterThanOrEqual(
      Date.parse(first ?? '') + 70_000,
    );
  });

  it.each([
    [{}, ['/name', '/scope']],
    [{ name: '', scope: 'read' }, ['/name']],
    [{ name: 'x', scope: 'write' }, ['/scope']],
    [{ name: 'x', scope: 'read', expires_at: 'soon' }, ['/expires_at']],
    [{ name: 'x', scope: 'read', expires_at: '2020-01-01T00:00:00Z' }, ['/expires_at']],
    [{ name: 'x', scope: 'read', token: 'mine' }, ['/token']],
  ])('is not made of %j', async (body, pointers) => {
    const answer = await api().post<ErrorView>('/v1/keys', body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map(({ pointer }) => pointer).toSorted()).toEqual(pointers);
  });

  it('survives a restart, as its revocation does', () =>
    withApi({ storage: 'file' }, async (own) => {
      const kept = await own.key('read');
      const revoked = await own.key('read');
      await own.delete(`/v1/keys/${revoked.id}`);
      // As the next process does at its start.
      await own.access.load();
      expect((await own.get('/v1/tenants', { key: kept.token })).status).toBe(200);
      expect((await own.get('/v1/tenants', { key: revoked.token })).status).toBe(401);
    }));
});

describe('the list of keys', () => {
  it('has all of them, newest first, page by page, and not that of the configuration', () =>
    withApi({}, async (own) => {
      const ids: string[] = [];
      for (const name of ['a', 'b', 'c']) ids.unshift((await own.key('read', { name })).id);
      interface List {
        readonly models: KeyView[];
        readonly pagination: { readonly next: string | null };
      }
      const first = (await own.get<List>('/v1/keys?limit=2')).body;
      const { next } = first.pagination;
      const second = (await own.get<List>(`/v1/keys?limit=2&next=${next}`)).body;
      expect([...first.models, ...second.models].map(({ id }) => id)).toEqual(ids);
      expect(second.pagination.next).toBeNull();
    }));
});

describe('secrets of destinations', () => {
  it('are for administrators alone', async () => {
    const tenantId = await api().tenant();
    const headers = JSON.stringify({ 'x-api-key': 'hidden', 'x-shop': 'shown' });
    const config = { url: api().receiver.url('/ok'), custom_headers: headers };
    const { id, credentials } = await api().destination(tenantId, { config });
    const { secret = '' } = credentials;
    const path = `/v1/tenants/${tenantId}/destinations`;
    const admins = [API_KEY, (await api().key('admin')).token, await api().token(tenantId)];
    const readers = [(await api().key('read')).token, await api().token(tenantId, 'viewer')];
    for (const place of [path, `${path}/${id}`]) {
      for (const key of admins) {
        const { text } = await api().get(place, { key });
        expect(text).toContain(secret);
        expect(text).toContain('hidden');
      }
      for (const key of readers) {
        const { text } = await api().get(place, { key });
        expect(text).not.toContain(secret);
        expect(text).not.toContain('hidden');
        expect(text).toContain('"credentials":{"secret":"********"}');
        expect(text).toContain('shown');
      }
    }
  });
});
