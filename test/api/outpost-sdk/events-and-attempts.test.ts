/** The calls of Outpost's client for publishing, events, attempts, retry and health. */
import { beforeAll, describe, expect, it } from 'vitest';
import { allPages, outpostClient } from '../../support/api-outpost-client.ts';
import { useApi } from '../../support/api-server.ts';
import { until } from '../../support/api-until.ts';

const api = useApi({ storage: 'file' });

const client = () => outpostClient(api());

const TENANT = 'sdk-events';
const DAY = (day: number) => new Date(Date.UTC(2026, 0, day));

beforeAll(async () => {
  const { tenants, destinations } = client();
  await tenants.upsert(TENANT);
  await destinations.create(TENANT, {
    id: 'd',
    type: 'webhook',
    topics: '*',
    config: { url: api().receiver.url('/sdk') },
  });
  for (let day = 1; day <= 5; day++) {
    await client().publish({
      id: `e${day}`,
      tenantId: TENANT,
      topic: day % 2 === 0 ? 'even' : 'odd',
      time: DAY(day),
      eligibleForRetry: true,
      metadata: { day: String(day) },
      data: { day },
    });
  }
  await api().receiver.wait('/sdk', 5);
  await until('five attempts', async () => {
    const { models } = await client().attempts.list({ tenantId: TENANT });
    return models?.length === 5 ? models : undefined;
  });
});

describe('publish', () => {
  it('answers the id and the destinations, and tells a duplicate', async () => {
    const event = { id: 'twice', tenantId: TENANT, topic: 'other', data: { a: 1 } };
    const outpost = client();
    expect(await outpost.publish(event)).toEqual({
      id: 'twice',
      duplicate: false,
      destinationIds: ['d'],
    });
    expect(await outpost.publish(event)).toEqual({
      id: 'twice',
      duplicate: true,
      destinationIds: ['d'],
    });
  });

  it('addresses one destination, and fills in what is left out', async () => {
    const outpost = client();
    const addressed = await outpost.publish({
      tenantId: TENANT,
      destinationId: 'nothing',
      data: {},
    });
    expect(addressed).toEqual({
      id: expect.stringMatching(/^evt_/) as string,
      duplicate: false,
      destinationIds: [],
    });
  });
});

describe('events', () => {
  const days = ['e1', 'e2', 'e3', 'e4', 'e5'];

  it('are got whole', async () => {
    expect(await client().events.get('e2', TENANT)).toEqual({
      id: 'e2',
      tenantId: TENANT,
      topic: 'even',
      time: DAY(2),
      metadata: { day: '2' },
      data: { day: 2 },
      matchedDestinationIds: ['d'],
    });
    expect((await client().events.get('e2')).id).toBe('e2');
  });

  it('are listed page by page', async () => {
    const pages = await allPages((next) =>
      client().events.list({ tenantId: TENANT, id: days, dir: 'asc', limit: 2, next }),
    );
    expect(pages.flat().map(({ id }) => id)).toEqual(days);
    expect(pages).toHaveLength(3);
  });

  it.each([
    ['one id', { id: 'e3' }, ['e3']],
    ['topics', { topic: ['odd', 'none'] }, ['e1', 'e3', 'e5']],
    ['one topic', { topic: 'even' }, ['e2', 'e4']],
    ['destination', { destinationId: 'd', topic: 'even' }, ['e2', 'e4']],
    ['time', { time: { gte: DAY(2), lt: DAY(4) } }, ['e2', 'e3']],
    ['time, other bounds', { time: { gt: DAY(2), lte: DAY(4) } }, ['e3', 'e4']],
    ['tenants', { tenantId: [TENANT], orderBy: 'time' as const, topic: 'odd' }, ['e1', 'e3', 'e5']],
  ])('are filtered by %s', async (_what, filters, expected) => {
    const { models, pagination } = await client().events.list({
      tenantId: TENANT,
      dir: 'asc',
      ...filters,
    });
    expect(models?.map(({ id }) => id)).toEqual(expected);
    expect(pagination).toEqual({ orderBy: 'time', dir: 'asc', limit: 100, next: null, prev: null });
  });
});

describe('attempts', () => {
  it('are listed, and got one by one', async () => {
    const { attempts } = client();
    const { models = [] } = await attempts.list({ tenantId: TENANT, eventId: 'e1' });
    expect(models).toEqual([
      {
        id: expect.stringMatching(/^att_/) as string,
        tenantId: TENANT,
        eventId: 'e1',
        destinationId: 'd',
        status: 'success',
        time: expect.any(Date) as Date,
        code: '200',
        attemptNumber: 1,
        manual: false,
      },
    ]);
    const id = models[0]?.id ?? '';
    expect(await attempts.get(id)).toMatchObject({ id });
    expect(await attempts.get(id, TENANT, ['event'])).toMatchObject({ event: { id: 'e1' } });
  });

  it('include what is asked for', async () => {
    const { attempts } = client();
    const include = ['event.data', 'response_data', 'destination'];
    const { models } = await attempts.list({ tenantId: TENANT, eventId: 'e4', include });
    expect(models).toMatchObject([
      {
        event: { id: 'e4', topic: 'even', time: DAY(4), metadata: { day: '4' }, data: { day: 4 } },
        destination: { id: 'd', type: 'webhook' },
        responseData: { status: 200, body: 'answer of /sdk' },
      },
    ]);
    const one = await attempts.list({ tenantId: TENANT, eventId: 'e4', include: 'event' });
    expect(one.models?.[0]?.event).not.toHaveProperty('data');
  });

  it('of a destination that is gone are listed without it', async () => {
    const { destinations, attempts } = client();
    await destinations.create(TENANT, {
      id: 'gone',
      type: 'webhook',
      topics: ['gone'],
      config: { url: api().receiver.url('/gone') },
    });
    await client().publish({ tenantId: TENANT, topic: 'gone', data: {} });
    const find = async () =>
      (await attempts.list({ destinationId: 'gone', include: 'destination' })).models?.[0];
    await until('the attempt', find);
    await destinations.delete(TENANT, 'gone');
    const found = await find();
    expect(found).toMatchObject({ destinationId: 'gone' });
    expect(found?.destination).toBeUndefined();
  });

  it.each([
    ['status', { status: 'failed' as const }, 0],
    ['topic', { topic: 'odd' }, 3],
    ['type', { destinationType: 'webhook' as const, topic: ['odd', 'even'] }, 5],
    ['another type', { destinationType: ['aws_sqs' as const] }, 0],
    ['time', { time: { lt: DAY(1) } }, 0],
  ])('are filtered by %s', async (_what, filters, count) => {
    const { models } = await client().attempts.list({
      tenantId: TENANT,
      destinationId: 'd',
      orderBy: 'time',
      ...filters,
    });
    expect(models).toHaveLength(count);
  });

  it('are those of a destination, page by page', async () => {
    const { destinations } = client();
    const pages = await allPages((next) =>
      destinations.listAttempts({
        tenantId: TENANT,
        destinationId: 'd',
        topic: ['odd', 'even'],
        limit: 2,
        dir: 'asc',
        next,
      }),
    );
    const models = pages.flat();
    expect(models.map(({ eventId }) => eventId)).toEqual(['e1', 'e2', 'e3', 'e4', 'e5']);
    const id = models[0]?.id ?? '';
    const one = await destinations.getAttempt(TENANT, 'd', id, 'event');
    expect(one).toMatchObject({ id, event: { id: 'e1' } });
  });
});

describe('retry', () => {
  it('makes another attempt, by hand', async () => {
    const outpost = client();
    const retried = await outpost.retry({ eventId: 'e1', destinationId: 'd' });
    expect(retried).toEqual({ success: true });
    const models = await until('two attempts', async () => {
      const listed = await outpost.attempts.list({ eventId: 'e1', tenantId: TENANT, dir: 'asc' });
      return listed.models?.length === 2 ? listed.models : undefined;
    });
    expect(models.map(({ attemptNumber, manual }) => [attemptNumber, manual])).toEqual([
      [1, false],
      [2, true],
    ]);
  });
});

describe('health', () => {
  it('is told without a key', async () => {
    expect(await outpostClient(api(), '').health.check()).toEqual({
      status: 'healthy',
      timestamp: expect.any(Date) as Date,
      workers: { database: { status: 'healthy' }, delivery: { status: 'healthy' } },
    });
  });
});
