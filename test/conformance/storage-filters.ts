/** The filters of the lists, each against the same few rows, and what the rows show. */
import { beforeAll, describe, expect, it } from 'vitest';

import { ingestedAtMs } from '../../src/domain/event.ts';
import type { AttemptQuery, DeliveryQuery, EventQuery } from '../../src/storage/reading.ts';
import {
  ALL_ATTEMPTS,
  ALL_DELIVERIES,
  ALL_EVENTS,
  attemptOf,
  claim,
  failureOf,
  insertDestination,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { shareDatabase } from './storage-driver.ts';
import type { StorageDriver, StorageUnderTest } from './storage-driver.ts';

/**
 * Tenant one has the destinations a (webhook) and b (aws_sqs), tenant two an a (webhook) of its own.
 *
 *     event     tenant  topic   time   deliveries and their attempts
 *     first     one     room    3000   a: failed for now at 100, delivered at 200;  b: failed for good at 300
 *     second    one     user    1000   a: pending
 *     (ours)    one     room    2000   b: canceled
 *     first     two     room    1000   a: delivered at 400
 */
interface Seeded {
  readonly one: string;
  readonly two: string;
  readonly first: number;
  readonly second: number;
  readonly third: number;
  readonly ofTwo: number;
}

async function seed(db: StorageUnderTest): Promise<Seeded> {
  const { storage } = db;
  const [one, two] = [await seedTenant(storage, 'a'), await seedTenant(storage, 'a')];
  await insertDestination(storage, one, 'b', { type: 'aws_sqs' });
  const make = async (tenantId: string, changes: Parameters<typeof publish>[2]) => {
    await db.tick();
    return publish(storage, tenantId, changes);
  };
  const first = await make(one, {
    id: 'first',
    topic: 'room',
    timeMs: 3000,
    toClaimed: ['a', 'b'],
  });
  const second = await make(one, { id: 'second', topic: 'user', timeMs: 1000, to: ['a'] });
  const third = await make(one, { topic: 'room', timeMs: 2000, to: ['b'] });
  const ofTwo = await make(two, { id: 'first', topic: 'room', timeMs: 1000, toClaimed: ['a'] });

  const key = { seq: first, ordinal: 0 };
  const again = { status: 'pending', nextAttemptAtMs: 1 } as const;
  await storage.record({ attempts: [failureOf(key, again, { startedAtMs: 100 })] });
  await claim(storage, { tenantId: one, destinationId: 'a', dueBeforeMs: 1 });
  await storage.record({
    attempts: [
      attemptOf(key, { number: 2, kind: 'retry', startedAtMs: 200 }),
      failureOf({ seq: first, ordinal: 1 }, { status: 'failed' }, { startedAtMs: 300 }),
      attemptOf({ seq: ofTwo, ordinal: 0 }, { startedAtMs: 400 }),
    ],
  });
  await storage.cancel({ delivery: { seq: third, ordinal: 0 }, nowMs: db.nowMs() });
  return { one, two, first, second, third, ofTwo };
}

export function describeFilters(driver: StorageDriver): void {
  describe('filters', () => {
    const db = shareDatabase(driver);
    let at: Seeded = { one: '', two: '', first: 0, second: 0, third: 0, ofTwo: 0 };
    beforeAll(async () => {
      at = await seed(db);
    });

    const nameOf = (seq: number) =>
      Object.entries(at).find(([, value]) => value === seq)?.[0] ?? 'strange';
    const range = (fromMs: number | null, toMs: number | null) => ({ fromMs, toMs });

    const EVENTS: [string, () => Partial<EventQuery>, string[]][] = [
      ['none, by number', () => ({}), ['first', 'second', 'third', 'ofTwo']],
      ['one tenant, by time', () => ({ tenantIds: [at.one] }), ['second', 'third', 'first']],
      [
        'several tenants',
        () => ({ tenantIds: [at.two, at.one] }),
        ['first', 'second', 'third', 'ofTwo'],
      ],
      ['a strange tenant', () => ({ tenantIds: ['no such'] }), []],
      ['a tenant and a strange one', () => ({ tenantIds: ['no such', at.two] }), ['ofTwo']],
      ['a caller’s id', () => ({ ids: ['first'] }), ['first', 'ofTwo']],
      ['a caller’s id in a tenant', () => ({ ids: ['first'], tenantIds: [at.two] }), ['ofTwo']],
      ['an id of ours', () => ({ ids: [db.storage.ids.eventId(at.third)] }), ['third']],
      [
        'ids of both kinds',
        () => ({ ids: ['second', db.storage.ids.eventId(at.third), 'x'], tenantIds: [at.one] }),
        ['second', 'third'],
      ],
      [
        'the id of ours that its event does not bear',
        () => ({ ids: [db.storage.ids.eventId(at.first)] }),
        [],
      ],
      ['a strange id', () => ({ ids: ['no such'] }), []],
      ['a topic', () => ({ tenantIds: [at.one], topics: ['room'] }), ['third', 'first']],
      [
        'topics',
        () => ({ tenantIds: [at.one], topics: ['room', 'user', 'x'] }),
        ['second', 'third', 'first'],
      ],
      ['a destination', () => ({ tenantIds: [at.one], destinationId: 'b' }), ['third', 'first']],
      [
        'a destination over all tenants',
        () => ({ destinationId: 'a' }),
        ['first', 'second', 'ofTwo'],
      ],
      ['a strange destination', () => ({ destinationId: 'no such' }), []],
      [
        'times, the end left out',
        () => ({ tenantIds: [at.one], time: range(1000, 3000) }),
        ['second', 'third'],
      ],
      ['times from', () => ({ tenantIds: [at.one], time: range(1001, null) }), ['third', 'first']],
      ['times to, over all tenants', () => ({ time: range(null, 2000) }), ['second', 'ofTwo']],
      [
        'all at once',
        () => ({
          ids: ['first', 'second'],
          tenantIds: [at.one],
          topics: ['room'],
          destinationId: 'a',
          time: range(3000, 3001),
        }),
        ['first'],
      ],
    ];

    it.each(EVENTS)('of events: %s', async (_, query, expected) => {
      const { rows } = await db.storage.eventList({ ...ALL_EVENTS, ...query() });
      expect(rows.map(({ seq }) => nameOf(seq))).toEqual(expected);
      await expectPaged(expected, async (limit) => {
        const page = { limit, order: 'desc', from: null } as const;
        const found = await db.storage.eventList({ ...ALL_EVENTS, ...query(), page });
        return { names: found.rows.map(({ seq }) => nameOf(seq)), more: found.more };
      });
    });

    const ms = (seq: number) => ingestedAtMs(seq);
    const DELIVERIES: [string, () => Partial<DeliveryQuery>, string[]][] = [
      ['none', () => ({}), ['first 0', 'first 1', 'second 0', 'third 0', 'ofTwo 0']],
      ['one tenant', () => ({ tenantIds: [at.two] }), ['ofTwo 0']],
      [
        'several tenants',
        () => ({ tenantIds: [at.two, at.one, 'x'], topics: ['user', 'room'] }),
        ['first 0', 'first 1', 'second 0', 'third 0', 'ofTwo 0'],
      ],
      ['a strange tenant', () => ({ tenantIds: ['no such'] }), []],
      [
        'a destination of a tenant',
        () => ({ tenantIds: [at.one], destinationId: 'a' }),
        ['first 0', 'second 0'],
      ],
      [
        'a destination over all tenants',
        () => ({ destinationId: 'a' }),
        ['first 0', 'second 0', 'ofTwo 0'],
      ],
      ['a strange destination', () => ({ destinationId: 'no such' }), []],
      ['an event', () => ({ eventSeq: at.first }), ['first 0', 'first 1']],
      ['an event of another tenant', () => ({ eventSeq: at.first, tenantIds: [at.two] }), []],
      ['pending', () => ({ status: 'pending' }), ['second 0']],
      ['delivered', () => ({ status: 'delivered' }), ['first 0', 'ofTwo 0']],
      ['failed', () => ({ tenantIds: [at.one], status: 'failed' }), ['first 1']],
      ['failed, of another tenant', () => ({ tenantIds: [at.two], status: 'failed' }), []],
      ['canceled', () => ({ status: 'canceled' }), ['third 0']],
      ['a code', () => ({ codes: ['503'] }), ['first 1']],
      ['codes', () => ({ codes: ['503', '200', 'dns'] }), ['first 0', 'first 1', 'ofTwo 0']],
      ['a code and a status', () => ({ codes: ['200'], status: 'failed' }), []],
      ['a topic', () => ({ topics: ['user'] }), ['second 0']],
      [
        'times, the end left out',
        () => ({ time: range(ms(at.second), ms(at.ofTwo)) }),
        ['second 0', 'third 0'],
      ],
      [
        'all at once',
        () => ({
          tenantIds: [at.one],
          destinationId: 'b',
          eventSeq: at.first,
          status: 'failed',
          topics: ['room'],
          time: range(ms(at.first), ms(at.second)),
        }),
        ['first 1'],
      ],
    ];

    it.each(DELIVERIES)('of deliveries: %s', async (_, query, expected) => {
      const name = ({ seq, ordinal }: { seq: number; ordinal: number }) =>
        `${nameOf(seq)} ${ordinal}`;
      const { rows } = await db.storage.deliveryList({ ...ALL_DELIVERIES, ...query() });
      expect(rows.map(({ key }) => name(key))).toEqual(expected);
      for (const row of rows)
        expect(await db.storage.deliveryGet({ delivery: row.key })).toEqual(row);
      await expectPaged(expected, async (limit) => {
        const page = { limit, order: 'desc', from: null } as const;
        const found = await db.storage.deliveryList({ ...ALL_DELIVERIES, ...query(), page });
        return { names: found.rows.map(({ key }) => name(key)), more: found.more };
      });
    });

    // Attempts by the time at which they started.
    const ATTEMPTS: [string, () => Partial<AttemptQuery>, number[]][] = [
      ['none', () => ({}), [100, 200, 300, 400]],
      ['one tenant', () => ({ tenantIds: [at.one] }), [100, 200, 300]],
      ['several tenants', () => ({ tenantIds: [at.one, at.two] }), [100, 200, 300, 400]],
      ['a strange tenant', () => ({ tenantIds: ['no such'] }), []],
      [
        'a destination of a tenant',
        () => ({ tenantIds: [at.one], destinationId: 'a' }),
        [100, 200],
      ],
      ['a destination over all tenants', () => ({ destinationId: 'a' }), [100, 200, 400]],
      ['a strange destination', () => ({ destinationId: 'no such' }), []],
      ['a destination type', () => ({ destinationTypes: ['aws_sqs'] }), [300]],
      [
        'destination types',
        () => ({ destinationTypes: ['aws_sqs', 'webhook', 'x'] }),
        [100, 200, 300, 400],
      ],
      ['an event', () => ({ eventSeq: at.first }), [100, 200, 300]],
      ['an event without attempts', () => ({ eventSeq: at.second }), []],
      ['an event of another tenant', () => ({ eventSeq: at.first, tenantIds: [at.two] }), []],
      ['a delivery', () => ({ delivery: { seq: at.first, ordinal: 1 } }), [300]],
      [
        'a delivery and its event',
        () => ({ eventSeq: at.first, delivery: { seq: at.first, ordinal: 0 } }),
        [100, 200],
      ],
      ['a topic', () => ({ topics: ['room', 'x'] }), [100, 200, 300, 400]],
      ['a strange topic', () => ({ topics: ['user'] }), []],
      ['success', () => ({ status: 'success' }), [200, 400]],
      ['failure', () => ({ status: 'failed' }), [100, 300]],
      ['times, the end left out', () => ({ time: range(200, 400) }), [200, 300]],
      [
        'all at once',
        () => ({
          tenantIds: [at.one],
          destinationId: 'a',
          destinationTypes: ['webhook'],
          eventSeq: at.first,
          topics: ['room'],
          status: 'failed',
          time: range(100, 101),
        }),
        [100],
      ],
    ];

    it.each(ATTEMPTS)('of attempts: %s', async (_, query, expected) => {
      const { rows } = await db.storage.attemptList({ ...ALL_ATTEMPTS, ...query() });
      expect(rows.map(({ startedAtMs }) => startedAtMs)).toEqual(expected);
      for (const row of rows) expect(await db.storage.attemptGet({ seq: row.seq })).toEqual(row);
      await expectPaged(expected, async (limit) => {
        const page = { limit, order: 'desc', from: null } as const;
        const found = await db.storage.attemptList({ ...ALL_ATTEMPTS, ...query(), page });
        return { names: found.rows.map(({ startedAtMs }) => startedAtMs), more: found.more };
      });
    });

    it('answer a look-up for what is not there with nothing', async () => {
      const { storage } = db;
      expect(await storage.eventGet({ id: 'no such', tenantId: null })).toEqual([]);
      expect(await storage.eventGet({ id: 'first', tenantId: 'no such' })).toEqual([]);
      const notBorne = storage.ids.eventId(at.first);
      expect(await storage.eventGet({ id: notBorne, tenantId: null })).toEqual([]);
      expect(await storage.deliveryGet({ delivery: { seq: at.first, ordinal: 2 } })).toBeNull();
      expect(await storage.deliveryGet({ delivery: { seq: 1, ordinal: 0 } })).toBeNull();
      expect(await storage.attemptGet({ seq: 1 })).toBeNull();
      expect(await storage.attemptGet({ seq: at.first })).toBeNull();
    });
  });
}

/** The same rows from the other end, one fewer than there are. */
async function expectPaged<Name>(
  expected: readonly Name[],
  list: (limit: number) => Promise<{ names: Name[]; more: boolean }>,
): Promise<void> {
  const limit = Math.max(1, expected.length - 1);
  expect(await list(limit)).toEqual({
    names: expected.toReversed().slice(0, limit),
    more: expected.length > limit,
  });
}
