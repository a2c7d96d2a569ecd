/** The events and attempts of a range, counted (src/storage/rollup-count.ts). */
import { LATENCY_BUCKETS } from '../../domain/latency-histogram.ts';
import { MAX_NUMBER_TOLD_APART } from '../../domain/metrics.ts';
import { countAttempts, countEvents } from '../rollup-count.ts';
import type { AttemptRollup, EventRollup } from '../rollup-count.ts';
import type { Session } from './session.ts';

export interface RollupBatch {
  /** Sorted by key. */
  readonly events: readonly EventRollup[];
  /** Sorted by key. */
  readonly attempts: readonly AttemptRollup[];
}

// Grouped by the database: tens of rows come of thousands. Whole numbers, also before 1970: decimals cost ten times as much.
const MINUTE_OF_EVENT = '(events.time_ms - (events.time_ms % 60000 + 60000) % 60000) / 1000';

// An event is counted once for itself, and once for each destination that it was owed.
const EVENTS = `
  SELECT tenant_no, 0 AS destination_no, topic, ${MINUTE_OF_EVENT} AS start_s, count(*) AS count
  FROM events WHERE seq > $1 AND seq <= $2
  GROUP BY 1, 2, 3, 4
  UNION ALL
  SELECT events.tenant_no, destination_no, topic, ${MINUTE_OF_EVENT}, count(*)
  FROM events JOIN deliveries ON deliveries.tenant_no = events.tenant_no AND event_seq = seq
  WHERE seq > $1 AND seq <= $2 AND event_seq > $1 AND event_seq <= $2 AND deliveries.created_ms IS NULL
  GROUP BY 1, 2, 3, 4`;

const ATTEMPTS = `
  SELECT attempts.tenant_no, destination_no, coalesce(topic, '') AS topic, started_ms / 60000 * 60 AS start_s,
         reason, response_status, (kind IN ('manual', 'replay'))::integer AS manual, least(number, $3) AS number,
         CASE WHEN total_us <= $4::integer THEN 0
              ELSE least($5::integer, ceil(ln(total_us::double precision / $4) / $6::double precision)) END AS bucket,
         count(*) AS count, count(*) FILTER (WHERE number = 1) AS first_count, sum(number) AS number_sum
  FROM attempts LEFT JOIN events ON events.tenant_no = attempts.tenant_no AND events.seq = event_seq
  WHERE attempts.seq > $1 AND attempts.seq <= $2 AND event_seq <= $2
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9`;

export async function readBatch(
  session: Session,
  fromSeq: number,
  toSeq: number,
): Promise<RollupBatch> {
  const { firstUs, lastBucket, logGrowth } = LATENCY_BUCKETS;
  const buckets = [MAX_NUMBER_TOLD_APART, firstUs, lastBucket, logGrowth] as const;
  return {
    events: countEvents(await session.rows(EVENTS, fromSeq, toSeq)),
    attempts: countAttempts(await session.rows(ATTEMPTS, fromSeq, toSeq, ...buckets)),
  };
}
