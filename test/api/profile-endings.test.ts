/** When each profile gives a destination up, and when not: by real answers of a receiver. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Notice } from '../../src/domain/notice.ts';
import { makeClient, makeSubscription } from '../support/api-clients.ts';
import type { SubscriptionView } from '../support/api-clients.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, DestinationView, ListView } from '../support/api-views.ts';

const PROFILES = ['standard', 'baack', 'basekit', 'balkanid', 'baxcloud'];

const api = useApi();
const told: Notice[] = [];

/** `/200` answers with that status and asks not to be delivered to any more. */
const unwilling = createServer((request, response) => {
  response.statusCode = Number(request.url?.slice(1));
  response.setHeader('Webhook-Delivery', 'disable');
  response.end();
});

beforeAll(async () => {
  unwilling.listen(0, '127.0.0.1');
  await once(unwilling, 'listening');
  api().engine.notices.listen((notice) => {
    told.push(notice);
    return Promise.resolve();
  });
});
afterAll(() => {
  unwilling.closeAllConnections();
  unwilling.close();
});

async function make(profile: string, url: string, policy: object = {}) {
  const tenant = await api().tenant();
  const made = await api().destination(tenant, {
    profile,
    config: { url },
    policy,
    ...(profile === 'baack' ? { credentials: { secret: 'of its own' } } : {}),
  });
  const path = `/v1/tenants/${tenant}/destinations/${made.id}`;
  return {
    tenant,
    id: made.id,
    publish: (topic = 'a.create') => api().publish({ tenant_id: tenant, topic, data: {} }),
    view: () => api().get<DestinationView>(path),
    /** Once so many deliveries have had an outcome. */
    attempted: (count: number) =>
      until(`${count} outcomes`, async () => {
        const query = `tenant_id=${tenant}&limit=200`;
        const { body } = await api().get<ListView<DeliveryView>>(`/v1/deliveries?${query}`);
        const done = body.models.filter(({ attempts }) => attempts > 0);
        return done.length >= count ? done : undefined;
      }),
  };
}

/** Why it is disabled, `gone` where it is no more, `null` where it goes on. */
async function endOf({ view }: Awaited<ReturnType<typeof make>>): Promise<string | null> {
  const { status, body } = await view();
  if (status === 404) return 'deleted';
  return body.disabled_at === null ? null : body.state.reason;
}

describe('an answer of 410', () => {
  it.each([
    ['standard', 'gone'],
    ['baack', null],
    ['basekit', 'deleted'],
    ['balkanid', null],
    ['baxcloud', null],
  ])('to %s: %s', async (profile, end) => {
    const made = await make(profile, api().receiver.url('/status/410'));
    await made.publish();
    if (end === null) {
      await made.attempted(1);
      expect(await endOf(made)).toBeNull();
    } else await expect.poll(() => endOf(made)).toBe(end);
  });
});

describe('an answer with `webhook-delivery: disable`', () => {
  it.each(PROFILES.flatMap((profile) => [[profile, 200] as const, [profile, 500] as const]))(
    'to %s with status %i is heard by standard alone',
    async (profile, status) => {
      const { port } = unwilling.address() as AddressInfo;
      const made = await make(profile, `http://127.0.0.1:${port}/${status}`);
      await made.publish();
      if (profile === 'standard') await expect.poll(() => endOf(made)).toBe('receiver_asked');
      else {
        await made.attempted(1);
        expect(await endOf(made)).toBeNull();
      }
    },
  );
});

describe('the end of a destination', () => {
  const DAY_MS = 86_400_000;

  it('of baack is 90 days ahead where none is given, and never later', async () => {
    const before = Date.now();
    const { tenant, id, view } = await make('baack', api().receiver.url('/ok'));
    const endMs = Date.parse((await view()).body.expires_at ?? '');
    expect(endMs).toBeGreaterThanOrEqual(before + 90 * DAY_MS);
    expect(endMs).toBeLessThanOrEqual(Date.now() + 90 * DAY_MS);
    const path = `/v1/tenants/${tenant}/destinations/${id}`;
    const give = (days: number) =>
      api().patch<object>(path, {
        expires_at: new Date(Date.now() + days * DAY_MS).toISOString(),
      });
    expect((await give(89)).status).toBe(200);
    const late = await give(91);
    expect([late.status, late.body]).toMatchObject([422, { errors: [{ pointer: '/expires_at' }] }]);
  });

  it.each(PROFILES.filter((each) => each !== 'baack'))('of %s is none', async (profile) => {
    const { view } = await make(profile, api().receiver.url('/ok'));
    expect((await view()).body.expires_at).toBeNull();
  });
});

describe('failures', () => {
  it('a hundred in a row end one of balkanid, and 99 do not', async () => {
    const once_ = { retry: { delays_s: [] } };
    const made = await make('balkanid', api().receiver.url('/status/404'), once_);
    for (let nth = 1; nth < 100; nth++) await made.publish();
    await made.attempted(99);
    expect(await endOf(made)).toBeNull();
    expect((await made.view()).body.state).toMatchObject({ consecutive_failures: 99 });
    await made.publish();
    await expect.poll(() => endOf(made)).toBe('consecutive_failures');
  });

  it.each([
    ['standard', null],
    ['baack', 'exhausted'],
    ['basekit', null],
    ['balkanid', null],
    ['baxcloud', null],
  ])('of a whole schedule, with %s: %s', async (profile, end) => {
    // 503 is tried again with all of them: here no retry is left.
    const made = await make(profile, api().receiver.url('/status/503'), {
      retry: { delays_s: [] },
    });
    await made.publish();
    const [delivery] = await made.attempted(1);
    if (end === null) expect(await endOf(made)).toBeNull();
    else await expect.poll(() => endOf(made)).toBe(end);
    expect(delivery).toMatchObject({ status: 'failed' });
    // Only BaxCloud tells the tenant's contacts of each.
    const failed = await until('the notice', () =>
      told.find((each) => each.topic === 'delivery.failed' && each.tenantId === made.tenant),
    );
    expect(failed).toMatchObject({ isMailed: profile === 'baxcloud' });
  });
});

describe('a subscription of Baack', () => {
  async function subscribe(path: string) {
    const tenant = await api().tenant();
    const client = await makeClient(api(), tenant);
    const made = await makeSubscription(api(), client, {
      destinationUrl: api().receiver.url(path),
    });
    const own = `/v1/webhooksubscriptions/${made.urn}`;
    const publish = () => api().publish({ tenant_id: tenant, topic: 'entity.create', data: {} });
    const destination = `/v1/tenants/${tenant}/destinations/${made.urn}`;
    /** Of the subscription, and why, of the destination behind it. */
    const status = async () => {
      const { body } = await api().get<SubscriptionView>(own);
      const { state } = (await api().get<DestinationView>(destination)).body;
      return [body.status, state.reason];
    };
    return { tenant, urn: made.urn, own, destination, publish, status };
  }

  it('is stopped at half of at least 20 attempts, and must be enabled again', async () => {
    const { tenant, urn, own, destination, publish, status } = await subscribe('/share');
    const publishAll = async (count: number) => {
      for (let nth = 0; nth < count; nth++) await publish();
      await until('all to be attempted', async () => {
        const query = `tenant_id=${tenant}&limit=200`;
        const { body } = await api().get<ListView<DeliveryView>>(`/v1/deliveries?${query}`);
        return body.models.every(({ attempts }) => attempts > 0) ? true : undefined;
      });
    };
    await publishAll(10);
    // A status that Baack does not try again.
    await api().patch(destination, { config: { url: api().receiver.url('/status/404') } });
    await publishAll(9);
    expect((await status())[0]).toBe('ACTIVE');
    await publish();
    await expect.poll(status).toEqual(['STOPPED', 'failure_share']);
    const { body } = await publish();
    expect(body.destination_ids).toEqual([]);
    await api().post(`${own}/enable`);
    expect(await status()).toEqual(['ACTIVE', null]);
    expect((await publish()).body.destination_ids).toEqual([urn]);
  });

  it('is stopped when a delivery has used up its retries', async () => {
    const { destination, publish, status } = await subscribe('/status/503');
    await api().patch(destination, { policy: { retry: { delays_s: [] } } });
    await publish();
    await expect.poll(status).toEqual(['STOPPED', 'exhausted']);
  });
});
