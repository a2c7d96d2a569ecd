/** How a destination authenticates, through the API: set, shown, changed, sealed. */
import { describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import type { DestinationView, ErrorView } from '../support/api-views.ts';

const api = useApi();
const AUTH = { method: 'basic', username: 'anna', password: 'Hunter2' };
const MASKED = { ...AUTH, password: '********' };

async function created(auth: unknown = AUTH) {
  const tenantId = await api().tenant();
  const destination = await api().destination(tenantId, {
    id: 'd',
    config: { url: api().receiver.url('/ok') },
    auth,
  });
  return { tenantId, destination, path: `/v1/tenants/${tenantId}/destinations/d` };
}

async function stored(tenantId: string) {
  const found = await api().engine.storage.destinationGet({ tenantId, id: 'd' });
  if (found === null) throw new Error('it is not there');
  const { boxes } = api().engine.targets;
  const place = `${tenantId}\0destination\0d`;
  const secrets: unknown = JSON.parse(boxes.open(found.sealedCredentials, place));
  return { found, secrets };
}

describe('the authentication of a destination', () => {
  it('is shown with its secrets masked, wherever the destination is', async () => {
    const { destination, path, tenantId } = await created();
    expect(destination.auth).toEqual(MASKED);
    expect((await api().get<DestinationView>(path)).body.auth).toEqual(MASKED);
    const { body } = await api().get<DestinationView[]>(`/v1/tenants/${tenantId}/destinations`);
    expect(body[0]?.auth).toEqual(MASKED);
  });

  it('is not there where there is none', async () => {
    const { destination } = await created(null);
    expect(destination).not.toHaveProperty('auth');
    expect(destination).not.toHaveProperty('warnings');
  });

  it('is sealed in the database', async () => {
    const { tenantId } = await created();
    const { found, secrets } = await stored(tenantId);
    expect(secrets).toMatchObject({ auth: AUTH, credentials: { secret: expect.any(String) } });
    expect(JSON.stringify(found)).not.toContain('Hunter2');
    expect(Buffer.from(found.sealedCredentials).includes('Hunter2')).toBe(false);
  });

  it('is replaced whole, but for secrets that come masked', async () => {
    const { path, tenantId } = await created();
    const changed = { ...MASKED, username: 'bert' };
    const { body } = await api().patch<DestinationView>(path, { auth: changed });
    expect(body.auth).toEqual(changed);
    expect((await stored(tenantId)).secrets).toMatchObject({
      auth: { ...AUTH, username: 'bert' },
    });
    const bearer = await api().patch<DestinationView>(path, {
      auth: { method: 'bearer', token: 't' },
    });
    expect(bearer.body.auth).toEqual({ method: 'bearer', token: '********' });
  });

  it('stays through every other change, and goes with null', async () => {
    const { path, tenantId } = await created();
    await api().patch(path, { name: 'x', config: { custom_headers: { a: 'b' } } });
    await api().post(`${path}/rotate-secret`, {});
    expect((await stored(tenantId)).secrets).toMatchObject({ auth: AUTH });
    const { body } = await api().patch<DestinationView>(path, { auth: null });
    expect(body).not.toHaveProperty('auth');
    expect((await stored(tenantId)).secrets).toMatchObject({ auth: null });
  });

  it('is refused with a pointer, and without its secrets', async () => {
    const { path } = await created();
    const auth = { method: 'basic', username: 'a:b', password: 'Hunter2\n', colour: 'red' };
    const { status, body, text } = await api().patch<ErrorView>(path, { auth });
    expect(status).toBe(422);
    expect(body.errors.map(({ pointer }) => pointer)).toEqual(['/auth/colour']);
    expect(text).not.toContain('Hunter2');
    const { colour: _, ...known } = auth;
    const second = await api().patch<ErrorView>(path, { auth: known });
    expect(second.body.errors.map(({ pointer }) => pointer)).toEqual([
      '/auth/username',
      '/auth/password',
    ]);
    expect(second.text).not.toContain('Hunter2');
  });

  it('is none for a destination that was written before there was any', async () => {
    const { tenantId, path } = await created();
    const { found } = await stored(tenantId);
    const { boxes } = api().engine.targets;
    const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
    const sealed = boxes.seal(JSON.stringify({ secret }), `${tenantId}\0destination\0d`);
    await api().engine.storage.destinationUpdate({
      destination: { ...found, sealedCredentials: sealed, revision: found.revision + 1 },
      ifRevision: found.revision,
      cancelPending: false,
    });
    const { body } = await api().get<DestinationView>(path);
    expect(body.credentials).toEqual({ secret });
    expect(body).not.toHaveProperty('auth');
    expect((await api().patch(path, { auth: AUTH })).status).toBe(200);
    expect((await stored(tenantId)).secrets).toMatchObject({ auth: AUTH, credentials: { secret } });
  });
});
