/** The events and attempts of a range, counted (src/storage/rollup-count.ts). */
import { countAttempts, countEvents } from '../rollup-count.ts';
import type { AttemptRollup, EventRollup } from '../rollup-count.ts';
import type { ReadContext } from './context.ts';

export interface RollupBatch {
  /** Sorted by key. */
  readonly events: readonly EventRollup[];
  /** Sorted by key. */
  readonly attempts: readonly AttemptRollup[];
}

const EVENTS = `
  SELECT tenant_no, topic, time_ms,
         (SELECT json_group_array(destination_no) FROM deliveries WHERE event_seq = seq AND created_ms IS NULL) AS owed
  FROM events WHERE seq > ? AND seq <= ?`;

const ATTEMPTS = `
  SELECT attempts.tenant_no, destination_no, topic, number, kind, started_ms, reason, response_status, total_us
  FROM attempts LEFT JOIN events ON events.seq = event_seq
  WHERE attempts.seq > ? AND attempts.seq <= ?`;

export function readBatch(context: ReadContext, fromSeq: number, toSeq: number): RollupBatch {
  return {
    events: countEvents(context.statement(EVENTS).iterate(fromSeq, toSeq)),
    attempts: countAttempts(context.statement(ATTEMPTS).iterate(fromSeq, toSeq)),
  };
}
