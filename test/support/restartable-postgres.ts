/** A PostgreSQL server of one test's own, that ends at once and starts again over the same data. */
import { onTestFinished } from 'vitest';
import { startPostgresProcess } from './postgres-process.ts';
import type { PostgresProcess } from './postgres-process.ts';

export async function startRestartablePostgres(): Promise<PostgresProcess> {
  const server = await startPostgresProcess();
  onTestFinished(() => server.end());
  return server;
}
