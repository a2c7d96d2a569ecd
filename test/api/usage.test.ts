import { beforeAll, describe, expect, it } from 'vitest';
import { countAll } from '../support/api-counted.ts';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { AttemptView, ErrorView, ListView, UsageView } from '../support/api-views.ts';

const api = useApi();

interface Usage extends ListView<UsageView> {
  readonly counted_until: string;
}

const today = () => new Date().toISOString().slice(0, 10);
let tenantId = '';

beforeAll(async () => {
  tenantId = await api().tenant();
  await api().destination(tenantId, { id: 'a' });
  await api().destination(tenantId, {
    id: 'b',
    config: { url: api().receiver.url('/status/500') },
    policy: { retry: { delays_s: [0, 0], jitter: 0 } },
  });
  for (let count = 2; count > 0; count--) await api().publish({ tenant_id: tenantId, data: {} });
  await until('all attempts', async () => {
    const { body } = await api().get<ListView<AttemptView>>(`/v1/attempts?tenant_id=${tenantId}`);
    return body.models.length === 8 ? body : undefined;
  });
  await countAll(api());
});

const usage = (query: string) => api().get<Usage>(`/v1/usage?${query}`);
const shown = (body: Usage) =>
  body.models.map((row) => [row.destination_id, row.billable_attempts, row.failed_attempts]);

describe('GET /usage', () => {
  it('counts every attempt of the day, whatever came of it', async () => {
    const { body } = await usage(`tenant_id=${tenantId}&dir=asc`);
    expect(body.models).toEqual([
      {
        day: today(),
        tenant_id: tenantId,
        destination_id: 'a',
        destination_type: 'webhook',
        billable_attempts: 2,
        failed_attempts: 0,
      },
      {
        day: today(),
        tenant_id: tenantId,
        destination_id: 'b',
        destination_type: 'webhook',
        billable_attempts: 6,
        failed_attempts: 6,
      },
    ]);
    expect(Date.now() - Date.parse(body.counted_until)).toBeLessThan(60_000);
  });

  it('is filtered by destination and days', async () => {
    expect(shown((await usage(`tenant_id=${tenantId}&destination_id=b`)).body)).toEqual([
      ['b', 6, 6],
    ]);
    expect(
      shown((await usage(`tenant_id=${tenantId}&from=2026-01-01&to=2026-01-31`)).body),
    ).toEqual([]);
    const { body } = await usage(`tenant_id=${tenantId}&from=${today()}&to=${today()}`);
    expect(body.models).toHaveLength(2);
    expect((await usage('tenant_id=nobody')).body.models).toEqual([]);
  });

  it('comes in pages', async () => {
    const first = await usage(`tenant_id=${tenantId}&dir=asc&limit=1`);
    expect(shown(first.body)).toEqual([['a', 2, 0]]);
    const next = encodeURIComponent(first.body.pagination.next ?? '');
    const second = await usage(`tenant_id=${tenantId}&dir=asc&limit=1&next=${next}`);
    expect(shown(second.body)).toEqual([['b', 6, 6]]);
    expect(second.body.pagination.next).toBeNull();
  });

  it.each([['format=csv', {}] as const, ['', { accept: 'text/csv' }] as const])(
    'is a CSV file where that is asked for (%s %j)',
    async (query, headers) => {
      const {
        status,
        text,
        headers: answered,
      } = await api().get(`/v1/usage?tenant_id=${tenantId}&${query}`, { headers });
      expect(status).toBe(200);
      expect(answered['content-type']).toMatch(/^text\/csv; charset=utf-8/);
      expect(text).toBe(
        'day,tenant_id,destination_id,destination_type,billable_attempts,failed_attempts\n' +
          `${today()},${tenantId},a,webhook,2,0\n${today()},${tenantId},b,webhook,6,6\n`,
      );
    },
  );

  it.each([
    ['from=2026-02-30', '?from', 'format'],
    ['to=yesterday', '?to', 'format'],
    ['from=2026-02-02&to=2026-02-01', '?to', 'range'],
    ['format=xml', '?format', 'enum'],
    ['day=2026-02-02', '?day', 'unknown_parameter'],
  ])('refuses %s with 422', async (query, pointer, code) => {
    const { status, body } = await api().get<ErrorView>(`/v1/usage?${query}`);
    expect(status).toBe(422);
    expect(body.errors).toContainEqual(expect.objectContaining({ pointer, code }));
  });
});
