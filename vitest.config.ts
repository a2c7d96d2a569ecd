import { defineConfig } from 'vitest/config';

import { CONNECTIONS, everywhere, LONG, onPostgres } from './test/support/projects.ts';

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
      {
        extends: true,
        test: { name: 'all', include: ['test/**/*.test.ts'], exclude: [...LONG, CONNECTIONS] },
      },
      // All: npm run test:postgres.
      onPostgres(['test/api/cancel.test.ts', 'test/api/publish.test.ts', 'test/api/retry.test.ts']),
    ],
  },
});
