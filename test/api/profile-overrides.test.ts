/** What a destination lays over its profile: retry schedule, timeout, rate, headers; each beside one that has the profile's. */
import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';

import type { Profile, SignatureScheme } from '../../src/domain/profile.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { AttemptView, DeliveryView, ErrorView, ListView } from '../support/api-views.ts';

/** One attempt, and one a minute. */
const NARROW: Profile = {
  ...baxcloud,
  name: 'narrow',
  headers: [['x-narrow', '{topic}']],
  retry: { delaysMs: [], jitter: 0, windowMs: null },
  ratePerMinute: 1,
};
/** Its signature covers the topic, which its header carries. */
const COVERING: Profile = {
  ...NARROW,
  name: 'covering',
  ratePerMinute: null,
  signature: { ...signatureOf(baxcloud), signed: '{topic}.{body}' },
};
const HASTY: Profile = { ...NARROW, name: 'hasty', timeoutMs: 150 };

const api = useApi({ profiles: [NARROW, HASTY, COVERING] });

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

it('what the rate counts', async () => {
  const tenant = await api().tenant();
  const make = (id: string, policy: object) =>
    api().destination(tenant, {
      id,
      profile: 'narrow',
      config: { url: api().receiver.url(`/status/500/${id}`) },
      policy: { retry: { delays_s: [0, 0], jitter: 0 }, ...policy },
    });
  await make('profiles', {});
  const made = await make('own', { rate_counts: 'first_attempts' });
  expect(made).toMatchObject({ policy: { rate_counts: 'first_attempts' } });
  for (let nth = 1; nth <= 3; nth++)
    await api().publish({ tenant_id: tenant, topic: 'a', data: { nth } });
  await api().receiver.wait('/status/500/own', 3);
  await api().receiver.wait('/status/500/profiles', 1);
  expect(api().receiver.at('/status/500/profiles')).toHaveLength(1);
  const bodies = api()
    .receiver.at('/status/500/own')
    .map(({ body }) => body.toString());
  expect(new Set(bodies).size).toBe(1);
  const refused = await api().post<ErrorView>(`/v1/tenants/${tenant}/destinations`, {
    type: 'webhook',
    topics: '*',
    config: { url: api().receiver.url('/') },
    policy: { rate_counts: 'retries' },
  });
  expect(refused.body).toMatchObject({ errors: [{ pointer: '/policy/rate_counts' }] });
});

it('headers: beside those of the profile, and instead of those that only inform', async () => {
  const tenant = await api().tenant();
  const config = {
    url: api().receiver.url('/headers'),
    custom_headers: { 'x-own': 'mine', 'X-Narrow': 'mine too', 'user-agent': 'shop/1' },
  };
  const made = await api().destination(tenant, { profile: 'narrow', config });
  await api().publish({ tenant_id: tenant, topic: 'a.b', data: {} });
  const [received] = await api().receiver.wait('/headers', 1);
  // Node joins the values of a header that comes twice.
  const replaced = { 'x-own': 'mine', 'x-narrow': 'mine too', 'user-agent': 'shop/1' };
  expect(received?.headers).toMatchObject(replaced);
  const shared = { secret: made.credentials['secret'] ?? '', body: received?.body ?? '' };
  const expected = createHmac('sha256', shared.secret).update(shared.body).digest('hex');
  expect(received?.headers['x-baxcloud-signature']).toBe(expected);
  const shown = await until('the record of the attempt', async () => {
    const { body } = await api().get<ListView<{ request: { headers: unknown[] } }>>(
      `/v1/attempts?tenant_id=${tenant}&include=request`,
    );
    return body.models[0]?.request.headers;
  });
  expect(shown).toEqual(expect.arrayContaining(Object.entries(config.custom_headers)));
  expect(shown).not.toContainEqual(['x-narrow', 'a.b']);
});

it('headers: never those that sign or frame the message, said with the reason', async () => {
  const tenant = await api().tenant();
  const config = { url: api().receiver.url('/headers') };
  const refused = async (customHeaders: object, given: object) => {
    const { status, body } = await api().post<ErrorView>(`/v1/tenants/${tenant}/destinations`, {
      type: 'webhook',
      topics: '*',
      config: { ...config, custom_headers: customHeaders },
      ...given,
    });
    expect({ status, code: body.code }).toEqual({ status: 422, code: 'validation_failed' });
    return body.errors;
  };
  expect(
    await refused(
      { 'x-baxcloud-signature': 'forged', Host: 'a', Authorization: 'b', 'user-agent': 'fine' },
      { profile: 'narrow', auth: { method: 'bearer', token: 'c' } },
    ),
  ).toMatchObject([
    {
      pointer: '/config/custom_headers/x-baxcloud-signature',
      code: 'header_reserved',
      message: expect.stringMatching(/^“x-baxcloud-signature” is the signature/) as string,
    },
    {
      pointer: '/config/custom_headers/Host',
      code: 'header_reserved',
      message: expect.stringMatching(/^“Host” frames the message/) as string,
    },
    {
      pointer: '/config/custom_headers/Authorization',
      code: 'header_reserved',
      message: expect.stringMatching(
        /^“Authorization” is set by the destination’s `auth`/,
      ) as string,
    },
  ]);
  expect(
    await refused(
      { 'Content-Type': 'text/plain' },
      { profile: 'narrow', format: 'cloudevents-structured' },
    ),
  ).toMatchObject([{ pointer: '/config/custom_headers/Content-Type', code: 'header_reserved' }]);
});

it('headers: judged again with each change of what the message is', async () => {
  const tenant = await api().tenant();
  const own = { 'content-type': 'application/x-shop', 'x-narrow': 'mine', signature: 'mine' };
  const made = await api().destination(tenant, {
    profile: 'narrow',
    config: { url: api().receiver.url('/again'), custom_headers: own },
  });
  const path = `/v1/tenants/${tenant}/destinations/${made.id}`;
  const refused = async (change: object) => {
    const { status, body } = await api().patch<ErrorView>(path, change);
    expect(status).toBe(422);
    return body.errors.map(({ pointer }) => pointer.replace('/config/custom_headers/', ''));
  };
  expect(await refused({ format: 'cloudevents-binary' })).toEqual(['content-type']);
  expect(await refused({ http_signature: { algorithm: 'ed25519' } })).toEqual(['signature']);
  expect(await refused({ profile: 'covering' })).toEqual(['x-narrow']);
  const auth = { method: 'header', headers: { 'x-key': 'a', signature: 'b' } };
  expect(await refused({ auth })).toEqual(['signature']);
  expect((await api().get(path)).body).toEqual(made);
});

it('headers: a tenant’s profile that signs them stops the destination, not the message', async () => {
  const tenant = await api().tenant();
  await api().put(`/v1/tenants/${tenant}`, { profile: 'narrow' });
  await api().destination(tenant, {
    config: { url: api().receiver.url('/moved'), custom_headers: { 'x-narrow': 'mine' } },
  });
  const publish = () => api().publish({ tenant_id: tenant, topic: 'a.b', data: {} });
  const codes = (count: number) =>
    until(`${count} attempts`, async () => {
      const query = `tenant_id=${tenant}&dir=asc`;
      const { body } = await api().get<ListView<AttemptView>>(`/v1/attempts?${query}`);
      return body.models.length >= count ? body.models.map(({ code }) => code) : undefined;
    });
  await publish();
  expect(await codes(1)).toEqual(['200']);
  await api().put(`/v1/tenants/${tenant}`, { profile: 'covering' });
  await publish();
  expect(await codes(2)).toEqual(['200', 'invalid_destination']);
  expect(
    api()
      .receiver.at('/moved')
      .map(({ headers }) => headers['x-narrow']),
  ).toEqual(['mine']);
  expect(api().failures.splice(0)).toMatchObject([
    { what: expect.stringMatching(/^destination des_\w+ was unusable$/) },
  ]);
});

function signatureOf({ signature, name }: Profile): SignatureScheme {
  if (signature === null) throw new Error(`${name} does not sign`);
  return signature;
}
