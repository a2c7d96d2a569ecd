/** The events and attempts of a range, counted (src/storage/rollup-count.ts). */
import { LATENCY_BUCKETS } from '../../domain/latency-histogram.ts';
import { MAX_NUMBER_TOLD_APART } from '../../domain/metrics.ts';
import { countAttempts, countEvents } from '../rollup-count.ts';
import type { AttemptRollup, EventRollup } from '../rollup-count.ts';
import type { ReadContext } from './context.ts';

export interface RollupBatch {
  /** Sorted by key. */
  readonly events: readonly EventRollup[];
  /** Sorted by key. */
  readonly attempts: readonly AttemptRollup[];
}

// Grouped by the database: tens of rows come of thousands, and most of the work is done without values of JavaScript.
const MINUTE_OF_EVENT = '(events.time_ms / 60000 - (events.time_ms % 60000 < 0)) * 60';

// An event is counted once for itself, and once for each destination that it was owed.
const EVENTS = `
  SELECT tenant_no, 0 AS destination_no, topic, ${MINUTE_OF_EVENT} AS start_s, count(*) AS count
  FROM events WHERE seq > ?1 AND seq <= ?2
  GROUP BY tenant_no, topic, start_s
  UNION ALL
  SELECT events.tenant_no, destination_no, topic, ${MINUTE_OF_EVENT} AS start_s, count(*)
  FROM events JOIN deliveries ON event_seq = seq
  WHERE seq > ?1 AND seq <= ?2 AND deliveries.created_ms IS NULL
  GROUP BY events.tenant_no, destination_no, topic, start_s`;

const ATTEMPTS = `
  SELECT attempts.tenant_no, destination_no, ifnull(topic, '') AS topic, started_ms / 60000 * 60 AS start_s,
         reason, response_status, kind IN ('manual', 'replay') AS manual, min(number, ?3) AS number,
         CASE WHEN total_us <= ?4 THEN 0 ELSE min(?5, ceil(ln(total_us / ?4) / ?6)) END AS bucket,
         count(*) AS count, sum(number = 1) AS first_count, sum(number) AS number_sum
  FROM attempts LEFT JOIN events ON events.seq = event_seq
  WHERE attempts.seq > ?1 AND attempts.seq <= ?2
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9`;

export function readBatch(context: ReadContext, fromSeq: number, toSeq: number): RollupBatch {
  const { firstUs, lastBucket, logGrowth } = LATENCY_BUCKETS;
  const attempts = context
    .statement(ATTEMPTS)
    .all(fromSeq, toSeq, MAX_NUMBER_TOLD_APART, firstUs, lastBucket, logGrowth);
  return {
    events: countEvents(context.statement(EVENTS).all(fromSeq, toSeq)),
    attempts: countAttempts(attempts),
  };
}
