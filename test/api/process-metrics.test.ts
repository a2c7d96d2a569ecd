import { describe, expect, it } from 'vitest';
import { withApi } from '../support/api-server.ts';
import type { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ListView } from '../support/api-views.ts';

const SAMPLE = /^([a-z_]+)(\{[a-z]+="[^"\\\n]*"\})? (\d+(?:\.\d+)?(?:e-?\d+)?)$/;

/** Values by name and labels; every line is as the format has it, each sample after the type of its family. */
async function scrape(api: ApiServer): Promise<Map<string, number>> {
  const { status, text, headers } = await api.get('/metrics');
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(text.endsWith('\n')).toBe(true);
  const values = new Map<string, number>();
  let family = '';
  for (const line of text.trimEnd().split('\n')) {
    const [, typed] = /^# (?:TYPE|HELP) ([a-z_]+) \S/.exec(line) ?? [];
    family = typed ?? family;
    if (typed !== undefined) continue;
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
    expect(name.replace(/_(?:bucket|sum|count)$/, ''), line).toBe(family);
    expect(values.has(name + labels), line).toBe(false);
    values.set(name + labels, Number(value));
  }
  return values;
}

async function untilEnded(api: ApiServer, tenantId: string, count: number): Promise<void> {
  await until('all deliveries', async () => {
    const { body } = await api.get<ListView<DeliveryView>>(`/v1/deliveries?tenant_id=${tenantId}`);
    const ended = body.models.filter(({ status }) => !['pending', 'delivering'].includes(status));
    return ended.length === count ? ended : undefined;
  });
}

describe('GET /metrics', () => {
  it('counts events, deliveries by how they ended, and failures by their reason', async () => {
    await withApi({}, async (api) => {
      const before = await scrape(api);
      expect(before.get('angarium_events_published_total{origin="api"}')).toBe(0);
      expect(before.get('angarium_attempts_failed_total{reason="timeout"}')).toBe(0);

      const tenantId = await api.tenant();
      await api.destination(tenantId, { id: 'good' });
      await api.destination(tenantId, {
        id: 'bad',
        config: { url: api.receiver.url('/status/500') },
        policy: { retry: { delays_s: [0], jitter: 0 } },
      });
      await api.destination(tenantId, {
        id: 'later',
        topics: ['x'],
        config: { url: api.receiver.url('/status/503') },
        policy: { retry: { delays_s: [3600], jitter: 0 } },
      });
      const event = { tenant_id: tenantId, id: 'x', topic: 'x', data: {} };
      for (let times = 2; times > 0; times--) await api.publish(event);
      await until('the first attempt of the one that waits', async () => {
        const { body } = await api.get<ListView<DeliveryView>>(
          `/v1/deliveries?tenant_id=${tenantId}&code=503`,
        );
        return body.models[0];
      });
      await untilEnded(api, tenantId, 2);
      await api.post('/v1/events/x/cancel');
      // A claim that is under way has places in memory.
      await until('the memory to be empty', async () =>
        (await scrape(api)).get('angarium_deliveries_in_memory') === 0 ? true : undefined,
      );
      const after = await scrape(api);
      const values = {
        'angarium_events_published_total{origin="api"}': 1,
        'angarium_deliveries_total{status="delivered"}': 1,
        'angarium_deliveries_total{status="failed"}': 1,
        'angarium_deliveries_total{status="canceled"}': 1,
        'angarium_attempts_failed_total{reason="http_status"}': 3,
        angarium_publish_commit_seconds_count: 1,
        angarium_attempt_seconds_count: 4,
        'angarium_attempt_seconds_bucket{le="+Inf"}': 4,
        angarium_commit_to_first_byte_seconds_count: 3,
        angarium_attempts_in_flight: 0,
        angarium_deliveries_in_memory: 0,
      };
      for (const [name, value] of Object.entries(values)) expect(after.get(name), name).toBe(value);
      expect(after.get('angarium_attempt_seconds_sum')).toBeGreaterThan(0);
      expect(after.get('process_resident_memory_bytes')).toBeGreaterThan(0);
    });
  });

  it('counts what was canceled with its destination', async () => {
    await withApi({}, async (api) => {
      const tenantId = await api.tenant();
      await api.destination(tenantId, {
        id: 'd',
        config: { url: api.receiver.url('/status/503') },
        policy: { retry: { delays_s: [3600], jitter: 0 } },
      });
      await api.publish({ tenant_id: tenantId, data: {} });
      await until('the first attempt', async () => {
        const { body } = await api.get<ListView<DeliveryView>>(
          `/v1/deliveries?tenant_id=${tenantId}&code=503`,
        );
        return body.models[0];
      });
      await api.delete(`/v1/tenants/${tenantId}/destinations/d`);
      await untilEnded(api, tenantId, 1);
      await until('its count', async () => {
        const values = await scrape(api);
        return values.get('angarium_deliveries_total{status="canceled"}') === 1 ? true : undefined;
      });
    });
  });

  it('has buckets that hold all that is faster', async () => {
    await withApi({}, async (api) => {
      const tenantId = await api.tenant();
      await api.destination(tenantId);
      for (let left = 20; left > 0; left--) await api.publish({ tenant_id: tenantId, data: {} });
      await untilEnded(api, tenantId, 20);
      const values = await scrape(api);
      const buckets = [...values]
        .filter(([name]) => name.startsWith('angarium_attempt_seconds_bucket'))
        .map(([, value]) => value);
      expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
      expect(buckets.at(-1)).toBe(20);
    });
  });

  it('takes no parameters', async () => {
    await withApi({}, async (api) => {
      expect(await api.get('/metrics?format=json')).toMatchObject({ status: 422 });
    });
  });
});
