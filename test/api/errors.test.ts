/** The closed table of errors: each code comes from the server as the table says, in the one shape. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { API_ERRORS } from '../../src/http/errors.ts';
import type { ApiErrorCode } from '../../src/http/errors.ts';
import { errorsReference } from '../../src/http/reference.ts';
import { MAX_CLIENTS } from '../../src/engine/manage-clients.ts';
import { MAX_TOPICS } from '../../src/domain/topic-catalogue.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { makeClient, subscriptionBody } from '../support/api-clients.ts';
import { seedTenant } from '../support/api-good-requests.ts';
import { exchange, postHead } from '../support/api-raw.ts';
import { API_KEY, useApi, withApi } from '../support/api-server.ts';
import type { ApiOptions, ApiServer } from '../support/api-server.ts';
import type { ErrorView } from '../support/api-views.ts';

const api = useApi();

const CODES = Object.keys(API_ERRORS) as ApiErrorCode[];

/** How each code comes about. */
type Cause = (own: ApiServer) => Promise<ErrorView>;

/** Those that no request of a test brings about, and why. */
const NOT_REACHED: Partial<Record<ApiErrorCode, string>> = {
  request_timeout: 'a request would have to take a minute to arrive',
  in_doubt: 'the way to PostgreSQL would have to break in a commit (test/nodes/in-doubt.test.ts)',
};

const CAUSES: Partial<Record<ApiErrorCode, Cause>> = {
  bad_request: (own) => of(own.get('/v1/tenants/%zz')),
  invalid_json: (own) => of(own.post('/v1/retry', '{')),
  destination_disabled: async (own) => {
    const tenantId = await own.tenant();
    const { id } = await own.destination(tenantId, { disabled_at: '2026-01-01T00:00:00Z' });
    const { body } = await own.publish({ tenant_id: tenantId, data: {} });
    return of(own.post('/v1/retry', { event_id: body.id, destination_id: id }));
  },
  unauthorized: (own) => of(own.get('/v1/tenants', { key: 'wrong' })),
  forbidden: async (own) => {
    const { token } = await own.key('read');
    return of(own.get('/v1/keys', { key: token }));
  },
  client_scope: async (own) => {
    const { token } = await makeClient(own, await own.tenant());
    return of(own.get('/v1/events', { key: token }));
  },
  client_permission: async (own) => {
    const client = await makeClient(own, await own.tenant(), { full_access: false });
    return of(own.post('/v1/webhooksubscriptions', subscriptionBody(own, client)));
  },
  subscription_not_found: (own) => of(own.get('/v1/webhooksubscriptions/nothing')),
  hook_not_found: (own) => of(own.get('/v1/hooks/nothing')),
  api_client_not_found: (own) => of(own.get('/v1/apiclients/nothing')),
  client_id_taken: async (own) => {
    const tenantId = await own.tenant();
    const { urn } = await makeClient(own, tenantId);
    const { client_id: taken } = await makeClient(own, tenantId);
    return of(own.patch(`/v1/apiclients/${urn}`, { client_id: taken }));
  },
  api_client_revoked: async (own) => {
    const { urn } = await makeClient(own, await own.tenant());
    await own.delete(`/v1/apiclients/${urn}`);
    return of(own.post(`/v1/apiclients/${urn}/rotate`));
  },
  too_many_api_clients: async (own) => {
    const tenantId = await own.tenant();
    for (let count = 0; count < MAX_CLIENTS; count++) await makeClient(own, tenantId);
    const body = { tenant_id: tenantId, name: 'a', scope: 'api', full_access: true };
    return of(own.post('/v1/apiclients', body));
  },
  key_not_found: (own) => of(own.get('/v1/keys/nothing')),
  key_revoked: async (own) => {
    const { id } = await own.key('read');
    await own.delete(`/v1/keys/${id}`);
    return of(own.delete(`/v1/keys/${id}`));
  },
  precondition_failed: async (own) => {
    const tenantId = await own.tenant();
    const { id } = await own.destination(tenantId);
    const headers = { 'if-match': '"1"' };
    return of(own.request('DELETE', `/v1/tenants/${tenantId}/destinations/${id}`, { headers }));
  },
  too_many_failed_sign_ins: () =>
    withOwn({ maxFailedSignIns: 0 }, (own) => of(own.get('/v1/tenants', { key: 'wrong' }))),
  not_found: (own) => of(own.get('/v1/nothing')),
  tenant_not_found: (own) => of(own.get('/v1/tenants/nobody')),
  destination_not_found: async (own) =>
    of(own.get(`/v1/tenants/${await own.tenant()}/destinations/nothing`)),
  event_not_found: (own) => of(own.get('/v1/events/nothing')),
  delivery_not_found: (own) => of(own.get('/v1/deliveries/nothing')),
  delivery_final: async (own) => {
    const { deliveryId } = await seedTenant(own);
    return of(own.post(`/v1/deliveries/${deliveryId}/cancel`));
  },
  attempt_not_found: (own) => of(own.get('/v1/attempts/nothing')),
  id_taken: async (own) => {
    const tenantId = await own.tenant();
    const { id, type, topics, config } = await own.destination(tenantId);
    return of(own.post(`/v1/tenants/${tenantId}/destinations`, { id, type, topics, config }));
  },
  topic_not_found: (own) => of(own.get('/v1/catalogue/nothing')),
  destination_type_not_found: (own) => of(own.get('/v1/destination-types/nothing')),
  topic_in_use: () =>
    withOwn({}, async (own) => {
      await own.destination(await own.tenant(), { topics: ['a'] });
      await own.put('/v1/catalogue/a', {});
      return of(own.delete('/v1/catalogue/a'));
    }),
  too_many_topics: () =>
    withOwn({}, async (own) => {
      const names = Array.from({ length: MAX_TOPICS + 1 }, (_, index) => [`t${index}`, {}]);
      const document = { topics: Object.fromEntries(names) as object };
      return of(own.post('/v1/catalogue/import', { documents: [{ document }] }));
    }),
  test_of_disabled: async (own) => {
    const tenantId = await own.tenant();
    const { id } = await own.destination(tenantId, { disabled_at: '2026-01-01T00:00:00Z' });
    return of(own.post(`/v1/tenants/${tenantId}/destinations/${id}/test`));
  },
  too_many_tests: async (own) => {
    const tenantId = await own.tenant();
    const { id } = await own.destination(tenantId);
    const send = () => own.post(`/v1/tenants/${tenantId}/destinations/${id}/test`);
    for (let count = 0; count < 10; count++) await send();
    return of(send());
  },
  replay_not_found: (own) => of(own.get('/v1/replays/none')),
  replay_ended: async (own) => {
    const tenantId = await own.tenant();
    const { id } = await own.destination(tenantId);
    const body = { tenant_id: tenantId, destination_id: id, time: { lt: '2020-01-01T00:00:00Z' } };
    const { body: made } = await own.post<{ id: string }>('/v1/replays', body);
    await own.post(`/v1/replays/${made.id}/cancel`);
    return of(own.post(`/v1/replays/${made.id}/pause`));
  },
  too_many_replays: async (own) => {
    const tenantId = await own.tenant();
    const { id } = await own.destination(tenantId);
    for (let count = 0; count < 2; count++) await own.publish({ tenant_id: tenantId, data: {} });
    const body = {
      tenant_id: tenantId,
      destination_id: id,
      time: { gte: '2020-01-01T00:00:00Z' },
      rate_per_minute: 1,
    };
    const paused = async () => {
      const answer = await own.post<{ id: string }>('/v1/replays', body);
      if (answer.status === 201) await own.post(`/v1/replays/${answer.body.id}/pause`);
      return answer;
    };
    for (let count = 0; count < 100; count++) await paused();
    return of(own.post('/v1/replays', body));
  },
  rate_limited: async (own) => {
    const tenantId = await own.tenant();
    await own.put(`/v1/tenants/${tenantId}`, { limits: { publish_per_minute: 1 } });
    await own.publish({ tenant_id: tenantId, data: {} });
    return of(own.publish({ tenant_id: tenantId, data: {} }));
  },
  event_conflict: async (own) => {
    const event = { tenant_id: await own.tenant(), id: 'e', data: {} };
    await own.publish(event);
    return of(own.publish({ ...event, topic: 'other' }));
  },
  ambiguous_id: async (own) => {
    for (const tenant of [await own.tenant(), await own.tenant()])
      await own.publish({ tenant_id: tenant, id: 'ambiguous', data: {} });
    return of(own.get('/v1/events/ambiguous'));
  },
  changed_meanwhile: () => {
    // Another node is always a moment faster.
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      destinationUpdate: async (query) => {
        const before = await storage.destinationGet(query.destination);
        if (before !== null) {
          const revision = before.revision + 1;
          await storage.destinationUpdate({
            destination: { ...before, revision },
            ifRevision: before.revision,
            cancelPending: false,
          });
        }
        return storage.destinationUpdate(query);
      },
    });
    return withOwn({ wrap }, async (own) => {
      const tenantId = await own.tenant();
      const { id } = await own.destination(tenantId);
      return of(own.patch(`/v1/tenants/${tenantId}/destinations/${id}`, { name: 'x' }));
    });
  },
  payload_too_large: (own) => of(own.publish({ data: { a: 'x'.repeat(2 * 1024 * 1024) } })),
  unsupported_media_type: (own) =>
    of(own.request('POST', '/v1/retry', { body: '', headers: { 'content-type': 'text/csv' } })),
  validation_failed: (own) => of(own.publish({})),
  too_many_destinations: () =>
    withOwn({ limits: { maxDestinationsPerTenant: 0 } }, async (own) => {
      const path = `/v1/tenants/${await own.tenant()}/destinations`;
      const config = { url: own.receiver.url('/ok') };
      return of(own.post(path, { type: 'webhook', topics: '*', config }));
    }),
  headers_too_large: async (own) => {
    const head = postHead('/api/v1/publish', API_KEY, [`x-a: ${'x'.repeat(20_000)}`]);
    return JSON.parse((await exchange(own.url, [head])).body) as ErrorView;
  },
  internal: () => {
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      tenantGet: () => Promise.reject(new Error('secret detail of the database')),
    });
    return withOwn({ wrap }, async (own) => {
      const error = await of(own.get('/v1/tenants/t'));
      expect(JSON.stringify(error)).not.toContain('secret detail');
      expect(own.failures.splice(0)).toMatchObject([
        { error: { message: 'secret detail of the database' } },
      ]);
      return error;
    });
  },
  unavailable: () =>
    withOwn({ storage: 'file', maxBytes: 300_000 }, async (own) => {
      const tenantId = await own.tenant();
      const data = { a: 'x'.repeat(1_000_000) };
      const answer = await own.publish({ tenant_id: tenantId, data });
      expect(answer.headers['retry-after']).toBe('1');
      expect(own.failures.splice(0)).toHaveLength(1);
      const events = await own.get<{ models: unknown[] }>(`/v1/events?tenant_id=${tenantId}`);
      expect(events.body.models).toEqual([]);
      return of(Promise.resolve(answer));
    }),
};

async function of(answer: Promise<{ body: unknown }>): Promise<ErrorView> {
  // That it is so is what the tests look at.
  return (await answer).body as ErrorView;
}

async function withOwn(options: ApiOptions, cause: Cause): Promise<ErrorView> {
  let error: ErrorView | undefined;
  await withApi(options, async (own) => {
    error = await cause(own);
  });
  if (error === undefined) throw new Error('the cause gave no error');
  return error;
}

describe('the table of errors', () => {
  it.each(CODES)('%s comes as it says, or there is a reason why not', async (code) => {
    const cause = CAUSES[code];
    if (cause === undefined) {
      expect(NOT_REACHED[code]).toMatch(/./);
      return;
    }
    expect(NOT_REACHED[code]).toBeUndefined();
    const error = await cause(api());
    expect(error).toEqual({
      status: API_ERRORS[code].status,
      code,
      message: expect.stringMatching(/\.$/) as string,
      data: expect.any(Array) as string[],
      errors: expect.any(Array) as object[],
      request_id: expect.stringMatching(/^req_[0-9a-z]+_[0-9a-z]+$/) as string,
    });
    expect(error.data).toHaveLength(error.errors.length);
  });

  it('is in the OpenAPI document, code for code', () => {
    const { schemas } = api().document().components;
    expect(schemas).toHaveProperty('Error.properties.code.enum', CODES);
  });

  it('is in the reference, which is committed as it is generated', () => {
    const reference = errorsReference();
    for (const [code, { status, meaning }] of Object.entries(API_ERRORS))
      expect(reference).toContain(`| ${status} | \`${code}\` | ${meaning} |`);
    const committed = readFileSync(
      new URL('../../docs/reference/errors.md', import.meta.url),
      'utf8',
    );
    expect(committed, 'run `npm run generate`').toBe(reference);
  });

  it('has names and meanings that people can read', () => {
    for (const [code, { status, meaning }] of Object.entries(API_ERRORS)) {
      expect(code).toMatch(/^[a-z]+(?:_[a-z]+)*$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(meaning).toMatch(/^[A-Z`].*\.$/);
    }
  });
});

describe('an answer with an error', () => {
  it('says each wrong field as data and as sentences', async () => {
    const { body } = await api().post<ErrorView>('/v1/retry', { event_id: 1, x: 2 });
    expect(body.errors.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/destination_id',
      '/event_id',
      '/x',
    ]);
    expect(body.data).toEqual(body.errors.map(({ pointer, message }) => `${pointer}: ${message}`));
  });

  it('has its request id in a header too, another one for each request', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => api().get<ErrorView>('/v1/nothing')));
    const ids = answers.map(({ body }) => body.request_id);
    expect(new Set(ids).size).toBe(3);
    expect(answers.map(({ headers }) => headers['x-request-id'])).toEqual(ids);
  });

  it('does not take a request id that it is sent', async () => {
    const headers = { 'x-request-id': 'forged', 'request-id': 'forged' };
    const { body } = await api().get<ErrorView>('/v1/nothing', { headers });
    expect(body.request_id).not.toBe('forged');
  });

  it('names the path that is not there', async () => {
    const { body } = await api().get<ErrorView>('/v1/nothing?key=secret');
    expect(body.message).toContain('GET /api/v1/nothing;');
    expect(body.message).not.toContain('secret');
  });
});
