/**
 * A process of its own that has a database open: `node storage-sqlite-holder.ts <file>`. It says `open`, then publishes
 * without end and prints each number once it is stored, until it is killed.
 */
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { eventFor, outcomesOf, seedTenant } from './storage-fixtures.ts';

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('which file?');

const storage = await openSqliteStorage({ path, maxBytes: null });
console.log('open');
const tenantId = await seedTenant(storage, 'd');
const event = await eventFor(storage, tenantId, { toClaimed: ['d'] });
for (;;) {
  for (const outcome of await outcomesOf(storage, event, event))
    if (outcome.kind === 'stored') console.log(outcome.seq);
}
