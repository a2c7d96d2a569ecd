/** Drops counts that are no longer kept, and those of deleted tenants, slice by slice. */
import { DAY_S, HOUR_S, MINUTE_S } from '../../domain/granularity.ts';
import type { MetricsStorage } from '../metrics.ts';
import { CUBES, WIDTHS_S } from '../rollup-count.ts';
import type { Operation } from './operation.ts';
import { LOCK_PROGRESS } from './rollup-apply.ts';
import type { WriteSession } from './write-session.ts';

const DROP_ATTEMPTS = `
  DELETE FROM attempt_rollups WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM attempt_rollups WHERE width_s = $1 AND cube = $2 AND start_s < $3 LIMIT $4))`;
const DROP_EVENTS = `
  DELETE FROM event_rollups WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM event_rollups WHERE width_s = $1 AND start_s < $2 LIMIT $3))`;

// On Citus tenant by tenant, and by key: where a row lies (ctid) differs between a shard's copies.
const ATTEMPT_KEY =
  'width_s, cube, start_s, destination_no, topic_no, code, failed, manual, number';
const EVENT_KEY = 'width_s, start_s, destination_no, topic_no';
const TENANTS_OF_ATTEMPTS = `
  SELECT DISTINCT tenant_no FROM attempt_rollups WHERE width_s = $1 AND cube = $2 AND start_s < $3 LIMIT $4`;
const DROP_ATTEMPTS_OF_ONE = `
  DELETE FROM attempt_rollups
  WHERE tenant_no = $5 AND (${ATTEMPT_KEY}) IN (
    SELECT ${ATTEMPT_KEY} FROM attempt_rollups
    WHERE tenant_no = $5 AND width_s = $1 AND cube = $2 AND start_s < $3 LIMIT $4)`;
const TENANTS_OF_EVENTS = `
  SELECT DISTINCT tenant_no FROM event_rollups WHERE width_s = $1 AND start_s < $2 LIMIT $3`;
const DROP_EVENTS_OF_ONE = `
  DELETE FROM event_rollups
  WHERE tenant_no = $4 AND (${EVENT_KEY}) IN (
    SELECT ${EVENT_KEY} FROM event_rollups WHERE tenant_no = $4 AND width_s = $1 AND start_s < $2 LIMIT $3)`;

const NOTE_MINUTES = 'UPDATE rollup_progress SET minutes_from_s = $1 WHERE minutes_from_s < $1';

const DROP_DESTINATIONS = `
  DELETE FROM destinations
  WHERE deleted_ms < $1 AND cancel_below_seq IS NULL
    AND NOT EXISTS (SELECT 1 FROM deliveries
                    WHERE deliveries.tenant_no = destinations.tenant_no AND destination_no = destinations.no)`;

// Here all that is counted of a tenant lies together.
const ERASING = 'SELECT tenant_no FROM rollup_erasures ORDER BY tenant_no LIMIT 1';
const ERASE_ATTEMPTS = `
  DELETE FROM attempt_rollups
  WHERE tenant_no = $1 AND (${ATTEMPT_KEY}) IN (
    SELECT ${ATTEMPT_KEY} FROM attempt_rollups WHERE tenant_no = $1 LIMIT $2)`;
const ERASE_EVENTS = `
  DELETE FROM event_rollups
  WHERE tenant_no = $1 AND (${EVENT_KEY}) IN (SELECT ${EVENT_KEY} FROM event_rollups WHERE tenant_no = $1 LIMIT $2)`;
const ERASED = 'DELETE FROM rollup_erasures WHERE tenant_no = $1';

export const rollUpPruneSlice: Operation<MetricsStorage['rollUpPruneSlice'], WriteSession> = async (
  session,
  { minutesBeforeMs, beforeMs, limit },
) => {
  await session.row(LOCK_PROGRESS);
  const erasing = await session.row(ERASING);
  if (erasing !== undefined) {
    await erase(session, Number(erasing['tenant_no']), limit);
    return { more: true };
  }
  // Whole hours: where minutes are missing, their hour is taken.
  const minutesFromS = Math.floor(minutesBeforeMs / 1000 / HOUR_S) * HOUR_S;
  await session.run(NOTE_MINUTES, minutesFromS);
  for (const widthS of WIDTHS_S) {
    const beforeS = widthS === MINUTE_S ? minutesFromS : dayStart(beforeMs);
    if (await drop(session, widthS, beforeS, limit)) return { more: true };
  }
  await session.run(DROP_DESTINATIONS, beforeMs);
  return { more: false };
};

/** Whether something was dropped. */
async function drop(
  session: WriteSession,
  widthS: number,
  beforeS: number,
  limit: number,
): Promise<boolean> {
  let dropped = await dropEvents(session, limit, widthS, beforeS);
  for (const cube of Object.values(CUBES)) {
    if (dropped >= limit) break;
    dropped = await dropAttempts(session, limit, widthS, cube, beforeS);
  }
  return dropped >= limit;
}

function dropEvents(session: WriteSession, limit: number, ...of: readonly number[]) {
  return session.isDistributed
    ? dropByTenant(session, [TENANTS_OF_EVENTS, DROP_EVENTS_OF_ONE], of, limit)
    : session.run(DROP_EVENTS, ...of, limit);
}

function dropAttempts(session: WriteSession, limit: number, ...of: readonly number[]) {
  return session.isDistributed
    ? dropByTenant(session, [TENANTS_OF_ATTEMPTS, DROP_ATTEMPTS_OF_ONE], of, limit)
    : session.run(DROP_ATTEMPTS, ...of, limit);
}

async function dropByTenant(
  session: WriteSession,
  [tenantsSql, dropSql]: readonly [string, string],
  of: readonly number[],
  limit: number,
): Promise<number> {
  let left = limit;
  for (const row of await session.rows(tenantsSql, ...of, limit)) {
    left -= await session.run(dropSql, ...of, left, Number(row['tenant_no']));
    if (left === 0) break;
  }
  return limit - left;
}

async function erase(session: WriteSession, tenantNo: number, limit: number): Promise<void> {
  const events = await session.run(ERASE_EVENTS, tenantNo, limit);
  const attempts = await session.run(ERASE_ATTEMPTS, tenantNo, limit);
  if (events < limit && attempts < limit) await session.run(ERASED, tenantNo);
}

function dayStart(timeMs: number): number {
  return Math.floor(timeMs / 1000 / DAY_S) * DAY_S;
}
