/** Several servers over one database. */
import type { ApiOptions } from './api-server.ts';
import { ApiServer } from './api-server.ts';
import type { PostgresServer } from './postgres-server.ts';

/** So many, started together. */
export async function withNodes(
  postgres: PostgresServer,
  count: number,
  test: (...nodes: ApiServer[]) => Promise<void>,
  options: ApiOptions = {},
): Promise<void> {
  const database = await postgres.createSchema();
  const nodes = await Promise.all(
    Array.from({ length: count }, () => ApiServer.start({ ...options, database })),
  );
  try {
    await test(...nodes);
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
    await postgres.dropSchema(database);
  }
}
