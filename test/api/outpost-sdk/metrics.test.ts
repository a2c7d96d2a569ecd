/** The calls of Outpost's client for metrics. */
import { beforeAll, describe, expect, it } from 'vitest';
import { countAll } from '../../support/api-counted.ts';
import { outpostClient } from '../../support/api-outpost-client.ts';
import { useApi } from '../../support/api-server.ts';
import { until } from '../../support/api-until.ts';

const api = useApi({ storage: 'file' });

const client = () => outpostClient(api());

const TENANT = 'sdk-metrics';
const HOUR_MS = 3_600_000;
const THIS_HOUR_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
const RANGE = {
  start: new Date(THIS_HOUR_MS - HOUR_MS),
  end: new Date(THIS_HOUR_MS + 2 * HOUR_MS),
};

beforeAll(async () => {
  const { tenants, destinations } = client();
  await tenants.upsert(TENANT);
  const at = (path: string) => ({ url: api().receiver.url(path) });
  await destinations.create(TENANT, { id: 'd', type: 'webhook', topics: '*', config: at('/sdk') });
  await destinations.create(TENANT, {
    id: 'gone',
    type: 'webhook',
    topics: ['a'],
    config: at('/status/410'),
  });
  for (const topic of ['a', 'b', 'b'])
    await client().publish({ tenantId: TENANT, topic, data: { topic } });
  await until('four attempts', async () => {
    const { models } = await client().attempts.list({ tenantId: TENANT });
    return models?.length === 4 ? models : undefined;
  });
  await countAll(api());
});

describe('metrics', () => {
  it('count attempts by hour and status', async () => {
    const { data, metadata } = await client().metrics.getAttemptMetrics({
      time: RANGE,
      granularity: '1h',
      measures: ['count', 'error_rate', 'first_attempt_count'],
      dimensions: ['status', 'code'],
      filtersTenantId: TENANT,
    });
    expect(metadata).toMatchObject({ granularity: '1h', rowCount: 6, truncated: false });
    const total = (status: string) =>
      data
        ?.filter(({ dimensions }) => dimensions?.['status'] === status)
        .reduce((sum, { metrics }) => sum + Number(metrics?.['count']), 0);
    expect([total('success'), total('failed')]).toEqual([3, 1]);
    expect(data?.[0]?.timeBucket).toEqual(RANGE.start);
    expect(data?.[0]?.dimensions).toEqual({ status: 'failed', code: '410' });
  });

  it('take every filter, single and several', async () => {
    const { data } = await client().metrics.getAttemptMetrics({
      time: RANGE,
      measures: 'count',
      dimensions: 'destination_id',
      filtersTenantId: [TENANT, 'nobody'],
      filtersDestinationId: ['d', 'gone'],
      filtersDestinationType: 'webhook',
      filtersTopic: ['b'],
      filtersStatus: ['success'],
      filtersCode: ['200', '201'],
      filtersManual: 'false',
      filtersAttemptNumber: ['1'],
    });
    expect(data).toEqual([{ dimensions: { destination_id: 'd' }, metrics: { count: 2 } }]);
  });

  it('count events by topic', async () => {
    const { data } = await client().metrics.getEventMetrics({
      time: RANGE,
      measures: ['count', 'rate'],
      dimensions: ['topic'],
      filtersTenantId: TENANT,
    });
    expect(
      data?.map(({ dimensions, metrics }) => [dimensions?.['topic'], metrics?.['count']]),
    ).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });
});
