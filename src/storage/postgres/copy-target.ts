/**
 * An empty database as the target of a copy from another engine. How far the copy has come stands in `meta`, and is
 * written with the rows; each step is taken only from where the step before ended, so two copies at a time do no harm.
 */
import type { ClientBase, Pool } from 'pg';
import { COPY_TABLE_NAMES } from '../copy-tables.ts';
import type { CopyRow, CopyTable } from '../copy-tables.ts';
import { CopyChecksum } from '../copy-checksum.ts';
import { CopyRefusedError } from '../copying.ts';
import type {
  CopyIdentity,
  CopySource,
  CopyState,
  CopyTarget,
  TableDigest,
  TableProgress,
} from '../copying.ts';
import { parseCopyMark, readCopyMark } from './copy-mark.ts';
import type { CopyMark } from './copy-mark.ts';
import {
  columnValues,
  daysIn,
  DELETE_PUT_IN,
  INSERT_KEYS,
  insertInto,
  keyValues,
  numberFrom,
  readable,
  selectData,
  selectDigests,
} from './copy-statements.ts';
import { MAKE_DAYS } from './days.ts';
import { inspectSchema, migrate } from './migrate.ts';
import { placeOf } from '../../domain/postgres-url.ts';
import { openPool } from './open.ts';
import { explainRefusal } from './refusal.ts';

const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED';
const BEGIN_DIGEST = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const FETCHED_ROWS = 500;

const TABLE_IS_THERE = "SELECT to_regclass(quote_ident(current_schema) || '.' || $1) AS name";
const HAS_SERVER =
  'SELECT EXISTS (SELECT 1 FROM nodes WHERE lease_until > clock_timestamp()) AS found';
const BEGIN_MARK = "INSERT INTO meta (name, value) VALUES ('copy', $1)";
const MOVE_MARK = "UPDATE meta SET value = $1 WHERE name = 'copy' AND value = $2";
const RAISE_SEQ = 'UPDATE numbers SET last_seq = greatest(last_seq, $1), open_seq = 0';
const NUMBERED = `
  SELECT table_name, column_name FROM information_schema.columns
  WHERE table_schema = current_schema AND is_identity = 'YES'`;

export interface CopyTargetOptions {
  readonly url: string;
  /** Nothing is changed: the schema neither. */
  readonly isDryRun: boolean;
}

/** Brings the schema up to date, unless it is a dry run. Throws `StorageOpenError`. */
export async function openCopyTarget({ url, isDryRun }: CopyTargetOptions): Promise<CopyTarget> {
  const pool = await openPool(url, isDryRun ? inspectSchema : migrate);
  return new PostgresTarget(pool, placeOf(url));
}

class PostgresTarget implements CopyTarget {
  readonly #pool: Pool;
  readonly #place: string;
  /** As it stands in the database. */
  #mark = '';

  constructor(pool: Pool, place: string) {
    this.#pool = pool;
    this.#place = place;
  }

  look(identity: CopyIdentity): Promise<CopyState> {
    return this.#with(async (client) => {
      const mark = (await isThere(client, 'meta')) ? await readCopyMark(client) : null;
      if (mark === null) {
        await this.#refuseServer(client);
        await this.#refuseData(client);
        return { kind: 'empty' };
      }
      const { isDone, tables, ...begun } = parseCopyMark(mark);
      this.#refuseOther(begun, identity, isDone);
      if (isDone) return { kind: 'done' };
      await this.#refuseServer(client);
      this.#mark = mark;
      return { kind: 'begun', tables: new Map(progressOf(tables)) };
    });
  }

  begin(identity: CopyIdentity): Promise<void> {
    return this.#transact(async (client) => {
      await this.#refuseServer(client);
      await this.#refuseData(client);
      for (const statement of DELETE_PUT_IN) await client.query(statement);
      this.#mark = JSON.stringify({ ...identity, isDone: false, tables: {} } satisfies CopyMark);
      await client.query(BEGIN_MARK, [this.#mark]);
    });
  }

  async write(
    table: CopyTable,
    rows: readonly CopyRow[],
    { after, isWhole }: Omit<TableProgress, 'rows'>,
  ): Promise<void> {
    const mark = parseCopyMark(this.#mark);
    const before = mark.tables[table]?.rows ?? 0;
    const progress = { rows: before + rows.length, after, isWhole };
    const next = { ...mark, tables: { ...mark.tables, [table]: progress } };
    await this.#transact(async (client) => {
      await this.#moveMark(client, next);
      await this.#refuseServer(client);
      if (rows.length === 0) return;
      const days = daysIn(table, rows);
      if (days.length > 0) await client.query(MAKE_DAYS, [days]);
      await client.query(insertInto(table), columnValues(table, rows));
      if (table === 'events') await client.query(INSERT_KEYS, keyValues(rows));
    });
    this.#mark = JSON.stringify(next);
  }

  digest(table: CopyTable): Promise<TableDigest> {
    return this.#transact(async (client) => {
      const checksum = new CopyChecksum();
      await client.query(`DECLARE copied NO SCROLL CURSOR FOR ${selectDigests(table)}`);
      for (;;) {
        const { rows } = await client.query<unknown[]>({
          text: `FETCH ${FETCHED_ROWS} FROM copied`,
          rowMode: 'array',
        });
        if (rows.length === 0) return checksum.digest();
        for (const row of rows) checksum.add(row.map(readable));
      }
    }, BEGIN_DIGEST);
  }

  async finish({
    lastSeq,
    lastNumbers,
  }: Pick<CopySource, 'lastSeq' | 'lastNumbers'>): Promise<void> {
    await this.#transact(async (client) => {
      await this.#moveMark(client, { ...parseCopyMark(this.#mark), isDone: true });
      await client.query(RAISE_SEQ, [lastSeq]);
      const { rows } = await client.query<{ table_name: string; column_name: string }>(NUMBERED);
      for (const { table_name: table, column_name: column } of rows) {
        const last = COPY_TABLE_NAMES.find((name) => name === table);
        if (last !== undefined)
          await client.query(numberFrom(table, column), [lastNumbers.get(last) ?? 0]);
      }
    });
    // Without it, the first statements would be planned for empty tables.
    for (const table of COPY_TABLE_NAMES) await this.#with((on) => on.query(`ANALYZE ${table}`));
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async #moveMark(client: ClientBase, next: CopyMark): Promise<void> {
    const moved = await client.query(MOVE_MARK, [JSON.stringify(next), this.#mark]);
    if (moved.rowCount !== 0) return;
    throw new CopyRefusedError(
      `another copy to ${this.#place} is under way: let it end, or run this again when it has`,
    );
  }

  async #refuseServer(client: ClientBase): Promise<void> {
    if (!(await isThere(client, 'nodes'))) return;
    const { rows } = await client.query<{ found: boolean }>(HAS_SERVER);
    if (rows[0]?.found !== true) return;
    throw new CopyRefusedError(
      `a server uses ${this.#place}, or was killed a few seconds ago: stop it, and run this again`,
    );
  }

  async #refuseData(client: ClientBase): Promise<void> {
    for (const table of COPY_TABLE_NAMES) {
      if (!(await isThere(client, table))) continue;
      const { rows } = await client.query(selectData(table));
      if (rows.length === 0) continue;
      throw new CopyRefusedError(
        `${this.#place} has data of its own (${table}): give the copy a schema that is empty`,
      );
    }
  }

  #refuseOther(begun: CopyIdentity, wanted: CopyIdentity, isDone: boolean): void {
    if (begun.instanceMark !== wanted.instanceMark)
      throw new CopyRefusedError(
        `${this.#place} has a copy of another database: give this copy a schema that is empty`,
      );
    if (begun.incarnation === wanted.incarnation) return;
    throw new CopyRefusedError(
      isDone
        ? `${this.#place} has all of it as it was before a server ran on the source again: what that one did is not there, and cannot be added`
        : `a server has run on the source since the copy to ${this.#place} began: empty the schema, and copy from the beginning`,
    );
  }

  async #transact<Result>(
    work: (client: ClientBase) => Promise<Result>,
    begin = BEGIN,
  ): Promise<Result> {
    return this.#with(async (client) => {
      await client.query(begin);
      try {
        const result = await work(client);
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  }

  async #with<Result>(work: (client: ClientBase) => Promise<Result>): Promise<Result> {
    try {
      const client = await this.#pool.connect();
      try {
        return await work(client);
      } finally {
        client.release();
      }
    } catch (error) {
      throw explainRefusal(error);
    }
  }
}

async function isThere(client: ClientBase, table: string): Promise<boolean> {
  const { rows } = await client.query<{ name: unknown }>(TABLE_IS_THERE, [table]);
  return rows[0]?.name !== null;
}

function progressOf(tables: CopyMark['tables']): [CopyTable, TableProgress][] {
  return COPY_TABLE_NAMES.flatMap((name) => {
    const progress = tables[name];
    return progress === undefined ? [] : [[name, progress] as [CopyTable, TableProgress]];
  });
}
