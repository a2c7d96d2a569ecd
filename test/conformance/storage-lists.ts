/**
 * Lists by pages: every row that was there before the first page was asked for comes exactly once, forwards and
 * backwards, whatever is added between the pages.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Page, PageRequest, Position } from '../../src/storage/reading.ts';
import type { Storage } from '../../src/storage/storage.ts';
import {
  ALL_ATTEMPTS,
  ALL_DELIVERIES,
  ALL_EVENTS,
  attemptOf,
  eventFor,
  newTenantId,
  outcomesOf,
  seedTenant,
} from '../support/storage-fixtures.ts';
import { shareDatabase } from './storage-driver.ts';
import type { StorageDriver } from './storage-driver.ts';

interface Listed {
  readonly position: Position;
}

/** A list with rows of its own, to which more can be added. */
interface List {
  add(count: number): Promise<void>;
  page(page: PageRequest): Promise<Page<Listed>>;
}

type OpenList = (storage: Storage, chance: readonly number[]) => Promise<List>;

const LISTS: Record<string, OpenList> = {
  'events of one tenant, by time': async (storage, chance) => {
    const tenantId = await seedTenant(storage);
    const event = await eventFor(storage, tenantId);
    let added = 0;
    return {
      async add(count) {
        const events = Array.from({ length: count }, () => {
          // Few different times, so that many events share one.
          added++;
          return { ...event, timeMs: 1000 + (chance[added % chance.length] ?? 0) };
        });
        await outcomesOf(storage, ...events);
      },
      page: (page) => storage.eventList({ ...ALL_EVENTS, tenantIds: [tenantId], page }),
    };
  },
  'events of two tenants, by number': async (storage, chance) => {
    const tenantIds = [await seedTenant(storage), await seedTenant(storage)];
    const templates = await Promise.all(tenantIds.map((id) => eventFor(storage, id)));
    let added = 0;
    return {
      async add(count) {
        for (let index = 0; index < count; index++) {
          const template = templates[(chance[++added % chance.length] ?? 0) % 2];
          if (template !== undefined) await outcomesOf(storage, { ...template, timeMs: added % 3 });
        }
      },
      page: (page) => storage.eventList({ ...ALL_EVENTS, tenantIds, page }),
    };
  },
  'deliveries of a tenant': async (storage, chance) => {
    const tenantId = await seedTenant(storage, 'a', 'b', 'c');
    let added = 0;
    return {
      async add(count) {
        for (let left = count; left > 0;) {
          const size = Math.min(left, 1 + ((chance[++added % chance.length] ?? 0) % 3));
          const to = ['a', 'b', 'c'].slice(0, size);
          await outcomesOf(storage, await eventFor(storage, tenantId, { to }));
          left -= size;
        }
      },
      page: (page) => storage.deliveryList({ ...ALL_DELIVERIES, tenantIds: [tenantId], page }),
    };
  },
  'attempts of a destination': async (storage) => {
    const tenantId = await seedTenant(storage, 'd', 'other');
    return {
      async add(count) {
        const event = await eventFor(storage, tenantId, { toClaimed: ['d', 'other'] });
        const outcomes = await outcomesOf(storage, ...Array.from({ length: count }, () => event));
        const attempts = outcomes.flatMap((outcome) =>
          outcome.kind === 'stored'
            ? [0, 1].map((ordinal) => attemptOf({ seq: outcome.seq, ordinal }))
            : [],
        );
        await storage.record({ attempts: attempts.toReversed() });
      },
      page: (page) =>
        storage.attemptList({ ...ALL_ATTEMPTS, tenantIds: [tenantId], destinationId: 'd', page }),
    };
  },
  tenants: (storage) => {
    const ids: string[] = ['no such'];
    return Promise.resolve({
      async add(count) {
        for (let index = 0; index < count; index++) {
          const id = newTenantId();
          ids.push(id);
          await storage.tenantUpsert({ id, metadata: {} });
        }
      },
      page: (page) => storage.tenantList({ ids, page }),
    });
  },
};

export function describeLists(driver: StorageDriver): void {
  describe('lists', () => {
    const db = shareDatabase(driver);

    it.each(Object.entries(LISTS))(
      'give each row exactly once while others arrive: %s',
      async (_, open) => {
        const plan = fc.record({
          chance: fc.array(fc.nat(3), { minLength: 3, maxLength: 7 }),
          before: fc.integer({ min: 0, max: 9 }),
          arriving: fc.array(fc.nat(2), { minLength: 1, maxLength: 4 }),
          limit: fc.integer({ min: 1, max: 5 }),
          order: fc.constantFrom('asc' as const, 'desc' as const),
        });
        await fc.assert(
          fc.asyncProperty(plan, async ({ chance, before, arriving, limit, order }) => {
            const list = await open(db.storage, chance);
            await list.add(before);
            const known = await wholeList(list, order);
            expect(known).toHaveLength(before);

            const arrive = (page: number) => list.add(arriving[page % arriving.length] ?? 0);
            const forwards = await walk(list, { limit, order, from: null }, 'after', arrive);
            expectOnceInOrder(forwards, known, order);

            const all = await wholeList(list, order);
            const end = all.at(-1);
            if (end === undefined) return;
            const from = { side: 'before' as const, position: end };
            const backwards = await walk(list, { limit, order, from }, 'before', arrive);
            expectOnceInOrder(backwards.toReversed(), all.slice(0, -1), order);
          }),
          { numRuns: 12 },
        );
      },
    );

    it.each(Object.entries(LISTS))(
      'go back over the pages that they came forward by: %s',
      async (_, open) => {
        const list = await open(db.storage, [2, 0, 1, 2, 1]);
        await list.add(7);
        for (const order of ['asc', 'desc'] as const) {
          const all = await wholeList(list, order);
          expect(all).toHaveLength(7);
          expect(all).toEqual(
            (await wholeList(list, order === 'asc' ? 'desc' : 'asc')).toReversed(),
          );
          const page = async (from: PageRequest['from'], limit = 3) => {
            const { rows, more } = await list.page({ limit, order, from });
            return { rows: rows.map(({ position }) => position), more };
          };
          const at = (index: number): Position => all[index] ?? [];
          const after = (index: number) => ({ side: 'after' as const, position: at(index) });
          const before = (index: number) => ({ side: 'before' as const, position: at(index) });

          expect(await page(null)).toEqual({ rows: all.slice(0, 3), more: true });
          expect(await page(after(2))).toEqual({ rows: all.slice(3, 6), more: true });
          expect(await page(after(5))).toEqual({ rows: all.slice(6), more: false });
          expect(await page(after(6))).toEqual({ rows: [], more: false });
          expect(await page(after(3), 3)).toEqual({ rows: all.slice(4), more: false });
          expect(await page(before(6))).toEqual({ rows: all.slice(3, 6), more: true });
          expect(await page(before(3))).toEqual({ rows: all.slice(0, 3), more: false });
          expect(await page(before(1))).toEqual({ rows: all.slice(0, 1), more: false });
          expect(await page(before(0))).toEqual({ rows: [], more: false });
        }
      },
    );
  });
}

/** All positions at once. */
async function wholeList(list: List, order: 'asc' | 'desc'): Promise<Position[]> {
  const { rows, more } = await list.page({ limit: 1000, order, from: null });
  if (more) throw new Error('the list is longer than the test thinks');
  return rows.map(({ position }) => position);
}

/** The positions of page after page to the end, in the order in which they were found. */
async function walk(
  list: List,
  start: PageRequest,
  side: 'after' | 'before',
  betweenPages: (page: number) => Promise<void>,
): Promise<Position[]> {
  const found: Position[] = [];
  let { from } = start;
  // What arrives may lie ahead: it stops arriving, so that there is an end.
  for (let page = 0; ; page++) {
    const { rows, more } = await list.page({ ...start, from });
    const positions = rows.map(({ position }) => position);
    found.push(...(side === 'after' ? positions : positions.toReversed()));
    const last = found.at(-1);
    if (!more || last === undefined) return found;
    from = { side, position: last };
    if (page < 6) await betweenPages(page);
  }
}

function expectOnceInOrder(
  found: readonly Position[],
  known: readonly Position[],
  order: 'asc' | 'desc',
): void {
  const inOrder = found.toSorted((a, b) => (order === 'asc' ? compare(a, b) : compare(b, a)));
  expect(found).toEqual(inOrder);
  const spelled = found.map(String);
  expect(new Set(spelled).size).toBe(found.length);
  expect(known.map(String).filter((position) => !spelled.includes(position))).toEqual([]);
}

function compare(a: Position, b: Position): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
