/**
 * Where a server in a process of its own keeps its data: in a file of its working directory, or where
 * `ANGARIUM_TEST_STORAGE=postgres` in a schema for each working directory, on the server of the run.
 */
import pg from 'pg';
import { inject, onTestFinished } from 'vitest';

import { schemaOf, urlOfSchema } from './postgres-server.ts';

export const isOnPostgres = process.env['ANGARIUM_TEST_STORAGE'] === 'postgres';

/** URLs, by working directory. */
const schemas = new Map<string, string>();
let made = 0;

/** Options of a server that works there. A schema is dropped after the test. */
export async function databaseEnv(cwd: string): Promise<Record<string, string>> {
  if (!isOnPostgres) return {};
  const known = schemas.get(cwd);
  const url = known ?? (await makeSchema(cwd));
  return {
    ANGARIUM_DATABASE_URL: url,
    // There is no file to make one beside.
    ANGARIUM_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
  };
}

/** All rows of all tables of that working directory's schema, table by table. */
export async function rowsOf(cwd: string): Promise<[table: string, bytes: Buffer][]> {
  const url = schemas.get(cwd);
  if (url === undefined) throw new Error('no server has a schema there');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      'SELECT tablename AS name FROM pg_tables WHERE schemaname = $1',
      [schemaOf(url)],
    );
    const found: [string, Buffer][] = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query<unknown[]>({
        text: `SELECT * FROM ${name}`,
        rowMode: 'array',
      });
      found.push([name, Buffer.concat(rows.flat(2).map(bytesOf))]);
    }
    return found;
  } finally {
    await client.end();
  }
}

function bytesOf(value: unknown): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(`${JSON.stringify(value)}\n`);
}

async function makeSchema(cwd: string): Promise<string> {
  const server = inject('postgresUrl');
  const name = `e2e_${process.pid}_${++made}`;
  await run(server, `CREATE SCHEMA ${name}`);
  const url = urlOfSchema(server, name);
  schemas.set(cwd, url);
  onTestFinished(async () => {
    schemas.delete(cwd);
    await run(server, `DROP SCHEMA ${name} CASCADE`);
  });
  return url;
}

async function run(server: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(sql);
  await client.end();
}
