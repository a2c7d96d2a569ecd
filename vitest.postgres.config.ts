/**
 * Every test of the API once more, with a server on PostgreSQL, those of whole servers that no file is needed for, and what may
 * stand between the two.
 */
import { defineConfig } from 'vitest/config';

import { CONNECTIONS, everywhere, onPostgres, WHOLE_SERVERS } from './test/support/projects.ts';

export default defineConfig({
  test: {
    ...everywhere,
    globalSetup: ['test/support/sdk-built.ts'],
    projects: [
      onPostgres(['test/api/**/*.test.ts', ...WHOLE_SERVERS]),
      { extends: true, test: { name: 'connections', include: [CONNECTIONS] } },
    ],
  },
});
