/** Which profile a destination has, and what of its policy shows from outside. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { Profile } from '../../src/domain/profile.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { useApi, withApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, DestinationView, ErrorView, ListView } from '../support/api-views.ts';

const UNSIGNED: Profile = { ...balkanid, name: 'unsigned', signature: null };

const api = useApi({ profiles: [UNSIGNED] });

const SIGNATURES = {
  standard: 'webhook-signature',
  baack: 'x-baack-signature',
  basekit: 'x-delivery-hmac-sha256',
  balkanid: 'x-outpost-signature',
  baxcloud: 'x-baxcloud-signature',
};

/** Which profile the next message at the path was made by. */
async function profileAt(path: string, tenant: string, server = api()): Promise<string> {
  const count = server.receiver.at(path).length + 1;
  await server.publish({ tenant_id: tenant, topic: 'a', data: {} });
  const headers = (await server.receiver.wait(path, count)).at(-1)?.headers ?? {};
  const found = Object.entries(SIGNATURES).filter(([, name]) => name in headers);
  return found.map(([name]) => name).join(' and ');
}

describe('the profile of a destination', () => {
  it('is its own, else its tenant’s, else the instance’s; and each change counts for the next event', async () => {
    await withApi({ defaultProfile: baxcloud }, async (server) => {
      const tenant = await server.tenant();
      const config = { url: server.receiver.url('/chosen') };
      const made = await server.destination(tenant, { config });
      const path = `/v1/tenants/${tenant}/destinations/${made.id}`;
      expect(await profileAt('/chosen', tenant, server)).toBe('baxcloud');

      await server.put(`/v1/tenants/${tenant}`, { profile: 'balkanid' });
      expect(await profileAt('/chosen', tenant, server)).toBe('balkanid');

      expect((await server.patch(path, { profile: 'basekit' })).status).toBe(200);
      expect(await profileAt('/chosen', tenant, server)).toBe('basekit');

      expect((await server.patch(path, { profile: null })).status).toBe(200);
      expect(await profileAt('/chosen', tenant, server)).toBe('balkanid');

      await server.put(`/v1/tenants/${tenant}`, { profile: null });
      expect(await profileAt('/chosen', tenant, server)).toBe('baxcloud');
    });
  });

  it('that asks for another secret is changed together with the secret, or not at all', async () => {
    const tenant = await api().tenant();
    const config = { url: api().receiver.url('/changed') };
    const made = await api().destination(tenant, { profile: 'balkanid', config });
    const path = `/v1/tenants/${tenant}/destinations/${made.id}`;
    const own = 'whsec_not-base64!';
    await api().patch(path, { credentials: { secret: own } });
    const refused = await api().patch<ErrorView>(path, { profile: 'standard' });
    expect(refused.status).toBe(422);
    expect(refused.body.errors).toMatchObject([
      { pointer: '/credentials/secret', code: 'secret_format' },
    ]);
    expect(await profileAt('/changed', tenant)).toBe('balkanid');

    const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    const { body } = await api().patch<DestinationView>(path, {
      profile: 'standard',
      credentials: { secret },
    });
    expect(body.credentials['secret']).toBe(secret);
    expect(await profileAt('/changed', tenant)).toBe('standard');
  });

  it('is one that there is', async () => {
    const tenant = await api().tenant();
    const { status, body } = await api().post<ErrorView>(`/v1/tenants/${tenant}/destinations`, {
      type: 'webhook',
      profile: 'nope',
      topics: '*',
      config: { url: api().receiver.url('/ok') },
    });
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer: '/profile', code: 'enum' }]);
    expect(body.errors[0]?.message).toContain('baxcloud, unsigned');
  });

  it('that does not sign has no secret, and takes none', async () => {
    const tenant = await api().tenant();
    const config = { url: api().receiver.url('/unsigned') };
    const made = await api().destination(tenant, { profile: 'unsigned', config });
    expect(made.credentials).toEqual({});
    expect(await profileAt('/unsigned', tenant)).toBe('');
    const path = `/v1/tenants/${tenant}/destinations/${made.id}`;
    const refused = await api().patch<ErrorView>(path, {
      credentials: { secret: 'whsec_12345678' },
    });
    expect(refused.body.errors).toMatchObject([
      { pointer: '/credentials/secret', code: 'conflict' },
    ]);
    // Signing begins with a secret of its own.
    const { body } = await api().patch<DestinationView>(path, { profile: 'balkanid' });
    expect(body.credentials['secret']).toMatch(/^whsec_/);
    expect(await profileAt('/unsigned', tenant)).toBe('balkanid');
  });
});

describe('an answer', () => {
  const DELIVERED = 'delivered';
  const PENDING = 'pending';
  const FAILED = 'failed';
  const EXPECTED: Record<string, Record<number, string>> = {
    standard: {
      200: DELIVERED,
      204: DELIVERED,
      299: DELIVERED,
      301: PENDING,
      400: PENDING,
      410: FAILED,
      500: PENDING,
    },
    baack: {
      201: DELIVERED,
      302: FAILED,
      400: FAILED,
      404: FAILED,
      408: PENDING,
      410: FAILED,
      418: PENDING,
      429: PENDING,
      500: FAILED,
      502: FAILED,
      503: PENDING,
      504: PENDING,
    },
    basekit: { 202: DELIVERED, 404: PENDING, 410: FAILED, 503: PENDING },
    balkanid: { 204: DELIVERED, 404: PENDING, 410: FAILED, 503: PENDING },
    baxcloud: {
      200: DELIVERED,
      201: PENDING,
      204: PENDING,
      302: PENDING,
      410: PENDING,
      500: PENDING,
    },
  };

  it.each(Object.entries(EXPECTED))(
    'to %s is success, worth a retry, or neither',
    async (profile, statuses) => {
      const tenant = await api().tenant();
      const credentials = profile === 'baack' ? { credentials: { secret: 'of its own' } } : {};
      for (const status of Object.keys(statuses))
        await api().destination(tenant, {
          id: `s${status}`,
          profile,
          ...credentials,
          config: { url: api().receiver.url(`/status/${status}`) },
        });
      // Nobody listens there.
      await api().destination(tenant, {
        id: 'closed',
        profile,
        ...credentials,
        config: { url: 'http://127.0.0.1:1/' },
      });
      // Answers nothing in time.
      await api().destination(tenant, {
        id: 'hanging',
        profile,
        ...credentials,
        config: { url: api().receiver.url(`/hold/${tenant}`) },
        policy: { timeout_ms: 200 },
      });
      // Does not speak TLS.
      await api().destination(tenant, {
        id: 'no-tls',
        profile,
        ...credentials,
        config: { url: api().receiver.url('/ok').replace('http:', 'https:') },
      });
      await api().publish({ tenant_id: tenant, topic: 'a', data: {} });
      const deliveries = await until('an outcome of each', async () => {
        const { body } = await api().get<ListView<DeliveryView>>(
          `/v1/deliveries?tenant_id=${tenant}&limit=100`,
        );
        return body.models.every(({ attempts }) => attempts > 0) ? body.models : undefined;
      });
      api().receiver.release(tenant);
      const found = deliveries.map((each) => [each.destination_id, [each.last_code, each.status]]);
      expect(Object.fromEntries(found)).toEqual({
        ...Object.fromEntries(
          Object.entries(statuses).map(([code, status]) => [`s${code}`, [code, status]]),
        ),
        closed: ['connection', PENDING],
        hanging: ['timeout', PENDING],
        'no-tls': ['tls', PENDING],
      });
    },
  );
});

describe('a retry by hand', () => {
  it('of baack has the same idempotency key, and another nonce, timestamp and signature', async () => {
    const tenant = await api().tenant();
    const config = { url: api().receiver.url('/by-hand') };
    const { id } = await api().destination(tenant, {
      profile: 'baack',
      credentials: { secret: 'of its own' },
      config,
    });
    const { body: published } = await api().publish({
      tenant_id: tenant,
      topic: 'a.create',
      data: { secret: 'not sent' },
      resource: { urn: 'urn:a:1', trigger_urn: 'urn:trigger:1' },
    });
    await api().receiver.wait('/by-hand', 1);
    // Asked for during an attempt, a retry would be that attempt.
    await until('the first to be recorded', async () => {
      const { body } = await api().get<ListView<DeliveryView>>(
        `/v1/deliveries?tenant_id=${tenant}`,
      );
      return body.models[0]?.status === 'delivered' ? true : undefined;
    });
    await api().post('/v1/retry', { event_id: published.id, destination_id: id });
    const [first, second] = await api().receiver.wait('/by-hand', 2);
    expect(second?.headers['idempotency-key']).toBe('urn:trigger:1');
    expect(first?.headers['idempotency-key']).toBe('urn:trigger:1');
    expect(second?.headers['x-baack-nonce']).not.toBe(first?.headers['x-baack-nonce']);
    expect(second?.body.equals(first?.body ?? Buffer.alloc(0))).toBe(true);
    expect(first?.body.toString()).not.toContain('not sent');
  });
});

describe('the verification that BaxCloud’s document shows', () => {
  it('passes in an Express application, for data of any script, and fails for another secret', async () => {
    const app = express();
    const verdicts: { verified: boolean; type: string }[] = [];
    let secret = '';
    app.post(
      '/webhooks/baxcloud',
      express.raw({ type: 'application/json' }),
      (request, response) => {
        const given = request.headers['x-baxcloud-signature'];
        const payload = String(request.body);
        const expected = createHmac('sha256', secret).update(payload).digest('hex');
        const verified = timingSafeEqual(Buffer.from(String(given)), Buffer.from(expected));
        verdicts.push({ verified, type: (JSON.parse(payload) as { type: string }).type });
        response.status(verified ? 200 : 401).send(verified ? 'OK' : 'Invalid signature');
      },
    );
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    const { port } = server.address() as AddressInfo;

    const tenant = await api().tenant();
    const made = await api().destination(tenant, {
      profile: 'baxcloud',
      config: { url: `http://127.0.0.1:${port}/webhooks/baxcloud` },
    });
    secret = made.credentials['secret'] ?? '';
    const publish = async (topic: string) => {
      await api().publish({ tenant_id: tenant, topic, data: { name: 'Räume — 部屋', size: 1.5 } });
      await until(topic, () => verdicts.find(({ type }) => type === topic));
    };
    await publish('room.created');
    secret = 'whsec_of-somebody-else';
    await publish('participant.joined');
    expect(verdicts).toEqual([
      { verified: true, type: 'room.created' },
      { verified: false, type: 'participant.joined' },
    ]);
  });
});
