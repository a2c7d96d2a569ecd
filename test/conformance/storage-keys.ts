/** Keys of the operator. */
import { describe, expect, it } from 'vitest';

import type { ApiKey } from '../../src/domain/api-key.ts';
import type { PageRequest } from '../../src/storage/reading.ts';
import { ALL_AUDIT, auditEntryOf } from '../support/storage-fixtures.ts';
import { withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

const PAGE: PageRequest = { limit: 100, order: 'asc', from: null };

function keyOf(id: string, changes: Partial<ApiKey> = {}): ApiKey {
  return {
    id,
    name: `key ${id}`,
    scope: 'read',
    prefix: `ank_${id}`,
    hash: Uint8Array.of(0, 1, 254, 255),
    createdAtMs: 1_700_000_000_000,
    expiresAtMs: null,
    lastUsedAtMs: null,
    revokedAtMs: null,
    revision: 1,
    ...changes,
  };
}

export function describeKeys(driver: StorageDriver): void {
  describe('keys', () => {
    it('keeps a key as it is, and knows no strange one', () =>
      withDatabase(driver, async ({ storage }) => {
        const key = keyOf('a', { name: 'ä 😀', scope: 'admin', expiresAtMs: 1_800_000_000_000 });
        await storage.keyInsert({ key });
        const { position, ...kept } = (await storage.keyGet({ id: 'a' })) ?? {};
        expect(kept).toEqual(key);
        expect(position).toHaveLength(1);
        expect(await storage.keyGet({ id: 'b' })).toBeNull();
      }));

    it('changes name, expiry and revocation of a key that is still as it was read', () =>
      withDatabase(driver, async ({ storage }) => {
        const key = keyOf('a');
        await storage.keyInsert({ key });
        const changed = { ...key, name: 'b', expiresAtMs: 5, revokedAtMs: 6, revision: 2 };
        expect(await storage.keyUpdate({ key: changed, ifRevision: 1 })).toBe('updated');
        expect(await storage.keyGet({ id: 'a' })).toMatchObject(changed);
        const late = { ...key, name: 'c', revision: 2 };
        expect(await storage.keyUpdate({ key: late, ifRevision: 1 })).toBe('changed_meanwhile');
        expect(await storage.keyUpdate({ key: keyOf('x'), ifRevision: 1 })).toBe('unknown');
        expect(await storage.keyGet({ id: 'a' })).toMatchObject(changed);
      }));

    it('lists all by age, page by page', () =>
      withDatabase(driver, async ({ storage }) => {
        for (const id of ['c', 'a', 'b'])
          await storage.keyInsert({ key: keyOf(id, id === 'a' ? { revokedAtMs: 1 } : {}) });
        const list = async (page: PageRequest) => {
          const { rows, more } = await storage.keyList({ page });
          return { ids: rows.map(({ id }) => id), more, position: rows.at(-1)?.position ?? [] };
        };
        expect(await list(PAGE)).toMatchObject({ ids: ['c', 'a', 'b'], more: false });
        const first = await list({ ...PAGE, limit: 2, order: 'desc' });
        expect(first).toMatchObject({ ids: ['b', 'a'], more: true });
        const from = { side: 'after', position: first.position } as const;
        expect(await list({ limit: 2, order: 'desc', from })).toMatchObject({
          ids: ['c'],
          more: false,
        });
      }));

    it('gives all that are not revoked, under a version that each change raises', () =>
      withDatabase(driver, async (db) => {
        const versions: number[] = [];
        const ringIds = async () => {
          const { version, keys } = await db.storage.keyRing();
          versions.push(version);
          return keys.map(({ id }) => id);
        };
        expect(await ringIds()).toEqual([]);
        await db.storage.keyInsert({ key: keyOf('a', { expiresAtMs: 1 }) });
        expect(await ringIds()).toEqual(['a']);
        await db.storage.keyInsert({ key: keyOf('b') });
        expect(await ringIds()).toEqual(['a', 'b']);
        const revoked = keyOf('a', { revokedAtMs: 2, revision: 2 });
        await db.storage.keyUpdate({ key: revoked, ifRevision: 1 });
        expect(await ringIds()).toEqual(['b']);
        await db.restart();
        await db.storage.keyInsert({ key: keyOf('c') });
        expect(await ringIds()).toEqual(['b', 'c']);
        expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
        await db.storage.keyUpdate({ key: revoked, ifRevision: 1 });
        await db.storage.keysUsed({ uses: [{ id: 'b', atMs: 1 }] });
        expect((await db.storage.keyRing()).version).toBe(versions.at(-1));
      }));

    it('keeps the latest use of each key', () =>
      withDatabase(driver, async ({ storage }) => {
        for (const id of ['a', 'b', 'c']) await storage.keyInsert({ key: keyOf(id) });
        const at = (id: string, atMs: number) => ({ id, atMs });
        await storage.keysUsed({ uses: [at('a', 10), at('b', 20), at('gone', 30)] });
        await storage.keysUsed({ uses: [at('a', 9), at('b', 21)] });
        const { rows } = await storage.keyList({ page: PAGE });
        expect(rows.map(({ lastUsedAtMs }) => lastUsedAtMs)).toEqual([10, 21, null]);
      }));

    it('writes the audit entry with the change, and none without one', () =>
      withDatabase(driver, async ({ storage }) => {
        const audit = (action: 'key.created' | 'key.updated') =>
          auditEntryOf({ action, tenantId: null, resource: { kind: 'key', id: 'a' } });
        await storage.keyInsert({ key: keyOf('a'), audit: audit('key.created') });
        const changed = keyOf('a', { revision: 2 });
        const update = { key: changed, ifRevision: 1, audit: audit('key.updated') };
        expect(await storage.keyUpdate(update)).toBe('updated');
        expect(await storage.keyUpdate(update)).toBe('changed_meanwhile');
        // The same id again is refused as a whole.
        const twice = storage.keyInsert({ key: keyOf('a'), audit: audit('key.created') });
        await expect(twice).rejects.toThrow();
        const { rows } = await storage.auditList(ALL_AUDIT);
        expect(rows.map(({ action }) => action)).toEqual(['key.created', 'key.updated']);
      }));
  });
}
