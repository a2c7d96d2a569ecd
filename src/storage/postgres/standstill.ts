/**
 * Who is waited for: somebody who has much to write, or somebody who has stopped in the middle of a transaction, frozen or cut
 * off. Of those the server knows nothing but that it has waited for its client for long.
 */
import type { Pool } from 'pg';
import { MAX_STATEMENT_SILENCE_MS } from './begin.ts';

/** A node that works says something sooner: a round trip and a turn of its thread. */
const STANDS_STILL_AFTER_MS = 500;

// In the middle of a statement the server itself sets no limit before version 17 (`transaction_timeout`). A role may end its own
// sessions.
const STANDING = `
  SELECT CASE WHEN state = 'active' AND since < clock_timestamp() - interval '${MAX_STATEMENT_SILENCE_MS} milliseconds'
              THEN pg_terminate_backend(pid) END
  FROM (SELECT pid, state, state_change AS since FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_user AND state IN ('active', 'idle in transaction')
          AND wait_event IN ('ClientRead', 'ClientWrite')) AS waiting
  WHERE since < clock_timestamp() - interval '${STANDS_STILL_AFTER_MS} milliseconds'
    AND EXISTS (SELECT 1 FROM pg_locks
                WHERE pg_locks.pid = waiting.pid AND relation = 'numbers'::regclass AND granted
                  AND mode IN ('RowShareLock', 'RowExclusiveLock'))`;

/** Whether somebody stands still who holds the row of numbers; what has lasted for too long is ended. */
export async function isStandstill(pool: Pool): Promise<boolean> {
  const { rowCount } = await pool.query(STANDING);
  return rowCount !== 0;
}
