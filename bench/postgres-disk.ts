/**
 * What an event and its deliveries take on the disk of PostgreSQL, by table, and what they write to its log: a server of this
 * checkout, events of 512 bytes in batches, each delivered at the first attempt. In an empty schema of its own:
 *
 *     node bench/postgres-disk.ts postgres://... [EVENTS] [DESTINATIONS]
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDestination, createTenant } from './api.ts';
import { batchBody } from './event.ts';
import { sleep } from './part.ts';
import { PROGRAM, Server } from './server.ts';

const BATCH = 100;
const TENANT = 'disk';
const SCHEMA = `disk_${process.pid}`;
const LOOK_EVERY_MS = 200;

const [database, events = '20000', destinations = '1'] = process.argv.slice(2);
if (database === undefined) throw new Error('name the database: postgres://...');
const own = new URL(database);
own.searchParams.set('options', `-c search_path=${SCHEMA}`);
const client = new pg.Client({ connectionString: own.href });
await client.connect();
await client.query(`CREATE SCHEMA ${SCHEMA}`);

const receiver = createServer((request, response) => {
  request.resume().on('end', () => response.end('ok'));
});
receiver.listen(0, '127.0.0.1');
await once(receiver, 'listening');
const address = receiver.address();
if (typeof address !== 'object' || address === null) throw new Error('the receiver has no port');

const folder = mkdtempSync(join(tmpdir(), 'angarium-disk-'));
const server = await Server.start({
  folder,
  program: PROGRAM,
  profileFolder: null,
  config: null,
  databaseUrl: own.href,
});
await createTenant(server, TENANT);
for (let n = 0; n < Number(destinations); n++)
  await createDestination(server, {
    tenantId: TENANT,
    id: `d${n}`,
    url: `http://127.0.0.1:${address.port}/${n}`,
  });
const deliveries = Number(events) * Number(destinations);
const before = await walBytes();
for (let done = 0; done < Number(events); done += BATCH) {
  const response = await fetch(`${server.origin}/api/v1/publish/batch`, {
    method: 'POST',
    headers: server.headers,
    body: batchBody([TENANT], BATCH),
  });
  await response.arrayBuffer();
  if (response.status !== 202) throw new Error(`a batch was answered with ${response.status}`);
}
while ((await server.delivered()) < deliveries) await sleep(LOOK_EVERY_MS);
await server.stop();
const wal = (await walBytes()) - before;

// Partitions count for their table.
const { rows } = await client.query(`
  SELECT regexp_replace(relname, '_[0-9]{8}$', '') AS table,
         round(sum(pg_table_size(oid)) / ${events}, 1)::float AS "table, bytes an event",
         round(sum(pg_indexes_size(oid)) / ${events}, 1)::float AS "indexes, bytes an event"
  FROM pg_class WHERE relnamespace = '${SCHEMA}'::regnamespace AND relkind = 'r'
  GROUP BY 1 HAVING sum(pg_total_relation_size(oid)) > 262144 ORDER BY 1`);
console.table(rows);
console.log(`${Math.round(wal / Number(events))} bytes of log an event`);
await client.query(`DROP SCHEMA ${SCHEMA} CASCADE`);
await client.end();
receiver.close();
receiver.closeAllConnections();
rmSync(folder, { recursive: true });

async function walBytes(): Promise<number> {
  const { rows: found } = await client.query<{ bytes: string }>(
    "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS bytes",
  );
  return Number(found[0]?.bytes);
}
