/**
 * How the statements find their rows on a store that is filled over several days: by index, and never by reading a day
 * through; those of the hot path by the days of their events alone.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DAY_US, dayOf } from '../../src/storage/postgres/days.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { FilledPostgres } from '../support/filled-postgres.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import {
  ALL_ATTEMPTS,
  ALL_DELIVERIES,
  ALL_EVENTS,
  HOUR_MS,
  attemptOf,
  eventFor,
  outcomesOf,
  publish,
} from '../support/storage-fixtures.ts';

const LARGE_TABLE = /\b(?:FROM|JOIN|UPDATE) (?:events|deliveries|attempts)\b/;
const FULL_SCAN = /Seq Scan on (?:(?:events|deliveries|attempts)_(\d{8})|event_keys)\b/g;
const PARTITION = /\b(?:events|deliveries|attempts)_(\d{8})\b/g;
const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('the statements of PostgreSQL', () => {
  const server = usePostgresServer();
  let filled: FilledPostgres;
  let storage: Storage;
  let tenantId = '';
  let seq = 0;
  /** The last day with events, as its partitions are called. */
  let today = '';

  beforeAll(async () => {
    filled = await FilledPostgres.open(server);
    ({ storage, tenantId, seq } = filled);
    today = dayName(seq);
  });
  afterAll(() => filled.close());

  const plansOf = (operation: () => Promise<unknown>) => filled.plansOf(operation, LARGE_TABLE);

  function expectNoScan(plans: Map<string, string>, atLeast: number): void {
    expect(plans.size).toBeGreaterThanOrEqual(atLeast);
    // Those of the days to come are empty.
    const isFilled = ([, name = '']: RegExpExecArray) => name <= today;
    const scans = [...plans].filter(([, plan]) => [...plan.matchAll(FULL_SCAN)].some(isFilled));
    expect(scans.map(([sql, plan]) => `${sql}\n${plan}`)).toEqual([]);
  }

  /** As the partitions of the day are called. */
  function dayName(of: number): string {
    return new Date(of / 1000).toISOString().slice(0, 10).replaceAll('-', '');
  }

  /** Days whose partitions are in the plan. */
  function daysIn(plan: string): string[] {
    return [...new Set([...plan.matchAll(PARTITION)].map(([, day = '']) => day))].toSorted();
  }

  it('of the hot path read no large table through, and open the day of their events alone', async () => {
    const plans = await plansOf(async () => {
      const event = await eventFor(storage, tenantId, { id: 'y', to: ['d'] });
      const own = { ...event, id: storage.ids.eventId(seq) };
      const dueBeforeMs = Date.now() + HOUR_MS;
      await outcomesOf(storage, event, event, own);
      for (const isOrdered of [false, true])
        await storage.claim({
          lanes: [{ tenantId, destinationId: 'd', limit: 5, isOrdered }],
          dueBeforeMs,
        });
      await storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
      await storage.release({ deliveries: [{ seq, ordinal: 0 }] });
      await storage.waitingLanes();
      for (const destinationId of ['d', 'late'])
        await storage.retryByHand({ tenantId, eventSeq: seq, destinationId, nowMs: 1 });
      await storage.cancel({ delivery: { seq, ordinal: 0 }, nowMs: 1 });
      await storage.destinationDelete({ tenantId, id: 'late' });
      await storage.cancelSlice({ limit: 5, nowMs: 1 });
    });
    expectNoScan(plans, 14);
    const wider = [...plans].filter(([, plan]) => daysIn(plan).some((name) => name !== today));
    expect(wider.map(([sql, plan]) => `${sql}\n${plan}`)).toEqual([]);
    const given = [...plans].find(([sql]) => sql.includes('given.*'))?.[1];
    // What was taken before is not looked at again.
    expect(given).toMatch(/Index Cond: .*ROW\(.*next_attempt_ms, .*event_seq\) > ROW\(/);
  });

  it('of a tenant’s or destination’s lists, of the first page of all, and of look-ups read none through', async () => {
    const tenantIds = [tenantId];
    const plans = await plansOf(async () => {
      await storage.eventGet({ id: 'x', tenantId });
      await storage.eventGet({ id: storage.ids.eventId(seq), tenantId: null });
      await storage.deliveryGet({ delivery: { seq, ordinal: 0 } });
      const page = { ...ALL_EVENTS.page, limit: 100 };
      for (const query of [{ page }, { page, tenantIds }]) {
        await storage.eventList({ ...ALL_EVENTS, ...query });
        await storage.deliveryList({ ...ALL_DELIVERIES, ...query });
        await storage.attemptList({ ...ALL_ATTEMPTS, ...query });
      }
      await storage.deliveryList({ ...ALL_DELIVERIES, tenantIds, destinationId: 'd' });
      await storage.deliveryList({ ...ALL_DELIVERIES, tenantIds, status: 'failed' });
      await storage.attemptList({ ...ALL_ATTEMPTS, tenantIds, destinationId: 'd' });
      await storage.attemptList({ ...ALL_ATTEMPTS, eventSeq: seq });
    });
    expectNoScan(plans, 10);
    // What is asked for without a number goes through the index of every day.
    const ofAll = [...plans.values()].filter((plan) => daysIn(plan).length > 4);
    expect(ofAll.length).toBeGreaterThan(4);
  });

  it('of retention and of replays read none through', async () => {
    const plans = await plansOf(async () => {
      // Of whole days, which are not dropped while somebody reads, and of a part of one.
      const reader = new pg.Client({ connectionString: filled.url });
      await reader.connect();
      await reader.query('BEGIN; SELECT 1 FROM events LIMIT 1');
      await server.query(`UPDATE ${filled.schema}.rollup_progress SET from_seq = ${seq}`);
      const yesterdayMs = (dayOf(seq) * DAY_US) / 1000;
      await storage.pruneSlice({ beforeMs: yesterdayMs, limit: 5 });
      await reader.end();
      await storage.pruneSlice({ beforeMs: 1, limit: 5 });
      await storage.replaySettle({ limit: 5, nowMs: 1 });
      for (const select of ['all', 'failed', 'missed'] as const)
        await storage.replayCandidates({
          tenantId,
          destinationId: 'd',
          select,
          time: { fromMs: null, toMs: null },
          order: 'time',
          belowSeq: null,
          after: null,
          limit: 10,
          withData: false,
        });
    });
    expectNoScan(plans, 8);
  });

  it('of a day that has just begun, and was never analyzed, go by key', async () => {
    const { schema } = filled;
    await server.query(`UPDATE ${schema}.numbers SET last_seq = (${dayOf(seq)} + 1.5) * ${DAY_US}`);
    const first = await publish(storage, tenantId);
    today = dayName(first);
    await server.query(`ALTER TABLE ${schema}.events_${today} SET (autovacuum_enabled = off)`);
    await server.query(`ALTER TABLE ${schema}.deliveries_${today} SET (autovacuum_enabled = off)`);
    await filled.insertEvents(`${first} - n * 1000000::bigint`, 30_000);
    await filled.insertDeliveries(first - DAY_US / 2);
    const event = await eventFor(storage, tenantId, { toClaimed: ['d'] });
    const plans = await plansOf(async () => {
      const stored = await outcomesOf(storage, ...Array.from({ length: 100 }, () => event));
      const keys = stored.map((outcome) => ({
        seq: 'seq' in outcome ? outcome.seq : 0,
        ordinal: 0,
      }));
      await storage.record({ attempts: keys.slice(50).map((key) => attemptOf(key)) });
      await storage.release({ deliveries: keys.slice(0, 50) });
      const lane = { tenantId, destinationId: 'd', limit: 50 };
      await storage.claim({ lanes: [lane], dueBeforeMs: Date.now() });
    });
    expectNoScan(plans, 5);
    const throughADay = [...plans.values()].filter((plan) =>
      // A list of two values is kept, too.
      /(?:Hash|Merge) Join|Bitmap Heap Scan|Materialize(?!.*\n\s*->\s+Values Scan)/.test(plan),
    );
    expect(throughADay).toEqual([]);
  });
});
