/** How the statements find their rows on a filled store: by index, and never by reading a large table through. */
import pg from 'pg';
import type { QueryConfig } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

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
const FULL_SCAN = /Seq Scan on (?:events|deliveries|attempts)\b/;
const EVENTS = 40_000;
const TENANTS = 200;

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('the statements of PostgreSQL', () => {
  const server = usePostgresServer();
  let url = '';
  let storage: Storage;
  let tenantId = '';
  let seq = 0;
  let plain: pg.Client;

  beforeAll(async () => {
    url = await server.createSchema();
    storage = await openPostgresStorage({ url });
    tenantId = await seedTenant(storage, 'd', 'late');
    seq = await publish(storage, tenantId, { id: 'x', toClaimed: ['d'] });
    await storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
    await fill(schemaOf(url));
    plain = new pg.Client({ connectionString: url });
    await plain.connect();
  });
  afterAll(async () => {
    await plain.end();
    await storage.close();
    await server.dropSchema(url);
  });

  /** Other tenants' delivered events, numbered before, of the last days. */
  async function fill(schema: string): Promise<void> {
    const number = `(SELECT min(seq) FROM ${schema}.events) - n * 10000000::bigint`;
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
    await server.query(`
      INSERT INTO ${schema}.events (tenant_no, seq, id, topic, time_ms, eligible_for_retry, test, data)
      SELECT 1000 + n % ${TENANTS}, ${number}, 'id-' || n, 'a', (${number}) / 1000, true, false, ''
      FROM generate_series(1, ${EVENTS}) AS n`);
    await server.query(`
      INSERT INTO ${schema}.deliveries (tenant_no, event_seq, ordinal, destination_no, status, attempts, step, asked_by,
                                        claimed_by, last_code, last_attempt_seq, updated_ms)
      SELECT tenant_no, seq, 0, tenant_no, 1, 1, 0, 0, 0, '200', seq + 1, time_ms
      FROM ${schema}.events WHERE tenant_no >= 1000`);
    await server.query(`
      INSERT INTO ${schema}.attempts (tenant_no, seq, event_seq, ordinal, destination_no, number, kind, started_ms, total_us,
                                      shape_no, request_headers, response_status, response_headers, truncated)
      SELECT tenant_no, seq + 1, seq, 0, tenant_no, 1, 'first', time_ms, 1000, tenant_no, '', 200, '', false
      FROM ${schema}.events WHERE tenant_no >= 1000`);
    await server.query(
      `ANALYZE ${schema}.events, ${schema}.deliveries, ${schema}.attempts, ${schema}.tenants, ${schema}.destinations,
               ${schema}.request_shapes`,
    );
  }

  /** The plans of all statements on large tables that an operation runs, each with its values. */
  async function plansOf(operation: () => Promise<unknown>): Promise<Map<string, string>> {
    const seen = new Map<string, unknown[]>();
    const asked = vi.spyOn(pg.Client.prototype, 'query');
    await operation();
    for (const [query, given] of asked.mock.calls as unknown[][]) {
      // Those that are prepared have a name.
      const { text: sql, values } =
        typeof query === 'object' ? (query as QueryConfig) : { text: query, values: given };
      if (typeof sql === 'string' && LARGE_TABLE.test(sql))
        seen.set(sql, Array.isArray(values) ? values : []);
    }
    asked.mockRestore();
    const plans = new Map<string, string>();
    for (const [sql, values] of seen) {
      const { rows } = await plain.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, values);
      plans.set(sql, rows.map((row) => row['QUERY PLAN']).join('\n'));
    }
    return plans;
  }

  function expectNoScan(plans: Map<string, string>, atLeast: number): void {
    expect(plans.size).toBeGreaterThanOrEqual(atLeast);
    const scans = [...plans].filter(([, plan]) => FULL_SCAN.test(plan));
    expect(scans.map(([sql, plan]) => `${sql}\n${plan}`)).toEqual([]);
  }

  it('of the hot path read no large table through', async () => {
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
  });

  it('of retention and of replays read none through', async () => {
    const plans = await plansOf(async () => {
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
    expectNoScan(plans, 4);
  });
});
