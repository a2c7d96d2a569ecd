/** `tenantEraseSlice`: what a deleted tenant leaves goes, and nothing else. */
import { describe, expect, it } from 'vitest';

import type { Storage } from '../../src/storage/storage.ts';
import {
  ALL_ATTEMPTS,
  ALL_DELIVERIES,
  ALL_EVENTS,
  attemptOf,
  insertDestination,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

async function eraseAll(storage: Storage, limit = 3): Promise<number> {
  let total = 0;
  for (;;) {
    const { rows, more } = await storage.tenantEraseSlice({ limit });
    expect(rows).toBeLessThanOrEqual(limit);
    total += rows;
    if (!more) return total;
  }
}

/** Five events, each delivered at once. */
async function tenantWithHistory(storage: Storage): Promise<string> {
  const tenantId = await seedTenant(storage, 'd');
  for (let index = 0; index < 5; index++) {
    const seq = await publish(storage, tenantId, { toClaimed: ['d'], id: `e-${index}` });
    await storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
  }
  return tenantId;
}

async function countsOf(storage: Storage, tenantId: string): Promise<number[]> {
  const tenantIds = [tenantId];
  const lists = [
    storage.eventList({ ...ALL_EVENTS, tenantIds }),
    storage.deliveryList({ ...ALL_DELIVERIES, tenantIds }),
    storage.attemptList({ ...ALL_ATTEMPTS, tenantIds }),
  ];
  return (await Promise.all(lists)).map(({ rows }) => rows.length);
}

export function describeErase(driver: StorageDriver): void {
  describe('tenantEraseSlice', () => {
    it('does nothing where no tenant was deleted', async () => {
      await withDatabase(driver, async ({ storage }) => {
        const tenantId = await tenantWithHistory(storage);
        expect(await storage.tenantEraseSlice({ limit: 10 })).toEqual({ rows: 0, more: false });
        expect(await storage.deletionList()).toEqual([]);
        expect(await countsOf(storage, tenantId)).toEqual([5, 5, 5]);
      });
    });

    it('drops what is left in slices, across restarts, and tells how much there is', async () => {
      await withDatabase(driver, async (db) => {
        const tenantId = await tenantWithHistory(db.storage);
        const other = await tenantWithHistory(db.storage);
        await db.storage.tenantDelete({ id: tenantId });
        expect(await db.storage.deletionList()).toMatchObject([
          { tenantId, remaining: { events: 5, deliveries: 5, attempts: 5 } },
        ]);
        await db.storage.tenantEraseSlice({ limit: 3 });
        const after = await db.crash();
        expect(await after.deletionList()).toMatchObject([
          { tenantId, remaining: { events: 5, deliveries: 2, attempts: 5 } },
        ]);
        expect(await eraseAll(after)).toBeGreaterThanOrEqual(2 + 5 + 5);
        expect(await after.deletionList()).toEqual([]);
        expect(await countsOf(after, other)).toEqual([5, 5, 5]);
      });
    });

    it('does no harm to a tenant that was created anew under the id, nor to its requests', async () => {
      await withDatabase(driver, async ({ storage }) => {
        const tenantId = await tenantWithHistory(storage);
        await storage.tenantDelete({ id: tenantId });
        await storage.tenantUpsert({ id: tenantId, metadata: {} });
        await insertDestination(storage, tenantId, 'd');
        expect(await countsOf(storage, tenantId)).toEqual([0, 0, 0]);
        const seq = await publish(storage, tenantId, { toClaimed: ['d'], id: 'e-0' });
        await storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
        await eraseAll(storage);
        expect(await countsOf(storage, tenantId)).toEqual([1, 1, 1]);
      });
    });

    it('loses the attempt that is under way, and what it would have written', async () => {
      await withDatabase(driver, async ({ storage }) => {
        const tenantId = await seedTenant(storage, 'd');
        const seq = await publish(storage, tenantId, { toClaimed: ['d'] });
        await storage.tenantDelete({ id: tenantId });
        await eraseAll(storage);
        const attempts = [attemptOf({ seq, ordinal: 0 })];
        expect(await storage.record({ attempts })).toEqual(['lost']);
        expect(await storage.attemptList(ALL_ATTEMPTS)).toMatchObject({ rows: [] });
      });
    });
  });
}
