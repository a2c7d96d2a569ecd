import { defineConfig } from 'vitest/config';

import { everywhere, onPostgres } from './test/support/projects.ts';

export default defineConfig({
  test: {
    ...everywhere,
    globalSetup: ['test/support/sdk-built.ts'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts', 'sdk/src/**/*.ts'],
      reporter: ['text-summary', 'html'],
    },
    projects: [
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'] } },
      // The rest of them: npm run test:postgres.
      onPostgres([
        'test/api/cancel.test.ts',
        'test/api/deliveries.test.ts',
        'test/api/destinations.test.ts',
        'test/api/keys.test.ts',
        'test/api/paging.test.ts',
        'test/api/publish-batch.test.ts',
        'test/api/publish-idempotency.test.ts',
        'test/api/publish.test.ts',
        'test/api/replays.test.ts',
        'test/api/retry.test.ts',
        'test/api/usage.test.ts',
      ]),
    ],
  },
});
