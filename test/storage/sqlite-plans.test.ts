/** How the statements find their rows: by index, and never by reading a large table through. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../src/domain/clock.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { openInlineDatabase, openInlineStorage } from '../../src/storage/sqlite/inline.ts';
import { USAGE_DIMENSIONS } from '../../src/storage/metrics.ts';
import type { Position } from '../../src/storage/reading.ts';
import type { Storage } from '../../src/storage/storage.ts';
import {
  ALL_ATTEMPTS,
  ALL_DELIVERIES,
  ALL_EVENTS,
  HOUR_MS,
  attemptOf,
  eventFor,
  outcomesOf,
  publish,
  rollUpAll,
  seedTenant,
} from '../support/storage-fixtures.ts';

const FULL_SCAN = /SCAN (?:events|deliveries|attempts|link)\b/;
const SORTED = /TEMP B-TREE FOR ORDER BY/;
const LARGE_TABLE = /\b(?:FROM|JOIN|UPDATE) (?:events|deliveries|attempts)\b/;

const database = openInlineDatabase({ path: ':memory:', maxBytes: null });
const { db } = database;
/** Every statement, as often as it was prepared. */
const prepared: string[] = [];
const prepare = db.prepare.bind(db);
Object.assign(db, {
  prepare(sql: string) {
    prepared.push(sql);
    return prepare(sql);
  },
});

let storage: Storage;
let tenantId = '';
let seq = 0;

beforeAll(async () => {
  storage = newIncarnation();
  tenantId = await seedTenant(storage, 'd', 'late');
  seq = await publish(storage, tenantId, { id: 'x', toClaimed: ['d'] });
  await storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
});

afterAll(() => database.close());

/** With no statement prepared yet. */
function newIncarnation(): Storage {
  return openInlineStorage(database, systemClock, systemRandom);
}

function planOf(sql: string): string {
  const rows = prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
  return rows.map(({ detail }) => String(detail)).join('\n');
}

/** The plans of all statements that an operation prepares. */
async function plansOf(operation: (fresh: Storage) => Promise<unknown>): Promise<string[]> {
  const fresh = newIncarnation();
  const from = prepared.length;
  await operation(fresh);
  return prepared.slice(from).map(planOf);
}

describe('the statements of the hot path', () => {
  it('read no large table through, at the start neither', async () => {
    const from = prepared.length;
    const fresh = newIncarnation();
    const event = await eventFor(fresh, tenantId, { id: 'y', to: ['d'] });
    const own = { ...event, id: fresh.ids.eventId(seq) };
    const dueBeforeMs = Date.now() + HOUR_MS;
    await outcomesOf(fresh, event, event, own);
    const lanes = [{ tenantId, destinationId: 'd', limit: 5 }];
    await fresh.claim({ lanes, dueBeforeMs });
    await fresh.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
    await fresh.release({ deliveries: [{ seq, ordinal: 0 }] });
    await fresh.waitingLanes();
    for (const destinationId of ['d', 'late'])
      await fresh.retryByHand({ tenantId, eventSeq: seq, destinationId, nowMs: 1 });
    await fresh.cancel({ delivery: { seq, ordinal: 0 }, nowMs: 1 });
    await fresh.destinationDelete({ tenantId, id: 'late' });
    await fresh.cancelSlice({ limit: 5, nowMs: 1 });
    await fresh.pruneSlice({ beforeMs: 1, limit: 5 });

    const statements = new Set(prepared.slice(from).filter((sql) => LARGE_TABLE.test(sql)));
    expect(statements.size).toBeGreaterThan(15);
    for (const sql of statements) {
      const plan = planOf(sql);
      expect(plan, sql).not.toMatch(FULL_SCAN);
      expect(plan, sql).not.toMatch(SORTED);
    }
  });

  it('of replays and of the deletion of a tenant, too', async () => {
    const from = prepared.length;
    const fresh = newIncarnation();
    const time = { fromMs: null, toMs: null };
    const candidates = { tenantId, time, belowSeq: null, after: null, limit: 5, withData: true };
    for (const select of ['all', 'failed', 'missed'] as const) {
      for (const order of ['time', 'number'] as const)
        await fresh.replayCandidates({ ...candidates, destinationId: 'd', select, order });
    }
    const criteria = { select: 'all', time, topics: [], filter: null, order: 'time' } as const;
    const shown = { ratePerMinute: null, count: 1, createdBy: '', createdAtMs: 1 };
    const replay = { id: 'r', tenantId, destinationId: 'd', criteria, ...shown };
    await fresh.replayInsert({ replay, maxOpen: 1 });
    const deliveries = [{ eventSeq: seq, destinationId: 'd', order: 'none' as const }];
    const slice = { id: 'r', from: null, to: [1], isEnd: true, deliveries, nowMs: 1 };
    await fresh.replayAdvance(slice);
    await fresh.replaysOpen();
    await fresh.replaySettle({ limit: 5, nowMs: 1 });
    const other = await seedTenant(fresh, 'd');
    await publish(fresh, other, { to: ['d'] });
    await fresh.tenantDelete({ id: other });
    while ((await fresh.tenantEraseSlice({ limit: 5 })).more);
    const statements = new Set(prepared.slice(from).filter((sql) => LARGE_TABLE.test(sql)));
    expect(statements.size).toBeGreaterThan(10);
    for (const sql of statements) expect(planOf(sql), sql).not.toMatch(FULL_SCAN);
  });

  it('claim what is due, and look for what is due next, in the index of what is pending alone', () => {
    const claiming = prepared.filter(
      (sql) =>
        sql.includes('INDEXED BY deliveries_pending') &&
        sql.includes('claimed_by = ?') &&
        // What is without a key in an ordered lane has to be looked at.
        !sql.includes('order_key'),
    );
    expect(claiming.length).toBeGreaterThan(0);
    for (const sql of claiming) {
      expect(planOf(sql)).toMatch(
        /^SEARCH deliveries USING COVERING INDEX deliveries_pending \(destination_no=\? AND claimed_by=\?[^\n]*$/,
      );
    }
  });

  it('keep no statement for each event that is asked about', async () => {
    const fresh = newIncarnation();
    const ask = async (eventSeq: number) => {
      const delivery = { seq: eventSeq, ordinal: 0 };
      await fresh.attemptList({ ...ALL_ATTEMPTS, eventSeq });
      await fresh.attemptList({ ...ALL_ATTEMPTS, delivery });
      await fresh.deliveryList({ ...ALL_DELIVERIES, eventSeq });
      await fresh.eventGet({ id: fresh.ids.eventId(eventSeq), tenantId });
    };
    await ask(seq);
    const from = prepared.length;
    for (let other = 1; other < 10; other++) await ask(other);
    expect(prepared.slice(from)).toEqual([]);
  });
});

describe('the statements of lists', () => {
  const LISTS: [string, string, (fresh: Storage, position: Position | null) => Promise<unknown>][] =
    [
      [
        'events of a tenant',
        'SEARCH events USING INDEX events_by_time (tenant_no=?',
        (fresh, position) =>
          fresh.eventList({ ...ALL_EVENTS, tenantIds: [tenantId], page: pageAt(position, 2) }),
      ],
      [
        'all events',
        'events',
        (fresh, position) => fresh.eventList({ ...ALL_EVENTS, page: pageAt(position, 1) }),
      ],
      [
        'deliveries of a destination',
        'SEARCH deliveries USING INDEX deliveries_by_destination (destination_no=?',
        (fresh, position) =>
          fresh.deliveryList({
            ...ALL_DELIVERIES,
            tenantIds: [tenantId],
            destinationId: 'd',
            page: pageAt(position, 2),
          }),
      ],
      [
        'deliveries of an event',
        'SEARCH deliveries USING PRIMARY KEY (event_seq=?',
        (fresh, position) =>
          fresh.deliveryList({ ...ALL_DELIVERIES, eventSeq: seq, page: pageAt(position, 2) }),
      ],
      [
        'failures of a tenant',
        'SEARCH deliveries USING INDEX deliveries_failed (tenant_no=?',
        (fresh, position) =>
          fresh.deliveryList({
            ...ALL_DELIVERIES,
            tenantIds: [tenantId],
            status: 'failed',
            page: pageAt(position, 2),
          }),
      ],
      [
        'attempts of a tenant',
        'SEARCH attempts USING INDEX attempts_by_tenant (tenant_no=?',
        (fresh, position) =>
          fresh.attemptList({ ...ALL_ATTEMPTS, tenantIds: [tenantId], page: pageAt(position, 1) }),
      ],
      [
        'attempts of a destination',
        'SEARCH attempts USING INDEX attempts_by_destination (destination_no=?',
        (fresh, position) =>
          fresh.attemptList({
            ...ALL_ATTEMPTS,
            tenantIds: [tenantId],
            destinationId: 'd',
            page: pageAt(position, 1),
          }),
      ],
    ];

  it.each(LISTS)('read the rows of a page and no more: %s', async (_, index, list) => {
    for (const position of [null, [1, 1]]) {
      const plans = await plansOf((fresh) => list(fresh, position));
      const plan = plans.at(-1);
      expect(plan).toContain(index);
      expect(plan).not.toMatch(SORTED);
    }
  });

  const BY_KEY: [string, string, (fresh: Storage) => Promise<unknown>][] = [
    [
      'events by id',
      'events_by_caller_id (id=?',
      (fresh) => fresh.eventGet({ id: 'x', tenantId: null }),
    ],
    [
      'events of a tenant by ids',
      'events_by_caller_id (id=?',
      (fresh) => fresh.eventList({ ...ALL_EVENTS, ids: ['x', 'y'], tenantIds: [tenantId] }),
    ],
    [
      'attempts of an event',
      'SEARCH deliveries USING PRIMARY KEY (event_seq=?',
      (fresh) => fresh.attemptList({ ...ALL_ATTEMPTS, tenantIds: [tenantId], eventSeq: seq }),
    ],
    [
      'an attempt',
      'SEARCH attempts USING INTEGER PRIMARY KEY',
      (fresh) => fresh.attemptGet({ seq }),
    ],
    [
      'what was not told, among the newest attempts alone,',
      'SEARCH attempts USING INTEGER PRIMARY KEY (rowid>?)',
      async (fresh) => {
        await fresh.healthPut({ entries: [], toldUpToMs: 1 });
        await fresh.untoldFailures({ after: null, limit: 10 });
      },
    ],
    [
      'a delivery',
      'SEARCH deliveries USING PRIMARY KEY (event_seq=? AND ordinal=?)',
      (fresh) => fresh.deliveryGet({ delivery: { seq, ordinal: 0 } }),
    ],
  ];

  it.each(BY_KEY)('find %s by key', async (_, index, look) => {
    const plans = await plansOf(look);
    expect(plans.at(-1)).toContain(index);
    for (const plan of plans) expect(plan).not.toMatch(FULL_SCAN);
  });
});

describe('the statements of metrics', () => {
  const range = { fromMs: Date.UTC(2026, 0, 1, 0, 30), toMs: Date.UTC(2026, 1, 1, 0, 30) };
  const all = { ...range, granularity: null, dimensions: [], filters: {} };
  const QUESTIONS: [string, string, (fresh: Storage) => Promise<unknown>][] = [
    [
      'attempts of all tenants',
      '(width_s=? AND cube=? AND start_s>? AND start_s<?)',
      (fresh) => fresh.metricsAttempts({ ...all, withLatency: true }),
    ],
    [
      'attempts of a tenant',
      '(width_s=? AND cube=? AND start_s=? AND tenant_no=?)',
      (fresh) =>
        fresh.metricsAttempts({
          ...all,
          dimensions: ['code', 'topic'],
          filters: { tenant_id: [tenantId], status: ['failed'] },
          withLatency: false,
        }),
    ],
    [
      'attempts of a destination',
      '(width_s=? AND cube=? AND start_s=? AND tenant_no=? AND destination_no=?)',
      (fresh) =>
        fresh.metricsAttempts({ ...all, filters: { destination_id: ['d'] }, withLatency: true }),
    ],
    [
      'events of a tenant',
      '(width_s=? AND start_s=? AND tenant_no=?',
      (fresh) => fresh.metricsEvents({ ...all, filters: { tenant_id: [tenantId] } }),
    ],
    ...USAGE_DIMENSIONS.map((dimension): (typeof QUESTIONS)[number] => [
      `usage by ${dimension}`,
      '(width_s=? AND cube=? AND start_s>? AND start_s<?)',
      (fresh: Storage) =>
        fresh.usageList({
          tenantIds: [],
          destinationId: null,
          apiClient: null,
          dimension,
          days: { fromS: 0, toS: 1 },
          page: pageAt(null, 3),
        }),
    ]),
  ];

  it.each(QUESTIONS)('read the roll-ups of the range and no others: %s', async (_, key, ask) => {
    const plans = (await plansOf(ask)).filter((plan) => plan.includes('rollups'));
    expect(plans.length).toBeGreaterThan(0);
    for (const plan of plans) {
      expect(plan).toContain(`SEARCH rollups USING PRIMARY KEY ${key}`);
      expect(plan).not.toMatch(FULL_SCAN);
      expect(plan).not.toMatch(/SCAN rollups/);
      expect(plan).not.toMatch(SORTED);
    }
  });

  it('read no table through to count what is new', async () => {
    for (const plan of await plansOf(rollUpAll)) expect(plan).not.toMatch(FULL_SCAN);
  });
});

function pageAt(position: Position | null, columns: number) {
  const from =
    position === null ? null : { side: 'after' as const, position: position.slice(0, columns) };
  return { limit: 10, order: 'desc' as const, from };
}
