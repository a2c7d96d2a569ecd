/** A deleted tenant leaves nothing behind: every table of the schema is looked into. */
import { describe, expect, it } from 'vitest';

import { COUNTED_TABLES, OTHER_TABLES, TENANT_TABLES } from '../../src/storage/postgres/erase.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';
import { AUTHOR, fillTenant } from '../support/storage-erase.ts';
import { HOUR_MS } from '../support/storage-fixtures.ts';

/** What says that a tenant was deleted, and what goes at once. */
const BESIDE = ['deletions', 'routing_ends', 'lanes'];

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('PostgreSQL', () => {
  const server = usePostgresServer();

  async function withSchema(
    test: (storage: Storage, schema: string) => Promise<void>,
  ): Promise<void> {
    const url = await server.createSchema();
    const storage = await openPostgresStorage({ url });
    try {
      await test(storage, schemaOf(url));
    } finally {
      await storage.close();
      await server.dropSchema(url);
    }
  }

  async function tablesOf(schema: string, column = '%'): Promise<string[]> {
    const rows = await server.query(`
      SELECT DISTINCT table_name AS name FROM information_schema.columns
      WHERE table_schema = '${schema}' AND column_name LIKE '${column}'
        AND table_name !~ '_[0-9]{8}$'`);
    return rows.map(({ name }) => String(name)).toSorted();
  }

  /** Every row of the table as one text. */
  async function textOf(schema: string, table: string): Promise<string> {
    const rows = await server.query(`SELECT * FROM ${schema}.${table}`);
    return rows
      .map((row) => Object.values(row).map(asText).join('\t'))
      .toSorted()
      .join('\n');
  }

  it('the lists of the driver name every table of the schema', () =>
    withSchema(async (_storage, schema) => {
      expect(
        [...Object.keys(TENANT_TABLES), ...COUNTED_TABLES, ...OTHER_TABLES].toSorted(),
      ).toEqual(await tablesOf(schema));
    }));

  it('every table with a tenant’s number is among those that are emptied, or goes with the deletion', () =>
    withSchema(async (_storage, schema) => {
      const withNumber = await tablesOf(schema, 'tenant_no');
      expect(withNumber.length).toBeGreaterThan(4);
      for (const table of withNumber)
        expect([...Object.keys(TENANT_TABLES), ...COUNTED_TABLES, ...BESIDE]).toContain(table);
    }));

  it('a deleted tenant leaves its word nowhere but in the audit log, and another everything', () =>
    withSchema(async (storage, schema) => {
      await fillTenant(storage, 'kept');
      // What is known of a destination's health goes with the deletion's beginning.
      const tables = [
        ...Object.keys(TENANT_TABLES).filter((table) => table !== 'destination_health'),
        'attempt_rollups',
        'event_rollups',
      ];
      const texts = () => Promise.all(tables.map((table) => textOf(schema, table)));
      while ((await storage.rollUpSlice({ limit: 100 })).more);
      const before = await texts();
      const tenantRow = await textOf(schema, 'deletions');
      await fillTenant(storage, 'erased');
      while ((await storage.rollUpSlice({ limit: 100 })).more);
      // The test is worth nothing for a table in which there is nothing of the tenant.
      (await texts()).forEach((text, index) => expect(text, tables[index]).not.toBe(before[index]));
      for (const table of ['audit', 'mail_refusals', 'mails'])
        expect(await textOf(schema, table), table).toContain('erased');

      await storage.tenantDelete({ id: 'tenant-erased', author: AUTHOR });
      expect(await textOf(schema, 'deletions')).toContain('erased');
      while ((await storage.tenantEraseSlice({ limit: 2 })).more);
      const nowMs = Date.now();
      const beforeMs = nowMs - 2 * 24 * HOUR_MS;
      const counted = { minutesBeforeMs: beforeMs, beforeMs, nowMs, limit: 100 };
      while ((await storage.rollUpPruneSlice(counted)).more);

      expect(await texts()).toEqual(before);
      expect(await textOf(schema, 'deletions')).toBe(tenantRow);
      for (const table of await tablesOf(schema)) {
        const text = await textOf(schema, table);
        // Other nodes hear of the end for an hour.
        if (table === 'audit' || table === 'routing_ends') expect(text).toContain('erased');
        else expect(text, table).not.toContain('erased');
      }
    }));
});

function asText(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);
}
