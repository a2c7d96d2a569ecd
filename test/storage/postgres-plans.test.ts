/**
 * How the statements find their rows on a store that is filled over several days: by index, and never by reading a day
 * through; those of the hot path by the days of their events alone.
 */
import pg from 'pg';
import type { QueryConfig } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { DAY_US, dayOf } from '../../src/storage/postgres/days.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import {
  ALL_ATTEMPTS,
  ALL_DELIVERIES,
  ALL_EVENTS,
  HOUR_MS,
  attemptOf,
  eventFor,
  outcomesOf,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';

const LARGE_TABLE = /\b(?:FROM|JOIN|UPDATE) (?:events|deliveries|attempts)\b/;
const FULL_SCAN = /Seq Scan on (?:(?:events|deliveries|attempts)_(\d{8})|event_keys)\b/g;
const PARTITION = /\b(?:events|deliveries|attempts)_(\d{8})\b/g;
const EVENTS = 40_000;
const BETWEEN_EVENTS_US = 10_000_000;
const TENANTS = 200;

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('the statements of PostgreSQL', () => {
  const server = usePostgresServer();
  let url = '';
  let storage: Storage;
  let tenantId = '';
  let seq = 0;
  /** The last day with events, as its partitions are called. */
  let today = '';
  let plain: pg.Client;

  beforeAll(async () => {
    url = await server.createSchema();
    storage = await openPostgresStorage({ url });
    await goToNoonOfTomorrow(schemaOf(url));
    tenantId = await seedTenant(storage, 'd', 'late');
    seq = await publish(storage, tenantId, { id: 'x', toClaimed: ['d'] });
    await storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
    today = dayName(seq);
    plain = new pg.Client({ connectionString: url });
    await plain.connect();
    await fill(schemaOf(url));
    // All days but the last are done.
    await storage.maintain();
  });
  afterAll(async () => {
    await plain.end();
    await storage.close();
    await server.dropSchema(url);
  });

  /** Other tenants' delivered events, numbered before, of the last days. */
  async function fill(schema: string): Promise<void> {
    const number = `${seq} - n * ${BETWEEN_EVENTS_US}::bigint`;
    const oldestDay = dayOf(seq - EVENTS * BETWEEN_EVENTS_US);
    await plain.query('SELECT make_day(day) FROM generate_series($1::integer, $2) AS day', [
      oldestDay,
      dayOf(seq),
    ]);
    const tenants = `generate_series(1000, ${999 + TENANTS}) AS n`;
    await server.query(`
      INSERT INTO ${schema}.tenants (no, id, metadata, settings, routing_version, created_ms, updated_ms)
      OVERRIDING SYSTEM VALUE SELECT n, 't' || n, '{}', '{}', 1, 1, 1 FROM ${tenants}`);
    await server.query(`
      INSERT INTO ${schema}.destinations (no, tenant_no, id, type, topics, definition, sealed_credentials, revision, created_ms,
                                          updated_ms)
      OVERRIDING SYSTEM VALUE SELECT n, n, 'd', 'webhook', '{}', '{}', '', 1, 1, 1 FROM ${tenants}`);
    await server.query(`
      INSERT INTO ${schema}.request_shapes (no, tenant_no, day, url, headers, payload)
      OVERRIDING SYSTEM VALUE SELECT n, n, 1, '', '', 'standard' FROM ${tenants}`);
    await insertEvents(schema, number, EVENTS);
    await server.query(`
      INSERT INTO ${schema}.event_keys (tenant_no, id, seq)
      SELECT tenant_no, id, seq FROM ${schema}.events WHERE tenant_no >= 1000`);
    await insertDeliveries(schema, 0);
    await server.query(`
      INSERT INTO ${schema}.attempts (tenant_no, seq, event_seq, ordinal, destination_no, number, kind, started_ms, total_us,
                                      shape_no, request_headers, response_status, response_headers, truncated)
      SELECT tenant_no, seq + 1, seq, 0, tenant_no, 1, 'first', time_ms, 1000, tenant_no, '', 200, '', false
      FROM ${schema}.events WHERE tenant_no >= 1000`);
    await server.query(
      `ANALYZE ${schema}.events, ${schema}.deliveries, ${schema}.attempts, ${schema}.event_keys, ${schema}.tenants, ${schema}.destinations,
               ${schema}.request_shapes`,
    );
  }

  async function insertEvents(schema: string, number: string, count: number): Promise<void> {
    await server.query(`
      INSERT INTO ${schema}.events (tenant_no, seq, id, topic, time_ms, eligible_for_retry, test, data)
      SELECT 1000 + n % ${TENANTS}, ${number}, 'id-' || n, 'a', (${number}) / 1000, true, false, ''
      FROM generate_series(1, ${count}) AS n`);
  }

  async function insertDeliveries(schema: string, fromSeq: number): Promise<void> {
    await server.query(`
      INSERT INTO ${schema}.deliveries (tenant_no, event_seq, ordinal, destination_no, status, attempts, step, asked_by,
                                        claimed_by, last_code, last_attempt_seq, updated_ms)
      SELECT tenant_no, seq, 0, tenant_no, 1, 1, 0, 0, 0, '200', seq + 1, time_ms
      FROM ${schema}.events WHERE tenant_no >= 1000 AND seq >= ${fromSeq}`);
  }

  /** Numbers go on from there: so that the last day is well filled, whatever the time is. */
  async function goToNoonOfTomorrow(schema: string): Promise<void> {
    await server.query(`
      UPDATE ${schema}.numbers
      SET last_seq = (floor(extract(epoch FROM clock_timestamp()) / 86400) + 1.5) * ${DAY_US}`);
  }

  /** The plans of all statements on large tables that an operation runs, each with its values. */
  async function plansOf(operation: () => Promise<unknown>): Promise<Map<string, string>> {
    const seen = new Map<string, { values: unknown[]; begin: string }>();
    let begin = '';
    const asked = vi.spyOn(pg.Client.prototype, 'query');
    await operation();
    for (const [query, given] of asked.mock.calls as unknown[][]) {
      // Those that are prepared have a name.
      const { text: sql, values } =
        typeof query === 'object' ? (query as QueryConfig) : { text: query, values: given };
      if (typeof sql !== 'string') continue;
      if (sql.startsWith('BEGIN')) begin = sql;
      else if (LARGE_TABLE.test(sql))
        seen.set(sql, { values: Array.isArray(values) ? values : [], begin });
    }
    asked.mockRestore();
    const plans = new Map<string, string>();
    for (const [sql, { values, begin: ownBegin }] of seen) {
      // What a transaction says at its beginning is part of how its statements are planned.
      await plain.query(ownBegin);
      const { rows } = await plain.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, values);
      await plain.query('ROLLBACK');
      plans.set(sql, rows.map((row) => row['QUERY PLAN']).join('\n'));
    }
    return plans;
  }

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
      const reader = new pg.Client({ connectionString: url });
      await reader.connect();
      await reader.query('BEGIN; SELECT 1 FROM events LIMIT 1');
      await server.query(`UPDATE ${schemaOf(url)}.rollup_progress SET from_seq = ${seq}`);
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
    const schema = schemaOf(url);
    await server.query(`UPDATE ${schema}.numbers SET last_seq = (${dayOf(seq)} + 1.5) * ${DAY_US}`);
    const first = await publish(storage, tenantId);
    today = dayName(first);
    await server.query(`ALTER TABLE ${schema}.events_${today} SET (autovacuum_enabled = off)`);
    await server.query(`ALTER TABLE ${schema}.deliveries_${today} SET (autovacuum_enabled = off)`);
    await insertEvents(schema, `${first} - n * 1000000::bigint`, 30_000);
    await insertDeliveries(schema, first - DAY_US / 2);
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
      /(?:Hash|Merge) Join|Bitmap Heap Scan|Materialize/.test(plan),
    );
    expect(throughADay).toEqual([]);
  });
});
