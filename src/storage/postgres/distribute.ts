/** Distributes the tables over the workers of a Citus cluster (`angarium migrate citus`). */
import pg from 'pg';
import type { ClientBase } from 'pg';
import { placeOf } from '../../domain/postgres-url.ts';
import { StorageOpenError } from '../storage.ts';
import { distributionSql } from './distribution.ts';
import { migrate } from './migrate.ts';
import { connectionConfig } from './open.ts';
import { explainOpening } from './refusal.ts';

const CITUS = `
  SELECT (SELECT extversion FROM pg_extension WHERE extname = 'citus') AS installed,
         (SELECT default_version FROM pg_available_extensions WHERE name = 'citus') AS available`;
// Rows are copied to their shards, and who writes meanwhile would wait, or write past them.
const LIVE = 'SELECT count(*)::integer AS nodes FROM nodes WHERE lease_until > clock_timestamp()';
const DONE = `
  SELECT relname FROM pg_dist_partition JOIN pg_class ON pg_class.oid = logicalrelid
  WHERE relnamespace = quote_ident(current_schema())::regnamespace`;
// All tables of one transaction: several connections to a worker would not see each other's.
const SEQUENTIAL = "SET LOCAL citus.multi_shard_modify_mode TO 'sequential'";

/**
 * Makes the tables where they are missing, and distributes those that are not yet: all or nothing. Gives the statements that
 * were run. `null`: nothing is done, but those of a database where nothing is distributed are given. Throws
 * `StorageOpenError`.
 */
export async function distribute(url: string | null): Promise<readonly string[]> {
  if (url === null) return distributionSql();
  // The rows of a table may take their time.
  const client = new pg.Client({ ...connectionConfig(url), query_timeout: 0 });
  // A connection that breaks says so to the query.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await refuseWithoutCitus(client, url);
    await migrate(client);
    return await distributeTables(client);
  } catch (error) {
    throw explainOpening(error, placeOf(url));
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function refuseWithoutCitus(client: ClientBase, url: string): Promise<void> {
  const { rows } = await client.query<{ installed: string | null; available: string | null }>(
    CITUS,
  );
  const { installed = null, available = null } = rows[0] ?? {};
  if (installed !== null) return;
  throw new StorageOpenError(
    'unreachable',
    available === null
      ? `${placeOf(url)} has no Citus: install it on that server and its workers first, and add the workers`
      : `${placeOf(url)} has no extension citus: as a superuser run CREATE EXTENSION citus in that database, and add the workers`,
  );
}

async function distributeTables(client: ClientBase): Promise<readonly string[]> {
  await client.query('BEGIN');
  try {
    const live = await client.query<{ nodes: number }>(LIVE);
    const nodes = live.rows[0]?.nodes ?? 0;
    if (nodes > 0)
      throw new StorageOpenError(
        'unreachable',
        `servers use the database (${nodes}), or were killed within the last 15 s: stop all of them, and run the same again`,
      );
    const done = await client.query<{ relname: string }>(DONE);
    const statements = distributionSql(new Set(done.rows.map(({ relname }) => relname)));
    await client.query(SEQUENTIAL);
    for (const sql of statements) await client.query(sql);
    await client.query('COMMIT');
    return statements;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
