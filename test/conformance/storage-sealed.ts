/** Sealed boxes: walked through, and put back under another key. */
import { describe, expect, it } from 'vitest';

import { SEALED_KINDS } from '../../src/storage/sealed.ts';
import type { SealedKind, SealedRow } from '../../src/storage/sealed.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { destinationOf, insertDestination, seedTenant } from '../support/storage-fixtures.ts';
import { shareDatabase, withDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

export function describeSealed(driver: StorageDriver): void {
  describe('sealed boxes', () => {
    const db = shareDatabase(driver);

    it('are listed by kind and position, in pages that miss none', async () => {
      await withDatabase(driver, async ({ storage }) => {
        const first = await seedTenant(storage, 'a', 'b');
        const second = await seedTenant(storage, 'a', 'c', 'gone');
        await seedTenant(storage);
        await storage.destinationDelete({ tenantId: second, id: 'gone' });
        for (const id of [first, second])
          await storage.tenantSecretsPut({ id, sealed: Uint8Array.of(7, 255), ifRevision: 0 });

        for (const limit of [1, 2, 3, 100]) {
          expect((await walk(storage, 'tenant', limit)).map(({ owner }) => owner)).toEqual([
            { kind: 'tenant', tenantId: first },
            { kind: 'tenant', tenantId: second },
          ]);
          expect((await walk(storage, 'destination', limit)).map(({ owner }) => owner)).toEqual([
            { kind: 'destination', tenantId: first, id: 'a' },
            { kind: 'destination', tenantId: first, id: 'b' },
            { kind: 'destination', tenantId: second, id: 'a' },
            { kind: 'destination', tenantId: second, id: 'c' },
          ]);
        }
        const [tenant] = await walk(storage, 'tenant', 10);
        expect(tenant).toMatchObject({ revision: 1 });
        expect([...(tenant?.sealed ?? [])]).toEqual([7, 255]);
        const [destination] = await walk(storage, 'destination', 10);
        expect([...(destination?.sealed ?? [])]).toEqual([0, 1, 2, 255]);
      });
    });

    it('are replaced, and nothing else of their rows is', async () => {
      const tenantId = await seedTenant(db.storage, 'd');
      await db.storage.tenantSecretsPut({ id: tenantId, sealed: Uint8Array.of(1), ifRevision: 0 });
      const before = await db.storage.routingOf({ tenantId });
      const rows = await rowsOf(db.storage, tenantId);
      // Clients have theirs in their own tests.
      expect(rows).toHaveLength(SEALED_KINDS.length - 1);
      await db.tick();
      const other = rows.map((row) => withBox(row, 9, 9));
      expect(await db.storage.reseal({ rows: other })).toEqual({ resealed: 2 });
      expect((await rowsOf(db.storage, tenantId)).map(bytesOf)).toEqual([
        [9, 9],
        [9, 9],
      ]);

      const after = await db.storage.routingOf({ tenantId });
      const plain = (routing: typeof before) => ({
        ...routing,
        defaults: { ...routing?.defaults.secrets, sealed: null },
        destinations: routing?.destinations.map((each) => ({ ...each, sealedCredentials: null })),
      });
      expect(plain(after)).toEqual(plain(before));
    });

    it('stay where their row was changed, deleted or made anew after it was read', async () => {
      const tenantId = await seedTenant(db.storage, 'changed', 'deleted', 'anew', 'same');
      await db.storage.tenantSecretsPut({ id: tenantId, sealed: Uint8Array.of(1), ifRevision: 0 });
      const rows = await rowsOf(db.storage, tenantId);
      await db.storage.tenantSecretsPut({ id: tenantId, sealed: Uint8Array.of(5), ifRevision: 1 });
      await db.storage.destinationUpdate({
        destination: destinationOf(tenantId, 'changed', {
          sealedCredentials: Uint8Array.of(5),
          revision: 2,
        }),
        ifRevision: 1,
        cancelPending: false,
      });
      for (const id of ['deleted', 'anew']) await db.storage.destinationDelete({ tenantId, id });
      await insertDestination(db.storage, tenantId, 'anew', {
        sealedCredentials: Uint8Array.of(5),
      });

      const other = rows.map((row) => withBox(row, 9));
      expect(await db.storage.reseal({ rows: other })).toEqual({ resealed: 1 });
      const now = await rowsOf(db.storage, tenantId);
      expect(now.map((row) => [row.owner, bytesOf(row)])).toEqual([
        [{ kind: 'tenant', tenantId }, [5]],
        [{ kind: 'destination', tenantId, id: 'changed' }, [5]],
        [{ kind: 'destination', tenantId, id: 'same' }, [9]],
        [{ kind: 'destination', tenantId, id: 'anew' }, [5]],
      ]);
    });
  });
}

async function rowsOf(storage: Storage, tenantId: string): Promise<SealedRow[]> {
  const all = await Promise.all(SEALED_KINDS.map((kind) => walk(storage, kind, 1000)));
  return all.flat().filter(({ owner }) => owner.tenantId === tenantId);
}

async function walk(storage: Storage, kind: SealedKind, limit: number): Promise<SealedRow[]> {
  const rows: SealedRow[] = [];
  for (;;) {
    const page = await storage.sealedList({ kind, after: rows.at(-1)?.position ?? 0, limit });
    rows.push(...page);
    if (page.length < limit) return rows;
  }
}

function withBox(row: SealedRow, ...bytes: number[]): SealedRow {
  return { ...row, sealed: Uint8Array.from(bytes) };
}

function bytesOf({ sealed }: SealedRow): number[] {
  return [...sealed];
}
