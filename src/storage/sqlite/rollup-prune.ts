/** Drops counts that are no longer kept, and those of deleted tenants, slice by slice. */
import { DAY_S, HOUR_S, MINUTE_S } from '../../domain/granularity.ts';
import type { MetricsStorage } from '../metrics.ts';
import type { WriteContext } from './context.ts';
import type { Operation } from './operation.ts';
import { CUBES, WIDTHS_S } from '../rollup-count.ts';

const ATTEMPT_KEY =
  'width_s, cube, start_s, tenant_no, destination_no, topic_no, code, failed, manual, number';
const EVENT_KEY = 'width_s, start_s, tenant_no, destination_no, topic_no';

const DROP_ATTEMPTS = `
  DELETE FROM attempt_rollups WHERE (${ATTEMPT_KEY}) IN (
    SELECT ${ATTEMPT_KEY} FROM attempt_rollups WHERE width_s = ? AND cube = ? AND start_s < ? LIMIT ?)`;
const DROP_EVENTS = `
  DELETE FROM event_rollups WHERE (${EVENT_KEY}) IN (
    SELECT ${EVENT_KEY} FROM event_rollups WHERE width_s = ? AND start_s < ? LIMIT ?)`;

const MINUTES_FROM = 'SELECT minutes_from_s FROM rollup_progress';
const NOTE_MINUTES = 'UPDATE rollup_progress SET minutes_from_s = ?1 WHERE minutes_from_s < ?1';

const DROP_DESTINATIONS = `
  DELETE FROM destinations
  WHERE deleted_ms < ? AND cancel_below_seq IS NULL
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE destination_no = destinations.no)`;

const ERASING = 'SELECT tenant_no, from_s FROM rollup_erasures LIMIT 1';
const ERASED_UP_TO = 'UPDATE rollup_erasures SET from_s = ? WHERE tenant_no = ?';
const ERASED = 'DELETE FROM rollup_erasures WHERE tenant_no = ?';

// Bucket by bucket: the rows of one tenant do not lie together.
const STARTS = `
  WITH RECURSIVE starts (start_s) AS (
    SELECT ? UNION ALL SELECT start_s + ? FROM starts WHERE start_s + ? < ?)`;
const ERASE_ATTEMPTS = `
  ${STARTS} DELETE FROM attempt_rollups
  WHERE width_s = ? AND cube = ? AND tenant_no = ? AND start_s IN (SELECT start_s FROM starts)`;
const ERASE_EVENTS = `
  ${STARTS} DELETE FROM event_rollups
  WHERE width_s = ? AND tenant_no = ? AND start_s IN (SELECT start_s FROM starts)`;
// What publishers said would happen later, and what was attempted before the clock was set back.
const ERASE_LATER_EVENTS =
  'DELETE FROM event_rollups WHERE width_s = ? AND start_s >= ? AND tenant_no = ?';
const ERASE_LATER_ATTEMPTS =
  'DELETE FROM attempt_rollups WHERE width_s = ? AND cube = ? AND start_s >= ? AND tenant_no = ?';

export function rollUpPruneSlice(
  context: WriteContext,
): Operation<MetricsStorage['rollUpPruneSlice']> {
  return ({ minutesBeforeMs, beforeMs, nowMs, limit }) => {
    const erasing = context.statement(ERASING).get();
    if (erasing !== undefined) {
      const fromS = Math.max(Number(erasing['from_s']), dayStart(beforeMs));
      eraseDay(context, Number(erasing['tenant_no']), fromS, nowMs);
      return { more: true };
    }
    // Whole hours: where minutes are missing, their hour is taken.
    const minutesFromS = Math.floor(minutesBeforeMs / 1000 / HOUR_S) * HOUR_S;
    context.statement(NOTE_MINUTES).run(minutesFromS);
    for (const widthS of WIDTHS_S) {
      const beforeS = widthS === MINUTE_S ? minutesFromS : dayStart(beforeMs);
      if (drop(context, widthS, beforeS, limit)) return { more: true };
    }
    context.statement(DROP_DESTINATIONS).run(beforeMs);
    return { more: false };
  };
}

/** Whether something was dropped. */
function drop(context: WriteContext, widthS: number, beforeS: number, limit: number): boolean {
  let dropped = context.statement(DROP_EVENTS).run(widthS, beforeS, limit).changes;
  for (const cube of Object.values(CUBES)) {
    if (Number(dropped) >= limit) break;
    dropped = context.statement(DROP_ATTEMPTS).run(widthS, cube, beforeS, limit).changes;
  }
  return Number(dropped) >= limit;
}

function eraseDay(context: WriteContext, tenantNo: number, fromS: number, nowMs: number): void {
  const toS = fromS + DAY_S;
  const minutesFromS = Number(context.statement(MINUTES_FROM).get()?.['minutes_from_s']);
  const isLast = toS * 1000 > nowMs;
  for (const widthS of WIDTHS_S) {
    if (isLast) context.statement(ERASE_LATER_EVENTS).run(widthS, toS, tenantNo);
    for (const cube of isLast ? Object.values(CUBES) : [])
      context.statement(ERASE_LATER_ATTEMPTS).run(widthS, cube, toS, tenantNo);
    if (widthS === MINUTE_S && toS <= minutesFromS) continue;
    const starts = [fromS, widthS, widthS, toS, widthS];
    context.statement(ERASE_EVENTS).run(...starts, tenantNo);
    for (const cube of Object.values(CUBES))
      context.statement(ERASE_ATTEMPTS).run(...starts, cube, tenantNo);
  }
  if (isLast) context.statement(ERASED).run(tenantNo);
  else context.statement(ERASED_UP_TO).run(toS, tenantNo);
}

function dayStart(timeMs: number): number {
  return Math.floor(timeMs / 1000 / DAY_S) * DAY_S;
}
