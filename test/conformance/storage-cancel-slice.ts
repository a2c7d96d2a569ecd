/** `cancelSlice`: what deleted and disabled destinations were owed, a slice at a time, over restarts. */
import { describe, expect, it } from 'vitest';

import type { Storage } from '../../src/storage/storage.ts';
import {
  HOUR_MS,
  attemptOf,
  cancelAll,
  claim,
  deliveriesOf,
  deliveryAt,
  insertDestination,
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
      'cancels what was asked for by hand before the destination was disabled, at the same moment too',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'd');
        const seq = await publish(db.storage, tenantId, { to: ['d'] });
        const retry = { tenantId, destinationId: 'd', nowMs: db.nowMs(), eventSeq: seq };
        expect(await db.storage.retryByHand(retry)).toBe('due');
        await disableAndEnable(db, tenantId, 'd');
        expect(await cancelAll(db.storage, db.nowMs())).toBe(1);
        expect(await deliveryAt(db.storage, seq)).toMatchObject({ status: 'canceled' });
      }),
    );

    it.runIf(driver.can.moveClock)(
      'tells what was asked for before from what came after, though the clock was set back, over a crash',
      alone(async (db) => {
        const tenantId = await seedTenant(db.storage, 'd', 'other');
        const [before, after] = [
          await publish(db.storage, tenantId, { to: ['d'] }),
          await publish(db.storage, tenantId, { to: ['d'] }),
        ];
        const retry = { tenantId, destinationId: 'd' };
        const nowMs = () => db.nowMs();
        await db.storage.retryByHand({ ...retry, eventSeq: before, nowMs: nowMs() });
        db.moveClock(-HOUR_MS);
        const storage = await db.crash();
        await disableAndEnable(db, tenantId, 'd');
        await storage.retryByHand({ ...retry, eventSeq: after, nowMs: nowMs() });
        expect(await cancelAll(storage, nowMs())).toBe(1);
        expect(await deliveryAt(storage, before)).toMatchObject({ status: 'canceled' });
        expect(await deliveryAt(storage, after)).toMatchObject({ status: 'pending' });
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

async function fiveEvents(storage: Storage, tenantId: string, to: string[]): Promise<number[]> {
  const seqs: number[] = [];
  for (let index = 0; index < 5; index++) seqs.push(await publish(storage, tenantId, { to }));
  return seqs;
}

async function disableAndEnable(db: StorageUnderTest, tenantId: string, id: string): Promise<void> {
  const disabled = { disabledAtMs: db.nowMs(), cancelPending: true };
  await switchDestination(db.storage, tenantId, id, disabled);
  const enabled = { disabledAtMs: null, cancelPending: false };
  await switchDestination(db.storage, tenantId, id, enabled);
}
