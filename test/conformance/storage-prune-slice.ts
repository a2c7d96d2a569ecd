/** `pruneSlice`: retention, a slice at a time. */
import { describe, expect, it } from 'vitest';

import { ingestedAtMs } from '../../src/domain/event.ts';
import type { Storage } from '../../src/storage/storage.ts';
import {
  ALL_ATTEMPTS,
  ALL_DELIVERIES,
  ALL_EVENTS,
  HOUR_MS,
  attemptOf,
  cancelAll,
  claim,
  eventFor,
  failureOf,
  outcomesOf,
  pruneAll,
  publish,
  rollUpAll,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { momentAfterAll, withDatabase } from './storage-driver.ts';
import type { StorageDriver, StorageUnderTest } from './storage-driver.ts';

export function describePruneSlice(driver: StorageDriver): void {
  describe('pruneSlice', () => {
    const alone = (test: (db: StorageUnderTest) => Promise<void>) => () =>
      withDatabase(driver, test);

    it(
      'drops the events that came in before, with their deliveries and attempts',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'd');
        const old = await delivered(db.storage, tenantId);
        await publish(db.storage, tenantId, { id: 'to nobody' });
        await db.tick();
        const young = await delivered(db.storage, tenantId);

        expect(await pruneAll(db.storage, ingestedAtMs(young))).toBe(2);
        expect(await db.storage.deliveryGet({ delivery: { seq: old, ordinal: 0 } })).toBeNull();
        const [events, deliveries, attempts] = await everything(db.storage);
        expect(events.map(({ seq }) => seq)).toEqual([young]);
        expect(deliveries.map(({ key }) => key.seq)).toEqual([young]);
        expect(attempts.map(({ delivery }) => delivery.seq)).toEqual([young, young]);
      }),
    );

    it(
      'goes by when an event came in, not by the time that its publisher gave',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage);
        const event = await eventFor(db.storage, tenantId);
        const future = { ...event, id: 'future', timeMs: db.nowMs() + HOUR_MS };
        await outcomesOf(db.storage, future);
        await db.tick();
        const now = db.nowMs();
        await outcomesOf(db.storage, { ...event, id: 'past', timeMs: 1 });
        expect(await pruneAll(db.storage, now)).toBe(1);
        const [events] = await everything(db.storage);
        expect(events.map(({ id }) => id)).toEqual(['past']);
      }),
    );

    it(
      'keeps what holds its order key until somebody lets it go, or its destination is deleted',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'd', 'gone');
        const holds = async (id: string) => {
          const event = await eventFor(db.storage, tenantId, {
            orderKey: 'k',
            destinations: [{ id, claimed: true, order: 'key' }],
          });
          const [outcome] = await outcomesOf(db.storage, event);
          if (outcome?.kind !== 'stored') throw new Error('the event was not stored');
          const delivery = { seq: outcome.seq, ordinal: 0 };
          const failed = failureOf(delivery, { status: 'failed', holds: true });
          await db.storage.record({ attempts: [failed] });
          return delivery;
        };
        const delivery = await holds('d');
        await holds('gone');
        await db.storage.destinationDelete({ tenantId, id: 'gone' });
        const later = await momentAfterAll(db);
        expect(await pruneAll(db.storage, later)).toBe(1);
        expect(await db.storage.deliveryGet({ delivery })).toMatchObject({ status: 'failed' });
        await db.storage.cancel({ delivery, nowMs: db.nowMs() });
        expect(await pruneAll(db.storage, later)).toBe(1);
      }),
    );

    it(
      'keeps what is still owed, until it is no more',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'a', 'b');
        const waiting = await publish(db.storage, tenantId, { to: ['a'], toClaimed: ['b'] });
        await db.storage.record({ attempts: [attemptOf({ seq: waiting, ordinal: 1 })] });
        const claimed = await publish(db.storage, tenantId, { toClaimed: ['a'] });
        await publish(db.storage, tenantId, { id: 'to nobody' });
        const later = await momentAfterAll(db);

        expect(await pruneAll(db.storage, later)).toBe(1);
        expect((await everything(db.storage))[0].map(({ seq }) => seq)).toEqual([waiting, claimed]);
        await db.storage.record({ attempts: [attemptOf({ seq: claimed, ordinal: 0 })] });
        expect(await pruneAll(db.storage, later)).toBe(1);
        await db.storage.cancel({ delivery: { seq: waiting, ordinal: 0 }, nowMs: db.nowMs() });
        expect(await pruneAll(db.storage, later)).toBe(1);
        expect(await everything(db.storage)).toEqual([[], [], []]);
      }),
    );

    it(
      'works in slices, past what it has to keep',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'd');
        const seqs: number[] = [];
        for (let index = 0; index < 9; index++)
          seqs.push(await publish(db.storage, tenantId, index % 3 === 1 ? { to: ['d'] } : {}));
        const query = { beforeMs: await momentAfterAll(db), limit: 4 };
        await rollUpAll(db.storage);

        const sizes: number[] = [];
        for (let more = true; more;) {
          const slice = await db.storage.pruneSlice(query);
          sizes.push(slice.events);
          more = slice.more;
          expect((await everything(db.storage))[0]).toHaveLength(9 - sum(sizes));
        }
        expect(Math.max(...sizes)).toBeLessThanOrEqual(4);
        expect(sum(sizes)).toBe(6);
        expect(await db.storage.pruneSlice(query)).toEqual({ events: 0, more: false });
        expect((await everything(db.storage))[0].map(({ seq }) => seq)).toEqual([
          seqs[1],
          seqs[4],
          seqs[7],
        ]);
      }),
    );

    it(
      'finds in a later round what the one before had to keep',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'd');
        const kept = await publish(db.storage, tenantId, { to: ['d'] });
        for (let index = 0; index < 3; index++) await publish(db.storage, tenantId);
        const beforeMs = await momentAfterAll(db);
        await rollUpAll(db.storage);
        const first = await db.storage.pruneSlice({ beforeMs, limit: 2 });
        expect(first.more).toBe(true);
        await db.storage.cancel({ delivery: { seq: kept, ordinal: 0 }, nowMs: db.nowMs() });
        // What was passed over may wait for the next round, but no longer.
        await pruneAll(db.storage, beforeMs);
        await pruneAll(db.storage, beforeMs);
        expect(await everything(db.storage)).toEqual([[], [], []]);
      }),
    );

    it(
      'frees the id of an event that it drops',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage);
        const event = await eventFor(db.storage, tenantId, { id: 'x' });
        await outcomesOf(db.storage, event);
        expect(await outcomesOf(db.storage, event)).toMatchObject([{ kind: 'duplicate' }]);
        await pruneAll(db.storage, await momentAfterAll(db));
        expect(await outcomesOf(db.storage, { ...event, topic: 'other' })).toMatchObject([
          { kind: 'stored' },
        ]);
      }),
    );

    it(
      'drops the history of deleted destinations and tenants, too',
      alone(async (db) => {
        const one = await seedTenant(db.storage, 'd');
        const two = await seedTenant(db.storage, 'd');
        await delivered(db.storage, one);
        await delivered(db.storage, two);
        await db.storage.destinationDelete({ tenantId: one, id: 'd' });
        await db.storage.tenantDelete({ id: two });
        await cancelAll(db.storage, db.nowMs());
        await db.tick();
        expect(await pruneAll(db.storage, db.nowMs())).toBe(2);
        expect(await everything(db.storage)).toEqual([[], [], []]);
      }),
    );

    it.runIf(driver.can.moveClock)(
      'gives numbers that only grow, also where the clock went back and all was dropped',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage);
        const first = await publish(db.storage, tenantId);
        db.moveClock(-HOUR_MS);
        const second = await publish(db.storage, tenantId);
        await db.restart();
        const third = await publish(db.storage, tenantId);
        await pruneAll(db.storage, db.nowMs() + 2 * HOUR_MS);
        const fourth = await publish(db.storage, tenantId);
        expect(second).toBeGreaterThan(first);
        expect(third).toBeGreaterThan(second);
        expect(fourth).toBeGreaterThan(third);
      }),
    );
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** An event that was delivered to `d` at the second attempt. */
async function delivered(storage: Storage, tenantId: string): Promise<number> {
  const seq = await publish(storage, tenantId, { toClaimed: ['d'] });
  const key = { seq, ordinal: 0 };
  await storage.record({ attempts: [failureOf(key, { status: 'pending', nextAttemptAtMs: 1 })] });
  await claim(storage, { tenantId, destinationId: 'd', dueBeforeMs: 1 });
  await storage.record({ attempts: [attemptOf(key, { number: 2, kind: 'retry' })] });
  return seq;
}

async function everything(storage: Storage) {
  const events = await storage.eventList(ALL_EVENTS);
  const deliveries = await storage.deliveryList(ALL_DELIVERIES);
  const attempts = await storage.attemptList(ALL_ATTEMPTS);
  return [events.rows, deliveries.rows, attempts.rows] as const;
}
