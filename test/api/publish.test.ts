import { describe, expect, it } from 'vitest';
import { useApi } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { DeliveryView, ErrorView, EventView, ListView } from '../support/api-views.ts';

const api = useApi();
const trigger = (trigger_urn: string) => ({ resource: { urn: 'u', trigger_urn } });
const clocked = (vector_clock: unknown) => ({ resource: { urn: 'u', vector_clock } });

const PATH = '/v1/publish';

describe('POST /publish', () => {
  it('answers 202 with an id of ours, and the destinations that it is owed to', async () => {
    const tenantId = await api().tenant();
    const first = await api().destination(tenantId, { topics: ['a'] });
    const second = await api().destination(tenantId, { topics: '*' });
    await api().destination(tenantId, { topics: ['b'] });
    const { status, body } = await api().publish({ tenant_id: tenantId, topic: 'a', data: {} });
    expect(status).toBe(202);
    expect(body).toEqual({
      id: expect.stringMatching(/^evt_[0-9a-z]{15}$/) as string,
      duplicate: false,
      destination_ids: [first.id, second.id],
    });
  });

  it('keeps every field, and shows it', async () => {
    const tenantId = await api().tenant();
    const { id } = await api().destination(tenantId);
    const published = await api().publish({
      id: 'every-field',
      tenant_id: tenantId,
      topic: 'order.created',
      destination_id: id,
      time: '2026-01-02T03:04:05.678Z',
      eligible_for_retry: false,
      metadata: { b: '2', a: '1' },
      order_key: 'order-1',
      resource: { urn: 'urn:r:1', vector_clock: { b: 1, a: 2 }, trigger_urn: 'urn:t:1' },
      data: { x: [1, null, { y: 'z' }] },
    });
    expect(published.body).toEqual({
      id: 'every-field',
      duplicate: false,
      destination_ids: [id],
    });
    const { body } = await api().get<EventView>(`/v1/events/every-field?tenant_id=${tenantId}`);
    expect(body).toEqual({
      id: 'every-field',
      tenant_id: tenantId,
      topic: 'order.created',
      time: '2026-01-02T03:04:05.678Z',
      eligible_for_retry: false,
      test: false,
      metadata: { a: '1', b: '2' },
      order_key: 'order-1',
      resource: { urn: 'urn:r:1', vector_clock: { a: 2, b: 1 }, trigger_urn: 'urn:t:1' },
      data: { x: [1, null, { y: 'z' }] },
      matched_destination_ids: [id],
      status: expect.any(Object) as object,
    });
  });

  it('needs a tenant and data alone, and fills in the rest', async () => {
    const tenantId = await api().tenant();
    const beforeMs = Date.now();
    const published = await api().publish({ tenant_id: tenantId, data: {} });
    const { body } = await api().get<EventView>(`/v1/events/${published.body.id}`);
    expect(body).toMatchObject({
      topic: '',
      eligible_for_retry: true,
      metadata: {},
      data: {},
      matched_destination_ids: [],
      status: { pending: 0, delivered: 0, failed: 0, canceled: 0 },
    });
    expect(Date.parse(body.time)).toBeGreaterThanOrEqual(beforeMs - 1);
    expect(Date.parse(body.time)).toBeLessThanOrEqual(Date.now() + 1);
  });

  it('has committed when it answers: what was published is there', async () => {
    const tenantId = await api().tenant();
    for (let count = 1; count <= 50; count++) {
      const { body } = await api().publish({ tenant_id: tenantId, data: { count } });
      const got = await api().get<EventView>(`/v1/events/${body.id}`);
      expect(got.body.data).toEqual({ count });
    }
  });

  it('sends what is not eligible for retry once only', async () => {
    const tenantId = await api().tenant();
    const config = { url: api().receiver.url('/status/500') };
    await api().destination(tenantId, { config, policy: { retry: { delays_s: [0, 0] } } });
    const { body } = await api().publish({
      tenant_id: tenantId,
      eligible_for_retry: false,
      data: {},
    });
    await until('its failure', async () => {
      const event = await api().get<EventView>(`/v1/events/${body.id}`);
      return event.body.status.failed === 1 ? event : undefined;
    });
    const { body: listed } = await api().get<ListView<DeliveryView>>(
      `/v1/deliveries?event_id=${body.id}`,
    );
    expect(listed.models).toMatchObject([{ status: 'failed', attempts: 1, last_code: '500' }]);
  });

  it.each([
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05.6Z', '2026-01-02T03:04:05.600Z'],
    ['2026-01-02t03:04:05.678901z', '2026-01-02T03:04:05.678Z'],
    ['2026-01-02T03:04:05+05:30', '2026-01-01T21:34:05.000Z'],
    ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59.000Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ])('takes the time %s', async (time, shown) => {
    const tenantId = await api().tenant();
    const published = await api().publish({ tenant_id: tenantId, time, data: {} });
    expect(published.status).toBe(202);
    const { body } = await api().get<EventView>(`/v1/events/${published.body.id}`);
    expect(body.time).toBe(shown);
  });

  it.each<[what: string, given: object, pointer: string, code: string]>([
    ['no tenant', { tenant_id: undefined }, '/tenant_id', 'required'],
    ['an empty tenant', { tenant_id: '' }, '/tenant_id', 'required'],
    ['a number as tenant', { tenant_id: 1 }, '/tenant_id', 'required'],
    ['no data', { data: undefined }, '/data', 'required'],
    ['null as data', { data: null }, '/data', 'required'],
    ['a list as data', { data: [] }, '/data', 'required'],
    ['a string as data', { data: '{}' }, '/data', 'required'],
    ['an unknown field', { tenant: 'x' }, '/tenant', 'unknown_field'],
    ['a name with a slash', { 'a/b~c': 1 }, '/a~1b~0c', 'unknown_field'],
    ['an empty name', { '': 1 }, '/', 'unknown_field'],
    ['an empty id', { id: '' }, '/id', 'format'],
    ['null as id', { id: null }, '/id', 'format'],
    ['a dot in the id', { id: 'a.b' }, '/id', 'format'],
    ['a blank in the id', { id: 'a b' }, '/id', 'format'],
    ['an id too long', { id: 'x'.repeat(256) }, '/id', 'format'],
    ['a topic with a star', { topic: 'user.*' }, '/topic', 'format'],
    ['a topic with a blank', { topic: 'a b' }, '/topic', 'format'],
    ['a topic too long', { topic: 'x'.repeat(256) }, '/topic', 'format'],
    ['null as topic', { topic: null }, '/topic', 'format'],
    ['a number as destination', { destination_id: 1 }, '/destination_id', 'format'],
    ['an empty destination', { destination_id: '' }, '/destination_id', 'format'],
    ['a NUL in the destination', { destination_id: 'a\u0000' }, '/destination_id', 'format'],
    ['a lone surrogate in it', { destination_id: '\ud800' }, '/destination_id', 'format'],
    ['a date without time', { time: '2026-01-02' }, '/time', 'format'],
    ['a time without zone', { time: '2026-01-02T03:04:05' }, '/time', 'format'],
    ['a day that is none', { time: '2026-02-30T00:00:00Z' }, '/time', 'format'],
    ['hour 24', { time: '2026-01-02T24:00:00Z' }, '/time', 'format'],
    ['a time before 1970', { time: '1969-12-31T23:59:59Z' }, '/time', 'format'],
    ['a time after 9999', { time: '9999-12-31T23:59:59-00:01' }, '/time', 'format'],
    ['milliseconds as time', { time: 1_700_000_000_000 }, '/time', 'format'],
    ['null as time', { time: null }, '/time', 'format'],
    ['a word for a flag', { eligible_for_retry: 'yes' }, '/eligible_for_retry', 'type'],
    ['null as a flag', { eligible_for_retry: null }, '/eligible_for_retry', 'type'],
    ['a list as metadata', { metadata: [] }, '/metadata', 'type'],
    ['a number in metadata', { metadata: { a: 1 } }, '/metadata', 'type'],
    ['null as metadata', { metadata: null }, '/metadata', 'type'],
    ['a long name in metadata', { metadata: { ['x'.repeat(256)]: '' } }, '/metadata', 'type'],
    ['a long value in metadata', { metadata: { a: 'x'.repeat(4097) } }, '/metadata', 'type'],
    ['an empty order key', { order_key: '' }, '/order_key', 'format'],
    ['a blank in the order key', { order_key: 'a b' }, '/order_key', 'format'],
    ['an order key too long', { order_key: 'x'.repeat(256) }, '/order_key', 'format'],
    ['a word as resource', { resource: 'urn:r' }, '/resource', 'type'],
    ['a resource without urn', { resource: {} }, '/resource/urn', 'format'],
    ['a urn too long', { resource: { urn: 'x'.repeat(1025) } }, '/resource/urn', 'format'],
    ['a blank in the trigger', trigger('a b'), '/resource/trigger_urn', 'format'],
    ['a clock that goes back', clocked({ a: -1 }), '/resource/vector_clock', 'format'],
    ['a clock of halves', clocked({ a: 0.5 }), '/resource/vector_clock', 'format'],
    ['a list as clock', clocked([1]), '/resource/vector_clock', 'format'],
    ['an unknown field of it', { resource: { urn: 'u', a: 1 } }, '/resource/a', 'unknown_field'],
  ])(
    'refuses %s with 422 and its pointer, and keeps nothing',
    async (_what, given, pointer, code) => {
      const tenantId = await api().tenant();
      const { status, body } = await api().post<ErrorView>(PATH, {
        tenant_id: tenantId,
        data: {},
        ...given,
      });
      expect({ status, code: body.code }).toEqual({ status: 422, code: 'validation_failed' });
      expect(body.errors).toEqual([{ pointer, code, message: expect.any(String) as string }]);
      const { body: listed } = await api().get<ListView<EventView>>(
        `/v1/events?tenant_id=${tenantId}`,
      );
      expect(listed.models).toEqual([]);
    },
  );

  it('tells everything that is wrong at once', async () => {
    const { body } = await api().post<ErrorView>(PATH, { x: 1, id: '', topic: '*', time: 'now' });
    expect(body.errors.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/data',
      '/id',
      '/tenant_id',
      '/time',
      '/topic',
      '/x',
    ]);
  });

  it('refuses more than 100 metadata', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [index, '']));
    const { body } = await api().post<ErrorView>(PATH, { tenant_id: 't', data: {}, metadata });
    expect(body.errors).toMatchObject([{ pointer: '/metadata' }]);
  });

  it('is 404 for an unknown tenant', async () => {
    const { body } = await api().publish({ tenant_id: 'nobody', data: {} });
    expect(body).toMatchObject({ status: 404, code: 'tenant_not_found' });
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'is 404 for the tenant %s, which every object has',
    async (tenant) => {
      const { body } = await api().post(PATH, `{"tenant_id":"${tenant}","data":{}}`);
      expect(body).toMatchObject({ status: 404, code: 'tenant_not_found' });
    },
  );

  it('takes no query parameters', async () => {
    const { body } = await api().post<ErrorView>(`${PATH}?dry_run=true`, {});
    expect(body.errors).toMatchObject([{ pointer: '?dry_run', code: 'unknown_parameter' }]);
  });
});

describe('an event that addresses a destination', () => {
  it('goes to that one alone', async () => {
    const tenantId = await api().tenant();
    await api().destination(tenantId);
    const { id } = await api().destination(tenantId);
    const { body } = await api().publish({
      tenant_id: tenantId,
      destination_id: id,
      data: {},
    });
    expect(body.destination_ids).toEqual([id]);
  });

  it.each<[what: string, given: object, addressed: string]>([
    ['is not there', {}, 'nothing'],
    ['is disabled', { disabled_at: '2026-01-01T00:00:00Z' }, 'mine'],
    ['takes other topics', { topics: ['b'] }, 'mine'],
    ['is another tenant’s', {}, 'theirs'],
  ])('is kept with an empty list where it %s', async (_what, given, addressed) => {
    const [tenantId, otherId] = [await api().tenant(), await api().tenant()];
    await api().destination(tenantId, { id: 'mine', ...given });
    await api().destination(otherId, { id: 'theirs' });
    const { status, body } = await api().publish({
      tenant_id: tenantId,
      topic: 'a',
      destination_id: addressed,
      data: {},
    });
    expect({ status, ids: body.destination_ids }).toEqual({ status: 202, ids: [] });
    const event = await api().get<EventView>(`/v1/events/${body.id}`);
    expect(event.body.matched_destination_ids).toEqual([]);
  });
});

describe('an event without topic', () => {
  it('goes to the destinations of all topics only', async () => {
    const tenantId = await api().tenant();
    await api().destination(tenantId, { topics: ['a'] });
    const { id } = await api().destination(tenantId, { topics: ['*'] });
    for (const given of [{}, { topic: '' }]) {
      const { body } = await api().publish({ tenant_id: tenantId, data: {}, ...given });
      expect(body.destination_ids).toEqual([id]);
    }
  });
});
