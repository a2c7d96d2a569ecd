/** API clients: their tokens, how far these go, rotation, revocation. */
import { describe, expect, it } from 'vitest';
import { MovedClock } from '../support/api-clock.ts';
import { useApi } from '../support/api-server.ts';
import type { AuditView, ErrorView } from '../support/api-views.ts';
import type { ApiClientView, IssuedClientView, SubscriptionView } from '../support/api-clients.ts';
import { makeClient, makeSubscription, subscriptionBody } from '../support/api-clients.ts';
import { createCertificate } from '../support/certificate.ts';

const clock = new MovedClock();
const api = useApi({ clock });
const HOUR_MS = 3_600_000;

const pairOf = (name: string) => {
  const { cert: certificate, key } = createCertificate([name]);
  return { certificate, key };
};
const publishAs = (tenantId: string, key: string) =>
  api().request<ErrorView>('POST', '/v1/publish', {
    key,
    body: { tenant_id: tenantId, topic: 'a', data: {} },
  });
const samplesAs = (key: string) =>
  api().request<ErrorView>('GET', '/v1/hooks/samples?event=a', { key });

describe('a new API client', () => {
  it('has a urn of 36 characters and a token that is shown this once', async () => {
    const tenantId = await api().tenant();
    const made = await makeClient(api(), tenantId, { name: 'billing', client_id: 'acme' });
    expect(made.urn).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const { token, ...shown } = made;
    expect(token.startsWith(made.token_prefix)).toBe(true);
    const got = await api().get<ApiClientView>(`/v1/apiclients/${made.urn}`);
    expect(got.body).toEqual(shown);
    const list = await api().get<{ models: unknown[] }>(`/v1/apiclients?tenant_id=${tenantId}`);
    expect(list.body.models).toEqual([shown]);
    expect(list.text).not.toContain(token);
    const { text } = await api().get(`/v1/audit?resource_id=${made.urn}`);
    expect(text).toContain('client.created');
    expect(text).not.toContain(token);
  });

  it('of scope webhook.baack.co is one of scope webhook', async () => {
    const made = await makeClient(api(), await api().tenant(), { scope: 'webhook.baack.co' });
    expect(made.scope).toBe('webhook');
    expect((await samplesAs(made.token)).status).toBe(200);
  });

  it('has its urn as client id where none is given, and no other may have one that is taken', async () => {
    const tenantId = await api().tenant();
    const first = await makeClient(api(), tenantId);
    expect(first.client_id).toBe(first.urn);
    await makeClient(api(), tenantId, { client_id: 'one' });
    const body = { tenant_id: tenantId, name: 'b', scope: 'webhook', full_access: true };
    const again = await api().post<ErrorView>('/v1/apiclients', { ...body, client_id: 'one' });
    expect(again.body).toMatchObject({ status: 409, code: 'client_id_taken' });
    const elsewhere = await makeClient(api(), await api().tenant(), { client_id: 'one' });
    expect(elsewhere.client_id).toBe('one');
  });

  it('made by a tenant’s token is that tenant’s', async () => {
    const tenantId = await api().tenant();
    const key = await api().token(tenantId);
    const body = { name: 'a', scope: 'api', full_access: true };
    const made = await api().request<ApiClientView>('POST', '/v1/apiclients', { key, body });
    expect(made.body.tenant_id).toBe(tenantId);
    const other = { ...body, tenant_id: await api().tenant() };
    const refused = await api().request<ErrorView>('POST', '/v1/apiclients', { key, body: other });
    expect(refused.body.code).toBe('tenant_not_found');
  });

  it.each([
    [{}, ['/name', '/scope', '/full_access']],
    [{ name: 'a', scope: 'admin', full_access: true }, ['/scope']],
    [{ name: 'a', scope: 'api', full_access: true, color: 'red' }, ['/color']],
    [{ name: 'a', scope: 'api', full_access: true, client_id: 'a\u0000' }, ['/client_id']],
    [
      { name: 'a', scope: 'api', full_access: false, permissions: [{ subject: 'x', events: [] }] },
      ['/permissions/0/subject', '/permissions/0/events'],
    ],
    [
      {
        name: 'a',
        scope: 'api',
        full_access: true,
        permissions: [{ subject: 'ENTITY', events: ['ALL'] }],
      },
      ['/permissions'],
    ],
    [
      { name: 'a', scope: 'api', full_access: true, expires_at: '2020-01-01T00:00:00Z' },
      ['/expires_at'],
    ],
  ])('is refused where %j is wrong', async (given, pointers) => {
    const body = { tenant_id: await api().tenant(), ...given };
    const answer = await api().post<ErrorView>('/v1/apiclients', body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map(({ pointer }) => pointer).toSorted()).toEqual(
      [...pointers].toSorted(),
    );
  });

  it('needs to be somebody’s', async () => {
    const body = { name: 'a', scope: 'api', full_access: true };
    const nobody = await api().post<ErrorView>('/v1/apiclients', body);
    expect(nobody.body.errors).toMatchObject([{ pointer: '/tenant_id', code: 'required' }]);
    const unknown = await api().post<ErrorView>('/v1/apiclients', { ...body, tenant_id: 'none' });
    expect(unknown.body.code).toBe('tenant_not_found');
  });
});

describe('a client’s scope', () => {
  it('api publishes and reads in its tenant, and creates nothing', async () => {
    const tenantId = await api().tenant();
    const { token, urn } = await makeClient(api(), tenantId, { scope: 'api' });
    expect((await publishAs(tenantId, token)).status).toBe(202);
    expect((await publishAs(await api().tenant(), token)).status).toBe(404);
    for (const [path, body] of [
      ['/v1/hooks', { event: 'a', url: api().receiver.url('/ok') }],
      ['/v1/webhooksubscriptions', { apiClient: urn }],
      [`/v1/tenants/${tenantId}/destinations`, {}],
    ] as const) {
      const { body: error } = await api().request<ErrorView>('POST', path, { key: token, body });
      expect(error).toMatchObject({ status: 403, code: 'client_scope' });
    }
  });

  it('webhook does not publish, and the code says why', async () => {
    const tenantId = await api().tenant();
    const { token } = await makeClient(api(), tenantId);
    expect((await publishAs(tenantId, token)).body).toMatchObject({
      status: 403,
      code: 'client_scope',
    });
    const events = await api().request<ErrorView>('GET', '/v1/events', { key: token });
    expect(events.body.code).toBe('client_scope');
  });
});

describe('rotation', () => {
  it('gives a new token, and the one before opens the API for the overlap', async () => {
    const made = await makeClient(api(), await api().tenant());
    const path = `/v1/apiclients/${made.urn}/rotate`;
    const { body: rotated } = await api().post<IssuedClientView>(path);
    expect(rotated.token).not.toBe(made.token);
    clock.move(23 * HOUR_MS);
    for (const token of [made.token, rotated.token])
      expect((await samplesAs(token)).status).toBe(200);
    clock.move(2 * HOUR_MS);
    expect((await samplesAs(made.token)).status).toBe(401);
    expect((await samplesAs(rotated.token)).status).toBe(200);
  });

  it('without an overlap ends the one before at once', async () => {
    const made = await makeClient(api(), await api().tenant());
    const path = `/v1/apiclients/${made.urn}/rotate`;
    const { body } = await api().post<IssuedClientView>(path, { overlap_s: 0 });
    expect((await samplesAs(made.token)).status).toBe(401);
    expect((await samplesAs(body.token)).status).toBe(200);
  });
});

describe('the end', () => {
  it('expired, it opens nothing', async () => {
    const expiresAt = new Date(clock.nowMs() + HOUR_MS).toISOString();
    const made = await makeClient(api(), await api().tenant(), { expires_at: expiresAt });
    expect((await samplesAs(made.token)).status).toBe(200);
    clock.move(2 * HOUR_MS);
    expect((await samplesAs(made.token)).status).toBe(401);
  });

  it('expired, its subscriptions get nothing more, and go on when it is given a later end', async () => {
    const tenantId = await api().tenant();
    const at = (inMs: number) => new Date(clock.nowMs() + inMs).toISOString();
    const made = await makeClient(api(), tenantId, { expires_at: at(HOUR_MS) });
    const { urn } = await makeSubscription(api(), made);
    const event = { tenant_id: tenantId, topic: 'entity.create', data: {} };
    const owed = async () => (await api().publish(event)).body.destination_ids;
    const subscription = async () =>
      (await api().get<SubscriptionView>(`/v1/webhooksubscriptions/${urn}`)).body;
    const destination = () => api().get(`/v1/tenants/${tenantId}/destinations/${urn}`);
    expect(await owed()).toEqual([urn]);
    clock.move(HOUR_MS);
    expect(await owed()).toEqual([]);
    expect(await subscription()).toMatchObject({
      status: 'EXPIRED',
      statusReason: 'api_client_expired',
    });
    expect((await destination()).body).toMatchObject({
      state: { status: 'expired', reason: 'expired' },
    });
    const { body } = await api().post<ErrorView>(
      '/v1/webhooksubscriptions',
      subscriptionBody(api(), made),
    );
    expect(body).toMatchObject({ status: 422 });
    expect(body.errors).toContainEqual(
      expect.objectContaining({ pointer: '/apiClient', code: 'expired' }),
    );
    await api().patch(`/v1/apiclients/${made.urn}`, { expires_at: at(HOUR_MS) });
    expect(await subscription()).toMatchObject({ status: 'ACTIVE', statusReason: null });
    expect(await owed()).toEqual([urn]);
  });

  it('revoked, it opens nothing, and its subscriptions get nothing more', async () => {
    const tenantId = await api().tenant();
    const made = await makeClient(api(), tenantId);
    const { urn } = await makeSubscription(api(), made);
    const event = { tenant_id: tenantId, topic: 'entity.create', data: {} };
    expect((await api().publish(event)).body.destination_ids).toEqual([urn]);
    const revoked = await api().delete<ApiClientView>(`/v1/apiclients/${made.urn}`);
    expect(revoked.body.revoked_at).not.toBeNull();
    expect((await samplesAs(made.token)).status).toBe(401);
    expect((await api().publish(event)).body.destination_ids).toEqual([]);
    const subscription = await api().get(`/v1/webhooksubscriptions/${urn}`);
    expect(subscription.body).toMatchObject({
      status: 'STOPPED',
      statusReason: 'api_client_revoked',
    });
    const enabled = await api().post<ErrorView>(`/v1/webhooksubscriptions/${urn}/enable`);
    expect(enabled.body).toMatchObject({ status: 409, code: 'api_client_revoked' });
    const again = await api().delete<ErrorView>(`/v1/apiclients/${made.urn}`);
    expect(again.body.code).toBe('api_client_revoked');
    const audit = await api().get<{ models: AuditView[] }>(`/v1/audit?resource_id=${made.urn}`);
    expect(audit.body.models.map(({ action }) => action)).toContain('client.revoked');
  });

  it('a tenant made anew under the id of a deleted one does not know the tokens of before', async () => {
    const tenantId = await api().tenant();
    const made = await makeClient(api(), tenantId);
    await api().delete(`/v1/tenants/${tenantId}`);
    await api().put(`/v1/tenants/${tenantId}`);
    expect((await samplesAs(made.token)).status).toBe(401);
  });
});

it('a change is partial, and full access and permissions take turns', async () => {
  const made = await makeClient(api(), await api().tenant());
  const path = `/v1/apiclients/${made.urn}`;
  const permissions = [{ subject: 'ENTITY', events: ['CREATE'] }];
  const narrowed = await api().patch(path, { full_access: false, permissions });
  expect(narrowed.body).toMatchObject({ name: made.name, full_access: false, permissions });
  expect((await api().patch(path, { name: 'other' })).body).toMatchObject({
    name: 'other',
    permissions,
  });
  expect((await api().patch(path, { full_access: true })).body).toMatchObject({
    full_access: true,
    permissions: [],
  });
});

describe('a client certificate', () => {
  it('is kept, and never shown again', async () => {
    const made = await makeClient(api(), await api().tenant());
    const pair = pairOf('one.test');
    const path = `/v1/apiclients/${made.urn}/client-certificate`;
    const answer = await api().put<ApiClientView>(path, pair);
    expect(answer.body.client_certificate_expires_at).toMatch(/^20/);
    for (const { text } of [answer, await api().get(`/v1/audit?resource_id=${made.urn}`)])
      expect(text).not.toContain('BEGIN');
  });

  it('that is none, or not of the key, is refused', async () => {
    const made = await makeClient(api(), await api().tenant());
    const path = `/v1/apiclients/${made.urn}/client-certificate`;
    const [one, other] = [pairOf('one.test'), pairOf('other.test')];
    const pointers = async (body: object) => {
      const answer = await api().put<ErrorView>(path, body);
      return [answer.status, answer.body.errors.map(({ pointer }) => pointer)];
    };
    expect(await pointers({ certificate: 'x', key: 'y', ca: 'z' })).toEqual([
      422,
      ['/certificate', '/key', '/ca'],
    ]);
    expect(await pointers({ certificate: one.certificate, key: other.key })).toEqual([
      422,
      ['/key'],
    ]);
  });
});
