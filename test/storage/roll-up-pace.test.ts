/** How often is counted: the more rows of counts there are to write, the more comes together for each. */
import { afterAll, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { createRollUp } from '../../src/engine/roll-up.ts';
import { openInlineDatabase, openInlineStorage } from '../../src/storage/sqlite/inline.ts';
import { publish, seedTenant } from '../support/storage-fixtures.ts';

const database = openInlineDatabase({ path: ':memory:', maxBytes: null });
const storage = openInlineStorage(database, systemClock, systemRandom);
afterAll(() => storage.close());

/** An event for each of so many topics, which makes a row by minute, hour and day for each; the pause after they are counted. */
async function pauseAfter(topics: number): Promise<number> {
  const tenantId = await seedTenant(storage);
  for (let index = 0; index < topics; index++)
    await publish(storage, tenantId, { topic: `topic.${index}` });
  const service = createRollUp(storage);
  for (;;) {
    const pauseMs = await service.poll();
    if (pauseMs >= 1000) return pauseMs;
  }
}

it('every two seconds where nothing or little came, a second for each hundred rows else, and ten seconds at most', async () => {
  expect(await pauseAfter(0)).toBe(2000);
  expect(await pauseAfter(10)).toBe(2000);
  expect(await pauseAfter(150)).toBe(5000);
  expect(await pauseAfter(1000)).toBe(10_000);
  expect(await pauseAfter(0)).toBe(2000);
});
