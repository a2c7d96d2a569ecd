/** The events and attempts of a range, counted (src/storage/rollup-count.ts). */
import { countAttempts, countEvents } from '../rollup-count.ts';
import type { AttemptRollup, EventRollup } from '../rollup-count.ts';
import type { Session } from './session.ts';

export interface RollupBatch {
  /** Sorted by key. */
  readonly events: readonly EventRollup[];
  /** Sorted by key. */
  readonly attempts: readonly AttemptRollup[];
}

const EVENTS = `
  SELECT tenant_no, topic, time_ms,
         (SELECT coalesce(json_agg(destination_no), '[]')::text FROM deliveries
          WHERE deliveries.tenant_no = events.tenant_no AND event_seq = seq AND created_ms IS NULL) AS owed
  FROM events WHERE seq > $1 AND seq <= $2`;

const ATTEMPTS = `
  SELECT attempts.tenant_no, destination_no, topic, number, kind, started_ms, reason, response_status, total_us
  FROM attempts LEFT JOIN events ON events.tenant_no = attempts.tenant_no AND events.seq = event_seq
  WHERE attempts.seq > $1 AND attempts.seq <= $2`;

export async function readBatch(
  session: Session,
  fromSeq: number,
  toSeq: number,
): Promise<RollupBatch> {
  return {
    events: countEvents(await session.rows(EVENTS, fromSeq, toSeq)),
    attempts: countAttempts(await session.rows(ATTEMPTS, fromSeq, toSeq)),
  };
}
