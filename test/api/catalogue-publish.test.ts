/** What the catalogue does to a publish. */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { withApi } from '../support/api-server.ts';
import type { ApiServer } from '../support/api-server.ts';
import type { BatchView, ErrorView, TopicView } from '../support/api-views.ts';

const SCHEMA = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string' }, n: { type: 'integer' } },
};

async function withTopic(api: ApiServer, enforcement: string): Promise<string> {
  const { status } = await api.put('/v1/catalogue/a', { schema: SCHEMA, enforcement });
  expect([200, 201]).toContain(status);
  return api.tenant();
}

const violations = async (api: ApiServer) =>
  (await api.get<TopicView>('/v1/catalogue/a')).body.violations;

describe('a schema', () => {
  it('that is enforced by `reject` refuses what is not of it, naming all places, and stores nothing', () =>
    withApi({}, async (api) => {
      const tenantId = await withTopic(api, 'reject');
      const refused = await api.post<ErrorView>('/v1/publish', {
        tenant_id: tenantId,
        topic: 'a',
        data: { n: 'x' },
      });
      expect(refused.body).toMatchObject({ status: 422, code: 'validation_failed' });
      expect(refused.body.errors.map(({ pointer, code }) => [pointer, code])).toEqual([
        ['/data/id', 'required'],
        ['/data/n', 'type'],
      ]);
      expect(await violations(api)).toBe(1);
      const events = await api.get<{ models: unknown[] }>(`/v1/events?tenant_id=${tenantId}`);
      expect(events.body.models).toEqual([]);
      const good = { tenant_id: tenantId, topic: 'a', data: { id: 'x', n: 1 } };
      expect((await api.publish(good)).status).toBe(202);
      expect((await api.publish({ ...good, topic: 'other', data: {} })).status).toBe(202);
      expect((await api.publish({ tenant_id: tenantId, data: {} })).status).toBe(202);
    }));

  it('that is enforced by `reject` refuses an event of a batch by itself', () =>
    withApi({}, async (api) => {
      const tenantId = await withTopic(api, 'reject');
      const { status, body } = await api.post<BatchView>('/v1/publish/batch', {
        events: [
          { tenant_id: tenantId, topic: 'a', data: { id: 'x' } },
          { tenant_id: tenantId, topic: 'a', data: {} },
          { tenant_id: tenantId, topic: 'b', data: {} },
        ],
      });
      expect(status).toBe(202);
      expect(body.results).toMatchObject([
        { duplicate: false },
        { error: { status: 422, errors: [{ pointer: '/data/id', code: 'required' }] } },
        { duplicate: false },
      ]);
    }));

  it('tells one problem of large data, however many there are', () =>
    withApi({}, async (api) => {
      const schema = { properties: { list: { items: { type: 'string' } } } };
      await api.put('/v1/catalogue/a', { schema, enforcement: 'reject' });
      const tenantId = await api.tenant();
      const errorsOf = async (length: number) => {
        const list = Array.from({ length }, () => 1234567);
        const body = { tenant_id: tenantId, topic: 'a', data: { list } };
        return (await api.post<ErrorView>('/v1/publish', body)).body.errors;
      };
      expect(await errorsOf(20)).toHaveLength(20);
      expect(await errorsOf(10_000)).toHaveLength(1);
    }));

  it('that is enforced by `warn` accepts all, counts, and logs once in a while', async () => {
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + nowMs };
    await withApi({ clock }, async (api) => {
      const tenantId = await withTopic(api, 'warn');
      const publish = async (data: object) => {
        const { status } = await api.publish({ tenant_id: tenantId, topic: 'a', data });
        expect(status).toBe(202);
      };
      await publish({ id: 'x' });
      expect(api.warnings).toEqual([]);
      for (let count = 0; count < 5; count++) await publish({ n: 'x' });
      expect(api.warnings).toEqual([{ topic: 'a', count: 1, pointer: '/data/id' }]);
      nowMs += 60_000;
      await publish({});
      expect(api.warnings.slice(1)).toEqual([{ topic: 'a', count: 5, pointer: '/data/id' }]);
      expect(await violations(api)).toBe(6);
    });
  });

  it('that is `off` is not looked at', () =>
    withApi({}, async (api) => {
      const tenantId = await withTopic(api, 'off');
      expect(api.engine.catalogue.isJudging).toBe(false);
      const body = { tenant_id: tenantId, topic: 'a', data: { n: 'x' } };
      expect((await api.publish(body)).status).toBe(202);
      expect(await violations(api)).toBe(0);
    }));

  it('counts from the moment at which its change was answered', () =>
    withApi({}, async (api) => {
      const tenantId = await withTopic(api, 'reject');
      const body = { tenant_id: tenantId, topic: 'a', data: { id: 1 } };
      expect((await api.publish(body)).status).toBe(422);
      await withTopic(api, 'warn');
      expect((await api.publish(body)).status).toBe(202);
      const schema = { properties: { id: { type: 'integer' } } };
      await api.put('/v1/catalogue/a', { schema, enforcement: 'reject' });
      expect((await api.publish(body)).status).toBe(202);
      expect((await api.publish({ ...body, data: { id: 'x' } })).status).toBe(422);
      await api.delete('/v1/catalogue/a');
      expect((await api.publish({ ...body, data: { id: 'x' } })).status).toBe(202);
    }));

  it('delivers the bytes that were published', () =>
    withApi({}, async (api) => {
      const tenantId = await withTopic(api, 'reject');
      await api.destination(tenantId, { config: { url: api.receiver.url('/bytes') } });
      const data = '{ "n": 1.0, "id": "\\u0061" }';
      await api.publish(`{"tenant_id":"${tenantId}","topic":"a","data":${data}}`);
      const [received] = await api.receiver.wait('/bytes', 1);
      expect(received?.body.toString()).toContain(`"data":${data}}`);
    }));
});

describe('an unknown topic', () => {
  it('is accepted', () =>
    withApi({}, async (api) => {
      const tenantId = await withTopic(api, 'off');
      const body = { tenant_id: tenantId, topic: 'nothing', data: {} };
      expect((await api.publish(body)).status).toBe(202);
    }));

  it('is refused where the operator wants it, once there is a catalogue', () =>
    withApi({ unknownTopics: 'reject' }, async (api) => {
      const tenantId = await api.tenant();
      const body = { tenant_id: tenantId, topic: 'nothing', data: {} };
      expect((await api.publish(body)).status).toBe(202);
      await withTopic(api, 'off');
      const refused = await api.post<ErrorView>('/v1/publish', body);
      expect(refused.body).toMatchObject({
        status: 422,
        errors: [{ pointer: '/topic', code: 'unknown_topic' }],
      });
      expect((await api.publish({ ...body, topic: 'a' })).status).toBe(202);
      expect((await api.publish({ tenant_id: tenantId, data: {} })).status).toBe(202);
    }));
});
