/** Operator events: delivered to destinations of the operator's own tenant. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { noticeData, NOTICE_TOPICS } from '../../src/domain/notice.ts';
import type { Notice, NoticeTopic } from '../../src/domain/notice.ts';
import { OPERATOR_TOPICS, operatorTopicSchema } from '../../src/engine/operator-catalogue.ts';
import type { ApiServer } from '../support/api-server.ts';
import { useApi, withApi } from '../support/api-server.ts';
import type { DestinationView, ListView } from '../support/api-views.ts';

const api = useApi();
const ajv = new Ajv2020();
addFormats.default(ajv);

interface Told {
  readonly type: NoticeTopic;
  readonly data: Readonly<Record<string, unknown>>;
}

const AT_MS = Date.UTC(2026, 10, 22);
const COMMON = { tenantId: 'acme', destinationId: 'des_1', atMs: AT_MS, key: 'k' };
const OF_DELIVERY = {
  ...COMMON,
  deliveryId: 'dlv_1',
  eventId: 'evt_1',
  eventTopic: 'room.created',
  code: '503',
};
/** One of each topic: a new one has to be here. */
const NOTICES: Record<NoticeTopic, Notice> = {
  'destination.failing': {
    ...COMMON,
    topic: 'destination.failing',
    consecutiveFailures: 3,
    failingSinceMs: AT_MS,
    percent: null,
  },
  'destination.recovered': { ...COMMON, topic: 'destination.recovered' },
  'destination.disabled': {
    ...COMMON,
    topic: 'destination.disabled',
    reason: 'failure_share',
    consecutiveFailures: 10,
  },
  'destination.unsubscribed': { ...COMMON, topic: 'destination.unsubscribed' },
  'destination.expiring': {
    ...COMMON,
    topic: 'destination.expiring',
    expiresAtMs: AT_MS,
    daysLeft: 7,
  },
  'destination.expired': { ...COMMON, topic: 'destination.expired', expiresAtMs: AT_MS },
  'delivery.failed': {
    ...OF_DELIVERY,
    topic: 'delivery.failed',
    attempts: 6,
    isMailed: false,
  },
  'attempt.delivered': { ...OF_DELIVERY, topic: 'attempt.delivered', number: 1 },
  'attempt.failed': { ...OF_DELIVERY, topic: 'attempt.failed', number: 2 },
};

describe('the data of each operator event', () => {
  it.each(NOTICE_TOPICS)('are as the schema of %s says, no member more or less', (topic) => {
    const notice = NOTICES[topic];
    expect(notice.topic).toBe(topic);
    const schema = operatorTopicSchema(OPERATOR_TOPICS[topic]);
    expect(ajv.validate(schema, noticeData(notice)), ajv.errorsText()).toBe(true);
  });
});

async function told(own: ApiServer, path: string, count: number): Promise<Told[]> {
  const requests = await own.receiver.wait(path, count);
  return requests.map(({ body }) => JSON.parse(body.toString()) as Told);
}

describe('operator events', () => {
  it('tell of failures and of the end, each as its schema says', () =>
    withApi({}, async (own) => {
      const path = '/ok/told';
      await own.destination('_operator', { config: { url: own.receiver.url(path) } });
      const tenantId = await own.tenant();
      const { id } = await own.destination(tenantId, {
        config: { url: own.receiver.url('/status/500') },
        policy: { retry: { delays_s: [] }, disable: { consecutive_failures: 4 } },
      });
      for (let n = 0; n < 4; n++) {
        await own.publish({ tenant_id: tenantId, data: { n } });
        await own.receiver.wait('/status/500', n + 1);
        await expect
          .poll(async () => {
            const { body } = await own.get<DestinationView>(
              `/v1/tenants/${tenantId}/destinations/${id}`,
            );
            return body.state.consecutive_failures;
          })
          .toBe(n + 1);
      }
      const events = await told(own, path, 8);
      for (const { type, data } of events) {
        expect(ajv.validate(operatorTopicSchema(OPERATOR_TOPICS[type]), data), type).toBe(true);
        expect(data).toMatchObject({ tenant_id: tenantId, destination_id: id });
      }
      const counted = events.map(({ type }) => type).toSorted();
      expect(counted).toEqual([
        'delivery.failed',
        'delivery.failed',
        'delivery.failed',
        'delivery.failed',
        'destination.disabled',
        'destination.failing',
        'destination.failing',
        'destination.failing',
      ]);
    }));

  it('tell that a destination has recovered, after it was told that it fails', () =>
    withApi({}, async (own) => {
      const path = '/ok/told';
      await own.destination('_operator', {
        topics: ['destination.*', 'attempt.failed'],
        config: { url: own.receiver.url(path) },
      });
      const tenantId = await own.tenant();
      const { id } = await own.destination(tenantId, {
        config: { url: own.receiver.url('/status/500') },
        policy: { retry: { delays_s: [] } },
      });
      for (let n = 1; n <= 3; n++) {
        await own.publish({ tenant_id: tenantId, data: { n } });
        await own.receiver.wait('/status/500', n);
      }
      await told(own, path, 4);
      await own.patch(`/v1/tenants/${tenantId}/destinations/${id}`, {
        config: { url: own.receiver.url('/ok/again') },
      });
      await own.publish({ tenant_id: tenantId, data: { n: 4 } });
      const events = await told(own, path, 5);
      for (const { type, data } of events) {
        expect(ajv.validate(operatorTopicSchema(OPERATOR_TOPICS[type]), data), type).toBe(true);
        expect(data).toMatchObject({ tenant_id: tenantId, destination_id: id });
      }
      expect(events.at(-1)?.type).toBe('destination.recovered');
      expect(events.map(({ type }) => type).toSorted()).toEqual([
        'attempt.failed',
        'attempt.failed',
        'attempt.failed',
        'destination.failing',
        'destination.recovered',
      ]);
    }));

  it('tell of attempts only to who names their topic', () =>
    withApi({}, async (own) => {
      await own.destination('_operator', { config: { url: own.receiver.url('/ok/all') } });
      await own.destination('_operator', {
        topics: ['attempt.delivered'],
        config: { url: own.receiver.url('/ok/attempts') },
      });
      const tenantId = await own.tenant();
      await own.destination(tenantId);
      const { body } = await own.publish({ tenant_id: tenantId, topic: 'a', data: {} });
      const [event] = await told(own, '/ok/attempts', 1);
      expect(event).toMatchObject({
        type: 'attempt.delivered',
        data: { event_id: body.id, topic: 'a', attempt: 1, code: '200' },
      });
      expect(
        ajv.validate(operatorTopicSchema(OPERATOR_TOPICS['attempt.delivered']), event?.data),
      ).toBe(true);
      const { body: events } = await own.get<ListView<{ topic: string }>>(
        '/v1/events?tenant_id=_operator',
      );
      // Also not of the delivery of that event to the operator: it would never end.
      expect(events.models.map(({ topic }) => topic)).toEqual(['attempt.delivered']);
    }));
});

describe('the operator’s own tenant', () => {
  it('is in no list of tenants, and nobody else publishes to it', async () => {
    await api().destination('_operator');
    const { body } = await api().get<ListView<{ id: string }> & { count: number }>('/v1/tenants');
    expect(body.models.map(({ id }) => id)).not.toContain('_operator');
    expect(body.count).toBe(body.models.length);
    const published = await api().publish({ tenant_id: '_operator', data: {} });
    expect(published.status).toBe(422);
    expect(published.text).toContain('/tenant_id');
    expect((await api().put('/v1/tenants/_operator')).status).toBe(422);
    expect((await api().get('/v1/tenants/_operator/token')).status).toBe(404);
  });
});
