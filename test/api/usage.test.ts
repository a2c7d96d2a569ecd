import { beforeAll, describe, expect, it } from 'vitest';
import { makeClient } from '../support/api-clients.ts';
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
        api_client: null,
        billable_attempts: 2,
        failed_attempts: 0,
      },
      {
        day: today(),
        tenant_id: tenantId,
        destination_id: 'b',
        destination_type: 'webhook',
        api_client: null,
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

  it('is told by API client, also of a subscription that is deleted, and by tenant', async () => {
    const ownId = await api().tenant();
    const { urn, token } = await makeClient(api(), ownId);
    await api().destination(ownId, { id: 'nobodys' });
    const body = { event: 'a.b', target_url: api().receiver.url('/hooked') };
    const hook = await api().request<{ id: string }>('POST', '/v1/hooks', { body, key: token });
    for (let count = 2; count > 0; count--)
      await api().publish({ tenant_id: ownId, topic: 'a.b', data: {} });
    await until('all attempts', async () => {
      const { body: list } = await api().get<ListView<AttemptView>>(
        `/v1/attempts?tenant_id=${ownId}`,
      );
      return list.models.length === 4 ? list : undefined;
    });
    await api().request('DELETE', `/v1/hooks/${hook.body.id}`, { key: token });
    await countAll(api());
    const asked = `tenant_id=${ownId}&dimension=client&dir=asc`;
    const counts = { billable_attempts: 2, failed_attempts: 0 };
    const day = today();
    expect((await usage(asked)).body.models).toEqual([
      { day, tenant_id: ownId, api_client: null, ...counts },
      { day, tenant_id: ownId, api_client: urn, ...counts },
    ]);
    const { text } = await api().get(`/v1/usage?${asked}&format=csv`);
    expect(text).toBe(
      'day,tenant_id,api_client,billable_attempts,failed_attempts\n' +
        `${day},${ownId},,2,0\n${day},${ownId},${urn},2,0\n`,
    );
    expect((await usage(`${asked}&api_client=${urn}`)).body.models).toHaveLength(1);
    expect((await usage(`tenant_id=${ownId}&dimension=tenant`)).body.models).toEqual([
      { day, tenant_id: ownId, billable_attempts: 4, failed_attempts: 0 },
    ]);
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
        'day,tenant_id,destination_id,destination_type,api_client,billable_attempts,failed_attempts\n' +
          `${today()},${tenantId},a,webhook,,2,0\n${today()},${tenantId},b,webhook,,6,6\n`,
      );
    },
  );

  it.each([
    ['from=2026-02-30', '?from', 'format'],
    ['to=yesterday', '?to', 'format'],
    ['from=2026-02-02&to=2026-02-01', '?to', 'range'],
    ['format=xml', '?format', 'enum'],
    ['dimension=day', '?dimension', 'enum'],
    ['day=2026-02-02', '?day', 'unknown_parameter'],
  ])('refuses %s with 422', async (query, pointer, code) => {
    const { status, body } = await api().get<ErrorView>(`/v1/usage?${query}`);
    expect(status).toBe(422);
    expect(body.errors).toContainEqual(expect.objectContaining({ pointer, code }));
  });
});
