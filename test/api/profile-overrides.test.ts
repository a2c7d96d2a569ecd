/** What a destination lays over its profile: retry schedule, timeout, rate, headers; each beside one that has the profile's. */
import { expect, it } from 'vitest';

import type { Profile } from '../../src/domain/profile.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ListView } from '../support/api-views.ts';

/** One attempt, and one a minute. */
const NARROW: Profile = {
  ...baxcloud,
  name: 'narrow',
  headers: [['x-narrow', '{topic}']],
  retry: { delaysMs: [], jitter: 0, windowMs: null },
  ratePerMinute: 1,
};
const HASTY: Profile = { ...NARROW, name: 'hasty', timeoutMs: 150 };

const api = useApi({ profiles: [NARROW, HASTY] });

/** Two destinations of the profile, one with a policy of its own, and what becomes of an event at each. */
async function outcomes(
  profile: string,
  path: string,
  policy: object,
  isSettled: (delivery: DeliveryView) => boolean,
): Promise<{ profiles: DeliveryView; own: DeliveryView }> {
  const tenant = await api().tenant();
  const config = { url: api().receiver.url(path) };
  await api().destination(tenant, { id: 'profiles', profile, config });
  await api().destination(tenant, { id: 'own', profile, config, policy });
  await api().publish({ tenant_id: tenant, topic: 'a', data: {} });
  const find = (id: string) =>
    until(`an outcome of ${id}`, async () => {
      const query = `tenant_id=${tenant}&destination_id=${id}`;
      const { body } = await api().get<ListView<DeliveryView>>(`/v1/deliveries?${query}`);
      return body.models.find(isSettled);
    });
  return { profiles: await find('profiles'), own: await find('own') };
}

it('a retry schedule', async () => {
  const policy = { retry: { delays_s: [3600] } };
  const found = await outcomes(
    'narrow',
    '/status/500',
    policy,
    ({ last_code }) => last_code === '500',
  );
  expect(found).toMatchObject({
    profiles: { status: 'failed', attempts: 1 },
    own: { status: 'pending', attempts: 1, waits_for: 'retry' },
  });
});

it('a timeout', async () => {
  const settled = outcomes('hasty', '/hold/timeout', { timeout_ms: 120_000 }, ({ status }) =>
    ['failed', 'delivered'].includes(status),
  );
  // The profile's is over by then, and the other one still waits for its answer.
  await until('the time-out', async () => {
    const { body } = await api().get<ListView<DeliveryView>>('/v1/deliveries?status=failed');
    return body.models.find(({ last_code }) => last_code === 'timeout');
  });
  api().receiver.release('timeout');
  expect(await settled).toMatchObject({
    profiles: { status: 'failed', last_code: 'timeout' },
    own: { status: 'delivered' },
  });
});

it('a rate', async () => {
  const tenant = await api().tenant();
  const make = (id: string, policy: object) =>
    api().destination(tenant, {
      id,
      profile: 'narrow',
      config: { url: api().receiver.url(`/rate-${id}`) },
      policy,
    });
  await make('profiles', {});
  await make('own', { rate_per_minute: 60_000 });
  for (let nth = 1; nth <= 20; nth++)
    await api().publish({ tenant_id: tenant, topic: 'a', data: { nth } });
  await api().receiver.wait('/rate-profiles', 1);
  // Both were offered the same events at the same moments.
  await api().receiver.wait('/rate-own', 20);
  expect(api().receiver.at('/rate-profiles')).toHaveLength(1);
});

it('headers, beside those of the profile, which it cannot replace', async () => {
  const tenant = await api().tenant();
  const config = { url: api().receiver.url('/headers'), custom_headers: { 'x-own': 'mine' } };
  await api().destination(tenant, { profile: 'narrow', config });
  await api().publish({ tenant_id: tenant, topic: 'a.b', data: {} });
  const [received] = await api().receiver.wait('/headers', 1);
  expect(received?.headers).toMatchObject({ 'x-own': 'mine', 'x-narrow': 'a.b' });
  for (const name of ['X-Narrow', 'x-baxcloud-signature', 'Host']) {
    const { status, body } = await api().post<object>(`/v1/tenants/${tenant}/destinations`, {
      type: 'webhook',
      profile: 'narrow',
      topics: '*',
      config: { ...config, custom_headers: { [name]: 'forged' } },
    });
    expect(status).toBe(422);
    expect(body).toMatchObject({
      errors: [{ pointer: `/config/custom_headers/${name}`, code: 'header_reserved' }],
    });
  }
});
