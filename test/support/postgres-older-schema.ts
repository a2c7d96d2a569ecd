/** What servers of before have made: the migrations of their version, one after the other. */
import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../../src/storage/postgres/migrations/', import.meta.url);

/** One text, for the schema that is first in the search path. */
export function schemaOfVersion(version: number): string {
  const files = readdirSync(FOLDER).filter((name) => Number.parseInt(name, 10) <= version);
  return [
    'CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)',
    ...files.map((name) => readFileSync(new URL(name, FOLDER), 'utf8').trimEnd().replace(/;$/, '')),
    ...files.map(
      (name) => `INSERT INTO migrations VALUES (${Number.parseInt(name, 10)}, '${name}')`,
    ),
  ].join(';\n');
}
