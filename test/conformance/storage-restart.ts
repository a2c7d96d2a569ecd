/** What a database is over time: ids, restarts, the end. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MAX_ORDINAL } from '../../src/domain/id.ts';
import type { Storage } from '../../src/storage/storage.ts';
import {
  ALL_ATTEMPTS,
  ALL_DELIVERIES,
  ALL_EVENTS,
  attemptOf,
  eventFor,
  outcomesOf,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { shareDatabase, withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

export function describeIds(driver: StorageDriver): void {
  describe('ids', () => {
    const db = shareDatabase(driver);

    it('spell numbers, and are read back', () => {
      const { ids } = db.storage;
      const seqs = fc.nat({ max: Number.MAX_SAFE_INTEGER });
      fc.assert(
        fc.property(seqs, fc.nat({ max: MAX_ORDINAL }), (seq, ordinal) => {
          expect(ids.parseEventId(ids.eventId(seq))).toBe(seq);
          expect(ids.parseAttemptId(ids.attemptId(seq))).toBe(seq);
          expect(ids.parseDeliveryId(ids.deliveryId({ seq, ordinal }))).toEqual({ seq, ordinal });
        }),
      );
    });

    it('sort as their numbers do', () => {
      const { ids } = db.storage;
      const seqs = fc.nat({ max: Number.MAX_SAFE_INTEGER });
      fc.assert(
        fc.property(seqs, seqs, (one, two) => {
          expect(Math.sign(one - two)).toBe(compare(ids.eventId(one), ids.eventId(two)));
        }),
      );
    });

    it('are not read from what is not one', () => {
      const { ids } = db.storage;
      const event = ids.eventId(5);
      const strange = [
        '',
        'evt_',
        event.slice(0, -1),
        `${event}0`,
        ids.attemptId(5),
        `${event.slice(0, -1)}u`,
      ];
      for (const id of strange) expect(ids.parseEventId(id)).toBeUndefined();
      expect(ids.parseAttemptId(event)).toBeUndefined();
      expect(ids.parseDeliveryId(event)).toBeUndefined();
      fc.assert(fc.property(fc.string(), (id) => ids.parseEventId(id) === undefined));
    });
  });
}

export function describeRestart(driver: StorageDriver): void {
  describe('a database', () => {
    it.each(['restart', 'crash'] as const)(
      'holds after a %s all that was answered',
      async (how) => {
        await withDatabase(driver, async (db) => {
          const before = db.storage;
          const tenantId = await seedTenant(before, 'd');
          const seq = await publish(before, tenantId, { id: 'x', toClaimed: ['d'] });
          await before.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
          const shown = await shownBy(before, tenantId);

          const after = await db[how]();
          expect(await shownBy(after, tenantId)).toEqual(shown);
          expect(after.ids.eventId(seq)).toBe(before.ids.eventId(seq));
          const again = await eventFor(after, tenantId, { id: 'x' });
          expect(await outcomesOf(after, again)).toEqual([
            { kind: 'duplicate', destinationIds: ['d'] },
          ]);
          expect(await publish(after, tenantId)).toBeGreaterThan(seq);
        });
      },
    );

    it('finishes what was asked for before it is closed', async () => {
      await withDatabase(driver, async (db) => {
        const tenantId = await seedTenant(db.storage, 'd');
        const event = await eventFor(db.storage, tenantId, { toClaimed: ['d'] });
        const asked = Promise.all([
          outcomesOf(db.storage, event),
          db.storage.eventList(ALL_EVENTS),
          outcomesOf(db.storage, event),
          db.storage.ping(),
        ]);
        const after = await db.restart();
        await asked;
        const { rows } = await after.eventList({ ...ALL_EVENTS, tenantIds: [tenantId] });
        expect(rows).toHaveLength(2);
      });
    });

    it('is the same after it was tidied up, and writes', async () => {
      await withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage, 'd');
        await publish(storage, tenantId, { to: ['d'] });
        const shown = await shownBy(storage, tenantId);
        await Promise.all([storage.maintain(), storage.maintain(), storage.ping()]);
        expect(await shownBy(storage, tenantId)).toEqual(shown);
        await publish(storage, tenantId, { to: ['d'] });
      });
    });

    it.runIf(driver.can.moveClock)(
      'has what is published due at once, also after the clock went back',
      async () => {
        await withDatabase(driver, async (db) => {
          const tenantId = await seedTenant(db.storage, 'd');
          const first = await publish(db.storage, tenantId, { to: ['d'] });
          db.moveClock(-3_600_000);
          const second = await publish(db.storage, tenantId, { to: ['d'] });
          expect(second).toBeGreaterThan(first);
          const [lane] = await db.storage.claim({
            lanes: [{ tenantId, destinationId: 'd', limit: 9 }],
            dueBeforeMs: db.nowMs(),
          });
          expect(lane?.deliveries.map(({ key }) => key.seq)).toEqual([first, second]);
        });
      },
    );

    it('shows a read what was written before, over many at once', async () => {
      await withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage);
        const event = await eventFor(storage, tenantId);
        await Promise.all(
          Array.from({ length: 20 }, async (_, index) => {
            await outcomesOf(storage, { ...event, id: `e${index}` });
            expect(await storage.eventGet({ id: `e${index}`, tenantId })).toHaveLength(1);
          }),
        );
      });
    });
  });
}

async function shownBy(storage: Storage, tenantId: string) {
  const tenantIds = [tenantId];
  return {
    tenant: await storage.tenantGet({ id: tenantId }),
    routing: await storage.routingOf({ tenantId }),
    events: await storage.eventList({ ...ALL_EVENTS, tenantIds }),
    deliveries: await storage.deliveryList({ ...ALL_DELIVERIES, tenantIds }),
    attempts: await storage.attemptList({ ...ALL_ATTEMPTS, tenantIds }),
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
