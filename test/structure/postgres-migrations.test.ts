/** Servers of the version before go on while a migration of the new one has run: it only adds. */
import { readdirSync, readFileSync } from 'node:fs';
import { loadModule } from 'libpg-query';
import { beforeAll, describe, expect, it } from 'vitest';

import { contractions } from '../support/migration-rule.ts';

const FOLDER = new URL('../../src/storage/postgres/migrations/', import.meta.url);
/** Of before the first release: nobody rolls them out. */
const LAST_OF_BEFORE = 5;
/** They grow with what is published, or with what is done. */
const LARGE = new Set([
  'events',
  'deliveries',
  'attempts',
  'event_keys',
  'request_shapes',
  'replay_deliveries',
  'attempt_rollups',
  'event_rollups',
  'audit',
]);

beforeAll(() => loadModule());

it('every migration since the first release only adds', () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.sql'));
  expect(files.length).toBeGreaterThan(1);
  for (const file of files.filter((name) => Number.parseInt(name, 10) > LAST_OF_BEFORE))
    expect(contractions(readFileSync(new URL(file, FOLDER), 'utf8'), LARGE), file).toEqual([]);
});

describe('the rule', () => {
  it.each([
    'CREATE TABLE notes (no BIGINT PRIMARY KEY); CREATE INDEX notes_by_no ON notes (no)',
    'ALTER TABLE events ADD COLUMN priority INTEGER',
    'ALTER TABLE events ADD COLUMN priority INTEGER NOT NULL DEFAULT 0',
    "ALTER TABLE events ADD COLUMN kind TEXT NOT NULL DEFAULT 'a'::text",
    'ALTER TABLE deliveries SET (fillfactor = 80)',
    'CREATE INDEX clients_by_name ON api_clients (name)',
    "INSERT INTO meta (name, value) VALUES ('a', 'b')",
  ])('lets %s pass', (sql) => {
    expect(contractions(sql, LARGE)).toEqual([]);
  });

  it.each([
    'DROP TABLE events',
    'ALTER TABLE events DROP COLUMN topic',
    'ALTER TABLE events RENAME COLUMN topic TO subject',
    'ALTER TABLE events RENAME TO old_events',
    'ALTER TABLE events ALTER COLUMN time_ms TYPE TEXT',
    'ALTER TABLE events ALTER COLUMN metadata SET NOT NULL',
    'ALTER TABLE events ADD COLUMN priority INTEGER NOT NULL',
    'ALTER TABLE events ADD COLUMN stored TIMESTAMPTZ DEFAULT clock_timestamp()',
    'ALTER TABLE events ADD COLUMN no BIGSERIAL',
    'ALTER TABLE events ADD COLUMN no BIGINT GENERATED ALWAYS AS IDENTITY',
    'ALTER TABLE events ADD COLUMN size INTEGER GENERATED ALWAYS AS (length(topic)) STORED',
    'ALTER TABLE events ADD COLUMN key TEXT UNIQUE',
    'ALTER TABLE events ADD COLUMN priority INTEGER CHECK (priority > 0)',
    'ALTER TABLE tenants ADD CONSTRAINT small CHECK (no < 5)',
    'CREATE INDEX events_by_topic ON events (topic)',
    'CREATE INDEX rollups_by_topic ON attempt_rollups (topic_no)',
    "UPDATE events SET topic = 'x'",
    'DELETE FROM attempts',
    'TRUNCATE attempts',
    'DO $$ BEGIN DELETE FROM attempts; END $$',
  ])('does not let %s pass', (sql) => {
    expect(contractions(sql, LARGE)).toHaveLength(1);
  });
});
