/**
 * By which index each statement of the engine finds its rows, on a store that is filled: named, since a transaction that writes
 * turns reading a table through off, and so would a plan that reads an index through pass for one that looks up.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { FilledPostgres } from '../support/filled-postgres.ts';
import { usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { comparable, statementsOf } from '../support/sql-statements.ts';
import { eventFor, HOUR_MS, insertDestination, outcomesOf } from '../support/storage-fixtures.ts';

const FOLDER = fileURLToPath(new URL('../../src/storage/postgres/', import.meta.url));
const ANY_STATEMENT = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b/;
const SCAN =
  /(?:Index (?:Only )?Scan(?: Backward)? using (\w+)|Seq Scan) on (\w+)|Bitmap Index Scan on (\w+)/g;
const OTHERS = 5000;
const HOURS_US = 3 * 3_600_000_000;
/** One row, or a few. */
const SMALL = new Set(['numbers', 'nodes', 'meta', 'rollup_progress', 'routing_ends']);

/** By one of two that both hold the number: there is one row of it. */
const BY_NUMBER: Readonly<Record<string, string>> = { events_by_seq: 'events_pkey' };

const ALIKE = {
  owed: ['deliveries_pending'],
  ordered: ['deliveries_in_order'],
  lanes: ['destinations_by_id', 'lanes_pkey', 'tenants_id_key'],
  numbers: ['attempts_by_seq', 'events_pkey'],
};

const INDEXES: Readonly<Record<string, readonly string[]>> = {
  'by-hand.ts ENABLED': ['destinations_by_no'],
  'by-hand.ts FIND': ['deliveries_by_destination'],
  'changes.ts CHANGES': ['tenants_by_routing_version'],
  'claim.ts CLAIM': ['deliveries_pkey', 'events_pkey'],
  'claim.ts FIND_LANES': ALIKE.lanes,
  'claim.ts LATER_WITHOUT_KEY': ALIKE.owed,
  'due-retries.ts RETRIES': ALIKE.owed,
  'due.ts DUE': ALIKE.owed,
  'due.ts DUE_UNORDERED': ALIKE.owed,
  'due.ts NEXT_DUE': ALIKE.owed,
  'given.ts GIVEN': ['deliveries_pending', 'events_pkey'],
  'health.ts OF_TENANT': ['destination_health_by_no', 'destinations_by_id', 'tenants_id_key'],
  'health.ts PUT': ['destinations_by_no'],
  'lanes.ts TAKE': ['destination_health_by_no'],
  // Once, when a node is forgotten.
  'node.ts FORGET_LANES': ['ALL OF lanes'],
  'node.ts FREE': ['deliveries_pending', 'deliveries_pkey'],
  'order.ts HEADS': ALIKE.ordered,
  'order.ts IS_BLOCKED': ALIKE.ordered,
  'order.ts VERSIONS': ['deliveries_in_order', 'events_pkey'],
  'publish.ts INSERT_DELIVERIES': ['lanes_pkey'],
  'rollup-apply.ts LATENCIES': ['attempt_rollups_pkey'],
  'rollup-apply.ts TENANTS': ['tenants_pkey'],
  'rollup-batch.ts ATTEMPTS': ALIKE.numbers,
  'rollup-batch.ts EVENTS': ['deliveries_pkey', 'events_pkey'],
  'rollup-prune.ts DROP_ATTEMPTS': ['attempt_rollups_by_time'],
  'rollup-prune.ts DROP_DESTINATIONS': ['deliveries_by_destination', 'destinations_deleted'],
  'rollup-prune.ts DROP_EVENTS': ['event_rollups_by_time'],
  'rollup-read.ts END': ALIKE.numbers,
  'rollup-read.ts LAST': ALIKE.numbers,
  'routes.ts DESTINATIONS': ['destinations_by_id'],
  'routes.ts TENANTS': ['tenants_id_key'],
  'same-id.ts KEYS': ['event_keys_pkey'],
  // Where much waits, the first of a lane by either of two: it is read seldom.
  'waiting.ts WAITING': [
    'deliveries_by_destination',
    'deliveries_pending',
    'destinations_by_no',
    'tenants_pkey',
  ],
};

/** Of a page of usage over all tenants: all destinations that were attempted on its days. */
const COUNTED: Readonly<Record<string, readonly string[]>> = {
  events: ['event_rollups_by_time'],
  attempts: ['attempt_rollups_by_time'],
  attemptsOfOne: ['attempt_rollups_pkey'],
  usage: ['ALL OF destinations', 'attempt_rollups_by_time', 'tenants_pkey'],
  usageOfOne: ['attempt_rollups_pkey', 'destinations_pkey', 'tenants_pkey'],
};

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('the statements of PostgreSQL', () => {
  const server = usePostgresServer();
  const names = new Map(statementsOf(FOLDER).map(({ name, sql }) => [comparable(sql), name]));
  let filled: FilledPostgres;
  /** Indexes of partitions are called as those of their table, partitions as the table. */
  let tableNames = new Map<string, string>();
  /** Partitions of days to come. */
  let empty = new Set<string>();

  beforeAll(async () => {
    filled = await FilledPostgres.open(server, { tenants: OTHERS });
    await fillBeside();
    await fillLanes();
    const partitions = await server.queryAt(
      filled.url,
      `SELECT part.relname AS part, whole.relname AS whole
       FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid JOIN pg_class AS whole ON whole.oid = inhparent`,
    );
    tableNames = new Map(partitions.map(({ part, whole }) => [String(part), String(whole)]));
    const today = new Date(filled.seq / 1000).toISOString().slice(0, 10).replaceAll('-', '');
    const dayOf = (name: string) => /_(\d{8})$/.exec(name)?.[1] ?? '';
    empty = new Set([...tableNames.keys()].filter((name) => dayOf(name) > today));
  });
  afterAll(() => filled.close());

  /** What is not an event, a delivery or an attempt. */
  async function fillBeside(): Promise<void> {
    const { schema } = filled;
    const tenants = `generate_series(1000, ${999 + OTHERS}) AS n`;
    await server.query(`
      INSERT INTO ${schema}.destination_health (tenant_no, destination_no, health) SELECT n, n, '{}' FROM ${tenants};
      INSERT INTO ${schema}.lanes (tenant_no, destination_no, owner) SELECT n, n, 1 FROM ${tenants};
      INSERT INTO ${schema}.rollup_topics (no, topic) VALUES (1, 'a');
      INSERT INTO ${schema}.event_rollups (tenant_no, width_s, start_s, destination_no, topic_no, count)
      SELECT n, width, day * 86400, n, 1, 1
      FROM ${tenants}, unnest(ARRAY[60, 3600, 86400]) AS width, generate_series(1, 3) AS day;
      INSERT INTO ${schema}.attempt_rollups (tenant_no, width_s, cube, start_s, destination_no, topic_no, code, failed, manual,
                                             number, count, failed_count, first_count, manual_count, number_sum, latency)
      SELECT n, width, cube, day * 86400, n, 1, '200', 0, 0, 1, 1, 0, 1, 0, 1, ''
      FROM ${tenants}, unnest(ARRAY[60, 3600, 86400]) AS width, generate_series(0, 2) AS cube, generate_series(1, 3) AS day`);
    await filled.analyze('destination_health', 'lanes', 'event_rollups', 'attempt_rollups');
  }

  /** What waits in two lanes of the tenant, one of them ordered, of events of the last hours. */
  async function fillLanes(): Promise<void> {
    const { schema, seq, storage, tenantId } = filled;
    await insertDestination(storage, tenantId, 'latest');
    const number = `${seq} - n * 1000000::bigint - 7`;
    const waiting = `generate_series(1, 1000) AS n, ${schema}.tenants WHERE tenants.id = '${tenantId}'`;
    await server.query(`
      INSERT INTO ${schema}.events (tenant_no, seq, topic, time_ms, eligible_for_retry, test, data)
      SELECT no, ${number}, 'a', (${number}) / 1000, true, false, '' FROM ${waiting};
      INSERT INTO ${schema}.deliveries (tenant_no, event_seq, ordinal, destination_no, status, attempts, step, asked_by,
                                        claimed_by, next_attempt_ms, updated_ms, order_key)
      SELECT waiting.tenant_no, event_seq, ordinal, destinations.no, 0, 0, 0, 0, 0, (${seq} + 8 * 3600000000) / 1000, 1,
             CASE WHEN id = 'latest' THEN 'urn:' || event_seq END
      FROM (SELECT no AS tenant_no, ${number} AS event_seq FROM ${waiting}) AS waiting
      JOIN ${schema}.destinations ON destinations.tenant_no = waiting.tenant_no
      JOIN (VALUES ('late', 0), ('latest', 1)) AS wanted (destination, ordinal) ON destinations.id = destination`);
    await filled.analyze('events', 'deliveries');
  }

  /**
   * Of each statement, by its name, the indexes by which it is planned, and large tables that are read through. `unnamed`: what
   * those are called that are made at run time; left out: they are.
   */
  async function indexesOf(
    operation: () => Promise<unknown>,
    unnamed?: string,
  ): Promise<Record<string, string[]>> {
    const plans = await filled.plansOf(operation, ANY_STATEMENT);
    const found = new Map<string, Set<string>>();
    for (const [sql, plan] of plans) {
      const name = names.get(comparable(sql)) ?? unnamed;
      if (name === undefined) continue;
      const indexes = found.get(name) ?? new Set();
      found.set(name, indexes);
      for (const [, ofScan, table = '', ofBitmap] of plan.matchAll(SCAN)) {
        const index = ofScan ?? ofBitmap;
        const isSmall = SMALL.has(table) || SMALL.has(index?.replace(/_(?:pkey|by_.*)$/, '') ?? '');
        if (isSmall || empty.has(table)) continue;
        indexes.add(index === undefined ? `ALL OF ${wholeOf(table)}` : wholeOf(index));
      }
    }
    const sorted = [...found].map(([name, indexes]) => [name, [...indexes].toSorted()] as const);
    return Object.fromEntries(sorted.filter(([, indexes]) => indexes.length > 0));
  }

  const wholeOf = (name: string) => {
    const whole = tableNames.get(name) ?? name;
    return BY_NUMBER[whole] ?? whole;
  };

  it('go by the intended indexes', async () => {
    const { storage, tenantId, seq } = filled;
    const { nodes } = storage;
    if (nodes === null) throw new Error('a storage on PostgreSQL has nodes');
    const { self } = await nodes.look();
    const dueBeforeMs = Date.now() + 48 * HOUR_MS;
    const resource = JSON.stringify({ urn: 'urn:r', vector_clock: { a: 1 } });
    const destinations = [{ id: 'latest', claimed: true, order: 'latest' as const }];
    // All but the last hours is counted.
    await server.query(
      `UPDATE ${filled.schema}.rollup_progress SET from_seq = ${seq - HOURS_US}, to_seq = ${seq - HOURS_US}`,
    );
    const found = await indexesOf(async () => {
      await nodes.changes({ afterSeq: seq });
      await nodes.lanesTake({ self, lanes: [{ tenantId, destinationId: 'd' }] });
      await nodes.healthOf({ tenantId, destinationIds: null });
      const [health] = await nodes.healthOf({ tenantId: 't1000', destinationIds: null });
      if (health === undefined) throw new Error('no health');
      await storage.healthPut({ entries: [{ ...health, tenantId: 't1000', destinationId: 'd' }] });
      const event = await eventFor(storage, tenantId, { to: ['d', 'late'] });
      const other = await eventFor(storage, tenantId, { id: 'new' });
      await outcomesOf(storage, event, event, { ...other, resource, destinations });
      const byKey = [{ id: 'latest', claimed: true, order: 'key' as const }];
      await outcomesOf(storage, { ...other, id: null, orderKey: 'k', destinations: byKey });
      for (const destinationId of ['d', 'late', 'latest'])
        for (const more of [{}, { isOrdered: true }, { retriesFromMs: 0 }])
          await storage.claim({
            lanes: [{ tenantId, destinationId, limit: 1, ...more }],
            dueBeforeMs,
          });
      await storage.waitingLanes();
      await storage.retryByHand({ tenantId, eventSeq: seq, destinationId: 'd', nowMs: 1 });
      while ((await storage.rollUpSlice({ limit: 1000 })).more);
      await storage.rollUpPruneSlice({ minutesBeforeMs: 1, beforeMs: 1, nowMs: 1, limit: 5 });
      // One that has been dead for long left a claim.
      await server.query(
        `INSERT INTO ${filled.schema}.nodes (lease_until) VALUES (clock_timestamp() - interval '1000 years 2 hours')`,
      );
      await storage.maintain();
    });
    expect(found).toMatchObject(INDEXES);
    const through = Object.entries(found).filter(([, indexes]) =>
      indexes.join().includes('ALL OF'),
    );
    expect(through.map(([name]) => name)).toEqual(['node.ts FORGET_LANES']);
  });

  it('of metrics and usage go by the intended indexes', async () => {
    const { storage, tenantId } = filled;
    const time = { fromMs: 86_400_000, toMs: 4 * 86_400_000, granularity: null, dimensions: [] };
    const page = { limit: 10, order: 'asc' as const, from: null };
    const days = { fromS: 86_400, toS: 4 * 86_400 };
    const usage = { destinationId: null, apiClient: null, days, page };
    const indexesOfAll = async (operation: () => Promise<unknown>) =>
      (await indexesOf(operation, 'all'))['all'];
    const found = {
      events: await indexesOfAll(() => storage.metricsEvents({ ...time, filters: {} })),
      attempts: await indexesOfAll(() =>
        storage.metricsAttempts({ ...time, filters: {}, withLatency: true }),
      ),
      attemptsOfOne: await indexesOfAll(() =>
        storage.metricsAttempts({ ...time, filters: { tenant_id: [tenantId] }, withLatency: true }),
      ),
      usage: await indexesOfAll(() =>
        storage.usageList({ ...usage, tenantIds: [], dimension: 'tenant' }),
      ),
      usageOfOne: await indexesOfAll(() =>
        storage.usageList({ ...usage, tenantIds: [tenantId], dimension: 'destination' }),
      ),
    };
    expect(found).toEqual(COUNTED);
  });
});
