/** How many requests a real receiver has at the same time, where tenants and origins are bounded. */
import { describe, expect, it } from 'vitest';
import { countingReceiver } from '../support/api-counting-receiver.ts';
import type { CountingReceiver } from '../support/api-counting-receiver.ts';
import { withApi } from '../support/api-server.ts';
import type { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';

/** So many destinations, and events for all of them. */
async function publishTo(
  api: ApiServer,
  receiver: CountingReceiver,
  { tenantId, destinations, events }: { tenantId: string; destinations: number; events: number },
): Promise<void> {
  for (let n = 0; n < destinations; n++)
    await api.destination(tenantId, { config: { url: receiver.url(`${tenantId}/${n}`) } });
  const all = Array.from({ length: events }, () => ({ tenant_id: tenantId, data: {} }));
  expect((await api.post('/v1/publish/batch', { events: all })).status).toBe(202);
}

const received = (receiver: CountingReceiver, count: number) =>
  until(`${count} answers`, () => (receiver.answered() === count ? true : undefined));

describe('a real receiver has at the same time', () => {
  it('as many requests of a tenant as its limit says, and those of another beside them', () =>
    withApi({ dispatcherLimits: { maxPerTenant: 6 } }, async (api) => {
      const receiver = await countingReceiver();
      const bounded = await api.tenant();
      await api.put(`/v1/tenants/${bounded}`, { limits: { concurrency: 3 } });
      const other = await api.tenant();
      const scene = { destinations: 4, events: 15 };
      await publishTo(api, receiver, { tenantId: bounded, ...scene });
      await publishTo(api, receiver, { tenantId: other, ...scene });
      await received(receiver, 120);
      expect([receiver.most(bounded), receiver.most(other)]).toEqual([3, 6]);
    }));

  it('as many of all tenants as an origin may have, and of one as its limit says', () =>
    withApi({ dispatcherLimits: { maxPerOrigin: 5 } }, async (api) => {
      const receiver = await countingReceiver();
      const bounded = await api.tenant();
      await api.put(`/v1/tenants/${bounded}`, { limits: { concurrency_per_origin: 2 } });
      const other = await api.tenant();
      const scene = { destinations: 3, events: 20 };
      await publishTo(api, receiver, { tenantId: bounded, ...scene });
      await publishTo(api, receiver, { tenantId: other, ...scene });
      await received(receiver, 120);
      expect([receiver.most(bounded), receiver.most('all')]).toEqual([2, 5]);
    }));
});
