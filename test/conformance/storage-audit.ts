/** The audit log: entries come with the change that they tell of, and stay. */
import { describe, expect, it } from 'vitest';

import type { AuditAction, AuditEntry } from '../../src/domain/audit.ts';
import type { AuditQuery } from '../../src/storage/reading.ts';
import type { Storage } from '../../src/storage/storage.ts';
import {
  ALL_AUDIT,
  auditEntryOf,
  destinationOf,
  newTenantId,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { shareDatabase, withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

async function actionsOf(storage: Storage, tenantId: string): Promise<string[]> {
  const { rows } = await storage.auditList({ ...ALL_AUDIT, tenantIds: [tenantId] });
  return rows.map(({ action }) => action);
}

export function describeAudit(driver: StorageDriver): void {
  describe('the audit log', () => {
    const db = shareDatabase(driver);

    it('keeps an entry as it is', async () => {
      const tenantId = newTenantId();
      const entry = auditEntryOf({
        tenantId,
        before: { name: 'ä 😀', list: [1, null] },
        after: null,
        actor: { kind: 'client', id: 'c', name: 'n' },
      });
      await db.storage.auditInsert({ entry });
      const { rows } = await db.storage.auditList({ ...ALL_AUDIT, tenantIds: [tenantId] });
      expect(rows).toEqual([
        { ...entry, seq: expect.any(Number) as number, position: expect.any(Array) as number[] },
      ]);
    });

    it('tells of a tenant what it was before and after, and nothing where nothing changed', async () => {
      const id = newTenantId();
      const { atMs, actor, address, requestId } = auditEntryOf();
      const by = { atMs, actor, address, requestId };
      await db.storage.tenantUpsert({ id, metadata: { a: '1' }, author: by });
      await db.storage.tenantUpsert({ id, metadata: { a: '1' }, author: by });
      await db.storage.tenantUpsert({ id, metadata: { a: '2' } });
      await db.storage.tenantUpsert({ id, metadata: {}, author: by });
      await db.storage.tenantDelete({ id, author: by });
      await db.storage.tenantDelete({ id, author: by });
      const { rows } = await db.storage.auditList({ ...ALL_AUDIT, tenantIds: [id] });
      const told = rows.map(({ action, before, after }) => ({ action, before, after }));
      expect(told).toEqual([
        { action: 'tenant.created', before: null, after: { metadata: { a: '1' } } },
        { action: 'tenant.updated', before: { metadata: { a: '2' } }, after: { metadata: {} } },
        { action: 'tenant.deleted', before: { metadata: {} }, after: null },
      ]);
      expect(rows[0]).toMatchObject({ ...by, tenantId: id, resource: { kind: 'tenant', id } });
    });

    it('gets the entry of a destination’s change only where it was changed', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage);
      const audit = (action: AuditAction) => auditEntryOf({ tenantId, action });
      const created = audit('destination.created');
      const destination = destinationOf(tenantId, 'd');
      const insert = { destination, maxPerTenant: 5, audit: created };
      expect(await storage.destinationInsert(insert)).toBe('inserted');
      expect(await storage.destinationInsert(insert)).toBe('id_taken');
      const update = {
        destination: { ...destination, revision: 2 },
        ifRevision: 1,
        cancelPending: false,
        audit: audit('destination.updated'),
      };
      expect(await storage.destinationUpdate(update)).toBe('updated');
      expect(await storage.destinationUpdate(update)).toBe('changed_meanwhile');
      const remove = { tenantId, id: 'd', audit: audit('destination.deleted') };
      expect(await storage.destinationDelete({ ...remove, ifRevision: 1 })).toBe(
        'changed_meanwhile',
      );
      expect(await storage.destinationDelete({ ...remove, ifRevision: 2 })).toBe('deleted');
      expect(await storage.destinationDelete(remove)).toBe('unknown');
      expect(await actionsOf(storage, tenantId)).toEqual([
        'destination.created',
        'destination.updated',
        'destination.deleted',
      ]);
    });

    it('gets the entry of a retry and a cancel only where they did something', async () => {
      const { storage } = db;
      const tenantId = await seedTenant(storage, 'd', 'e');
      const audit = (action: AuditAction) => auditEntryOf({ tenantId, action });
      const seq = await publish(storage, tenantId, { to: ['d'] });
      const retry = (destinationId: string) => ({
        tenantId,
        eventSeq: seq,
        destinationId,
        nowMs: db.nowMs(),
        audit: audit('delivery.retried'),
      });
      expect(await storage.retryByHand(retry('d'))).toBe('due');
      expect(await storage.retryByHand(retry('e'))).toBe('due');
      expect(await storage.retryByHand(retry('x'))).toBe('unknown');
      const cancel = {
        delivery: { seq, ordinal: 0 },
        nowMs: db.nowMs(),
        audit: audit('delivery.canceled'),
      };
      expect(await storage.cancel(cancel)).toBe('canceled');
      expect(await storage.cancel(cancel)).toBe('final');
      expect(await actionsOf(storage, tenantId)).toEqual([
        'delivery.retried',
        'delivery.retried',
        'delivery.canceled',
      ]);
    });

    it('is listed by tenant, actor, action, resource and time', () =>
      withDatabase(driver, async ({ storage }) => {
        const entries: Record<string, Partial<AuditEntry>> = {
          a: { tenantId: 't', atMs: 1000, actor: { kind: 'operator', id: 'k', name: 'x' } },
          b: { tenantId: null, atMs: 2000, action: 'key.revoked' },
          c: { tenantId: 'u', atMs: 3000, resource: { kind: 'destination', id: 'd' } },
        };
        for (const [address, changes] of Object.entries(entries))
          await storage.auditInsert({ entry: auditEntryOf({ ...changes, address }) });
        const found = async (query: Partial<AuditQuery>) => {
          const { rows } = await storage.auditList({ ...ALL_AUDIT, ...query });
          return rows.map(({ address }) => address).join('');
        };
        expect(await found({})).toBe('abc');
        expect(await found({ page: { limit: 2, order: 'desc', from: null } })).toBe('cb');
        expect(await found({ tenantIds: ['t'] })).toBe('a');
        expect(await found({ tenantIds: ['u', 't'] })).toBe('ac');
        expect(await found({ actorIds: ['k'] })).toBe('a');
        expect(await found({ actions: ['key.revoked'] })).toBe('b');
        expect(await found({ resourceIds: ['d'] })).toBe('c');
        expect(await found({ resourceIds: ['d'], tenantIds: ['t'] })).toBe('');
        expect(await found({ time: { fromMs: 2000, toMs: 3000 } })).toBe('b');
      }));

    it('drops what is older in slices, and nothing else', () =>
      withDatabase(driver, async ({ storage }) => {
        // Clocks of nodes differ: not in the order of time.
        for (const atMs of [1000, 3000, 1500, 2000])
          await storage.auditInsert({ entry: auditEntryOf({ atMs }) });
        const slice = { beforeMs: 2000, limit: 1 };
        expect(await storage.auditPruneSlice(slice)).toEqual({ entries: 1, more: true });
        expect(await storage.auditPruneSlice(slice)).toEqual({ entries: 1, more: true });
        expect(await storage.auditPruneSlice(slice)).toEqual({ entries: 0, more: false });
        const { rows } = await storage.auditList(ALL_AUDIT);
        expect(rows.map(({ atMs }) => atMs)).toEqual([3000, 2000]);
      }));

    it('never gives a number twice, also where the newest entries were dropped', () =>
      withDatabase(driver, async (own) => {
        await own.storage.auditInsert({ entry: auditEntryOf({ atMs: 1 }) });
        const [first] = (await own.storage.auditList(ALL_AUDIT)).rows;
        await own.storage.auditPruneSlice({ beforeMs: 2, limit: 5 });
        const storage = await own.restart();
        await storage.auditInsert({ entry: auditEntryOf() });
        const [second] = (await storage.auditList(ALL_AUDIT)).rows;
        expect(second?.seq).toBeGreaterThan(first?.seq ?? Infinity);
      }));
  });
}
