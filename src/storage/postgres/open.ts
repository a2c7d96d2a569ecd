/** Opens the pool of connections, and looks whether the database can be used. */
import pg from 'pg';
import { placeOf, withTlsOfLibpq } from '../../domain/postgres-url.ts';
import { StorageOpenError } from '../storage.ts';
import { migrate } from './migrate.ts';
import { explainOpening } from './refusal.ts';

const OLDEST_VERSION = 14;
const CONNECTIONS = 8;
/** What takes longer is given up: the connection may be dead without having said so. */
export const QUERY_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5000;
const CONTROL_CONNECTIONS = 2;
const CONTROL_TIMEOUT_MS = 4000;

// Numbers of ours are below 2^53 (domain/id.ts).
const TYPES = new pg.TypeOverrides();
TYPES.setTypeParser(pg.types.builtins.INT8, Number);
TYPES.setTypeParser(pg.types.builtins.BYTEA, bytesOfHex);

export function connectionConfig(url: string): pg.ClientConfig {
  return {
    connectionString: withTlsOfLibpq(url),
    types: TYPES,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'angarium',
  };
}

/**
 * Connections for the lease and for what other nodes have changed: they do not wait behind long queries, and what does
 * not answer is given up soon.
 */
export function openControlPool(url: string): pg.Pool {
  const pool = new pg.Pool({
    ...connectionConfig(url),
    query_timeout: CONTROL_TIMEOUT_MS,
    max: CONTROL_CONNECTIONS,
  });
  hearNothing(pool);
  return pool;
}

/** Of what happens to a connection while nobody uses it. */
export function hearNothing(pool: pg.Pool): void {
  // A connection that has ended says so to whoever uses it next: nobody has to hear it now.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
}

/** `prepare`: what is done with the schema first. Throws `StorageOpenError`. */
export async function openPool(
  url: string,
  prepare: (client: pg.ClientBase) => Promise<unknown> = migrate,
): Promise<pg.Pool> {
  const pool = new pg.Pool({ ...connectionConfig(url), max: CONNECTIONS, pipeline: true });
  hearNothing(pool);
  try {
    const client = await pool.connect();
    try {
      await refuseOlder(client);
      await prepare(client);
    } finally {
      client.release();
    }
    return pool;
  } catch (error) {
    await pool.end();
    throw explainOpening(error, placeOf(url));
  }
}

async function refuseOlder(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ version: string }>(
    "SELECT current_setting('server_version_num') AS version",
  );
  const version = Math.floor(Number(rows[0]?.version) / 10_000);
  if (version >= OLDEST_VERSION) return;
  throw new StorageOpenError(
    'unreachable',
    `the server is PostgreSQL ${version}, but Angarium needs ${OLDEST_VERSION} or later`,
  );
}

/** Its own memory, not a part of what came over the wire. */
function bytesOfHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'));
}
