/** Numbered, immutable migrations of the outbox; `angarium_outbox_state.version` holds the number of the last one. */
import { readdirSync, readFileSync } from 'node:fs';

const DIRECTORY = new URL('./migrations/', import.meta.url);

export interface Migration {
  readonly version: number;
  readonly sql: string;
}

export function migrations(): Migration[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({
      version: Number.parseInt(name, 10),
      sql: readFileSync(new URL(name, DIRECTORY), 'utf8'),
    }));
}
