/** Destinations that were written by an older version. */
import { expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { openInlineDatabase, openInlineStorage } from '../../src/storage/sqlite/inline.ts';
import { insertDestination, seedTenant } from '../support/storage-fixtures.ts';

it('a destination from before there were filters has none', async () => {
  const database = openInlineDatabase({ path: ':memory:', maxBytes: null });
  const storage = openInlineStorage(database, systemClock, systemRandom);
  const tenantId = await seedTenant(storage);
  await insertDestination(storage, tenantId, 'old', { filter: '{"topic":"a"}', name: 'Old' });
  database.db.exec("UPDATE destinations SET definition = json_remove(definition, '$.filter')");
  expect(await storage.destinationGet({ tenantId, id: 'old' })).toMatchObject({
    filter: null,
    name: 'Old',
  });
  await storage.close();
  database.close();
});
