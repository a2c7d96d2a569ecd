import { describe, expect, it } from 'vitest';
import { useApi, withApi } from '../support/api-server.ts';
import type { ErrorView } from '../support/api-views.ts';

const api = useApi();

const MIB = 1024 * 1024;

/** An object of exactly so many bytes. */
function dataOf(bytes: number): string {
  return `{"a":"${'x'.repeat(bytes - 8)}"}`;
}

function event(tenantId: string, data: string, more = ''): string {
  return `{"tenant_id":"${tenantId}"${more},"data":${data}}`;
}

describe('data', () => {
  it('are taken up to 1 MiB, and refused with 413 from a byte more', async () => {
    const tenantId = await api().tenant();
    expect(dataOf(MIB)).toHaveLength(MIB);
    const exact = await api().post('/v1/publish', event(tenantId, dataOf(MIB)));
    expect(exact.status).toBe(202);
    const { body } = await api().post<ErrorView>('/v1/publish', event(tenantId, dataOf(MIB + 1)));
    expect(body).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(body.message).toContain(String(MIB));
  });

  it('are measured in bytes, not in characters', async () => {
    const tenantId = await api().tenant();
    const data = `{"a":"${'é'.repeat(MIB / 2)}"}`;
    const { status } = await api().post('/v1/publish', event(tenantId, data));
    expect(status).toBe(413);
  });

  it('may be 1 MiB beside metadata as large as they may be', async () => {
    const tenantId = await api().tenant();
    const metadata = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`n${index}`, 'x'.repeat(4096)]),
    );
    const more = `,"metadata":${JSON.stringify(metadata)}`;
    const { status } = await api().post('/v1/publish', event(tenantId, dataOf(MIB), more));
    expect(status).toBe(202);
  });

  it('have the limit that the server is given', () =>
    withApi({ limits: { maxPayloadBytes: 100, maxBatchBytes: 300 } }, async (own) => {
      const tenantId = await own.tenant();
      expect((await own.post('/v1/publish', event(tenantId, dataOf(100)))).status).toBe(202);
      expect((await own.post('/v1/publish', event(tenantId, dataOf(101)))).status).toBe(413);
      const batch = (count: number) => {
        const events = Array.from({ length: count }, () => event(tenantId, dataOf(60)));
        return own.post('/v1/publish/batch', `{"events":[${events.join(',')}]}`);
      };
      expect((await batch(2)).status).toBe(202);
      expect((await batch(4)).status).toBe(413);
    }));
});

describe('a body', () => {
  it('that is far too large is refused by its length, before it is read', async () => {
    const { body } = await api().post<ErrorView>('/v1/publish', ' '.repeat(2 * MIB));
    expect(body).toMatchObject({ status: 413, code: 'payload_too_large' });
  });

  it.each([
    ['PUT', '/v1/tenants/large'],
    ['POST', '/v1/tenants/large/destinations'],
    ['PATCH', '/v1/tenants/large/destinations/d'],
    ['POST', '/v1/retry'],
  ] as const)('of %s %s has at most 1 MiB', async (method, path) => {
    const { body } = await api().request<ErrorView>(method, path, {
      body: `{"a":"${'x'.repeat(MIB)}"}`,
    });
    expect(body).toMatchObject({ status: 413, code: 'payload_too_large' });
  });

  it('of very many unknown fields is answered with some of them, soon', async () => {
    const fields = Array.from({ length: 80_000 }, (_, index) => `"f${index}":0`).join(',');
    const known = Array.from({ length: 80_000 }, () => '"id":1').join(',');
    const startMs = performance.now();
    const { status, body } = await api().post<ErrorView>('/v1/publish', `{${fields},${known}}`);
    expect({ status, shown: body.errors.length }).toEqual({ status: 422, shown: 100 });
    expect(performance.now() - startMs).toBeLessThan(3000);
  });

  it('of very many metadata is refused, soon', async () => {
    const tenantId = await api().tenant();
    const names = Array.from({ length: 90_000 }, (_, index) => `"n${index}":"x"`).join(',');
    const startMs = performance.now();
    const { body } = await api().post<ErrorView>(
      '/v1/publish',
      event(tenantId, '{}', `,"metadata":{${names}}`),
    );
    expect(body.errors).toMatchObject([{ pointer: '/metadata' }]);
    expect(performance.now() - startMs).toBeLessThan(3000);
  });
});
