/** What SQLite itself refuses of the audit log, whoever asks. */
import { expect, it } from 'vitest';

import { systemClock } from '../../src/domain/clock.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { openInlineDatabase, openInlineStorage } from '../../src/storage/sqlite/inline.ts';
import { auditEntryOf } from '../support/storage-fixtures.ts';

it('no statement changes an entry of the audit log', async () => {
  const database = openInlineDatabase({ path: ':memory:', maxBytes: null });
  const storage = openInlineStorage(database, systemClock, systemRandom);
  await storage.auditInsert({ entry: auditEntryOf() });
  expect(() => database.db.exec("UPDATE audit SET actor_name = 'x'")).toThrow('is never changed');
  database.close();
});
