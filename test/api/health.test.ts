import { describe, expect, it } from 'vitest';
import { useApi, withApi } from '../support/api-server.ts';

const api = useApi();

const healthy = {
  status: 'healthy',
  timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
  workers: { database: { status: 'healthy' }, delivery: { status: 'healthy' } },
};

describe.each(['/healthz', '/v1/healthz', '/readyz'])('GET %s', (path) => {
  it('is 200 while the database takes what is written', async () => {
    const { status, body } = await api().get(path, { key: null });
    expect({ status, body }).toEqual({ status: 200, body: healthy });
  });

  it('tells the time of the question', async () => {
    const beforeMs = Date.now();
    const { body } = await api().get<{ timestamp: string }>(path);
    expect(Date.parse(body.timestamp)).toBeGreaterThanOrEqual(beforeMs);
    expect(Date.parse(body.timestamp)).toBeLessThanOrEqual(Date.now());
  });

  it('answers HEAD with no body', async () => {
    const { status, text } = await api().request('HEAD', path, { key: null });
    expect({ status, text }).toEqual({ status: 200, text: '' });
  });

  it('is 503 when the database does not take a write', () =>
    withApi(
      {
        wrap: (storage) => ({
          ...storage,
          ping: () => Promise.reject(new Error('the disk is gone')),
        }),
      },
      async (own) => {
        const { status, body } = await own.get<{ status: string }>(path, { key: null });
        expect({ status, said: body.status }).toEqual({ status: 503, said: 'unhealthy' });
      },
    ));
});
