/** Every test of the API once more, with a server on PostgreSQL. */
import { defineConfig } from 'vitest/config';

import { everywhere, onPostgres } from './test/support/projects.ts';

export default defineConfig({
  test: {
    ...everywhere,
    globalSetup: ['test/support/sdk-built.ts'],
    projects: [onPostgres(['test/api/**/*.test.ts'])],
  },
});
