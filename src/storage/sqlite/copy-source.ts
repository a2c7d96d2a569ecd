/** A database file as the source of a copy to another engine. It is held and read, and not written. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { COPIED_META, COPY_TABLE_NAMES, columnsOf } from '../copy-tables.ts';
import type { Cell, CellType, CopyRow, CopyTable } from '../copy-tables.ts';
import { CopyRefusedError } from '../copying.ts';
import type { CopyBatch, CopyPosition, CopySource } from '../copying.ts';
import { metaValue, readLastSeq } from './context.ts';
import { migrations, schemaVersion } from './migrate.ts';
import { openForCopying } from './open.ts';

const MAX_ROWS = 1000;
/** One row may be longer. */
const MAX_BYTES = 4 * 1024 * 1024;

interface TableSource {
  /** Columns, as they are named in the copy; the rows are read in the order of this key. */
  readonly key: readonly string[];
  /** Where the table has another name, a condition, or the tenant from another table. */
  readonly from?: string;
  /** Columns that are not the table's own column of that name. */
  readonly as?: Readonly<Record<string, string>>;
}

const TABLES: Record<CopyTable, TableSource> = {
  meta: {
    key: ['name'],
    from: `(SELECT * FROM meta WHERE name IN (${COPIED_META.map((name) => `'${name}'`).join(', ')})) AS meta`,
    // A version may be spelled as a real number.
    as: {
      value: `CASE name WHEN 'instance_mark' THEN value ELSE CAST(CAST(CAST(value AS REAL) AS INTEGER) AS TEXT) END`,
    },
  },
  tenants: { key: ['no'] },
  destinations: {
    key: ['no'],
    as: {
      topics: "ifnull(definition ->> '$.topics', '[]')",
    },
  },
  destination_health: {
    key: ['destination_no'],
    from: 'destination_health JOIN destinations ON destinations.no = destination_no',
  },
  api_clients: { key: ['no'] },
  api_keys: { key: ['no'] },
  topics: { key: ['name'] },
  request_shapes: { key: ['no'] },
  events: { key: ['seq'] },
  deliveries: { key: ['event_seq', 'ordinal'], as: { asked_by: 'manual' } },
  attempts: { key: ['seq'] },
  replays: { key: ['no'] },
  replay_deliveries: {
    key: ['event_seq', 'ordinal'],
    from: 'replay_deliveries JOIN replays ON replays.no = replay_no',
  },
  deletions: { key: ['tenant_no'] },
  mails: { key: ['no'] },
  mail_refusals: { key: ['tenant_id', 'recipient'] },
  audit: { key: ['seq'] },
  rollup_progress: { key: ['id'] },
  rollup_topics: { key: ['no'] },
  attempt_rollups: {
    key: [
      'width_s',
      'cube',
      'start_s',
      'tenant_no',
      'destination_no',
      'topic_no',
      'code',
      'failed',
      'manual',
      'number',
    ],
  },
  event_rollups: { key: ['width_s', 'start_s', 'tenant_no', 'destination_no', 'topic_no'] },
  rollup_erasures: { key: ['tenant_no'] },
};

/** Throws `StorageOpenError`: also where a server has the file. */
export function openCopySource(path: string): CopySource {
  const opened = openForCopying(path);
  try {
    return sourceOver(opened.db, path, () => opened.close());
  } catch (error) {
    opened.close();
    throw error;
  }
}

function sourceOver(db: DatabaseSync, path: string, close: () => void): CopySource {
  const known = migrations().at(-1)?.version ?? 0;
  const found = schemaVersion(db);
  if (found === 0) throw new CopyRefusedError(`${path} is empty: there is nothing to copy`);
  if (found < known) {
    throw new CopyRefusedError(
      `${path} was made by an older version (schema ${found} of ${known}): start this version of angarium serve on it once, stop it, and copy then`,
    );
  }
  return {
    identity: {
      instanceMark: metaText(db, 'instance_mark'),
      incarnation: Number(metaText(db, 'incarnation')),
    },
    // Versions of the catalogue are such numbers too.
    lastSeq: Math.max(readLastSeq(db), Number(metaValue(db, 'catalogue_version') ?? 0)),
    lastNumbers: readLastNumbers(db),
    count: (table) =>
      Number(db.prepare(`SELECT count(*) AS count FROM ${fromOf(table)}`).get()?.['count']),
    read: (table, after) => readBatch(db, table, after),
    close,
  };
}

function readBatch(db: DatabaseSync, table: CopyTable, after: CopyPosition | null): CopyBatch {
  const columns = columnsOf(table);
  const { key } = TABLES[table];
  const sql = `SELECT ${columns.map(([name]) => `${expressionOf(table, name)} AS ${quoted(name)}`).join(', ')}
    FROM ${fromOf(table)} ${after === null ? '' : `WHERE (${keyOf(table)}) > (${key.map(() => '?').join(', ')})`}
    ORDER BY ${keyOf(table)} LIMIT ${MAX_ROWS}`;
  const rows: CopyRow[] = [];
  let bytes = 0;
  let isCut = false;
  for (const row of db.prepare(sql).iterate(...(after ?? []).map(inputOf))) {
    const cells = columns.map(([name, type]) => cellOf(row[name], type));
    rows.push(cells);
    bytes += cells.reduce<number>((sum, cell) => sum + sizeOf(cell), 0);
    isCut = bytes >= MAX_BYTES;
    if (isCut) break;
  }
  const last = rows.at(-1);
  if (last === undefined || (rows.length < MAX_ROWS && !isCut)) return { rows, position: null };
  const places = key.map((name) => columns.findIndex(([column]) => column === name));
  return { rows, position: places.map((place) => last[place] ?? null) };
}

function fromOf(table: CopyTable): string {
  return TABLES[table].from ?? table;
}

function expressionOf(table: CopyTable, name: string): string {
  const { as = {}, from } = TABLES[table];
  const own = as[name];
  if (own !== undefined) return own;
  // What a join adds is the tenant's number alone.
  return from === undefined || name === 'tenant_no' ? quoted(name) : `${table}.${quoted(name)}`;
}

function keyOf(table: CopyTable): string {
  return TABLES[table].key.map((name) => expressionOf(table, name)).join(', ');
}

/** Some are words of SQL: `before`, `after`. */
function quoted(name: string): string {
  return `"${name}"`;
}

function cellOf(value: unknown, type: CellType): Cell {
  if (value === null || value === undefined) return null;
  switch (type) {
    case 'number':
      return Number(value);
    case 'flag':
      return Number(value) !== 0;
    case 'bytes':
      return value instanceof Uint8Array ? value : null;
    case 'text':
      // Other engines cannot hold it (postgres/session.ts does the same).
      return String(value).replaceAll('\0', '\ufffd');
    case 'words':
      return JSON.stringify(JSON.parse(String(value)));
  }
}

function inputOf(cell: Cell): SQLInputValue {
  return typeof cell === 'boolean' ? Number(cell) : cell;
}

/** About as many as it takes on the way. */
function sizeOf(cell: Cell): number {
  if (typeof cell === 'string') return cell.length;
  return cell instanceof Uint8Array ? 2 * cell.length : 8;
}

function metaText(db: DatabaseSync, name: string): string {
  const value = metaValue(db, name);
  if (value === undefined)
    throw new CopyRefusedError('no server has ever run on the file: there is nothing to copy');
  return value;
}

function readLastNumbers(db: DatabaseSync): Map<CopyTable, number> {
  const rows = db.prepare('SELECT name, seq FROM sqlite_sequence').all();
  const last = new Map(rows.map((row) => [String(row['name']), Number(row['seq'])]));
  return new Map(COPY_TABLE_NAMES.map((table) => [table, last.get(table) ?? 0]));
}
