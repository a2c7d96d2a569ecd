/** What `npm test` has no time for. */
import { defineConfig } from 'vitest/config';

import { everywhere, LONG, onPostgres } from './test/support/projects.ts';

export default defineConfig({
  test: {
    ...everywhere,
    globalSetup: ['test/support/sdk-built.ts'],
    projects: [
      { extends: true, test: { name: 'long', include: [...LONG] } },
      // All: npm run test:postgres.
      onPostgres([
        'test/api/deliveries.test.ts',
        'test/api/destinations.test.ts',
        'test/api/keys.test.ts',
        'test/api/paging.test.ts',
        'test/api/publish-batch.test.ts',
        'test/api/publish-idempotency.test.ts',
        'test/api/replays.test.ts',
        'test/api/usage.test.ts',
      ]),
    ],
  },
});
