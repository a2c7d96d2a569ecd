/** Numbered, immutable migrations; `PRAGMA user_version` holds the number of the last one. */
import { readdirSync, readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { StorageOpenError } from '../storage.ts';

const DIRECTORY = new URL('./migrations/', import.meta.url);

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

export function migrations(): Migration[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({
      version: Number.parseInt(name, 10),
      name,
      sql: readFileSync(new URL(name, DIRECTORY), 'utf8'),
    }));
}

/** Refuses a database that a newer version of the program has migrated; it is only read. */
export function refuseNewer(db: DatabaseSync): void {
  const known = migrations().at(-1)?.version ?? 0;
  const found = schemaVersion(db);
  if (found > known) {
    throw new StorageOpenError(
      'newer',
      `the database has schema version ${found}, but this version of Angarium knows only ${known}: start the newer Angarium`,
    );
  }
}

/** Applies what is missing, all in one transaction. */
export function migrate(db: DatabaseSync): void {
  const from = schemaVersion(db);
  const missing = migrations().filter(({ version }) => version > from);
  if (missing.length === 0) return;
  db.exec('BEGIN IMMEDIATE');
  for (const { version, sql } of missing) {
    db.exec(sql);
    db.exec(`PRAGMA user_version = ${version}`);
  }
  db.exec('COMMIT');
}

export function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
}

/** The schema as SQL, for `schema.sql`. */
export function dumpSchema(db: DatabaseSync): string {
  const rows = db
    .prepare(
      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
    )
    .all();
  return rows.map((row) => `${String(row['sql'])};\n`).join('\n');
}
