import { describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import { nestedObjectText } from '../support/api-json-text.ts';
import type { BatchView, ErrorView, EventView, ListView } from '../support/api-views.ts';

const api = useApi({ storage: 'file' });

const PATH = '/v1/publish/batch';
const MIB = 1024 * 1024;

async function countOf(tenantId: string): Promise<number> {
  const { body } = await api().get<ListView<EventView>>(
    `/v1/events?tenant_id=${tenantId}&limit=1000`,
  );
  if (body.pagination.next !== null) throw new Error('there are more than a page holds');
  return body.models.length;
}

describe('POST /publish/batch', () => {
  it('answers 202 with a result for each event, in order', async () => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId, { topics: ['a'] });
    const { status, body } = await api().post<BatchView>(PATH, {
      events: [
        { tenant_id: tenantId, id: 'e0', topic: 'a', data: {} },
        { tenant_id: tenantId, id: 'e1', topic: 'b', data: {} },
        { tenant_id: tenantId, id: 'e0', topic: 'a', data: {} },
      ],
    });
    expect(status).toBe(202);
    expect(body).toEqual({
      results: [
        { id: 'e0', duplicate: false, destination_ids: [id] },
        { id: 'e1', duplicate: false, destination_ids: [] },
        { id: 'e0', duplicate: true, destination_ids: [id] },
      ],
    });
  });

  it('keeps the good ones where others are bad, whatever is bad about them', async () => {
    const tenantId = await api().tenant();
    const good = { tenant_id: tenantId, data: {} };
    const accepted = (id?: string) => ({
      id: id ?? (expect.any(String) as string),
      duplicate: false,
      destination_ids: [],
    });
    const events: [event: unknown, result: object][] = [
      [good, accepted()],
      [null, { error: { status: 422 } }],
      [{ ...good, id: 'x' }, accepted('x')],
      [[], { error: { status: 422 } }],
      ['event', { error: { status: 422 } }],
      [{}, { error: { status: 422, code: 'validation_failed' } }],
      [{ ...good, more: 1 }, { error: { errors: [{ pointer: '/more', code: 'unknown_field' }] } }],
      [{ ...good, tenant_id: 'nobody' }, { error: { status: 404, code: 'tenant_not_found' } }],
      [{ ...good, id: 'x', topic: 'y' }, { error: { status: 409, code: 'event_conflict' } }],
      [
        { ...good, data: { a: 'x'.repeat(MIB) } },
        { error: { status: 413, code: 'payload_too_large' } },
      ],
      [
        { ...good, data: JSON.parse(nestedObjectText(500)) as unknown },
        { error: { errors: [{ pointer: '/data', code: 'too_deep' }] } },
      ],
      [good, accepted()],
    ];
    const { status, body } = await api().post<BatchView>(PATH, {
      events: events.map(([event]) => event),
    });
    expect(status).toBe(202);
    expect(body.results).toHaveLength(events.length);
    for (const [index, [, result]] of events.entries())
      expect(body.results[index]).toMatchObject(result);
    expect(await countOf(tenantId)).toBe(3);
  });

  it('tells a field that stands twice in one event, and takes the others', async () => {
    const tenantId = await api().tenant();
    const good = `{"tenant_id":"${tenantId}","data":{}}`;
    const { body } = await api().post<BatchView>(
      PATH,
      `{"events":[${good},{"tenant_id":"${tenantId}","data":{},"data":{"a":1}},${good}]}`,
    );
    expect(body.results).toMatchObject([
      { duplicate: false },
      { error: { errors: [{ pointer: '/data', code: 'duplicate_field' }] } },
      { duplicate: false },
    ]);
  });

  it('gives every error of an event the whole shape', async () => {
    const { body } = await api().post<BatchView>(PATH, { events: [{ x: 1 }] });
    expect(body.results).toEqual([
      {
        error: {
          status: 422,
          code: 'validation_failed',
          message: expect.any(String) as string,
          data: expect.any(Array) as string[],
          errors: expect.any(Array) as object[],
        },
      },
    ]);
  });

  it('takes 1,000 events, of several tenants, and has committed them all when it answers', async () => {
    const tenants = [await api().tenant(), await api().tenant(), await api().tenant()];
    const events = Array.from({ length: 1000 }, (_, index) => ({
      tenant_id: tenants[index % 3],
      data: { index },
    }));
    const { status, body } = await api().post<BatchView>(PATH, { events });
    expect(status).toBe(202);
    expect(body.results.filter((result) => 'id' in result && !result.duplicate)).toHaveLength(1000);
    const counts = await Promise.all(tenants.map(countOf));
    expect(counts).toEqual([334, 333, 333]);
  });

  it('numbers events in the order of the batch', async () => {
    const tenantId = await api().tenant();
    const events = Array.from({ length: 500 }, (_, index) => ({
      tenant_id: tenantId,
      data: { index },
    }));
    const { body } = await api().post<BatchView>(PATH, { events });
    const ids = body.results.map((result) => ('id' in result ? result.id : ''));
    expect(ids.toSorted()).toEqual(ids);
    const listed = await api().get<ListView<{ data: { index: number } }>>(
      `/v1/events?tenant_id=${tenantId}&dir=asc&limit=500`,
    );
    expect(listed.body.models.map(({ data }) => data.index)).toEqual(
      events.map(({ data }) => data.index),
    );
  });

  it('takes bodies up to 16 MiB', async () => {
    const tenantId = await api().tenant();
    const data = { a: 'x'.repeat(MIB - 1000) };
    const event = JSON.stringify({ tenant_id: tenantId, data });
    const text = `{"events":[${Array.from({ length: 16 }, () => event).join(',')}]}`;
    const full = text + ' '.repeat(16 * MIB - text.length);
    const { status, body } = await api().post<BatchView>(PATH, full);
    expect(status).toBe(202);
    expect(body.results.filter((result) => 'id' in result)).toHaveLength(16);
    const tooLarge = await api().post<ErrorView>(PATH, `${full} `);
    expect(tooLarge.body).toMatchObject({ status: 413, code: 'payload_too_large' });
    expect(await countOf(tenantId)).toBe(16);
  });

  it.each<[what: string, body: unknown, pointer: string, code: string]>([
    ['1,001 events', { events: Array.from({ length: 1001 }, () => ({})) }, '/events', 'length'],
    ['no events', { events: [] }, '/events', 'length'],
    ['events left out', {}, '/events', 'required'],
    ['events that are no list', { events: {} }, '/events', 'required'],
    ['null as events', { events: null }, '/events', 'required'],
    ['an unknown field', { events: [{}], atomic: true }, '/atomic', 'unknown_field'],
    ['events that stand twice', '{"events":[{}],"events":[{}]}', '/events', 'duplicate_field'],
    ['a bare list', [{}], '', 'type'],
    ['null', null, '', 'type'],
  ])('refuses %s as a whole', async (_what, sent, pointer, code) => {
    const { status, body } = await api().post<ErrorView>(PATH, sent);
    expect(status).toBe(422);
    expect(body.errors).toContainEqual({ pointer, code, message: expect.any(String) as string });
  });
});
