import { beforeAll, describe, expect, it } from 'vitest';
import { countAll } from '../support/api-counted.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { AttemptView, ErrorView, ListView, MetricsView } from '../support/api-views.ts';

const api = useApi();

const HOUR_MS = 3_600_000;
const now = Date.now();
const time = (ms: number) => new Date(ms).toISOString();
/** Whatever happens within these tests lies in it. */
const AROUND_NOW = `time[start]=${time(now - HOUR_MS)}&time[end]=${time(now + HOUR_MS)}`;

/** Three events at a destination that takes them and one that fails twice. */
let tenantId = '';
/** Of events whose times were given: two in one hour, one two hours later. */
let datedId = '';
const DATED_MS = Math.floor(now / HOUR_MS) * HOUR_MS - 48 * HOUR_MS;

beforeAll(async () => {
  tenantId = await api().tenant();
  const to = (path: string) => ({ config: { url: api().receiver.url(path) } });
  await api().destination(tenantId, { id: 'good', ...to('/ok') });
  await api().destination(tenantId, {
    id: 'bad',
    topics: ['a'],
    ...to('/status/500'),
    policy: { retry: { delays_s: [0], jitter: 0 } },
  });
  for (const topic of ['a', 'b', 'b'])
    await api().publish({ tenant_id: tenantId, topic, data: {} });
  await until('five attempts', async () => {
    const { body } = await api().get<ListView<AttemptView>>(`/v1/attempts?tenant_id=${tenantId}`);
    return body.models.length === 5 ? body : undefined;
  });

  datedId = await api().tenant();
  for (const ms of [0, 60_000, 2 * HOUR_MS])
    await api().publish({ tenant_id: datedId, time: time(DATED_MS + ms), data: {} });
  await countAll(api());
});

async function ask(kind: 'events' | 'attempts', query: string): Promise<MetricsView> {
  const url = `/v1/metrics/${kind}?filters[tenant_id]=${tenantId}&${query}`;
  const { status, body } = await api().get<MetricsView>(url);
  expect(status).toBe(200);
  return body;
}

describe('GET /metrics/attempts', () => {
  it('tells every measure', async () => {
    const measures = [
      'count',
      'successful_count',
      'failed_count',
      'error_rate',
      'first_attempt_count',
      'retry_count',
      'manual_retry_count',
      'avg_attempt_number',
      'rate',
      'successful_rate',
      'failed_rate',
      'latency_p50',
      'latency_p95',
      'latency_p99',
    ];
    const query = measures.map((measure) => `measures[]=${measure}`).join('&');
    const { data, metadata } = await ask('attempts', `${AROUND_NOW}&${query}`);
    expect(data).toEqual([
      {
        dimensions: {},
        metrics: {
          count: 5,
          successful_count: 3,
          failed_count: 2,
          error_rate: 0.4,
          first_attempt_count: 4,
          retry_count: 1,
          manual_retry_count: 0,
          avg_attempt_number: 1.2,
          rate: 5 / 7200,
          successful_rate: 3 / 7200,
          failed_rate: 2 / 7200,
          latency_p50: expect.any(Number) as number,
          latency_p95: expect.any(Number) as number,
          latency_p99: expect.any(Number) as number,
        },
      },
    ]);
    const { latency_p50: p50 = 0, latency_p99: p99 = 0 } = data[0]?.metrics ?? {};
    expect(p50).toBeGreaterThan(0);
    expect(p99).toBeGreaterThanOrEqual(p50);
    expect(metadata).toEqual({
      query_time_ms: expect.any(Number) as number,
      row_count: 1,
      row_limit: 10_000,
      truncated: false,
    });
  });

  it.each([
    ['dimensions=destination_id', { bad: 2, good: 3 }],
    ['dimensions=destination_type', { webhook: 5 }],
    ['dimensions=topic', { a: 3, b: 2 }],
    ['dimensions=status', { failed: 2, success: 3 }],
    ['dimensions=code', { 200: 3, 500: 2 }],
    ['dimensions=manual', { false: 5 }],
    ['dimensions=attempt_number', { 1: 4, 2: 1 }],
    ['dimensions[]=topic&dimensions[]=status', { 'a failed': 2, 'a success': 1, 'b success': 2 }],
    ['dimensions=topic&filters[status]=success', { a: 1, b: 2 }],
    ['dimensions=code&filters[destination_id]=bad', { 500: 2 }],
    ['dimensions=status&filters[code][0]=500&filters[code][1]=503', { failed: 2 }],
    ['dimensions=status&filters[attempt_number]=2', { failed: 1 }],
    ['dimensions=status&filters[manual]=true', {}],
    ['dimensions=status&filters[destination_type]=rabbitmq', {}],
    ['dimensions=status&filters[topic]=nothing', {}],
  ])('tells apart and filters: %s', async (query, expected) => {
    const { data } = await ask('attempts', `${AROUND_NOW}&measures=count&${query}`);
    const found = data.map(({ dimensions, metrics }) => [
      Object.values(dimensions).join(' '),
      metrics['count'],
    ]);
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  it('gives each bucket of the range, empty ones as zeros, for each combination', async () => {
    const { data, metadata } = await ask(
      'attempts',
      `${AROUND_NOW}&granularity=1h&measures=count&measures=error_rate&measures=latency_p95&dimensions=status`,
    );
    const begun = Math.floor((now - HOUR_MS) / HOUR_MS) * HOUR_MS;
    const buckets = [0, 1, 2].map((hour) => time(begun + hour * HOUR_MS));
    expect(data.map((row) => [row.dimensions['status'], row.time_bucket])).toEqual(
      ['failed', 'success'].flatMap((status) => buckets.map((bucket) => [status, bucket])),
    );
    const empty = data.filter(({ metrics }) => metrics['count'] === 0);
    expect(empty).toHaveLength(4);
    for (const { metrics } of empty)
      expect(metrics).toEqual({ count: 0, error_rate: 0, latency_p95: 0 });
    expect(metadata).toMatchObject({ granularity: '1h', row_count: 6 });
  });

  it('counts a retry by hand as one', async () => {
    const own = await api().tenant();
    await api().destination(own, { id: 'd' });
    const { body } = await api().publish({ tenant_id: own, data: {} });
    const attempted = (count: number) =>
      until(`${count} attempts`, async () => {
        const { body: found } = await api().get<ListView<AttemptView>>(
          `/v1/attempts?tenant_id=${own}`,
        );
        return found.models.length === count ? found : undefined;
      });
    await attempted(1);
    await api().post('/v1/retry', { event_id: body.id, destination_id: 'd', tenant_id: own });
    await attempted(2);
    await countAll(api());
    const { body: told } = await api().get<MetricsView>(
      `/v1/metrics/attempts?${AROUND_NOW}&filters[tenant_id]=${own}&measures=manual_retry_count&measures=retry_count&dimensions=manual`,
    );
    expect(
      told.data.map(({ dimensions, metrics }) => Object.assign({}, dimensions, metrics)),
    ).toEqual([
      { manual: 'false', manual_retry_count: 0, retry_count: 0 },
      { manual: 'true', manual_retry_count: 1, retry_count: 1 },
    ]);
  });

  it('is cut at its limit of rows, and says so', async () => {
    const minutes = `time[start]=${time(now - 5000 * 60_000)}&time[end]=${time(now + HOUR_MS)}`;
    const { data, metadata } = await ask(
      'attempts',
      `${minutes}&granularity=1m&measures=count&dimensions=destination_id&dimensions=topic`,
    );
    expect(data).toHaveLength(10_000);
    expect(metadata).toMatchObject({ row_count: 10_000, truncated: true });
  });
});

describe('GET /metrics/events', () => {
  it('counts an event once, and by destination once for each that was owed it', async () => {
    const count = async (query: string) =>
      (await ask('events', `${AROUND_NOW}&measures=count&${query}`)).data.map(
        ({ dimensions, metrics }): unknown[] => [
          Object.values(dimensions).join(),
          metrics['count'],
        ],
      );
    expect(await count('')).toEqual([['', 3]]);
    expect(await count('dimensions=topic')).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(await count('dimensions=destination_id')).toEqual([
      ['bad', 1],
      ['good', 3],
    ]);
    expect(await count('filters[destination_id]=bad')).toEqual([['', 1]]);
    expect(await count('filters[topic]=b&dimensions=tenant_id')).toEqual([[tenantId, 2]]);
  });

  it('goes by the time that events bear, in buckets from the epoch', async () => {
    const query = `time[start]=${time(DATED_MS)}&time[end]=${time(DATED_MS + 3 * HOUR_MS)}`;
    const { body } = await api().get<MetricsView>(
      `/v1/metrics/events?${query}&filters[tenant_id]=${datedId}&granularity=1h&measures=count&measures=rate`,
    );
    expect(body.data).toEqual(
      [2, 0, 1].map((count, hour) => ({
        time_bucket: time(DATED_MS + hour * HOUR_MS),
        dimensions: {},
        metrics: { count, rate: count / 3600 },
      })),
    );
  });

  it('is one zero where there is nothing', async () => {
    const { body } = await api().get<MetricsView>(
      `/v1/metrics/events?${AROUND_NOW}&filters[tenant_id]=nobody&measures=count`,
    );
    expect(body.data).toEqual([{ dimensions: {}, metrics: { count: 0 } }]);
  });
});

describe('questions that make no sense', () => {
  const RANGE = 'time[start]=2026-01-01T00:00:00Z&time[end]=2026-01-02T00:00:00Z';

  it.each([
    ['measures=count', '?time[start]', 'required'],
    [RANGE, '?measures', 'required'],
    [`${RANGE}&measures=latency_p95`, '?measures', 'enum'],
    [`${RANGE}&measures=count&dimensions=code`, '?dimensions', 'enum'],
    [`${RANGE}&measures=count&filters[code]=200`, '?filters[code]', 'unknown_parameter'],
    [`${RANGE}&measures=count&granularity=1x`, '?granularity', 'format'],
    [`${RANGE}&measures=count&granularity=61m`, '?granularity', 'format'],
    [`${RANGE}&measures=count&granularity=10s`, '?granularity', 'too_fine'],
    [
      'time[start]=2026-01-01T00:00:00Z&time[end]=2026-01-01T00:00:00Z&measures=count',
      '?time[end]',
      'range',
    ],
    [
      'time[start]=2025-01-01T00:00:00Z&time[end]=2026-01-01T00:00:00Z&measures=count&granularity=5m',
      '?granularity',
      'too_fine',
    ],
  ])('are 422: %s', async (query, pointer, code) => {
    const { status, body } = await api().get<ErrorView>(`/v1/metrics/events?${query}`);
    expect(status).toBe(422);
    expect(body.errors).toContainEqual(expect.objectContaining({ pointer, code }));
  });

  it('are 422 where minutes are asked for that were dropped', async () => {
    const nowMs = Date.now();
    await api().engine.storage.rollUpPruneSlice({
      minutesBeforeMs: nowMs - 100 * HOUR_MS,
      beforeMs: 0,
      nowMs,
      limit: 10,
    });
    const from = (hours: number) =>
      `time[start]=${time(nowMs - hours * HOUR_MS)}&time[end]=${time(nowMs)}&measures=count`;
    const refused = await api().get<ErrorView>(`/v1/metrics/attempts?${from(110)}&granularity=5m`);
    expect(refused.body.errors).toMatchObject([{ pointer: '?granularity', code: 'too_fine' }]);
    for (const good of [`${from(90)}&granularity=5m`, `${from(110)}&granularity=2h`, from(110)])
      expect((await api().get(`/v1/metrics/attempts?${good}`)).status).toBe(200);
  });
});
