/** One server for all files of the project `postgres`, which each take schemas of it (api-storage.ts). */
import type { TestProject } from 'vitest/node';

import { startPostgres } from './postgres-server.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // The library of the server would end this process with 0, whatever the tests have said.
  process.prependListener('beforeExit', () => process.exit());
  const { url, stop } = await startPostgres();
  project.provide('postgresUrl', url);
  return stop;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the server of the run; only where the project is `postgres`. */
    postgresUrl: string;
  }
}
