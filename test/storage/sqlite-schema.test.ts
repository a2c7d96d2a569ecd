/** Migrations, and the schema that they lead to. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { openInlineDatabase, openInlineStorage } from '../../src/storage/sqlite/inline.ts';
import {
  dumpSchema,
  migrate,
  migrations,
  schemaVersion,
} from '../../src/storage/sqlite/migrate.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { systemRandom } from '../../src/domain/id.ts';
import {
  HOUR_MS,
  attemptOf,
  cancelAll,
  insertDestination,
  pruneAll,
  publish,
  seedTenant,
} from '../support/storage-fixtures.ts';

const SCHEMA = new URL('../../src/storage/sqlite/schema.sql', import.meta.url);
const inMemory = () => openInlineDatabase({ path: ':memory:', maxBytes: null });

describe('migrations', () => {
  it('have numbers that grow from 1, in the order of their names', () => {
    const found = migrations();
    expect(found.length).toBeGreaterThan(0);
    const versions = found.map(({ version }) => version);
    expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
    expect(versions[0]).toBe(1);
    for (const { name } of found) expect(name).toMatch(/^\d{3}-[a-z0-9]+(-[a-z0-9]+)*\.sql$/);
  });

  it('lead to their last number, and are not applied twice', () => {
    const database = inMemory();
    expect(schemaVersion(database.db)).toBe(migrations().at(-1)?.version);
    const before = dumpSchema(database.db);
    migrate(database.db);
    expect(dumpSchema(database.db)).toBe(before);
    database.close();
  });

  it.runIf(existsSync(SCHEMA))('lead to the schema that is committed', () => {
    const database = inMemory();
    const dumped = dumpSchema(database.db);
    expect(readFileSync(SCHEMA, 'utf8'), 'run `npm run generate`').toContain(dumped);
    database.close();
  });
});

describe('retention', () => {
  it('drops the row of a deleted destination with the last of its history and its counts, and no other', async () => {
    const database = inMemory();
    const storage = openInlineStorage(database, systemClock, systemRandom);
    const tenantId = await seedTenant(storage, 'stays', 'gone', 'gone too');
    await publish(storage, tenantId, { to: ['stays'] });
    const seq = await publish(storage, tenantId, { to: ['gone'] });
    const claimed = await publish(storage, tenantId, { toClaimed: ['gone'] });
    await storage.record({ attempts: [attemptOf({ seq: claimed, ordinal: 0 })] });
    await storage.destinationDelete({ tenantId, id: 'gone' });
    await storage.destinationDelete({ tenantId, id: 'gone too' });
    await insertDestination(storage, tenantId, 'gone');
    const statement = database.db.prepare('SELECT id FROM destinations ORDER BY no');
    const ids = () => statement.all().map(({ id }) => id);

    const later = Date.now() + HOUR_MS;
    await pruneAll(storage, later);
    expect(ids()).toEqual(['stays', 'gone', 'gone too', 'gone']);
    await cancelAll(storage, Date.now());
    expect(await storage.deliveryGet({ delivery: { seq, ordinal: 0 } })).not.toBeNull();
    await pruneAll(storage, later);
    expect(ids()).toEqual(['stays', 'gone', 'gone too', 'gone']);
    const counted = { minutesBeforeMs: later, beforeMs: 0, nowMs: later, limit: 100 };
    while ((await storage.rollUpPruneSlice(counted)).more);
    expect(ids()).toEqual(['stays', 'gone', 'gone too', 'gone']);
    while ((await storage.rollUpPruneSlice({ ...counted, beforeMs: later })).more);
    expect(ids()).toEqual(['stays', 'gone']);
    database.close();
  });
});
