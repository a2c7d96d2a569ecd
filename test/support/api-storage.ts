/** The storage of a server under test: SQLite, or PostgreSQL where `ANGARIUM_TEST_STORAGE=postgres`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';
import { inject } from 'vitest';

import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import type { PostgresOptions } from '../../src/storage/postgres/storage.ts';
import { openInlineDatabase, openInlineStorage } from '../../src/storage/sqlite/inline.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { urlOfSchema } from './postgres-server.ts';

export interface StorageOptions {
  /** `memory`: on this thread, in memory. `file`: two threads over a file, as in production. */
  readonly storage?: 'memory' | 'file';
  /** Of the file. */
  readonly maxBytes?: number;
  /** URL of a PostgreSQL schema that is there, and stays. */
  readonly database?: string;
  /** Another way to it, past a pooler. */
  readonly directDatabase?: string | null;
  /** A server that follows it. */
  readonly readDatabase?: string | null;
  readonly onReplica?: (problem: string | null) => void;
  /** Of leases and looks at a replica there; by default that of the machine. */
  readonly storageClock?: Clock;
  /** Whether the node there attempts deliveries. */
  readonly delivers?: boolean;
  /** Whether the node there takes publishes. */
  readonly publishes?: boolean;
}

export interface OpenedStorage {
  readonly storage: Storage;
  readonly close: () => Promise<void>;
}

export function openTestStorage({
  storage = 'memory',
  maxBytes,
  database,
  directDatabase: directUrl = null,
  readDatabase: readUrl = null,
  onReplica = () => undefined,
  storageClock: clock = systemClock,
  delivers = true,
  publishes = true,
}: StorageOptions): Promise<OpenedStorage> {
  if (database !== undefined)
    return openNode({ url: database, directUrl, readUrl, onReplica, clock, delivers, publishes });
  // What is bounded is a file.
  if (maxBytes !== undefined) return openFile(maxBytes);
  if (process.env['ANGARIUM_TEST_STORAGE'] === 'postgres') return openSchema();
  return storage === 'memory' ? openMemory() : openFile(null);
}

function openMemory(): Promise<OpenedStorage> {
  const database = openInlineDatabase({ path: ':memory:', maxBytes: null });
  const storage = openInlineStorage(database, systemClock, systemRandom);
  const close = async () => {
    await storage.close();
    database.close();
  };
  return Promise.resolve({ storage, close });
}

async function openFile(maxBytes: number | null): Promise<OpenedStorage> {
  const directory = mkdtempSync(join(tmpdir(), 'angarium-api-'));
  const path = join(directory, 'angarium.db');
  const storage = await openSqliteStorage({ path, maxBytes });
  return {
    storage,
    close: async () => {
      await storage.close();
      rmSync(directory, { recursive: true });
    },
  };
}

async function openNode(options: PostgresOptions): Promise<OpenedStorage> {
  const storage = await openPostgresStorage(options);
  return { storage, close: () => storage.close() };
}

let schemas = 0;

/** Of the server of the run (postgres-of-the-run.ts). */
async function openSchema(): Promise<OpenedStorage> {
  const server = inject('postgresUrl');
  const name = `api_${process.pid}_${++schemas}`;
  await run(server, `CREATE SCHEMA ${name}`);
  const storage = await openPostgresStorage({ url: urlOfSchema(server, name) });
  return {
    storage,
    close: async () => {
      await storage.close();
      await run(server, `DROP SCHEMA ${name} CASCADE`);
    },
  };
}

async function run(server: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(sql);
  await client.end();
}
