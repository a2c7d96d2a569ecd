/** The statements of a copy to this database (copy-target.ts), made from the columns that travel. */
import { columnsOf, COPIED_META } from '../copy-tables.ts';
import type { Cell, CellType, CopyRow, CopyTable } from '../copy-tables.ts';
import { dayOf } from './days.ts';
import { lineOf, RETRY_LINE } from './lines.ts';

const OF_META = `name IN (${COPIED_META.map((name) => `'${name}'`).join(', ')})`;

/** What a migration or the start of a server puts into tables: data are there beside it. */
const DATA: Partial<Record<CopyTable, string>> = {
  meta: `${OF_META} AND name <> 'instance_mark'`,
  rollup_progress: 'from_seq <> 0',
  rollup_topics: 'no <> 0',
};

export function selectData(table: CopyTable): string {
  return `SELECT 1 FROM ${table} WHERE ${DATA[table] ?? 'true'} LIMIT 1`;
}

/** Makes room for what the source has in their place. */
export const DELETE_PUT_IN = [
  `DELETE FROM meta WHERE ${OF_META}`,
  'DELETE FROM rollup_progress',
  'DELETE FROM rollup_topics',
] as const;

/** Columns of this engine alone: nothing is in the memory of any server. */
const OWN_COLUMNS: Partial<Record<CopyTable, Readonly<Record<string, string>>>> = {
  deliveries: { claimed_by: lineOf(String(RETRY_LINE)) },
};

const ARRAY_OF: Record<CellType, string> = {
  number: 'bigint[]',
  text: 'text[]',
  bytes: 'bytea[]',
  flag: 'boolean[]',
  words: 'text[]',
};

/** A parameter for each column: the values of all rows. */
export function insertInto(table: CopyTable): string {
  const columns = columnsOf(table);
  const names = columns.map(([name]) => name);
  const given = columns.map(([name, type]) =>
    type === 'words' ? `ARRAY(SELECT jsonb_array_elements_text(${name}::jsonb))` : name,
  );
  const arrays = columns.map(([, type], index) => `$${index + 1}::${ARRAY_OF[type]}`);
  const own = OWN_COLUMNS[table] ?? {};
  return `
    INSERT INTO ${table} (${[...names, ...Object.keys(own)].join(', ')}) OVERRIDING SYSTEM VALUE
    SELECT ${[...given, ...Object.values(own)].join(', ')} FROM unnest(${arrays.join(', ')}) AS new (${names.join(', ')})`;
}

export function columnValues(table: CopyTable, rows: readonly CopyRow[]): Cell[][] {
  return columnsOf(table).map((_, index) => rows.map((row) => row[index] ?? null));
}

/** The days whose partitions the rows lie in; of a table that has none, none. */
export function daysIn(table: CopyTable, rows: readonly CopyRow[]): number[] {
  const column = PARTITIONED_BY[table];
  if (column === undefined) return [];
  const place = columnsOf(table).findIndex(([name]) => name === column);
  return [...new Set(rows.map((row) => dayOf(Number(row[place]))))];
}

const PARTITIONED_BY: Partial<Record<CopyTable, string>> = {
  events: 'seq',
  deliveries: 'event_seq',
  attempts: 'event_seq',
};

/** Ids that callers gave are kept beside the events, which lie apart by days. */
export const INSERT_KEYS = `
  INSERT INTO event_keys (tenant_no, id, seq)
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS new (tenant_no, id, seq) WHERE id IS NOT NULL`;

export function keyValues(events: readonly CopyRow[]): Cell[][] {
  const names = columnsOf('events').map(([name]) => name);
  return ['tenant_no', 'id', 'seq'].map((name) => {
    const place = names.indexOf(name);
    return events.map((row) => row[place] ?? null);
  });
}

/** Bytes as their digest, so that they need not come here. */
export function selectDigests(table: CopyTable): string {
  const columns = columnsOf(table).map(([name, type]) =>
    type === 'bytes' ? `encode(sha256(${name}), 'hex')` : name,
  );
  return `SELECT ${columns.join(', ')} FROM ${table} WHERE ${table === 'meta' ? OF_META : 'true'}`;
}

/** A value as the source has it. */
export function readable(value: unknown): Exclude<Cell, Uint8Array> {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  return Array.isArray(value) ? JSON.stringify(value) : String(value);
}

/** The next row that is numbered comes after all that there are, and after all that there were. */
export function numberFrom(table: string, column: string): string {
  return `
    SELECT setval(pg_get_serial_sequence(quote_ident(current_schema) || '.${table}', '${column}'), greatest(last, 1), last > 0)
    FROM (SELECT greatest($1::bigint, (SELECT coalesce(max(${column}), 0) FROM ${table})) AS last) AS numbers`;
}
