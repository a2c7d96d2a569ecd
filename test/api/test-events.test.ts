import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { TEST_WAIT_MS } from '../../src/engine/send-test.ts';
import { useApi, withApi } from '../support/api-server.ts';
import type { ApiServer } from '../support/api-server.ts';
import { until } from '../support/api-until.ts';
import type { AttemptView, DeliveryView, ErrorView, EventView } from '../support/api-views.ts';

interface Tested {
  readonly event_id: string;
  readonly delivery_id: string;
  readonly attempt: AttemptView & {
    readonly kind: string;
    readonly reason: string | null;
    readonly response: { readonly body: string } | null;
  };
}

const api = useApi();

const test = (on: ApiServer, tenantId: string, id: string, body?: unknown) =>
  on.post<Tested & ErrorView>(`/v1/tenants/${tenantId}/destinations/${id}/test`, body);

const eventOf = async (id: string) => (await api().get<EventView>(`/v1/events/${id}`)).body;

/** A destination of one topic, at a path of its own. */
async function destinationAt(path: string, given: object = {}) {
  const tenantId = await api().tenant();
  const config = { url: api().receiver.url(path) };
  const { id } = await api().destination(tenantId, { topics: ['only.this'], config, ...given });
  return { tenantId, id };
}

describe('POST …/test', () => {
  it('answers with the attempt, and the event and its delivery are marked', async () => {
    const { tenantId, id } = await destinationAt('/test-good');
    const { status, body } = await test(api(), tenantId, id);
    expect(status).toBe(200);
    expect(body.attempt).toMatchObject({
      event_id: body.event_id,
      delivery_id: body.delivery_id,
      destination_id: id,
      status: 'success',
      code: '200',
      kind: 'test',
      manual: false,
      attempt_number: 1,
      response: { body: 'answer of /test-good' },
    });
    const [received, ...others] = api().receiver.at('/test-good');
    expect(others).toEqual([]);
    expect(JSON.parse(received?.body.toString() ?? '')).toMatchObject({
      type: 'only.this',
      data: { test: true },
    });
    expect(await eventOf(body.event_id)).toMatchObject({
      test: true,
      topic: 'only.this',
      eligible_for_retry: false,
      matched_destination_ids: [id],
      status: { delivered: 1 },
    });
    const delivery = await api().get<DeliveryView>(`/v1/deliveries/${body.delivery_id}`);
    expect(delivery.body).toMatchObject({ test: true, status: 'delivered', attempts: 1 });
    const attempts = await api().get<{ models: unknown[] }>(
      `/v1/attempts?tenant_id=${tenantId}&include[]=event`,
    );
    expect(attempts.body.models).toMatchObject([{ kind: 'test', event: { test: true } }]);
  });

  it('goes to that destination alone, whatever it and others take', async () => {
    const { tenantId, id } = await destinationAt('/test-alone');
    await api().destination(tenantId, { config: { url: api().receiver.url('/test-other') } });
    const { body } = await test(api(), tenantId, id, { topic: 'something.else', data: { a: [1] } });
    expect(body.attempt.status).toBe('success');
    const [received] = api().receiver.at('/test-alone');
    expect(JSON.parse(received?.body.toString() ?? '')).toMatchObject({
      type: 'something.else',
      data: { a: [1] },
    });
    expect((await eventOf(body.event_id)).matched_destination_ids).toEqual([id]);
    expect(api().receiver.at('/test-other')).toEqual([]);
  });

  it('is attempted once, and may be retried by hand', async () => {
    const { tenantId, id } = await destinationAt('/status/500');
    const { status, body } = await test(api(), tenantId, id);
    expect(status).toBe(200);
    expect(body.attempt).toMatchObject({ status: 'failed', code: '500', reason: 'http_status' });
    const delivery = () => api().get<DeliveryView>(`/v1/deliveries/${body.delivery_id}`);
    expect((await delivery()).body).toMatchObject({ status: 'failed', next_attempt_at: null });
    await api().post('/v1/retry', { event_id: body.event_id, destination_id: id });
    const attempts = await until('a second attempt', async () => {
      const found = await api().get<{ models: AttemptView[] }>(
        `/v1/attempts?tenant_id=${tenantId}&dir=asc`,
      );
      return found.body.models.length === 2 ? found.body.models : undefined;
    });
    expect(attempts).toMatchObject([{ kind: 'test' }, { kind: 'manual', manual: true }]);
    expect((await delivery()).body).toMatchObject({ status: 'failed', attempts: 2 });
  });

  it('sends the sample of a topic of the catalogue that the destination takes', () =>
    withApi({}, async (own) => {
      await own.put('/v1/catalogue/a.no-sample', {});
      await own.put('/v1/catalogue/b.sample', { sample: { n: 1 } });
      await own.put('/v1/catalogue/c.sample', { sample: { n: 2 } });
      const tenantId = await own.tenant();
      const { id } = await own.destination(tenantId, {
        topics: ['c.*'],
        config: { url: own.receiver.url('/sample') },
      });
      await test(own, tenantId, id);
      await test(own, tenantId, id, { topic: 'b.sample' });
      await test(own, tenantId, id, { topic: 'a.no-sample' });
      const sent = own.receiver.at('/sample').map(({ body }) => {
        const { type, data } = JSON.parse(body.toString()) as Record<string, unknown>;
        return [type, data];
      });
      expect(sent).toEqual([
        ['c.sample', { n: 2 }],
        ['b.sample', { n: 1 }],
        ['a.no-sample', { test: true }],
      ]);
    }));

  it('is not held to a schema, but to the topics where unknown ones are refused', () =>
    withApi({ unknownTopics: 'reject' }, async (own) => {
      const schema = { required: ['id'] };
      await own.put('/v1/catalogue/a', { schema, enforcement: 'reject' });
      const tenantId = await own.tenant();
      const { id } = await own.destination(tenantId);
      expect((await test(own, tenantId, id, { topic: 'a', data: {} })).status).toBe(200);
      expect((await test(own, tenantId, id, { topic: 'b' })).body).toMatchObject({
        status: 422,
        errors: [{ pointer: '/topic', code: 'unknown_topic' }],
      });
    }));

  it('answers 202 with the ids where the attempt takes longer', async () => {
    const held = heldClock();
    await withApi({ clock: held.clock }, async (own) => {
      const tenantId = await own.tenant();
      const config = { url: own.receiver.url('/hold/test') };
      const { id } = await own.destination(tenantId, { config });
      const answer = test(own, tenantId, id);
      await own.receiver.wait('/hold/test', 1);
      await until('somebody waits', () => (held.isWaiting() ? true : undefined));
      held.pass();
      const { status, body } = await answer;
      expect({ status, names: Object.keys(body) }).toEqual({
        status: 202,
        names: ['event_id', 'delivery_id'],
      });
      own.receiver.release('test');
      await until('the delivery', async () => {
        const found = await own.get<DeliveryView>(`/v1/deliveries/${body.delivery_id}`);
        return found.body.status === 'delivered' ? true : undefined;
      });
    });
  });

  it('refuses a disabled destination, and what is not there', async () => {
    const { tenantId, id } = await destinationAt('/ok', { disabled_at: '2026-01-01T00:00:00Z' });
    expect((await test(api(), tenantId, id)).body).toMatchObject({
      status: 409,
      code: 'test_of_disabled',
    });
    expect((await test(api(), tenantId, 'nothing')).body).toMatchObject({
      status: 404,
      code: 'destination_not_found',
    });
    expect((await test(api(), 'nobody', id)).body).toMatchObject({
      status: 404,
      code: 'tenant_not_found',
    });
  });

  it.each([
    ['/topic', { topic: 'a*' }],
    ['/data', { data: [] }],
    ['/data', { data: { a: nested(128) } }],
    ['/other', { other: 1 }],
  ])('refuses %s of %j', async (pointer, body) => {
    const { tenantId, id } = await destinationAt('/ok');
    const { status, body: answer } = await test(api(), tenantId, id, body);
    expect({ status, pointers: answer.errors.map((error) => error.pointer) }).toMatchObject({
      status: 422,
      pointers: expect.arrayContaining([pointer]) as string[],
    });
  });

  it('refuses data that are too large', () =>
    withApi({ limits: { maxPayloadBytes: 100 } }, async (own) => {
      const tenantId = await own.tenant();
      const { id } = await own.destination(tenantId);
      const { body } = await test(own, tenantId, id, { data: { a: 'x'.repeat(100) } });
      expect(body).toMatchObject({ status: 413, code: 'payload_too_large' });
    }));

  it('is bounded for a destination, and says when to come again', async () => {
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => nowMs };
    await withApi({ clock }, async (own) => {
      const tenantId = await own.tenant();
      const { id } = await own.destination(tenantId);
      const { id: other } = await own.destination(tenantId);
      for (let count = 0; count < 10; count++) {
        expect((await test(own, tenantId, id)).status).toBe(200);
        nowMs += 1000;
      }
      const refused = await test(own, tenantId, id);
      expect(refused.body).toMatchObject({ status: 429, code: 'too_many_tests' });
      expect(refused.headers['retry-after']).toBe('50');
      expect((await test(own, tenantId, other)).status).toBe(200);
      nowMs += 50_000;
      expect((await test(own, tenantId, id)).status).toBe(200);
      expect((await test(own, tenantId, id)).status).toBe(429);
    });
  });

  it('is bounded for a tenant too', async () => {
    const clock = { ...systemClock, monotonicMs: () => 0 };
    await withApi({ clock }, async (own) => {
      const tenantId = await own.tenant();
      const statuses: number[] = [];
      for (let each = 0; each < 7; each++) {
        const { id } = await own.destination(tenantId);
        for (let count = 0; count < 9; count++)
          statuses.push((await test(own, tenantId, id)).status);
      }
      expect(statuses).toEqual([
        ...Array.from({ length: 60 }, () => 200),
        ...Array.from({ length: 3 }, () => 429),
      ]);
    });
  });
});

/** A clock on which the wait for an attempt is over when the test says so. */
function heldClock() {
  const waiting: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    schedule(delayMs, callback) {
      if (delayMs !== TEST_WAIT_MS) return systemClock.schedule(delayMs, callback);
      waiting.push(callback);
      return { cancel: () => {} };
    },
  };
  return {
    clock,
    isWaiting: () => waiting.length > 0,
    pass: () => {
      for (const callback of waiting.splice(0)) callback();
    },
  };
}

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}
