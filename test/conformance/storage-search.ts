/** `eventSearch`: whatever a page may look at, all pages together find what holds the text, once, in the list's order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Position } from '../../src/storage/reading.ts';
import type { Storage } from '../../src/storage/storage.ts';
import {
  ALL_EVENTS,
  eventFor,
  jsonBytes,
  outcomesOf,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { shareDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

interface Budget {
  readonly maxRows: number;
  readonly maxBytes: number;
}

const UNBOUNDED: Budget = { maxRows: 1_000_000, maxBytes: 1_000_000_000 };

export function describeSearch(driver: StorageDriver): void {
  describe('eventSearch', () => {
    const db = shareDatabase(driver);

    it('finds each event that holds the text once, in order, in pages cut by limit, rows or bytes', async () => {
      const search = fc.record({
        texts: fc.array(fc.constantFrom('ab', 'abc', 'x', 'Ab', 'b'.repeat(40)), { maxLength: 14 }),
        times: fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }),
        budget: fc.record({
          maxRows: fc.integer({ min: 1, max: 6 }),
          maxBytes: fc.integer({ min: 1, max: 200 }),
        }),
        limit: fc.integer({ min: 1, max: 4 }),
        order: fc.constantFrom('asc' as const, 'desc' as const),
        side: fc.constantFrom('after' as const, 'before' as const),
        tenants: fc.integer({ min: 1, max: 2 }),
      });
      await fc.assert(
        fc.asyncProperty(search, async ({ texts, times, budget, limit, order, side, tenants }) => {
          const tenantIds: string[] = [];
          for (let left = tenants; left > 0; left--) tenantIds.push(await seedTenant(db.storage));
          for (const [index, text] of texts.entries()) {
            const tenantId = tenantIds[index % tenants] ?? '';
            const timeMs = times[index % times.length] ?? 0;
            const event = await eventFor(db.storage, tenantId, {
              timeMs,
              data: jsonBytes({ text }),
            });
            await outcomesOf(db.storage, event);
          }
          const query = { ...ALL_EVENTS, tenantIds };
          const { rows } = await db.storage.eventList({
            ...query,
            page: { limit: 100, order, from: null },
          });
          const holding = rows.filter(({ data }) => Buffer.from(data).includes('ab'));
          const expected = (side === 'after' ? holding : holding.toReversed()).map(
            ({ seq }) => seq,
          );
          // Backwards from past the end.
          const start =
            side === 'after'
              ? null
              : rows[0]?.position.map(() => (order === 'asc' ? Number.MAX_SAFE_INTEGER : 0));
          if (start === undefined) return;
          const found = await walk(db.storage, { ...query, text: 'ab', ...budget }, start, {
            limit,
            order,
            side,
          });
          expect(found).toEqual(expected);
        }),
        { numRuns: 40 },
      );
    });

    it('looks at no more than it may, and says where it stopped', async () => {
      const tenantId = await seedTenant(db.storage);
      const event = await eventFor(db.storage, tenantId, {
        timeMs: 5,
        data: jsonBytes({ a: 'b' }),
      });
      await outcomesOf(db.storage, event, event, event);
      const page = { limit: 10, order: 'asc' as const, from: null };
      const query = { ...ALL_EVENTS, tenantIds: [tenantId], page, text: 'nothing' };
      const whole = await db.storage.eventSearch({ ...query, ...UNBOUNDED });
      expect(whole).toEqual({ rows: [], more: false, stoppedAt: null });
      const { rows } = await db.storage.eventList(query);
      for (const budget of [
        { ...UNBOUNDED, maxRows: 2 },
        { ...UNBOUNDED, maxBytes: event.data.length + 1 },
      ]) {
        const cut = await db.storage.eventSearch({ ...query, ...budget });
        expect(cut).toEqual({ rows: [], more: true, stoppedAt: rows[1]?.position });
      }
    });

    it('takes the text as bytes, also where it is no ASCII', async () => {
      const tenantId = await seedTenant(db.storage);
      const data = jsonBytes({ text: 'Größe 100% _ \u{1f600}' });
      await outcomesOf(db.storage, await eventFor(db.storage, tenantId, { data }));
      const page = { limit: 10, order: 'asc' as const, from: null };
      for (const [text, count] of [
        ['Größe', 1],
        ['\u{1f600}', 1],
        ['100%', 1],
        ['{"text"', 1],
        ['größe', 0],
        ['G_öße', 0],
      ] as const) {
        const { rows } = await db.storage.eventSearch({
          ...ALL_EVENTS,
          tenantIds: [tenantId],
          page,
          text,
          ...UNBOUNDED,
        });
        expect(rows, text).toHaveLength(count);
      }
    });
  });
}

/** The numbers found, page after page, in the order in which they were found. */
async function walk(
  storage: Storage,
  query: Omit<Parameters<Storage['eventSearch']>[0], 'page'>,
  start: Position | null,
  { limit, order, side }: { limit: number; order: 'asc' | 'desc'; side: 'after' | 'before' },
): Promise<number[]> {
  const found: number[] = [];
  let from = start === null ? null : { side, position: start };
  for (;;) {
    const page = { limit, order, from };
    const { rows, more, stoppedAt } = await storage.eventSearch({ ...query, page });
    expect(rows.length).toBeLessThanOrEqual(limit);
    const seqs = rows.map(({ seq }) => seq);
    found.push(...(side === 'after' ? seqs : seqs.toReversed()));
    if (!more) return found;
    if (stoppedAt === null) throw new Error('there is more, but from where?');
    from = { side, position: stoppedAt };
  }
}
