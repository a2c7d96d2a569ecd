/** Whether another URL leads to the same database: by the four characters that whoever opened it first has given it. */
import pg from 'pg';
import type { ClientBase, Pool } from 'pg';
import { placeOf } from '../../domain/postgres-url.ts';
import { StorageOpenError } from '../storage.ts';
import { connectionConfig } from './open.ts';
import { explainOpening } from './refusal.ts';

const FIND = "SELECT to_regclass('meta') IS NOT NULL AS is_there";
const MARK = "SELECT value FROM meta WHERE name = 'instance_mark'";

/** `null`: it is none of Angarium. */
export async function markOf(on: Pool | ClientBase): Promise<string | null> {
  const found = await on.query<{ is_there: boolean }>(FIND);
  if (found.rows[0]?.is_there !== true) return null;
  const { rows } = await on.query<{ value: string }>(MARK);
  return rows[0]?.value ?? null;
}

/** Throws `StorageOpenError`, also where nothing is there. */
export async function refuseAnotherDatabase(url: string, mark: string): Promise<void> {
  const client = new pg.Client(connectionConfig(url));
  // A connection that breaks says so to the query.
  client.on('error', () => undefined);
  try {
    await client.connect();
    if ((await markOf(client)) === mark) return;
    throw new StorageOpenError(
      'unreachable',
      `${placeOf(url)} is another database, or leads to another schema of it: both URLs have to lead to the same tables`,
    );
  } catch (error) {
    throw explainOpening(error, placeOf(url));
  } finally {
    await client.end().catch(() => undefined);
  }
}
