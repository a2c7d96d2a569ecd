/** `cancelSlice` and `pruneSlice`: work that is done in slices, and goes on after a restart. */
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
  deliveriesOf,
  deliveryAt,
  failureOf,
  insertDestination,
  outcomesOf,
  eventFor,
  pruneAll,
  publish,
  seedTenant,
  switchDestination,
} from '../support/storage-fixtures.ts';
import { withDatabase } from './storage-driver.ts';
import type { StorageDriver, StorageUnderTest } from './storage-driver.ts';

export function describeCancelSlice(driver: StorageDriver): void {
  describe('cancelSlice', () => {
    const alone = (test: (db: StorageUnderTest) => Promise<void>) => () =>
      withDatabase(driver, test);

    it(
      'has nothing to do where nothing was deleted or disabled',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'd');
        const seq = await publish(db.storage, tenantId, { to: ['d'] });
        await switchDestination(db.storage, tenantId, 'd', {
          disabledAtMs: db.nowMs(),
          cancelPending: false,
        });
        const slice = await db.storage.cancelSlice({ limit: 10, nowMs: db.nowMs() });
        expect(slice).toEqual({ canceled: 0, more: false });
        expect(await deliveryAt(db.storage, seq)).toMatchObject({ status: 'pending' });
      }),
    );

    it(
      'cancels what a deleted destination was owed, and nothing of others',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'gone', 'stays');
        const seqs = await fiveEvents(db.storage, tenantId, ['gone', 'stays']);
        const claimed = await publish(db.storage, tenantId, { toClaimed: ['gone'] });
        const done = await publish(db.storage, tenantId, { toClaimed: ['gone'] });
        await db.storage.record({ attempts: [attemptOf({ seq: done, ordinal: 0 })] });
        await db.storage.destinationDelete({ tenantId, id: 'gone' });

        const nowMs = db.nowMs() + HOUR_MS;
        const slice = await db.storage.cancelSlice({ limit: 4, nowMs });
        expect(slice.canceled).toBeLessThanOrEqual(4);
        expect(slice.more).toBe(true);
        expect(slice.canceled + (await cancelAll(db.storage, nowMs))).toBe(6);
        for (const seq of seqs) {
          expect(await deliveriesOf(db.storage, seq)).toMatchObject([
            { status: 'canceled', nextAttemptAtMs: null, updatedAtMs: nowMs },
            { status: 'pending' },
          ]);
        }
        expect(await deliveryAt(db.storage, claimed)).toMatchObject({ status: 'canceled' });
        expect(await deliveryAt(db.storage, done)).toMatchObject({ status: 'delivered' });
        const after = await db.storage.cancelSlice({ limit: 10, nowMs });
        expect(after).toEqual({ canceled: 0, more: false });
      }),
    );

    it(
      'cancels what a destination that is made anew did not yet have, and nothing of the new one',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'd');
        const old = await publish(db.storage, tenantId, { to: ['d'] });
        await db.storage.destinationDelete({ tenantId, id: 'd' });
        await insertDestination(db.storage, tenantId, 'd');
        const fresh = await publish(db.storage, tenantId, { to: ['d'] });
        expect(await cancelAll(db.storage, db.nowMs())).toBe(1);
        expect(await deliveryAt(db.storage, old)).toMatchObject({ status: 'canceled' });
        expect(await deliveryAt(db.storage, fresh)).toMatchObject({ status: 'pending' });
      }),
    );

    it(
      'cancels what came before a destination was disabled, not what came after it',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'd');
        const before = await fiveEvents(db.storage, tenantId, ['d']);
        await disableAndEnable(db, tenantId, 'd');
        const after = await fiveEvents(db.storage, tenantId, ['d']);

        expect(await cancelAll(db.storage, db.nowMs())).toBe(5);
        for (const seq of before)
          expect(await deliveryAt(db.storage, seq)).toMatchObject({ status: 'canceled' });
        for (const seq of after)
          expect(await deliveryAt(db.storage, seq)).toMatchObject({ status: 'pending' });
      }),
    );

    it(
      'leaves what was asked for by hand after the destination was enabled again',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'd', 'other');
        const [old, never] = [
          await publish(db.storage, tenantId, { to: ['d'] }),
          await publish(db.storage, tenantId, { to: ['other'] }),
        ];
        await disableAndEnable(db, tenantId, 'd');
        await db.tick();
        const retry = { tenantId, destinationId: 'd', nowMs: db.nowMs() };
        expect(await db.storage.retryByHand({ ...retry, eventSeq: old })).toBe('due');
        expect(await db.storage.retryByHand({ ...retry, eventSeq: never })).toBe('due');

        expect(await cancelAll(db.storage, db.nowMs())).toBe(0);
        const lane = { tenantId, destinationId: 'd', dueBeforeMs: db.nowMs() };
        const { deliveries } = await claim(db.storage, lane);
        expect(deliveries.map(({ key }) => key.seq)).toEqual([old, never]);
      }),
    );

    it(
      'goes on after a crash in the middle, and forgets no destination for another',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'a', 'b', 'c');
        const seqs = await fiveEvents(db.storage, tenantId, ['a', 'b', 'c']);
        await db.storage.destinationDelete({ tenantId, id: 'a' });
        await disableAndEnable(db, tenantId, 'b');
        const slice = await db.storage.cancelSlice({ limit: 3, nowMs: db.nowMs() });
        expect(slice.canceled).toBeGreaterThan(0);
        expect(slice.more).toBe(true);

        const storage = await db.crash();
        expect(slice.canceled + (await cancelAll(storage, db.nowMs(), 3))).toBe(10);
        for (const seq of seqs) {
          const deliveries = await deliveriesOf(storage, seq);
          expect(deliveries.map(({ status }) => status)).toEqual([
            'canceled',
            'canceled',
            'pending',
          ]);
        }
      }),
    );

    it(
      'cancels what the destinations of a deleted tenant were owed',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'a', 'b');
        await fiveEvents(db.storage, tenantId, ['a', 'b']);
        await db.storage.tenantDelete({ id: tenantId });
        expect(await cancelAll(db.storage, db.nowMs(), 3)).toBe(10);
        expect(await db.storage.waitingLanes()).toEqual([]);
      }),
    );

    it.runIf(driver.can.moveClock)(
      'leaves what came after, also where the clock went back over a restart',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'd');
        await disableAndEnable(db, tenantId, 'd');
        db.moveClock(-HOUR_MS);
        const storage = await db.restart();
        const seq = await publish(storage, tenantId, { to: ['d'] });
        expect(await cancelAll(storage, db.nowMs())).toBe(0);
        expect(await deliveryAt(storage, seq)).toMatchObject({ status: 'pending' });
      }),
    );
  });
}

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
      'keeps what is still owed, until it is no more',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'a', 'b');
        const waiting = await publish(db.storage, tenantId, { to: ['a'], toClaimed: ['b'] });
        await db.storage.record({ attempts: [attemptOf({ seq: waiting, ordinal: 1 })] });
        const claimed = await publish(db.storage, tenantId, { toClaimed: ['a'] });
        await publish(db.storage, tenantId, { id: 'to nobody' });
        const later = db.nowMs() + HOUR_MS;

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
        const query = { beforeMs: db.nowMs() + HOUR_MS, limit: 4 };

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
        const beforeMs = db.nowMs() + HOUR_MS;
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
        await pruneAll(db.storage, db.nowMs() + HOUR_MS);
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

async function fiveEvents(storage: Storage, tenantId: string, to: string[]): Promise<number[]> {
  const seqs: number[] = [];
  for (let index = 0; index < 5; index++) seqs.push(await publish(storage, tenantId, { to }));
  return seqs;
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

async function disableAndEnable(db: StorageUnderTest, tenantId: string, id: string): Promise<void> {
  const disabled = { disabledAtMs: db.nowMs(), cancelPending: true };
  await switchDestination(db.storage, tenantId, id, disabled);
  const enabled = { disabledAtMs: null, cancelPending: false };
  await switchDestination(db.storage, tenantId, id, enabled);
}

async function everything(storage: Storage) {
  const events = await storage.eventList(ALL_EVENTS);
  const deliveries = await storage.deliveryList(ALL_DELIVERIES);
  const attempts = await storage.attemptList(ALL_ATTEMPTS);
  return [events.rows, deliveries.rows, attempts.rows] as const;
}
