/** A trivial write, which is refused where publishes are: on a full disk, and on a server that only reads. */
import type { WriteSession } from './write-session.ts';

const WRITE = `
  INSERT INTO meta (name, value) VALUES ('last_ping_ms', $1)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

export async function ping(session: WriteSession): Promise<void> {
  await session.run(WRITE, String(session.clock.nowMs()));
}
