/** `retryByHand` and `cancel`: one delivery, as somebody asked for. */
import { describe, expect, it } from 'vitest';

import { SCHEDULE_OVER } from '../../src/domain/delivery.ts';
import type { DeliveryStatus } from '../../src/domain/delivery.ts';
import {
  HOUR_MS,
  attemptOf,
  claim,
  deliveriesOf,
  deliveryAt,
  failureOf,
  insertDestination,
  publish,
  seedTenant,
  switchDestination,
} from '../support/storage-fixtures.ts';
import { shareDatabase, withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

export function describeByHand(driver: StorageDriver): void {
  describe('retryByHand', () => {
    const db = shareDatabase(driver);
    const later = () => db.nowMs() + HOUR_MS;

    /** A delivery after one attempt (none where it is canceled), in that status, unclaimed, due in an hour if pending. */
    async function inStatus(status: DeliveryStatus): Promise<{ tenantId: string; seq: number }> {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd');
      const canceled = status === 'canceled';
      const seq = await publish(storage, tenantId, canceled ? { to: ['d'] } : { toClaimed: ['d'] });
      const key = { seq, ordinal: 0 };
      if (canceled) await storage.cancel({ delivery: key, nowMs: db.nowMs() });
      if (status === 'delivered') await storage.record({ attempts: [attemptOf(key)] });
      if (status === 'failed')
        await storage.record({ attempts: [failureOf(key, { status: 'failed' })] });
      if (status === 'pending') {
        const verdict = { status, nextAttemptAtMs: later() } as const;
        await storage.record({ attempts: [failureOf(key, verdict, { step: 3 })] });
      }
      expect(await deliveryAt(storage, seq)).toMatchObject({ status, claimed: false });
      return { tenantId, seq };
    }

    it.each(['delivered', 'failed', 'canceled'] as const)(
      'makes one that is %s due now, for one attempt outside of the schedule',
      async (status) => {
        const { tenantId, seq } = await inStatus(status);
        const attempts = status === 'canceled' ? 0 : 1;
        const query = { tenantId, eventSeq: seq, destinationId: 'd', nowMs: later() };
        expect(await db.storage.retryByHand(query)).toBe('due');
        expect(await deliveryAt(db.storage, seq)).toMatchObject({
          status: 'pending',
          claimed: false,
          attempts,
          nextAttemptAtMs: query.nowMs,
          deliveredAtMs: null,
        });
        const lane = { tenantId, destinationId: 'd', dueBeforeMs: query.nowMs };
        const { deliveries } = await claim(db.storage, lane);
        expect(deliveries).toMatchObject([{ attempts, step: SCHEDULE_OVER, askedBy: 'hand' }]);
      },
    );

    it('makes a pending one due now, and leaves its schedule where it was', async () => {
      const { tenantId, seq } = await inStatus('pending');
      const nowMs = db.nowMs();
      const query = { tenantId, eventSeq: seq, destinationId: 'd', nowMs };
      expect(await db.storage.retryByHand(query)).toBe('due');
      const lane = { tenantId, destinationId: 'd', dueBeforeMs: nowMs };
      const { deliveries } = await claim(db.storage, lane);
      expect(deliveries).toMatchObject([{ attempts: 1, step: 3, askedBy: 'hand' }]);
    });

    it('leaves alone what a live node is at', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, { toClaimed: ['d'] });
      const before = await deliveryAt(db.storage, seq);
      const query = { tenantId, eventSeq: seq, destinationId: 'd', nowMs: later() };
      expect(await db.storage.retryByHand(query)).toBe('in_attempt');
      expect(await deliveryAt(db.storage, seq)).toEqual(before);
      const attempts = [attemptOf({ seq, ordinal: 0 })];
      expect(await db.storage.record({ attempts })).toEqual(['recorded']);
    });

    it('takes back that one was canceled while it is in memory: it goes on', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, { toClaimed: ['d'] });
      const key = { seq, ordinal: 0 };
      expect(await db.storage.cancel({ delivery: key, nowMs: db.nowMs() })).toBe('in_attempt');
      const query = { tenantId, eventSeq: seq, destinationId: 'd', nowMs: db.nowMs() };
      expect(await db.storage.retryByHand(query)).toBe('in_attempt');
      expect(await deliveryAt(db.storage, seq)).toMatchObject({ status: 'pending', claimed: true });
      expect(await db.storage.record({ attempts: [attemptOf(key)] })).toEqual(['recorded']);
      expect(await deliveryAt(db.storage, seq)).toMatchObject({ status: 'delivered', attempts: 1 });
    });

    it('makes one due that was canceled, and has left the memory since', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, { toClaimed: ['d'] });
      const key = { seq, ordinal: 0 };
      await db.storage.cancel({ delivery: key, nowMs: db.nowMs() });
      await db.storage.release({ deliveries: [key] });
      expect(await deliveryAt(db.storage, seq)).toMatchObject({ status: 'canceled' });
      const query = { tenantId, eventSeq: seq, destinationId: 'd', nowMs: db.nowMs() };
      expect(await db.storage.retryByHand(query)).toBe('due');
      const lane = { tenantId, destinationId: 'd', dueBeforeMs: query.nowMs };
      const { deliveries } = await claim(db.storage, lane);
      expect(deliveries).toMatchObject([{ key, askedBy: 'hand', step: SCHEDULE_OVER }]);
    });

    it('makes nothing due for a destination that is disabled', async () => {
      const tenantId = await seedTenant(db.storage, 'd', 'e');
      const seq = await publish(db.storage, tenantId, { to: ['d'] });
      for (const id of ['d', 'e'])
        await switchDestination(db.storage, tenantId, id, {
          disabledAtMs: db.nowMs(),
          cancelPending: false,
        });
      for (const destinationId of ['d', 'e']) {
        const query = { tenantId, eventSeq: seq, destinationId, nowMs: db.nowMs() };
        expect(await db.storage.retryByHand(query)).toBe('disabled');
      }
      const deliveries = await deliveriesOf(db.storage, seq);
      expect(deliveries.map(({ destinationId }) => destinationId)).toEqual(['d']);
    });

    it('takes what a dead incarnation was at for free', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd');
        const seq = await publish(own.storage, tenantId, { toClaimed: ['d'] });
        const after = await own.crash();
        const nowMs = own.nowMs();
        const query = { tenantId, eventSeq: seq, destinationId: 'd', nowMs };
        expect(await after.retryByHand(query)).toBe('due');
        const { deliveries } = await claim(after, { ...query, dueBeforeMs: nowMs });
        expect(deliveries).toMatchObject([{ key: { seq, ordinal: 0 }, askedBy: 'hand', step: 0 }]);
      });
    });

    it('adds a delivery for a destination that never had the event, after those it has', async () => {
      const tenantId = await seedTenant(db.storage, 'a', 'b', 'c');
      const seq = await publish(db.storage, tenantId, { to: ['a'], toClaimed: ['b'] });
      const nowMs = later();
      const query = { tenantId, eventSeq: seq, destinationId: 'c', nowMs };
      expect(await db.storage.retryByHand(query)).toBe('due');
      const deliveries = await deliveriesOf(db.storage, seq);
      expect(deliveries).toMatchObject([
        { key: { seq, ordinal: 0 }, destinationId: 'a' },
        { key: { seq, ordinal: 1 }, destinationId: 'b' },
        {
          key: { seq, ordinal: 2 },
          destinationId: 'c',
          status: 'pending',
          claimed: false,
          attempts: 0,
          nextAttemptAtMs: nowMs,
          createdAtMs: nowMs,
        },
      ]);
      const claimed = await claim(db.storage, { ...query, dueBeforeMs: nowMs });
      expect(claimed.deliveries).toMatchObject([{ askedBy: 'hand', step: SCHEDULE_OVER }]);
      expect(await db.storage.retryByHand(query)).toBe('in_attempt');
      expect(await deliveriesOf(db.storage, seq)).toHaveLength(3);
    });

    it('adds the first delivery of an event that nobody took', async () => {
      const tenantId = await seedTenant(db.storage);
      const seq = await publish(db.storage, tenantId);
      await insertDestination(db.storage, tenantId, 'late');
      const query = { tenantId, eventSeq: seq, destinationId: 'late', nowMs: db.nowMs() };
      expect(await db.storage.retryByHand(query)).toBe('due');
      expect(await deliveryAt(db.storage, seq)).toMatchObject({ destinationId: 'late' });
    });

    it('adds one for a destination that was made anew under the id of a deleted one', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, { toClaimed: ['d'] });
      await db.storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
      await db.storage.destinationDelete({ tenantId, id: 'd' });
      await insertDestination(db.storage, tenantId, 'd');
      const query = { tenantId, eventSeq: seq, destinationId: 'd', nowMs: db.nowMs() };
      expect(await db.storage.retryByHand(query)).toBe('due');
      expect(await deliveriesOf(db.storage, seq)).toMatchObject([
        { status: 'delivered', attempts: 1 },
        { status: 'pending', attempts: 0 },
      ]);
    });

    it('knows no strange event, destination or tenant', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd', 'gone');
      const other = await seedTenant(storage, 'd');
      const seq = await publish(storage, tenantId, { to: ['d', 'gone'] });
      await storage.destinationDelete({ tenantId, id: 'gone' });
      const query = { tenantId, eventSeq: seq, destinationId: 'd', nowMs: db.nowMs() };
      expect(await storage.retryByHand({ ...query, eventSeq: 1 })).toBe('unknown');
      expect(await storage.retryByHand({ ...query, destinationId: 'no such' })).toBe('unknown');
      expect(await storage.retryByHand({ ...query, destinationId: 'gone' })).toBe('unknown');
      expect(await storage.retryByHand({ ...query, tenantId: other })).toBe('unknown');
      expect(await storage.retryByHand({ ...query, tenantId: 'no such' })).toBe('unknown');
      expect(await deliveriesOf(storage, seq)).toHaveLength(2);
    });
  });
}

export function describeCancel(driver: StorageDriver): void {
  describe('cancel', () => {
    const db = shareDatabase(driver);

    it('cancels a pending delivery, and no other of the event', async () => {
      const tenantId = await seedTenant(db.storage, 'a', 'b');
      const seq = await publish(db.storage, tenantId, { to: ['a', 'b'] });
      const nowMs = db.nowMs() + HOUR_MS;
      expect(await db.storage.cancel({ delivery: { seq, ordinal: 1 }, nowMs })).toBe('canceled');
      expect(await deliveriesOf(db.storage, seq)).toMatchObject([
        { status: 'pending' },
        { status: 'canceled', claimed: false, nextAttemptAtMs: null, updatedAtMs: nowMs },
      ]);
    });

    it('says why, where it was superseded', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, { toClaimed: ['d'] });
      const delivery = { seq, ordinal: 0 };
      await db.storage.cancel({ delivery, nowMs: db.nowMs(), code: 'superseded' });
      expect(await deliveryAt(db.storage, seq)).toMatchObject({
        status: 'canceled',
        lastCode: 'superseded',
      });
    });

    it('tells where a live node is at it, and cancels it all the same', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, tenantId, { toClaimed: ['d'] });
      const delivery = { seq, ordinal: 0 };
      expect(await db.storage.cancel({ delivery, nowMs: db.nowMs() })).toBe('in_attempt');
      expect(await deliveryAt(db.storage, seq)).toMatchObject({
        status: 'canceled',
        claimed: false,
        nextAttemptAtMs: null,
      });
      expect(await db.storage.record({ attempts: [attemptOf(delivery)] })).toEqual(['canceled']);
    });

    it('cancels what a dead incarnation was at', async () => {
      await withDatabase(driver, async (own) => {
        const tenantId = await seedTenant(own.storage, 'd');
        const seq = await publish(own.storage, tenantId, { toClaimed: ['d'] });
        const after = await own.crash();
        const delivery = { seq, ordinal: 0 };
        expect(await after.cancel({ delivery, nowMs: own.nowMs() })).toBe('canceled');
      });
    });

    it('leaves alone what is final, and knows nothing strange', async () => {
      const tenantId = await seedTenant(db.storage, 'a', 'b', 'c');
      const seq = await publish(db.storage, tenantId, { toClaimed: ['a', 'b'], to: ['c'] });
      const attempts = [1, 2].map((ordinal) =>
        attemptOf(
          { seq, ordinal },
          { verdict: { status: ordinal === 1 ? 'delivered' : 'failed' } },
        ),
      );
      await db.storage.record({ attempts });
      await db.storage.cancel({ delivery: { seq, ordinal: 0 }, nowMs: db.nowMs() });
      const before = await deliveriesOf(db.storage, seq);

      const nowMs = db.nowMs() + HOUR_MS;
      for (const ordinal of [0, 1, 2])
        expect(await db.storage.cancel({ delivery: { seq, ordinal }, nowMs })).toBe('final');
      expect(await db.storage.cancel({ delivery: { seq, ordinal: 3 }, nowMs })).toBe('unknown');
      expect(await db.storage.cancel({ delivery: { seq: 1, ordinal: 0 }, nowMs })).toBe('unknown');
      expect(await deliveriesOf(db.storage, seq)).toEqual(before);
    });
  });
}
