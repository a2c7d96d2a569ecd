/** Tenants. */
import { describe, expect, it } from 'vitest';

import type { PageRequest } from '../../src/storage/reading.ts';
import {
  ALL_ATTEMPTS,
  ALL_DELIVERIES,
  ALL_EVENTS,
  attemptOf,
  eventFor,
  insertDestination,
  newTenantId,
  outcomesOf,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { shareDatabase, withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

const PAGE: PageRequest = { limit: 100, order: 'asc', from: null };

export function describeTenants(driver: StorageDriver): void {
  describe('tenants', () => {
    const db = shareDatabase(driver);

    it('creates a tenant, and then replaces its metadata', async () => {
      const id = newTenantId();
      const before = db.nowMs();
      const first = await db.storage.tenantUpsert({ id, metadata: { a: '1', ä: '😀' } });
      expect(first).toEqual({
        created: true,
        tenant: {
          id,
          metadata: { a: '1', ä: '😀' },
          settings: {},
          destinationsCount: 0,
          topics: [],
          createdAtMs: first.tenant.updatedAtMs,
          updatedAtMs: expect.any(Number) as number,
          position: expect.any(Array) as number[],
        },
      });
      expect(first.tenant.createdAtMs).toBeGreaterThanOrEqual(before);

      await db.tick();
      const second = await db.storage.tenantUpsert({ id, metadata: { b: '2' } });
      expect(second.created).toBe(false);
      expect(second.tenant).toEqual({
        ...first.tenant,
        metadata: { b: '2' },
        updatedAtMs: second.tenant.updatedAtMs,
      });
      expect(second.tenant.updatedAtMs).toBeGreaterThan(first.tenant.updatedAtMs);
      expect(await db.storage.tenantGet({ id })).toEqual(second.tenant);
    });

    it('knows no strange tenant', async () => {
      expect(await db.storage.tenantGet({ id: 'no such' })).toBeNull();
      expect(await db.storage.tenantDelete({ id: 'no such' })).toBe(false);
    });

    it('creates a tenant once where many ask at once', async () => {
      const id = newTenantId();
      const results = await Promise.all(
        ['1', '2', '3'].map((a) => db.storage.tenantUpsert({ id, metadata: { a } })),
      );
      expect(results.filter(({ created }) => created)).toHaveLength(1);
      const { count } = await db.storage.tenantList({ ids: [id], page: PAGE });
      expect(count).toBe(1);
    });

    it('counts a tenant’s destinations, and gathers their topics, each once and sorted', async () => {
      const id = await seedTenant(db.storage);
      await insertDestination(db.storage, id, 'a', { topics: ['room.created', 'user.*'] });
      await insertDestination(db.storage, id, 'b', { topics: ['*', 'room.created'] });
      await insertDestination(db.storage, id, 'c', { topics: [], disabledAtMs: 1 });
      await insertDestination(db.storage, id, 'gone', { topics: ['gone'] });
      await db.storage.destinationDelete({ tenantId: id, id: 'gone' });
      const expected = { destinationsCount: 3, topics: ['*', 'room.created', 'user.*'] };
      expect(await db.storage.tenantGet({ id })).toMatchObject(expected);
      const { rows } = await db.storage.tenantList({ ids: [id], page: PAGE });
      expect(rows).toMatchObject([expected]);
    });

    it('lists by age, all or those asked for, and counts all matches', async () => {
      await withDatabase(driver, async ({ storage }) => {
        for (const id of ['c', 'a', 'd', 'b']) await storage.tenantUpsert({ id, metadata: {} });
        const list = async (ids: string[], page: PageRequest) => {
          const { rows, more, count } = await storage.tenantList({ ids, page });
          return { ids: rows.map(({ id }) => id), more, count };
        };
        expect(await list([], PAGE)).toEqual({ ids: ['c', 'a', 'd', 'b'], more: false, count: 4 });
        expect(await list([], { ...PAGE, limit: 3, order: 'desc' })).toEqual({
          ids: ['b', 'd', 'a'],
          more: true,
          count: 4,
        });
        expect(await list(['b', 'no such', 'c', 'b'], PAGE)).toEqual({
          ids: ['c', 'b'],
          more: false,
          count: 2,
        });
        expect(await list(['b', 'a', 'c'], { ...PAGE, limit: 1 })).toEqual({
          ids: ['c'],
          more: true,
          count: 3,
        });
        expect(await list(['no such'], PAGE)).toEqual({ ids: [], more: false, count: 0 });
      });
    });

    it('counts and lists as of one moment while tenants come and go', async () => {
      const ids = Array.from({ length: 12 }, newTenantId);
      const lists = ids.map(async (id) => {
        const upsert = db.storage.tenantUpsert({ id, metadata: {} });
        const list = db.storage.tenantList({ ids, page: PAGE });
        await upsert;
        const gone = db.storage.tenantDelete({ id });
        const listAgain = db.storage.tenantList({ ids, page: PAGE });
        await gone;
        return [await list, await listAgain];
      });
      for (const { rows, count } of (await Promise.all(lists)).flat())
        expect(rows).toHaveLength(count);
    });

    it('deletes a tenant with its destinations and all that was seen through it', async () => {
      const id = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, id, { id: 'x', toClaimed: ['d'] });
      await db.storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
      const event = await eventFor(db.storage, id, { id: 'y' });
      expect(await db.storage.tenantDelete({ id })).toBe(true);

      expect(await db.storage.tenantGet({ id })).toBeNull();
      expect(await db.storage.tenantDelete({ id })).toBe(false);
      expect(await db.storage.destinationList({ tenantId: id })).toEqual([]);
      expect(await db.storage.destinationGet({ tenantId: id, id: 'd' })).toBeNull();
      expect(await db.storage.routingOf({ tenantId: id })).toBeNull();
      expect(await outcomesOf(db.storage, event)).toEqual([{ kind: 'unknown_tenant' }]);
    });

    it('shows nothing of a deleted tenant to one made anew under its id', async () => {
      const id = await seedTenant(db.storage, 'd');
      const seq = await publish(db.storage, id, { id: 'x', topic: 'old', toClaimed: ['d'] });
      await db.storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
      await db.storage.tenantDelete({ id });
      const { created } = await db.storage.tenantUpsert({ id, metadata: {} });
      expect(created).toBe(true);
      await insertDestination(db.storage, id, 'd');

      const tenantIds = [id];
      expect((await db.storage.eventList({ ...ALL_EVENTS, tenantIds })).rows).toEqual([]);
      expect((await db.storage.deliveryList({ ...ALL_DELIVERIES, tenantIds })).rows).toEqual([]);
      expect((await db.storage.attemptList({ ...ALL_ATTEMPTS, tenantIds })).rows).toEqual([]);
      expect(await db.storage.eventGet({ id: 'x', tenantId: id })).toEqual([]);
      const again = await eventFor(db.storage, id, { id: 'x', topic: 'new' });
      expect(await outcomesOf(db.storage, again)).toMatchObject([{ kind: 'stored' }]);
      const query = { tenantId: id, eventSeq: seq, destinationId: 'd', nowMs: db.nowMs() };
      expect(await db.storage.retryByHand(query)).toBe('unknown');
    });
  });
}
