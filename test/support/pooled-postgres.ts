/** Schemas of a PostgreSQL server, reached through PgBouncer in transaction mode: for the tests of one file. */
import { statSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';

import { findPgbouncer, startPgbouncer } from './pgbouncer.ts';
import type { Pgbouncer } from './pgbouncer.ts';
import { urlOfSchema, usePostgresServer, whyNoOwnPostgres } from './postgres-server.ts';
import type { PostgresServer } from './postgres-server.ts';

/** More than the tests of a file make. */
const SCHEMAS = Array.from({ length: 500 }, (_, nth) => `pooled_${nth}`);

export interface PooledServer extends PostgresServer {
  /** The URL past the pooler, of one through it. */
  direct(url: string): string;
}

/** Why there is none, in a line; `null`: there is one. */
export async function whyNoPooledServer(): Promise<string | null> {
  if (findPgbouncer() === undefined) return 'no PgBouncer to test with: apt-get install pgbouncer';
  if (process.env['ANGARIUM_TEST_DATABASE_URL'] !== undefined)
    return 'needs a server of its own: unset ANGARIUM_TEST_DATABASE_URL';
  return whyNoOwnPostgres();
}

/** Registers the start and the end of both with the file that calls it. */
export function usePooledServer(): PooledServer {
  const server = usePostgresServer();
  let pgbouncer: Pgbouncer | undefined;
  let made = 0;
  beforeAll(async () => {
    const [row] = await server.query('SHOW data_directory');
    pgbouncer = await startPgbouncer({
      program: findPgbouncer() ?? '',
      serverUrl: server.url,
      owner: statSync(String(row?.['data_directory'])),
      schemas: SCHEMAS,
    });
  });
  afterAll(async () => {
    await pgbouncer?.stop();
  });
  return {
    get url() {
      return server.url;
    },
    isGiven: server.isGiven,
    query: (sql) => server.query(sql),
    queryAt: (url, sql) => server.queryAt(url, sql),
    dropSchema: (url) => server.dropSchema(url),
    cutOff: (url) => server.cutOff(url),
    goAway: () => server.goAway(),
    comeBack: () => server.comeBack(),
    async createSchema() {
      const name = SCHEMAS[made++];
      if (pgbouncer === undefined || name === undefined)
        throw new Error('the pooler runs only while tests do, and has so many schemas');
      await server.query(`CREATE SCHEMA ${name}`);
      return pgbouncer.url(name);
    },
    direct: (url) => urlOfSchema(server.url, new URL(url).pathname.slice(1)),
  };
}
