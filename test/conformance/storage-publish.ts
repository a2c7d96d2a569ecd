/** `publish`: events, and what they owe. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ingestedAtMs } from '../../src/domain/event.ts';
import {
  ALL_ATTEMPTS,
  ALL_EVENTS,
  HOUR_MS,
  attemptOf,
  claim,
  deliveriesOf,
  destinationOf,
  eventFor,
  insertDestination,
  jsonBytes,
  outcomesOf,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { shareDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

export function describePublish(driver: StorageDriver): void {
  describe('publish', () => {
    const db = shareDatabase(driver);

    it('numbers events in the order given, within a batch and from one batch to the next', async () => {
      const tenantId = await seedTenant(db.storage);
      const event = await eventFor(db.storage, tenantId);
      const seqs: number[] = [];
      for (let batch = 0; batch < 3; batch++) {
        const outcomes = await outcomesOf(db.storage, event, event, event);
        for (const outcome of outcomes) if (outcome.kind === 'stored') seqs.push(outcome.seq);
      }
      expect(seqs).toHaveLength(9);
      expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
    });

    it('numbers the events of calls made together in the order of the calls', async () => {
      const tenantId = await seedTenant(db.storage);
      const event = await eventFor(db.storage, tenantId);
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => outcomesOf(db.storage, event, event)),
      );
      const seqs = outcomes.flat().map((outcome) => (outcome.kind === 'stored' ? outcome.seq : 0));
      expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
      expect(seqs[0]).toBeGreaterThan(0);
    });

    it('owes a delivery to each destination, in the order of the list', async () => {
      const ids = Array.from({ length: 40 }, (_, index) => `d${39 - index}`);
      const tenantId = await seedTenant(db.storage, ...ids);
      const seq = await publish(db.storage, tenantId, {
        to: ids.slice(0, 20),
        toClaimed: ids.slice(20),
      });

      const deliveries = await deliveriesOf(db.storage, seq);
      expect(deliveries.map(({ key, destinationId }) => [key.ordinal, destinationId])).toEqual(
        ids.map((id, ordinal) => [ordinal, id]),
      );
      expect(deliveries.map(({ claimed }) => claimed)).toEqual(
        ids.map((_, ordinal) => ordinal >= 20),
      );
      expect(deliveries[0]).toEqual({
        key: { seq, ordinal: 0 },
        tenantId,
        eventId: db.storage.ids.eventId(seq),
        destinationId: 'd39',
        topic: 'room.created',
        status: 'pending',
        claimed: false,
        attempts: 0,
        nextAttemptAtMs: ingestedAtMs(seq),
        lastCode: null,
        createdAtMs: ingestedAtMs(seq),
        updatedAtMs: ingestedAtMs(seq),
        deliveredAtMs: null,
        test: false,
        position: [seq, 0],
      });
    });

    it('keeps the mark of a test event, wherever it is read', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, { test: true, to: ['d'] });
      const lane = { tenantId, destinationId: 'd', limit: 1 };
      const [claimed] = await db.storage.claim({ lanes: [lane], dueBeforeMs: db.nowMs() });
      expect(claimed?.deliveries.map(({ event }) => event.test)).toEqual([true]);
      const key = { seq, ordinal: 0 };
      await db.storage.record({ attempts: [attemptOf(key)] });
      const tenantIds = [tenantId];
      const [event] = (await db.storage.eventList({ ...ALL_EVENTS, tenantIds })).rows;
      const [attempt] = (await db.storage.attemptList({ ...ALL_ATTEMPTS, tenantIds })).rows;
      expect(event?.test).toBe(true);
      expect(attempt?.event?.test).toBe(true);
      expect((await db.storage.deliveryGet({ delivery: key }))?.test).toBe(true);
    });

    it('stores an event that no destination takes', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, { id: 'nobody' });
      expect(await db.storage.eventGet({ id: 'nobody', tenantId })).toEqual([
        {
          seq,
          id: 'nobody',
          tenantId,
          topic: 'room.created',
          timeMs: ingestedAtMs(seq),
          eligibleForRetry: true,
          metadata: null,
          resource: null,
          orderKey: null,
          test: false,
          data: jsonBytes({ room: 1 }),
          destinationIds: [],
          counts: { pending: 0, delivered: 0, failed: 0, canceled: 0 },
          position: expect.any(Array) as number[],
        },
      ]);
      expect(await deliveriesOf(db.storage, seq)).toEqual([]);
    });

    it('keeps the time that is given, and else the moment of ingestion', async () => {
      const tenantId = await seedTenant(db.storage);
      const event = await eventFor(db.storage, tenantId);
      const before = db.nowMs();
      const [given, none] = await outcomesOf(db.storage, { ...event, timeMs: 12_345 }, event);
      expect(given).toMatchObject({ kind: 'stored', timeMs: 12_345 });
      if (none?.kind !== 'stored') throw new Error('not stored');
      expect(none.timeMs).toBe(ingestedAtMs(none.seq));
      expect(none.timeMs).toBeGreaterThanOrEqual(before);
    });

    it('stores the rest where a tenant is unknown', async () => {
      const tenantId = await seedTenant(db.storage);
      const event = await eventFor(db.storage, tenantId);
      const outcomes = await outcomesOf(
        db.storage,
        event,
        { ...event, tenantId: 'nobody at all' },
        event,
      );
      expect(outcomes.map(({ kind }) => kind)).toEqual(['stored', 'unknown_tenant', 'stored']);
    });

    it('stores nothing of an event whose routing is stale, and all of the others', async () => {
      const tenantId = await seedTenant(db.storage, 'a');
      const other = await seedTenant(db.storage, 'a');
      const stale = await eventFor(db.storage, tenantId, { id: 'stale', to: ['a'] });
      const fresh = await eventFor(db.storage, other, { id: 'fresh', to: ['a'] });
      await insertDestination(db.storage, tenantId, 'b');

      const outcomes = await outcomesOf(db.storage, stale, fresh);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['stale_routing', 'stored']);
      expect(await db.storage.eventGet({ id: 'stale', tenantId })).toEqual([]);

      const again = await eventFor(db.storage, tenantId, { id: 'stale', to: ['a', 'b'] });
      expect(await outcomesOf(db.storage, again)).toMatchObject([{ kind: 'stored' }]);
    });

    it('takes the routing of a deleted tenant for stale where one was made anew under its id', async () => {
      const tenantId = await seedTenant(db.storage, 'old');
      const event = await eventFor(db.storage, tenantId, { to: ['old'] });
      await db.storage.tenantDelete({ id: tenantId });
      await db.storage.tenantUpsert({ id: tenantId, metadata: {} });
      await insertDestination(db.storage, tenantId, 'new');
      expect(await outcomesOf(db.storage, event)).toEqual([{ kind: 'stale_routing' }]);
    });

    it('keeps nothing of a call that fails, and all of those made beside it', async () => {
      const tenantId = await seedTenant(db.storage, 'a');
      const good = (id: string) => eventFor(db.storage, tenantId, { id, to: ['a'] });
      const bad = await eventFor(db.storage, tenantId, { id: 'bad', to: ['no such destination'] });
      const calls = [
        [await good('1')],
        [await good('2'), bad, await good('3')],
        [await good('4')],
      ].map((events) => db.storage.publish({ events }));

      const settled = await Promise.allSettled(calls);
      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      const { rows } = await db.storage.eventList({ ...ALL_EVENTS, tenantIds: [tenantId] });
      expect(rows.map(({ id }) => id)).toEqual(['1', '4']);
    });

    it('does not take what was done beside a call that fails for done already', async () => {
      const tenantId = await seedTenant(db.storage, 'a');
      const seq = await publish(db.storage, tenantId);
      const bad = await eventFor(db.storage, await seedTenant(db.storage), { to: ['no such'] });
      const nowMs = db.nowMs();
      const settled = await Promise.allSettled([
        db.storage.destinationInsert({
          destination: destinationOf(tenantId, 'b'),
          maxPerTenant: 9,
        }),
        db.storage.retryByHand({ tenantId, eventSeq: seq, destinationId: 'b', nowMs }),
        outcomesOf(db.storage, bad),
      ]);
      expect(settled).toMatchObject([
        { value: 'inserted' },
        { value: 'due' },
        { status: 'rejected' },
      ]);
      expect(await deliveriesOf(db.storage, seq)).toMatchObject([{ destinationId: 'b' }]);
    });

    const BYTES: [string, Uint8Array][] = [
      ['a number that no double holds', new TextEncoder().encode('{"n":1e400,"m":0.10}')],
      ['a name given twice', new TextEncoder().encode('{"a":1,"a":2}')],
      ['an escaped NUL', new TextEncoder().encode('{"a":"\\u0000"}')],
      ['a raw NUL and bytes that are not UTF-8', Uint8Array.of(0x7b, 0, 0xff, 0xfe, 0xc3, 0x7d)],
      ['a lone surrogate, escaped', new TextEncoder().encode('{"a":"\\ud800"}')],
      ['1 MiB', new Uint8Array(1024 * 1024).map((_, index) => (index * 31) & 255)],
    ];

    it.each(BYTES)('keeps data as it came: %s', async (_, data) => {
      const tenantId = await seedTenant(db.storage, 'a');
      await publish(db.storage, tenantId, { id: 'x', data, to: ['a'] });

      const [event] = await db.storage.eventGet({ id: 'x', tenantId });
      const { deliveries } = await claim(db.storage, {
        tenantId,
        destinationId: 'a',
        dueBeforeMs: db.nowMs() + HOUR_MS,
      });
      const found = [event?.data, deliveries[0]?.event.data];
      expect(found.map((bytes) => Buffer.compare(bytes ?? new Uint8Array(), data))).toEqual([0, 0]);
    });

    it('keeps the data of each event of a batch apart from the others’', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1 }),
          async (payloads) => {
            const tenantId = await seedTenant(db.storage, 'a');
            const event = await eventFor(db.storage, tenantId, { to: ['a'] });
            await outcomesOf(db.storage, ...payloads.map((data) => ({ ...event, data })));
            const { deliveries } = await claim(db.storage, {
              tenantId,
              destinationId: 'a',
              dueBeforeMs: db.nowMs() + HOUR_MS,
            });
            expect(
              deliveries.map(({ event: { data } }) => Buffer.from(data).toString('hex')),
            ).toEqual(payloads.map((data) => Buffer.from(data).toString('hex')));
          },
        ),
        { numRuns: 25 },
      );
    });

    it('keeps text as it came', async () => {
      const tenantId = await seedTenant(db.storage);
      const text = 'ä€😀 \t\n"\\\u2028 ';
      await publish(db.storage, tenantId, { id: text, topic: text, metadata: text });
      const events = await db.storage.eventGet({ id: text, tenantId });
      expect(events).toMatchObject([{ id: text, topic: text, metadata: text }]);
    });

    it('keeps whether an event may be retried', async () => {
      const tenantId = await seedTenant(db.storage);
      await publish(db.storage, tenantId, { id: 'x', eligibleForRetry: false });
      const events = await db.storage.eventGet({ id: 'x', tenantId });
      expect(events).toMatchObject([{ eligibleForRetry: false }]);
    });
  });
}
