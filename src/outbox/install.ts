/** Makes an outbox in the application's database, brings it up to date, or takes it away: all or nothing. */
import pg from 'pg';
import type { OutboxPlace } from '../domain/outbox.ts';
import { codeOf } from '../domain/postgres-trouble.ts';
import { placeOf } from '../domain/postgres-url.ts';
import { connectionOptions, reasonOf } from './connection.ts';
import { migrations } from './migrations.ts';

/** It could not be done; the message says why and what helps. */
export class OutboxError extends Error {
  override readonly name = 'OutboxError';
}

export type Target = Pick<OutboxPlace, 'url' | 'schema'>;

export interface Installed {
  /** Before it; 0: there was none. */
  readonly from: number;
  readonly version: number;
  /** The role that it belongs to. */
  readonly owner: string;
}

const OLDEST_SERVER = 14;
/** An application that is at work is not kept waiting for longer. */
const LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'";
const CREATE_TRIGGER = `
  CREATE TRIGGER angarium_outbox_notify AFTER INSERT ON angarium_outbox
  FOR EACH STATEMENT EXECUTE FUNCTION angarium_outbox_notify()`;
/** `lock_not_available`. */
const LOCKED = '55P03';

/** Does what is missing, at the same time as others too. Rejects with `OutboxError`. */
export function installOutbox(target: Target, notify: boolean): Promise<Installed> {
  return inTransaction(target, async (client) => {
    const { schema } = target;
    await refuseOlderServer(client);
    if (!(await hasSchema(client, schema))) await client.query(`CREATE SCHEMA "${schema}"`);
    await refuseOpenSchema(client, schema);
    await client.query(`SET LOCAL search_path TO "${schema}", pg_temp`);
    const from = await installedVersion(client, schema);
    const all = migrations();
    const version = all.at(-1)?.version ?? 0;
    if (from > version) {
      throw new OutboxError(
        `the outbox in the schema ${schema} has version ${from}, but this version of Angarium knows only ${version}: use the newer Angarium`,
      );
    }
    for (const migration of all) if (migration.version > from) await client.query(migration.sql);
    await client.query(
      `INSERT INTO angarium_outbox_state (version, notify) VALUES ($1, $2)
       ON CONFLICT (id) DO UPDATE SET version = excluded.version, notify = excluded.notify`,
      [version, notify],
    );
    // Both lock out the application, for a moment: only where there is something to do.
    if (notify !== (await hasTrigger(client)))
      await client.query(
        notify ? CREATE_TRIGGER : 'DROP TRIGGER angarium_outbox_notify ON angarium_outbox',
      );
    const { rows } = await client.query<{ owner: string }>(
      `SELECT pg_catalog.pg_get_userbyid(relowner) AS owner FROM pg_catalog.pg_class WHERE oid = 'angarium_outbox'::regclass`,
    );
    return { from, version, owner: rows[0]?.owner ?? '' };
  });
}

/**
 * Gives whether there was one. Unless `force`, refuses while events wait in it or have failed. Rejects with
 * `OutboxError`.
 */
export function uninstallOutbox(target: Target, force: boolean): Promise<boolean> {
  return inTransaction(target, async (client) => {
    const { schema } = target;
    if ((await installedVersion(client, schema)) === 0) return false;
    await client.query(`SET LOCAL search_path TO "${schema}", pg_temp`);
    // From here on nothing comes in.
    await client.query(
      'LOCK TABLE angarium_outbox, angarium_outbox_failed IN ACCESS EXCLUSIVE MODE',
    );
    const { rows } = await client.query<{ waiting: string; failed: string }>(
      `SELECT (SELECT count(*) FROM angarium_outbox) AS waiting, (SELECT count(*) FROM angarium_outbox_failed) AS failed`,
    );
    const { waiting, failed } = rows[0] ?? { waiting: '0', failed: '0' };
    if (!force && (waiting !== '0' || failed !== '0')) {
      throw new OutboxError(
        `${waiting} events wait in the outbox to be published, and ${failed} have failed: let Angarium publish them, look at angarium_outbox_failed, or drop them with --force`,
      );
    }
    for (const name of ['angarium_publish', 'angarium_outbox_retry'])
      await dropFunctions(client, schema, name);
    await client.query('DROP TABLE angarium_outbox, angarium_outbox_failed, angarium_outbox_state');
    for (const name of ['angarium_outbox_begin', 'angarium_outbox_notify'])
      await dropFunctions(client, schema, name);
    return true;
  });
}

async function inTransaction<Result>(
  { url }: Target,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client(connectionOptions(url));
  // Whoever waits for an answer is told.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('BEGIN');
    await client.query(LOCK_TIMEOUT);
    // One at a time; a lock of the transaction is held through a pooler too.
    await client.query(
      `SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('angarium_outbox', 0))`,
    );
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    if (error instanceof OutboxError) throw error;
    throw new OutboxError(explained(error, url), { cause: error });
  } finally {
    // Without a COMMIT nothing of it was done.
    await client.end().catch(() => {});
  }
}

function explained(error: unknown, url: string): string {
  if (codeOf(error) === LOCKED)
    return `${placeOf(url)}: something else holds the outbox for more than 5 s: try again, or end the transaction that does`;
  return reasonOf(error, url);
}

async function refuseOlderServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: string }>(
    "SELECT current_setting('server_version_num') AS version",
  );
  const version = Math.floor(Number(rows[0]?.version) / 10_000);
  if (version < OLDEST_SERVER)
    throw new OutboxError(
      `the server is PostgreSQL ${version}, but the outbox needs ${OLDEST_SERVER} or later`,
    );
}

/** Asked first: `CREATE SCHEMA IF NOT EXISTS` needs a privilege even where there is nothing to create. */
async function hasSchema(client: pg.Client, schema: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1',
    [schema],
  );
  return rowCount === 1;
}

/** The functions run as their owner: nobody else may put something in front of what they name. */
async function refuseOpenSchema(client: pg.Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ open: boolean }>(
    `SELECT pg_catalog.has_schema_privilege('public', $1, 'CREATE') AS open`,
    [schema],
  );
  if (rows[0]?.open === true) {
    throw new OutboxError(
      `everybody may create things in the schema ${schema}: choose another one with --schema, or REVOKE CREATE ON SCHEMA "${schema}" FROM PUBLIC`,
    );
  }
}

async function hasTrigger(client: pg.Client): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT 1 FROM pg_catalog.pg_trigger
     WHERE tgrelid = 'angarium_outbox'::regclass AND tgname = 'angarium_outbox_notify'`,
  );
  return rowCount === 1;
}

/** 0: there is none. */
async function installedVersion(client: pg.Client, schema: string): Promise<number> {
  const table = `"${schema}".angarium_outbox_state`;
  const { rows } = await client.query<{ found: boolean }>(
    'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS found',
    [table],
  );
  if (rows[0]?.found !== true) return 0;
  const state = await client.query<{ version: number }>(`SELECT version FROM ${table}`);
  return state.rows[0]?.version ?? 0;
}

/** With whatever parameters. */
async function dropFunctions(client: pg.Client, schema: string, name: string): Promise<void> {
  const { rows } = await client.query<{ signature: string }>(
    `SELECT routine.oid::regprocedure::text AS signature
     FROM pg_catalog.pg_proc AS routine JOIN pg_catalog.pg_namespace AS place ON place.oid = pronamespace
     WHERE nspname = $1 AND proname = $2`,
    [schema, name],
  );
  for (const { signature } of rows) await client.query(`DROP FUNCTION ${signature}`);
}
