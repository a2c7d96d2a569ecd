/** What `npm test` has no time for. */
import { defineConfig } from 'vitest/config';

import { everywhere, LONG } from './test/support/projects.ts';

export default defineConfig({
  test: {
    ...everywhere,
    globalSetup: ['test/support/sdk-built.ts'],
    projects: [{ extends: true, test: { name: 'long', include: [...LONG] } }],
  },
});
