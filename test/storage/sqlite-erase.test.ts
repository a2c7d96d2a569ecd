/** A deleted tenant leaves nothing behind: every table of the schema is looked into. */
import { expect, it } from 'vitest';

import { systemClock } from '../../src/domain/clock.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { COUNTED_TABLES, OTHER_TABLES, TENANT_TABLES } from '../../src/storage/sqlite/erase.ts';
import { openInlineDatabase, openInlineStorage } from '../../src/storage/sqlite/inline.ts';
import type { OpenDatabase } from '../../src/storage/sqlite/open.ts';
import { AUTHOR, fillTenant } from '../support/storage-erase.ts';
import { HOUR_MS } from '../support/storage-fixtures.ts';

function tablesOf({ db }: OpenDatabase): string[] {
  const rows = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all();
  return rows.map(({ name }) => String(name)).toSorted();
}

/** Every row of the table as one text. */
function textOf({ db }: OpenDatabase, table: string): string {
  const asText = (value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);
  const rows = db.prepare(`SELECT * FROM ${table}`).all();
  return rows.map((row) => Object.values(row).map(asText).join('\t')).join('\n');
}

it('the lists of the driver name every table of the schema', () => {
  const database = openInlineDatabase({ path: ':memory:', maxBytes: null });
  expect([...Object.keys(TENANT_TABLES), ...COUNTED_TABLES, ...OTHER_TABLES].toSorted()).toEqual(
    tablesOf(database),
  );
  database.close();
});

function tablesWith(database: OpenDatabase, column: string): string[] {
  return tablesOf(database).filter((table) =>
    database.db
      .prepare('SELECT name FROM pragma_table_info(?)')
      .all(table)
      .some(({ name }) => name === column),
  );
}

it('every table with a tenant’s number is among those that are emptied, or goes with the deletion', () => {
  const database = openInlineDatabase({ path: ':memory:', maxBytes: null });
  const withNumber = tablesWith(database, 'tenant_no');
  expect(withNumber.length).toBeGreaterThan(4);
  for (const table of withNumber)
    expect([...Object.keys(TENANT_TABLES), ...COUNTED_TABLES, 'deletions']).toContain(table);
  database.close();
});

it('a deleted tenant leaves its word nowhere but in the audit log, and another everything', async () => {
  const database = openInlineDatabase({ path: ':memory:', maxBytes: null });
  const storage = openInlineStorage(database, systemClock, systemRandom);
  await fillTenant(storage, 'kept');
  // What is known of a destination's health goes with the deletion's beginning.
  const tables = [...Object.keys(TENANT_TABLES), 'attempt_rollups', 'event_rollups'].filter(
    (table) => table !== 'destination_health',
  );
  while ((await storage.rollUpSlice({ limit: 100 })).more);
  const before = tables.map((table) => textOf(database, table));
  const tenantRow = textOf(database, 'tenants');
  await fillTenant(storage, 'erased');
  while ((await storage.rollUpSlice({ limit: 100 })).more);
  // The test is worth nothing for a table in which there is nothing of the tenant.
  tables.forEach((table, index) => expect(textOf(database, table), table).not.toBe(before[index]));
  const named = tablesWith(database, 'tenant_id').filter((table) => table !== 'deletions');
  expect(named).toEqual(['audit', 'mail_refusals', 'mails']);
  for (const table of named) expect(textOf(database, table), table).toContain('erased');

  await storage.tenantDelete({ id: 'tenant-erased', author: AUTHOR });
  expect(textOf(database, 'deletions')).toContain('erased');
  while ((await storage.tenantEraseSlice({ limit: 2 })).more);

  const nowMs = Date.now();
  const beforeMs = nowMs - 2 * 24 * HOUR_MS;
  const counted = { minutesBeforeMs: beforeMs, beforeMs, nowMs, limit: 100 };
  while ((await storage.rollUpPruneSlice(counted)).more);

  expect(tables.map((table) => textOf(database, table))).toEqual(before);
  expect(textOf(database, 'tenants')).toBe(tenantRow);
  for (const table of ['deletions', 'rollup_erasures'])
    expect(textOf(database, table), table).toBe('');
  for (const table of tablesOf(database)) {
    const text = textOf(database, table);
    if (table === 'audit') expect(text).toContain('erased');
    else expect(text, table).not.toContain('erased');
  }
  database.close();
});
