/**
 * What settings of the partitions of `deliveries` do to their updates, dead rows and sizes, after so many deliveries, each
 * delivered at the first attempt. In an empty schema of its own, through the driver alone:
 *
 *     node bench/postgres-vacuum.ts postgres://... [DELIVERIES] ['fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02']
 */
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { openPostgresStorage } from '../src/storage/postgres/storage.ts';
import type { AttemptRecord, NewEvent, Storage } from '../src/storage/storage.ts';
import { eventData, TOPIC } from './event.ts';

const DESTINATIONS = 20;
const BATCH = 200;
const SCHEMA = `vacuum_${process.pid}`;
/** What servers of the database have told of their rows by then is seen. */
const STATISTICS_MS = 2000;

const [server, count = '100000', settings = ''] = process.argv.slice(2);
if (server === undefined) throw new Error('name the database: postgres://...');
const own = new URL(server);
own.searchParams.set('options', `-c search_path=${SCHEMA}`);
const client = new pg.Client({ connectionString: own.href });
await client.connect();
await client.query(`CREATE SCHEMA ${SCHEMA}`);
const storage = await openPostgresStorage({ url: own.href });
await storage.maintain();
const { rows: partitions } = await client.query<{ name: string }>(
  "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'deliveries'::regclass",
);
for (const { name } of partitions)
  if (settings !== '') await client.query(`ALTER TABLE ${name} SET (${settings})`);

const tenants = await Promise.all(Array.from({ length: DESTINATIONS }, (_, no) => seed(no)));
const data = new TextEncoder().encode(eventData());
const before = await walBytes();
for (let done = 0; done < Number(count); done += BATCH) await deliver(storage);
const wal = (await walBytes()) - before;
// Its connections tell the last of it when they end.
await storage.close();
await setTimeout(STATISTICS_MS);
const { rows } = await client.query(`
  SELECT regexp_replace(relname, '_[0-9]{8}$', '') AS table, sum(n_tup_ins)::integer AS inserted,
         sum(n_tup_upd)::integer AS updated, sum(n_tup_hot_upd)::integer AS hot, sum(n_dead_tup)::integer AS dead,
         sum(autovacuum_count)::integer AS vacuums, sum(pg_relation_size(relid))::integer AS table_bytes,
         sum(pg_indexes_size(relid))::integer AS index_bytes
  FROM pg_stat_user_tables
  WHERE schemaname = '${SCHEMA}' AND relname ~ '^(numbers$|event_keys$|(events|deliveries|attempts)_)'
  GROUP BY 1 ORDER BY 1`);
console.table(rows);
console.log(`${Math.round(wal / Number(count))} bytes of WAL a delivery`);
await client.query(`DROP SCHEMA ${SCHEMA} CASCADE`);
await client.end();

interface Seeded {
  readonly tenantId: string;
  readonly routingVersion: number;
}

async function seed(no: number): Promise<Seeded> {
  const tenantId = `tenant-${no}`;
  await storage.tenantUpsert({ id: tenantId, metadata: {} });
  await storage.destinationInsert({
    maxPerTenant: 1,
    destination: {
      tenantId,
      id: 'd',
      type: 'webhook',
      name: null,
      profile: null,
      format: { name: 'profile' },
      httpSignature: null,
      topics: ['*'],
      config: { url: 'https://example.com/hook' },
      filter: null,
      deliveryMetadata: null,
      metadata: null,
      policy: {},
      disabledAtMs: null,
      disabledReason: null,
      expiresAtMs: null,
      createdAtMs: 1,
      updatedAtMs: 1,
      sealedCredentials: new Uint8Array(),
      revision: 1,
    },
  });
  const routing = await storage.routingOf({ tenantId });
  return { tenantId, routingVersion: routing?.version ?? 0 };
}

async function deliver(to: Storage): Promise<void> {
  const events = Array.from({ length: BATCH }, (_, index) => tenants[index % DESTINATIONS]);
  const outcomes = await to.publish({ events: events.flatMap((of) => (of ? [eventOf(of)] : [])) });
  await to.record({
    attempts: outcomes.flatMap((outcome) =>
      outcome.kind === 'stored' ? [attemptOf(outcome.seq)] : [],
    ),
  });
}

function eventOf(of: Seeded): NewEvent {
  return {
    ...of,
    id: null,
    topic: TOPIC,
    timeMs: null,
    eligibleForRetry: true,
    test: false,
    metadata: null,
    resource: null,
    orderKey: null,
    deliverAtMs: null,
    data,
    requestedDestinationId: null,
    destinations: [{ id: 'd', claimed: true }],
  };
}

function attemptOf(seq: number): AttemptRecord {
  return {
    delivery: { seq, ordinal: 0 },
    number: 1,
    kind: 'first',
    step: 0,
    verdict: { status: 'delivered' },
    startedAtMs: Math.floor(seq / 1000),
    reason: null,
    detail: null,
    timings: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: 1, totalMs: 1 },
    request: {
      shape: { url: 'https://example.com/hook', headers: '', payload: 'standard' },
      headers: `webhook-id\nevt_${seq}`,
    },
    response: { status: 200, headers: '', body: new Uint8Array(), truncated: false },
  };
}

async function walBytes(): Promise<number> {
  const found = await client.query<{ bytes: string }>(
    "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS bytes",
  );
  return Number(found.rows[0]?.bytes);
}
