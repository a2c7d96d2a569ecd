/**
 * What is due of a lane. A time at which something is due is one of the node's wall clock, but for what was due as soon as
 * it came into being, or was asked for: that is due whatever the clock is set to, and however it differs from that of the
 * database, which numbers are taken from.
 */
import { ASKED_BY } from '../../domain/delivery.ts';
import { ingestedAtMs } from '../../domain/event.ts';
import type { DeliveryKey } from '../reading.ts';
import { bigints, integers } from './binary-array.ts';
import { spanOf } from './days.ts';
import type { Span } from './days.ts';
import { numberOrNull } from './page.ts';
import type { Row } from './session.ts';
import { STATUS_CODE } from './statuses.ts';
import type { WriteSession } from './write-session.ts';

export interface Lane {
  readonly tenantNo: number;
  readonly destinationNo: number;
  /** Where all lies that it may be owed (days.ts). */
  readonly openSpan: Span;
}

/** Nobody, and every incarnation but our own, `$1`, whose lease is over. */
export const CLAIMANTS = `
  SELECT 0::bigint AS claimant
  UNION ALL
  SELECT incarnation FROM nodes WHERE incarnation <> $1 AND lease_until <= clock_timestamp()`;

/** Deliveries that are looked through for some that are due whatever the clock says. */
const MAX_AHEAD = 1000;

/** Deliveries that are looked through for retries at a time. */
const MAX_LOOKED_AT = 1000;
const REPLAY = ASKED_BY.indexOf('replay');

const OF_LANE = `status = ${STATUS_CODE.pending} AND deliveries.tenant_no = $2 AND deliveries.destination_no = $3 AND claimed_by = claimant`;

// The clock is behind the numbers that were taken; empty where it is not.
const ahead = (lane: string, now: string) => `
  SELECT event_seq, ordinal, next_attempt_ms, attempts, asked_by FROM deliveries
  WHERE ${lane} AND next_attempt_ms > ${now} AND next_attempt_ms <= (SELECT last_seq / 1000 FROM numbers)`;
const IN_ORDER = 'ORDER BY next_attempt_ms, event_seq, ordinal';
const IS_DUE = '(asked_by <> 0 OR (attempts = 0 AND next_attempt_ms = event_seq / 1000))';

const OF_LANE_5 = `${OF_LANE} AND event_seq BETWEEN $5 AND $6`;
const OF_LANE_6 = `${OF_LANE} AND event_seq BETWEEN $6 AND $7`;

// The index is read in order for each claimant, and what another node is just claiming is passed over.
const due = (more: string) => `
  SELECT found.* FROM (${CLAIMANTS}) AS claimants CROSS JOIN LATERAL (
    SELECT past.* FROM (
      SELECT event_seq, ordinal, next_attempt_ms FROM deliveries
      WHERE ${OF_LANE_6} AND next_attempt_ms <= $4 ${more}
      ${IN_ORDER} LIMIT $5 FOR UPDATE SKIP LOCKED) AS past
    UNION ALL
    SELECT event_seq, ordinal, next_attempt_ms FROM (
      ${ahead(OF_LANE_6, '$4')} ${more}
      ${IN_ORDER} LIMIT ${MAX_AHEAD} FOR UPDATE SKIP LOCKED) AS ahead
    WHERE ${IS_DUE}) AS found
  ${IN_ORDER} LIMIT $5`;
const DUE = due('');
// From before the destination asked for order.
const DUE_UNORDERED = due('AND order_key IS NULL');

/** When the first of a lane comes due, of one `claimant`: rows of `due_ms`. */
export const firstOf = (lane: string, now: string) => `
  (SELECT next_attempt_ms AS due_ms FROM deliveries WHERE ${lane} ORDER BY next_attempt_ms LIMIT 1)
  UNION ALL
  (SELECT ${now}::bigint FROM (${ahead(lane, now)} ${IN_ORDER} LIMIT ${MAX_AHEAD}) AS ahead WHERE ${IS_DUE} LIMIT 1)`;

const NEXT_DUE = `
  SELECT min(next.due_ms) AS due_ms FROM (${CLAIMANTS}) AS claimants
  CROSS JOIN LATERAL (${firstOf(OF_LANE_5, '$4')}) AS next`;

/**
 * What nobody and what each dead incarnation has claimed, merged: a restart does not change the order. Neither does a
 * clock that is set back: what is new has later numbers.
 */
export async function oldestDue(
  session: WriteSession,
  { tenantNo, destinationNo, openSpan }: Lane,
  dueBeforeMs: number,
  limit: number,
  isOrdered: boolean,
): Promise<DeliveryKey[]> {
  const sql = isOrdered ? DUE_UNORDERED : DUE;
  const values = [session.incarnation, tenantNo, destinationNo, dueBeforeMs, limit, ...openSpan];
  return (await session.rows(sql, ...values)).map(keyOf);
}

/** When the first comes due; `null`: there is none. */
export async function firstDue(
  session: WriteSession,
  { tenantNo, destinationNo, openSpan }: Lane,
  nowMs: number,
): Promise<number | null> {
  const values = [session.incarnation, tenantNo, destinationNo, nowMs, ...openSpan];
  const row = await session.row(NEXT_DUE, ...values);
  return numberOrNull(row?.['due_ms'] ?? null);
}

// Not locked: of many that are looked at, few are taken.
const RETRIES = `
  WITH looked AS MATERIALIZED (
    SELECT claimant, part.* FROM (${CLAIMANTS}) AS claimants CROSS JOIN LATERAL (
      SELECT event_seq, ordinal, next_attempt_ms, attempts, asked_by FROM deliveries
      WHERE ${OF_LANE_6} AND next_attempt_ms >= $4
      ${IN_ORDER} LIMIT ${MAX_LOOKED_AT}) AS part)
  (SELECT event_seq, ordinal, next_attempt_ms, NULL AS look_on_ms FROM looked
   WHERE attempts > 0 AND asked_by <> ${REPLAY} ${IN_ORDER} LIMIT $5)
  UNION ALL
  (SELECT NULL, NULL, NULL, min(last_ms) FROM (
     SELECT max(next_attempt_ms) AS last_ms FROM looked
     GROUP BY claimant HAVING count(*) = ${MAX_LOOKED_AT}) AS full_parts)`;

const LOCKED = `
  SELECT event_seq, ordinal, next_attempt_ms FROM deliveries
  WHERE status = ${STATUS_CODE.pending} AND tenant_no = $2 AND destination_no = $3
    AND (event_seq, ordinal) IN (SELECT * FROM unnest($4::bigint[], $5::integer[]))
    AND claimed_by IN (SELECT claimant FROM (${CLAIMANTS}) AS claimants)
    AND event_seq BETWEEN $6 AND $7
  ${IN_ORDER} FOR UPDATE SKIP LOCKED`;

/** As `LaneClaim.retriesFromMs` says. */
export async function dueRetries(
  session: WriteSession,
  { tenantNo, destinationNo, openSpan }: Lane,
  fromMs: number,
  dueBeforeMs: number,
  limit: number,
): Promise<{ readonly due: readonly DeliveryKey[]; readonly nextDueAtMs: number | null }> {
  const lane = [session.incarnation, tenantNo, destinationNo] as const;
  const rows = await session.rows(RETRIES, ...lane, fromMs, limit + 1, ...openSpan);
  const lookOnMs = numberOrNull(
    rows.find((row) => row['event_seq'] === null)?.['look_on_ms'] ?? null,
  );
  const retries = rows.filter((row) => row['event_seq'] !== null);
  const isDue = (row: Row) => Number(row['next_attempt_ms']) <= dueBeforeMs;
  const wanted = retries.filter(isDue).slice(0, limit);
  const next = retries[wanted.length];
  const nextDueAtMs = Math.min(
    next === undefined ? Infinity : Number(next['next_attempt_ms']),
    // Also past more that came due at the same moment: all are claimed in their turn.
    lookOnMs === null ? Infinity : Math.max(lookOnMs, fromMs + 1),
  );
  const seqs = wanted.map(({ event_seq: seq }) => Number(seq));
  const ordinals = wanted.map(({ ordinal }) => Number(ordinal));
  const locked =
    wanted.length === 0
      ? []
      : await session.rows(LOCKED, ...lane, bigints(seqs), integers(ordinals), ...spanOf(seqs));
  return {
    due: locked.map(keyOf),
    nextDueAtMs: nextDueAtMs === Infinity ? null : nextDueAtMs,
  };
}

/** Of a row with `next_attempt_ms`, `event_seq`, `attempts` and `asked_by`. */
export function isDueAt(row: Row, nowMs: number): boolean {
  const dueAtMs = Number(row['next_attempt_ms']);
  if (dueAtMs <= nowMs || row['asked_by'] !== 0) return true;
  return row['attempts'] === 0 && dueAtMs === ingestedAtMs(Number(row['event_seq']));
}

export function keyOf(row: Row): DeliveryKey {
  return { seq: Number(row['event_seq']), ordinal: Number(row['ordinal']) };
}
