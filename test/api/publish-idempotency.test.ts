import { describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { BatchView, EventView, ListView, PublishedView } from '../support/api-views.ts';

const api = useApi();

/** Publishes text, so that the spelling is the test's. */
const send = (text: string) => api().post<PublishedView>('/v1/publish', text);

async function events(tenantId: string): Promise<readonly EventView[]> {
  return (await api().get<ListView<EventView>>(`/v1/events?tenant_id=${tenantId}`)).body.models;
}

/** A tenant with a destination at a path of its own. */
async function tenantWithReceiver() {
  const tenantId = await api().tenant();
  const path = `/once/${tenantId}`;
  const { id } = await api().destination(tenantId, { config: { url: api().receiver.url(path) } });
  return { tenantId, destinationId: id, received: () => api().receiver.at(path), path };
}

describe('an id that was published before', () => {
  it('is a duplicate with the first one’s destinations, and nothing is sent twice', async () => {
    const { tenantId, destinationId, received, path } = await tenantWithReceiver();
    const event = { tenant_id: tenantId, id: 'twice', topic: 'a', data: { a: 1 } };
    const first = await api().publish(event);
    expect(first.body).toEqual({ id: 'twice', duplicate: false, destination_ids: [destinationId] });
    await api().receiver.wait(path, 1);
    const later = await api().destination(tenantId);
    for (let time = 0; time < 3; time++) {
      const again = await api().publish(event);
      expect(again.status).toBe(202);
      expect(again.body).toEqual({
        id: 'twice',
        duplicate: true,
        destination_ids: [destinationId],
      });
    }
    expect(await events(tenantId)).toHaveLength(1);
    // What comes after it has been delivered: so what was to come before it has come.
    await api().publish({ tenant_id: tenantId, destination_id: destinationId, data: { last: 1 } });
    await api().receiver.wait(path, 2);
    expect(received()).toHaveLength(2);
    expect(later.id).not.toBe(destinationId);
  });

  it.each<[what: string, first: string, again: string]>([
    [
      'the order of metadata',
      '"metadata":{"a":"1","b":"2"},"data":{}',
      '"metadata":{"b":"2","a":"1"},"data":{}',
    ],
    [
      'the spelling of metadata',
      '"metadata":{"a":"é"},"data":{}',
      '"metadata":{ "\\u0061" : "\\u00e9" },"data":{}',
    ],
    ['empty metadata', '"metadata":{},"data":{}', '"data":{}'],
    ['an empty topic', '"topic":"","data":{}', '"data":{}'],
    ['the time', '"time":"2026-01-01T00:00:00Z","data":{}', '"data":{}'],
    ['whether it may be retried', '"eligible_for_retry":false,"data":{}', '"data":{}'],
    ['the order of the fields', '"topic":"a","data":{}', '"data":{},"topic":"a"'],
    ['white space around data', '"data": {"a":1} ', '"data":{"a":1}'],
    ['when it is to be delivered', '"deliver_at":"2026-01-01T00:00:00Z","data":{}', '"data":{}'],
    [
      'the order of a vector clock',
      '"resource":{"urn":"u","vector_clock":{"a":1,"b":2}},"data":{}',
      '"resource":{"vector_clock":{"b":2,"a":1},"urn":"u"},"data":{}',
    ],
  ])('is the same whatever %s', async (_what, first, again) => {
    const tenantId = await api().tenant();
    const head = `{"tenant_id":"${tenantId}","id":"same",`;
    expect((await send(`${head}${first}}`)).body.duplicate).toBe(false);
    const answer = await send(`${head}${again}}`);
    expect({ status: answer.status, duplicate: answer.body.duplicate }).toEqual({
      status: 202,
      duplicate: true,
    });
    expect(await events(tenantId)).toHaveLength(1);
  });

  it.each<[what: string, first: string, again: string]>([
    ['data', '"data":{"a":1}', '"data":{"a":2}'],
    ['order of data', '"data":{"a":1,"b":2}', '"data":{"b":2,"a":1}'],
    ['spelling of a number', '"data":{"a":1.0}', '"data":{"a":1}'],
    ['spelling of a string', '"data":{"a":"b"}', '"data":{"\\u0061":"b"}'],
    ['white space within data', '"data":{"a":1}', '"data":{"a": 1}'],
    ['topic', '"topic":"a","data":{}', '"topic":"b","data":{}'],
    ['topic that is left out', '"topic":"a","data":{}', '"data":{}'],
    ['metadata', '"metadata":{"a":"1"},"data":{}', '"metadata":{"a":"2"},"data":{}'],
    ['metadata that are left out', '"metadata":{"a":"1"},"data":{}', '"data":{}'],
    ['destination', '"destination_id":"a","data":{}', '"destination_id":"b","data":{}'],
    ['order key', '"order_key":"a","data":{}', '"order_key":"b","data":{}'],
    ['order key that is left out', '"order_key":"a","data":{}', '"data":{}'],
    ['resource', '"resource":{"urn":"a"},"data":{}', '"resource":{"urn":"b"},"data":{}'],
    ['resource that is left out', '"resource":{"urn":"a"},"data":{}', '"data":{}'],
    [
      'version of a resource',
      '"resource":{"urn":"a","vector_clock":{"n":1}},"data":{}',
      '"resource":{"urn":"a","vector_clock":{"n":2}},"data":{}',
    ],
    ['destination that is left out', '"destination_id":"a","data":{}', '"data":{}'],
  ])('with another %s is 409, and the first one stays', async (_what, first, again) => {
    const tenantId = await api().tenant();
    const head = `{"tenant_id":"${tenantId}","id":"other",`;
    await send(`${head}${first}}`);
    const [before] = await events(tenantId);
    const { body } = await send(`${head}${again}}`);
    expect(body).toMatchObject({ status: 409, code: 'event_conflict' });
    expect(await events(tenantId)).toEqual([before]);
    expect((await send(`${head}${first}}`)).body.duplicate).toBe(true);
  });

  it('is another event in another tenant', async () => {
    const [one, two] = [await api().tenant(), await api().tenant()];
    const first = await api().publish({ tenant_id: one, id: 'shared', data: { of: 1 } });
    const second = await api().publish({ tenant_id: two, id: 'shared', data: { of: 2 } });
    expect([first.body.duplicate, second.body.duplicate]).toEqual([false, false]);
  });

  it('may be one that was given by us', async () => {
    const { tenantId, destinationId, path } = await tenantWithReceiver();
    const { body: given } = await api().publish({ tenant_id: tenantId, data: { a: 1 } });
    const again = await api().publish({ tenant_id: tenantId, id: given.id, data: { a: 1 } });
    expect(again.body).toEqual({ id: given.id, duplicate: true, destination_ids: [destinationId] });
    const other = await api().publish({ tenant_id: tenantId, id: given.id, data: { a: 2 } });
    expect(other.body).toMatchObject({ status: 409, code: 'event_conflict' });
    await api().receiver.wait(path, 1);
    expect(await events(tenantId)).toHaveLength(1);
  });

  it('of ours, in another tenant, is an event of its own, told apart by the tenant', async () => {
    const [one, two] = [await api().tenant(), await api().tenant()];
    const { body: given } = await api().publish({ tenant_id: one, data: { of: 1 } });
    const taken = await api().publish({ tenant_id: two, id: given.id, data: { of: 2 } });
    expect(taken.body.duplicate).toBe(false);
    for (const [tenantId, of] of [
      [one, 1],
      [two, 2],
    ] as const) {
      const { body } = await api().get<EventView>(`/v1/events/${given.id}?tenant_id=${tenantId}`);
      expect(body.data).toEqual({ of });
    }
    const { body } = await api().get(`/v1/events/${given.id}`);
    expect(body).toMatchObject({ status: 409, code: 'ambiguous_id' });
  });

  it('is told from a destination that had the event by hand only', async () => {
    const { tenantId, destinationId } = await tenantWithReceiver();
    const event = { tenant_id: tenantId, id: 'by-hand', data: {} };
    await api().publish(event);
    const { id } = await api().destination(tenantId);
    await api().post('/v1/retry', { event_id: 'by-hand', destination_id: id, tenant_id: tenantId });
    await until('both deliveries', async () => {
      const [shown] = await events(tenantId);
      return shown?.status.delivered === 2 ? shown : undefined;
    });
    const again = await api().publish(event);
    expect(again.body.destination_ids).toEqual([destinationId]);
  });

  it('is stored once, where many publish it at the same moment', async () => {
    const { tenantId, path } = await tenantWithReceiver();
    const event = { tenant_id: tenantId, id: 'race', data: { a: 1 } };
    const answers = await Promise.all(Array.from({ length: 50 }, () => api().publish(event)));
    expect(answers.every(({ status }) => status === 202)).toBe(true);
    expect(answers.filter(({ body }) => !body.duplicate)).toHaveLength(1);
    await api().publish({ tenant_id: tenantId, data: { last: 1 } });
    await api().receiver.wait(path, 2);
    expect(api().receiver.at(path)).toHaveLength(2);
  });

  it('is a duplicate within one batch too, and a conflict there is one event’s affair', async () => {
    const { tenantId, destinationId, path } = await tenantWithReceiver();
    const event = { tenant_id: tenantId, id: 'batched', data: { a: 1 } };
    const { status, body } = await api().post<BatchView>('/v1/publish/batch', {
      events: [event, event, { ...event, data: { a: 2 } }, { tenant_id: tenantId, data: {} }],
    });
    expect(status).toBe(202);
    expect(body.results).toMatchObject([
      { id: 'batched', duplicate: false, destination_ids: [destinationId] },
      { id: 'batched', duplicate: true, destination_ids: [destinationId] },
      { error: { status: 409, code: 'event_conflict' } },
      { duplicate: false, destination_ids: [destinationId] },
    ]);
    await api().receiver.wait(path, 2);
    expect(await events(tenantId)).toHaveLength(2);
  });
});
