import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { API_KEY, useApi, withApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { AttemptView, ErrorView, EventView, ListView } from '../support/api-views.ts';

const api = useApi({ storage: 'file' });

const EVENTS = 130;
let tenantId = '';

beforeAll(async () => {
  tenantId = await api().tenant();
  await api().destination(tenantId, {
    id: 'd',
    config: { url: api().receiver.url('/export'), custom_headers: '{"authorization":"secret-1"}' },
  });
  const events = Array.from({ length: EVENTS }, (_, number) => ({
    tenant_id: tenantId,
    topic: number % 2 === 0 ? 'even' : 'odd',
    time: new Date(Date.UTC(2026, 0, 1, 0, number)).toISOString(),
    data: { number, big: 12345678901234567890n.toString() },
  }));
  await api().post('/v1/publish/batch', { events });
  await api().receiver.wait('/export', EVENTS);
  await until('all attempts', async () => {
    const { body } = await api().get<ListView<AttemptView>>(
      `/v1/attempts?tenant_id=${tenantId}&limit=1000`,
    );
    return body.models.length === EVENTS ? body : undefined;
  });
});

async function lines<Row>(path: string): Promise<Row[]> {
  const { status, headers, text } = await api().get(`/v1/exports/${path}`);
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('application/x-ndjson');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

describe('GET /exports/events', () => {
  it('gives every event once, in order, as the list shows it', async () => {
    const exported = await lines<EventView>(`events?tenant_id=${tenantId}`);
    const { body } = await api().get<ListView<EventView>>(
      `/v1/events?tenant_id=${tenantId}&dir=asc&limit=1000`,
    );
    expect(exported).toHaveLength(EVENTS);
    expect(exported).toEqual(body.models);
  });

  it('is filtered by time, topic and destination', async () => {
    const range = 'time[gte]=2026-01-01T00:10:00Z&time[lt]=2026-01-01T00:20:00Z';
    const some = await lines<EventView>(`events?tenant_id=${tenantId}&topic=odd&${range}`);
    expect(some.map(({ data }) => data)).toMatchObject(
      [11, 13, 15, 17, 19].map((number) => ({ number })),
    );
    expect(await lines(`events?tenant_id=${tenantId}&destination_id=other`)).toEqual([]);
    expect(await lines('events?tenant_id=nobody')).toEqual([]);
  });
});

describe('GET /exports/attempts', () => {
  it('gives every attempt once, in the order of their records', async () => {
    const exported = await lines<AttemptView>(`attempts?tenant_id=${tenantId}`);
    const { body } = await api().get<ListView<AttemptView>>(
      `/v1/attempts?tenant_id=${tenantId}&dir=asc&limit=1000`,
    );
    expect(exported).toHaveLength(EVENTS);
    expect(exported).toEqual(body.models);
  });

  it('shows requests and answers where they are asked for, with secrets masked', async () => {
    const path = `attempts?tenant_id=${tenantId}&include[]=request&include[]=response`;
    const [first] = await lines<{ request: unknown; response: unknown }>(path);
    expect(JSON.stringify(first?.request)).toContain('["authorization","********"]');
    expect(first?.response).toMatchObject({ status: 200 });
    const { text } = await api().get(`/v1/exports/${path}`);
    expect(text).not.toContain('secret-1');
  });

  it('is filtered by status', async () => {
    expect(await lines(`attempts?tenant_id=${tenantId}&status=failed`)).toEqual([]);
    expect(await lines(`attempts?tenant_id=${tenantId}&status=success`)).toHaveLength(EVENTS);
  });
});

describe('an export', () => {
  it('waits for a caller who does not read, and costs no more than a page meanwhile', async () => {
    let pagesRead = 0;
    const wrap = (storage: Parameters<NonNullable<Parameters<typeof withApi>[0]['wrap']>>[0]) => ({
      ...storage,
      eventList: (query: Parameters<typeof storage.eventList>[0]) => {
        pagesRead++;
        return storage.eventList(query);
      },
    });
    await withApi({ storage: 'file', wrap }, async (own) => {
      const id = await own.tenant();
      const filler = 'x'.repeat(500_000);
      for (let left = 40; left > 0; left--) await own.publish({ tenant_id: id, data: { filler } });
      const { port } = new URL(own.url);
      const socket = connect(Number(port), '127.0.0.1');
      socket.pause();
      socket.write(
        `GET /api/v1/exports/events?tenant_id=${id} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${API_KEY}\r\n\r\n`,
      );
      // The buffers of the system fill up, and then nothing more is read.
      const stuckAt = await until('the export to stand still', async () => {
        const before = pagesRead;
        for (let turns = 20; turns > 0; turns--) await own.get('/readyz');
        return before > 0 && pagesRead === before ? before : undefined;
      });
      let bytes = 0;
      const ended = new Promise<void>((resolve) => {
        socket.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        socket.on('end', resolve);
      });
      socket.resume();
      await ended;
      expect(bytes).toBeGreaterThan(40 * filler.length);
      expect(pagesRead).toBeGreaterThan(stuckAt);
    });
  });

  it('answers HEAD without reading anything through', async () => {
    const answer = await api().request('HEAD', `/v1/exports/events?tenant_id=${tenantId}`);
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '' });
  });

  it.each([
    ['events?status=failed', '?status', 'unknown_parameter'],
    ['attempts?status=other', '?status', 'enum'],
    ['events?time[gte]=x', '?time[gte]', 'format'],
    ['attempts?limit=5', '?limit', 'unknown_parameter'],
  ])('refuses %s with 422', async (path, pointer, code) => {
    const { status, body } = await api().get<ErrorView>(`/v1/exports/${path}`);
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer, code }]);
  });
});
