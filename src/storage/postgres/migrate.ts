/** The schema's versions: numbered files that never change, applied in order, each start adding what is missing. */
import { readdirSync, readFileSync } from 'node:fs';
import type { ClientBase, QueryConfig } from 'pg';
import { StorageOpenError } from '../storage.ts';

const DIRECTORY = new URL('./migrations/', import.meta.url);

/** It may read every row that there is. */
const MIGRATION_TIMEOUT_MS = 24 * 60 * 60 * 1000;
const LOCK = "SELECT pg_advisory_xact_lock(hashtext('angarium ' || current_schema))";

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

function migrations(): Migration[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({
      version: Number.parseInt(name, 10),
      name,
      sql: readFileSync(new URL(name, DIRECTORY), 'utf8'),
    }));
}

/**
 * Brings the schema that the role's search_path names first up to date, in one transaction. Several nodes may start at
 * once: the first does it, the others wait for it. Throws `StorageOpenError` where a newer version was there before.
 */
export async function migrate(client: ClientBase): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
  try {
    await refuseNoSchema(client);
    // Of this schema alone, for as long as the transaction: a pooler may stand between.
    await client.query(unhurried(LOCK));
    await client.query(
      'CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)',
    );
    const newest = await client.query<{ version: number }>(
      'SELECT coalesce(max(version), 0) AS version FROM migrations',
    );
    const from = newest.rows[0]?.version ?? 0;
    const all = migrations();
    refuseNewer(from, all.at(-1)?.version ?? 0);
    for (const { version, name, sql } of all) {
      if (version <= from) continue;
      await client.query(unhurried(sql));
      await client.query('INSERT INTO migrations (version, name) VALUES ($1, $2)', [version, name]);
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** The types of `pg` do not know the option that outdoes that of the connection. */
function unhurried(text: string): QueryConfig {
  const config = { text, query_timeout: MIGRATION_TIMEOUT_MS };
  return config;
}

/** The version of the schema; 0 where there is none. It changes nothing. Throws `StorageOpenError` as `migrate` does. */
export async function inspectSchema(client: ClientBase): Promise<number> {
  await refuseNoSchema(client);
  const found = await client.query<{ name: string | null }>(
    "SELECT to_regclass(quote_ident(current_schema) || '.migrations')::text AS name",
  );
  if (found.rows[0]?.name === null) return 0;
  const newest = await client.query<{ version: number }>(
    'SELECT coalesce(max(version), 0) AS version FROM migrations',
  );
  const version = newest.rows[0]?.version ?? 0;
  refuseNewer(version, migrations().at(-1)?.version ?? 0);
  return version;
}

async function refuseNoSchema(client: ClientBase): Promise<void> {
  const found = await client.query<{ schema: string | null }>('SELECT current_schema AS schema');
  if (found.rows[0]?.schema !== null) return;
  throw new StorageOpenError(
    'unreachable',
    'the role’s search_path names no schema that exists: create one that it owns, and set the search_path of the role to it',
  );
}

function refuseNewer(found: number, known: number): void {
  if (found <= known) return;
  throw new StorageOpenError(
    'newer',
    `the database has schema version ${found}, but this version of Angarium knows only ${known}: start the newer Angarium`,
  );
}
