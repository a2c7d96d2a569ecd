/** A write that changes nothing that anybody reads. */
import type { Storage } from '../storage.ts';
import type { WriteContext } from './context.ts';
import type { Operation } from './operation.ts';

export function ping(context: WriteContext): Operation<Storage['ping']> {
  const statement = context.statement(
    "INSERT OR REPLACE INTO meta (name, value) VALUES ('last_ping_ms', ?)",
  );
  return () => {
    statement.run(String(context.clock.nowMs()));
  };
}
