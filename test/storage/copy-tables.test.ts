/** What is copied between engines names every column of both schemas, so that no new one is forgotten. */
import { describe, expect, it } from 'vitest';

import { COPY_TABLES } from '../../src/storage/copy-tables.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { openInlineDatabase } from '../../src/storage/sqlite/inline.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

const COPIED = Object.entries(COPY_TABLES)
  .flatMap(([table, columns]) => Object.keys(columns).map((column) => `${table}.${column}`))
  .toSorted();

/** Of SQLite alone: the file has one server, whose claims end with it. */
const CLAIMS = ['deliveries.claimed_by'];
/** In SQLite found through another table or in the definition, or called otherwise. */
const DERIVED = new Set([
  'destination_health.tenant_no',
  'destinations.topics',
  'deliveries.asked_by',
  'replay_deliveries.tenant_no',
]);
const CALLED_OTHERWISE = ['deliveries.manual'];
/** Of PostgreSQL alone: its servers, what each of them has, the numbers that they share, and ids, which `events` has, too. */
const POSTGRES_TABLES = new Set([
  'migrations',
  'nodes',
  'numbers',
  'lanes',
  'routing_ends',
  'event_keys',
]);
const PARTITION = /_\d{8}$/;

it('every column of SQLite is copied but claims', () => {
  const database = openInlineDatabase({ path: ':memory:', maxBytes: null });
  const columns = database.db
    .prepare(
      `SELECT tables.name || '.' || columns.name AS name
       FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
       WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'`,
    )
    .all()
    .map(({ name }) => String(name));
  database.close();
  const wanted = [
    ...COPIED.filter((column) => !DERIVED.has(column)),
    ...CALLED_OTHERWISE,
    ...CLAIMS,
  ];
  expect(columns.toSorted()).toEqual(wanted.toSorted());
});

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('PostgreSQL', () => {
  const server = usePostgresServer();

  it('every column of PostgreSQL is copied but claims and what its servers share', async () => {
    const url = await server.createSchema();
    const storage = await openPostgresStorage({ url });
    await storage.close();
    const rows = await server.query(`
      SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = '${schemaOf(url)}'`);
    const columns = rows
      .map((row) => [String(row['table_name']), String(row['column_name'])] as const)
      .filter(([table]) => !POSTGRES_TABLES.has(table) && !PARTITION.test(table))
      .map((names) => names.join('.'));
    expect(columns.toSorted()).toEqual([...COPIED, ...CLAIMS].toSorted());
  });
});
