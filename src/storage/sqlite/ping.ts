/**
 * Is there room? Takes as much as a group of publishes may need, gives it back, and writes a row that nobody reads: so
 * that it is refused where publishes are, though a few bytes would still fit.
 */
import type { Storage } from '../storage.ts';
import type { WriteContext } from './context.ts';
import type { Operation } from './operation.ts';

const PROBE_BYTES = 64 * 1024;

export function ping(context: WriteContext): Operation<Storage['ping']> {
  const probe = context.statement(
    `INSERT OR REPLACE INTO meta (name, value) VALUES ('probe', printf('%.*c', ${PROBE_BYTES}, 'x'))`,
  );
  const write = context.statement(
    "INSERT OR REPLACE INTO meta (name, value) VALUES ('last_ping_ms', ?)",
  );
  return () => {
    context.db.exec('SAVEPOINT probe');
    try {
      probe.run();
    } finally {
      // Where the medium refused, the whole transaction may be gone already.
      if (context.db.isTransaction) context.db.exec('ROLLBACK TO probe; RELEASE probe');
    }
    write.run(String(context.clock.nowMs()));
  };
}
