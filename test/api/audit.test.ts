/** The audit log: every management change, with who, what, before and after, when and from where; no secret. */
import { describe, expect, it } from 'vitest';
import { PERMISSIONS } from '../../src/http/permissions.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { StorageUnavailableError } from '../../src/storage/storage.ts';
import { GOOD_REQUESTS, seedTenant } from '../support/api-good-requests.ts';
import { API_KEY, useApi, withApi } from '../support/api-server.ts';
import type { AuditView, ErrorView } from '../support/api-views.ts';

const api = useApi();

interface AuditList {
  readonly models: readonly AuditView[];
  readonly pagination: { readonly next: string | null };
}

async function entries(query: string): Promise<readonly AuditView[]> {
  const { status, body } = await api().get<AuditList>(`/v1/audit?${query}`);
  expect(status).toBe(200);
  return body.models;
}

const newest = async (): Promise<AuditView | undefined> => (await entries('limit=1'))[0];

describe('an entry', () => {
  it('is made by every operation that changes something, and by no other', async () => {
    const seed = await seedTenant(api());
    for (const [name, { operation, request }] of Object.entries(GOOD_REQUESTS)) {
      const { path, body } = await request(seed, api(), 'operator:admin');
      const [method = ''] = name.split(' ');
      const before = await newest();
      // A tenant that is put as it is has not changed.
      const given = operation === 'tenants.put' ? { metadata: { at: name } } : body;
      const answer = await api().request(method as 'GET', path, { body: given });
      expect(answer.status, name).toBeLessThan(300);
      const after = await newest();
      const expected: readonly string[] = PERMISSIONS[operation].audit;
      if (operation === 'destinations.enable') {
        // The one that was made for it is enabled.
        expect(after).toEqual(before);
      } else if (expected.length === 0) {
        expect(after, name).toEqual(before);
      } else {
        expect(after?.id, name).not.toBe(before?.id);
        expect(expected, name).toContain(after?.action);
        expect(after?.request_id).toBe(answer.headers['x-request-id']);
      }
    }
  });

  it('is declared for every operation that is not only read', () => {
    for (const [name, { operation }] of Object.entries(GOOD_REQUESTS)) {
      // A filter is only tried out.
      if (operation === 'filters.test') continue;
      if (name.startsWith('GET ') || operation.startsWith('publish.')) continue;
      // It is published, and marked.
      if (operation === 'destinations.test') continue;
      // What is sealed anew says the same as before.
      if (operation === 'keys.reencrypt') continue;
      expect(PERMISSIONS[operation].audit.length, name).toBeGreaterThan(0);
    }
  });

  it('says who, what, when and from where, with before and after', async () => {
    const tenantId = await api().tenant();
    const { token, id: keyId, name } = await api().key('admin', { name: 'Ops' });
    const fromMs = Date.now();
    const body = { metadata: { plan: 'gold' } };
    const { headers } = await api().request('PUT', `/v1/tenants/${tenantId}`, { key: token, body });
    const [entry] = await entries(`tenant_id=${tenantId}&actor_id=${keyId}`);
    expect(entry).toEqual({
      id: expect.stringMatching(/^\d+$/) as string,
      time: expect.any(String) as string,
      actor: { type: 'operator', id: keyId, name },
      action: 'tenant.updated',
      tenant_id: tenantId,
      resource: { type: 'tenant', id: tenantId },
      before: { metadata: {} },
      after: { metadata: { plan: 'gold' } },
      address: '127.0.0.1',
      request_id: headers['x-request-id'],
    });
    expect(Date.parse(entry?.time ?? '')).toBeGreaterThanOrEqual(fromMs);
  });

  it('names the tenant whose token it was, and the key of the configuration', async () => {
    const tenantId = await api().tenant();
    const key = await api().token(tenantId);
    await api().request('PUT', `/v1/tenants/${tenantId}`, { key, body: { metadata: { a: '1' } } });
    const [byTenant, issued, created] = await entries(`tenant_id=${tenantId}`);
    expect(byTenant?.actor).toEqual({ type: 'tenant', id: tenantId, name: 'admin' });
    expect(issued).toMatchObject({ action: 'tenant.token_issued', after: { role: 'admin' } });
    expect(created?.actor).toEqual({ type: 'operator', id: null, name: 'ANGARIUM_API_KEY' });
  });

  it('of an authentication shows all but secrets, and which of them were replaced', async () => {
    const tenantId = await api().tenant();
    const auth = { method: 'header', headers: { 'x-a': 'very-secret', 'x-b': 'very-secret' } };
    const { id } = await api().destination(tenantId, {
      config: { url: api().receiver.url('/ok') },
      auth,
    });
    const path = `/v1/tenants/${tenantId}/destinations/${id}`;
    const headers = { 'x-a': '********', 'x-b': 'very-secret, too' };
    await api().patch(path, { auth: { ...auth, headers } });
    const found = await entries(`resource_id=${id}&dir=asc`);
    const masked = { 'x-a': '********', 'x-b': '********' };
    expect(found.map(({ after }) => after?.['auth'])).toEqual([
      { method: 'header', headers: masked },
      { method: 'header', headers: { ...masked, 'x-b': '******** (replaced)' } },
    ]);
    expect(JSON.stringify(found)).not.toContain('very-secret');
  });

  it('of a destination shows all but secrets, and that one was replaced', async () => {
    const tenantId = await api().tenant();
    const secret = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
    const headers = JSON.stringify({ authorization: 'Bearer very-secret', 'x-a': 'shown' });
    const { id } = await api().destination(tenantId, {
      config: { url: api().receiver.url('/ok'), custom_headers: headers },
      credentials: { secret: secret(1) },
    });
    const path = `/v1/tenants/${tenantId}/destinations/${id}`;
    await api().patch(path, { topics: ['a'], credentials: { secret: secret(2) } });
    await api().patch(path, { name: 'x' });
    await api().put(`${path}/disable`);
    await api().put(`${path}/enable`);
    await api().put(`${path}/enable`);
    await api().delete(path);
    const found = await entries(`resource_id=${id}&dir=asc`);
    expect(found.map(({ action }) => action)).toEqual(
      ['created', 'updated', 'updated', 'disabled', 'enabled', 'deleted'].map(
        (what) => `destination.${what}`,
      ),
    );
    const [created, replaced, renamed] = found;
    expect(created?.before).toBeNull();
    expect(created?.after).toMatchObject({ topics: ['*'], credentials: { secret: '********' } });
    expect(replaced).toMatchObject({
      before: { topics: ['*'], credentials: { secret: '********' } },
      after: { topics: ['a'], credentials: { secret: '******** (replaced)' } },
    });
    expect(renamed?.after).toMatchObject({ name: 'x', credentials: { secret: '********' } });
    expect(found.at(-1)?.after).toBeNull();
    const text = JSON.stringify(found);
    expect(text).toContain('shown');
    for (const hidden of ['very-secret', secret(1), secret(2)]) expect(text).not.toContain(hidden);
  });

  it('of a key never has its token', async () => {
    const { id, token } = await api().key('publish');
    await api().patch(`/v1/keys/${id}`, { name: 'renamed' });
    await api().patch(`/v1/keys/${id}`, { name: 'renamed' });
    await api().delete(`/v1/keys/${id}`);
    const found = await entries(`resource_id=${id}&dir=asc`);
    expect(found.map(({ action }) => action)).toEqual([
      'key.created',
      'key.updated',
      'key.revoked',
    ]);
    expect(JSON.stringify(found)).not.toContain(token.slice(12));
    expect(found[1]).toMatchObject({
      before: { name: 'for publish', scope: 'publish', prefix: token.slice(0, 12) },
      after: { name: 'renamed', scope: 'publish' },
    });
  });

  it('of what was refused is not made', async () => {
    const tenantId = await api().tenant();
    const before = await newest();
    const viewer = await api().token(tenantId, 'viewer');
    const afterToken = await newest();
    expect(afterToken?.id).not.toBe(before?.id);
    await api().request('PUT', `/v1/tenants/${tenantId}`, { key: viewer, body: {} });
    await api().post(`/v1/tenants/${tenantId}/destinations`, { type: 'webhook' });
    await api().delete('/v1/tenants/nobody');
    await api().delete(`/v1/tenants/${tenantId}/destinations/nothing`);
    await api().post('/v1/retry', { event_id: 'x', destination_id: 'x' });
    expect(await newest()).toEqual(afterToken);
  });
});

describe('a token', () => {
  it('is not given out where that cannot be written down', async () => {
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      auditInsert: () => Promise.reject(new StorageUnavailableError('full')),
    });
    await withApi({ wrap }, async (own) => {
      const tenantId = await own.tenant();
      for (const what of ['token', 'portal']) {
        const { status, text } = await own.get(`/v1/tenants/${tenantId}/${what}`);
        expect(status).toBe(503);
        expect(text).not.toContain('eyJ');
      }
      own.failures.splice(0);
    });
  });
});

describe('the list', () => {
  it('is filtered by time and action, and paged', async () => {
    const tenantId = await api().tenant();
    for (const plan of ['a', 'b', 'c'])
      await api().put(`/v1/tenants/${tenantId}`, { metadata: { plan } });
    const own = `tenant_id=${tenantId}`;
    expect(await entries(`${own}&action=tenant.updated`)).toHaveLength(3);
    expect(await entries(`${own}&action=tenant.created&action=key.created`)).toHaveLength(1);
    expect(await entries(`${own}&time[gt]=2099-01-01T00:00:00Z`)).toEqual([]);
    expect(await entries(`${own}&time[lt]=2099-01-01T00:00:00Z`)).toHaveLength(4);
    const path = `/v1/audit?${own}&limit=3`;
    const first = (await api().get<AuditList>(path)).body;
    const second = (await api().get<AuditList>(`${path}&next=${first.pagination.next}`)).body;
    const plans = [...first.models, ...second.models].map(({ after }) => after?.['metadata']);
    expect(plans).toEqual([{ plan: 'c' }, { plan: 'b' }, { plan: 'a' }, {}]);
    const wrong = await api().get<ErrorView>('/v1/audit?action=tenant.read&actor=x');
    expect(wrong.body.errors.map(({ pointer }) => pointer)).toEqual(['?actor', '?action']);
  });

  it('is changed by no call', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      for (const path of ['/v1/audit', '/v1/audit/1']) {
        const { body } = await api().request(method, path, { key: API_KEY });
        expect(body).toMatchObject({ status: 404, code: 'not_found' });
      }
    }
  });
});
