/**
 * The PostgreSQL server that nodes are measured on: one of the bench's own, durable, or the one that
 * `ANGARIUM_BENCH_DATABASE_URL` names, with a role that may make databases.
 */
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePort, startKept } from './children.ts';
import type { Kept } from './children.ts';
import type { OwnPostgresOptions } from './own-postgres.ts';
import { sleep } from './part.ts';
import { cpuOfFamily } from './usage.ts';

/** For a machine that does other work as well. `fsync` and `synchronous_commit` stay on. */
const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'max_connections=200',
  'shared_buffers=1GB',
  'max_wal_size=8GB',
  'checkpoint_timeout=15min',
  'wal_compression=on',
  'shared_preload_libraries=pg_stat_statements',
  'pg_stat_statements.track_planning=on',
];
const SHOWN = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'shared_buffers',
  'max_wal_size',
  'checkpoint_timeout',
  'wal_compression',
  'max_connections',
];
const USER = 'angarium';
const PASSWORD = 'angarium';
const START_TIMEOUT_MS = 60_000;

export class Postgres {
  /** Of a database that nobody measures. */
  readonly #pool: pg.Pool;
  readonly #url: string;
  readonly #kept: Kept | null;
  /** `null`: it is not this machine's, as far as is known. */
  readonly #postmasterPid: number | null;
  readonly #databases: string[] = [];

  private constructor(url: string, kept: Kept | null, postmasterPid: number | null) {
    this.#url = url;
    this.#kept = kept;
    this.#postmasterPid = postmasterPid;
    this.#pool = new pg.Pool({ connectionString: url, max: 2 });
    this.#pool.on('error', () => undefined);
  }

  static async start(): Promise<Postgres> {
    const given = process.env['ANGARIUM_BENCH_DATABASE_URL'];
    const { url, kept, pid } =
      given === undefined ? await startOwn() : { url: given, kept: null, pid: null };
    const server = new Postgres(url, kept, pid);
    await server.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements').catch(() => undefined);
    return server;
  }

  /** What was measured with, in a line. */
  async describe(): Promise<string> {
    const rows = await this.query(
      'SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name',
      [SHOWN],
    );
    const settings = rows.map(({ name, value }) => `${String(name)} ${String(value)}`);
    return `PostgreSQL: ${this.#kept === null ? 'the one given' : 'its own, on this machine'}: ${settings.join(', ')}`;
  }

  /** A new, empty one; its URL. */
  async createDatabase(): Promise<string> {
    const name = `angarium_bench_${process.hrtime.bigint()}`;
    await this.query(`CREATE DATABASE ${name}`);
    this.#databases.push(name);
    const url = new URL(this.#url);
    url.pathname = `/${name}`;
    return url.href;
  }

  async query(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.#pool.query<Record<string, unknown>>(sql, values)).rows;
  }

  /** Seconds of cores that it has used, with all of its processes; NaN where that is not known. */
  cpuSeconds(): number {
    return this.#postmasterPid === null ? Number.NaN : cpuOfFamily(this.#postmasterPid);
  }

  async end(): Promise<void> {
    if (this.#kept === null)
      for (const name of this.#databases)
        await this.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`).catch(() => undefined);
    await this.#pool.end();
    await this.#kept?.end();
  }
}

async function startOwn(): Promise<{ url: string; kept: Kept; pid: number }> {
  const databaseDir = join(tmpdir(), `angarium-bench-postgres-${process.hrtime.bigint()}`);
  const port = await freePort();
  const options: OwnPostgresOptions = {
    databaseDir,
    port,
    user: USER,
    password: PASSWORD,
    settings: SETTINGS,
  };
  const program = fileURLToPath(new URL('own-postgres.ts', import.meta.url));
  const kept = await startKept(process.execPath, [program, JSON.stringify(options)]);
  const url = `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`;
  await untilItAnswers(url);
  const [line = ''] = readFileSync(join(databaseDir, 'postmaster.pid'), 'utf8').split('\n');
  return { url, kept, pid: Number(line) };
}

async function untilItAnswers(url: string): Promise<void> {
  const endMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const client = new pg.Client(url);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (performance.now() > endMs)
        throw new Error('the PostgreSQL server of the bench did not start', { cause: error });
      await sleep(100);
    }
  }
}
