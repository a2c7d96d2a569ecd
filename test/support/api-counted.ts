/** Metrics follow what happens by a second or two: tests do not wait for that. */
import type { ApiServer } from './api-server.ts';

/** Counts all that is recorded by now. */
export async function countAll({ engine }: ApiServer): Promise<void> {
  while ((await engine.storage.rollUpSlice({ limit: 1000 })).more);
}
