/**
 * What is due of a lane. A time at which something is due is one of the node's wall clock, but for what was due as soon as
 * it came into being, or was asked for: that is due whatever the clock is set to, and however it differs from that of the
 * database, which numbers are taken from.
 */
import { ingestedAtMs } from '../../domain/event.ts';
import type { DeliveryKey } from '../reading.ts';
import { bigints, booleans, integers } from './binary-array.ts';
import { rowsByTenant } from './by-tenant.ts';
import { CLAIMANTS, claimantsIn, LAST_MS, readClaimants } from './claimants.ts';
import type { Span } from './days.ts';
import { IS_RETRY, RETRY_LINE } from './lines.ts';
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

/** Deliveries that are looked through for some that are due whatever the clock says. */
const MAX_AHEAD = 1000;

const LANES = `
  unnest($2::bigint[], $3::bigint[], $5::boolean[], $8::integer[])
    WITH ORDINALITY AS lanes (tenant, destination, is_owned, most, place)`;
const ofLane = (one: string) => `
  status = ${STATUS_CODE.pending} AND deliveries.tenant_no = tenant AND deliveries.destination_no = destination
  AND claimed_by = claimant AND event_seq BETWEEN $6 AND $7 ${one}`;
const OF_ONE = 'AND deliveries.tenant_no = $11';

// The clock is behind the numbers that were taken; empty where it is not.
const ahead = (lane: string, now: string, lastMs: string) => `
  SELECT event_seq, ordinal, next_attempt_ms, attempts, asked_by FROM deliveries
  WHERE ${lane} AND next_attempt_ms > ${now} AND next_attempt_ms <= ${lastMs}`;
const IN_ORDER = 'ORDER BY next_attempt_ms, event_seq, ordinal';
const IS_DUE = '(asked_by <> 0 OR (attempts = 0 AND next_attempt_ms = event_seq / 1000))';

// Of an incarnation that is dead both kinds stand together: no more of them than a lane keeps in memory.
const OF_KIND = `(claimant <= 0 OR ${IS_RETRY} = of_retries)`;

// The index is read in order for each lane and claimant. Nothing is locked, so that it may be of many tenants: who takes what
// is found looks again whose it is.
const dueOf = (more: string, claimants: string, lastMs: string, one: string) => `
  WITH claimants AS MATERIALIZED (${claimants})
  SELECT place, claimant, of_retries, found.*
  FROM ${LANES} JOIN claimants ON is_owned OR NOT is_alive
  JOIN (VALUES (false), (true)) AS kinds (of_retries) ON claimant > 0 OR of_retries = (claimant = ${RETRY_LINE})
  CROSS JOIN LATERAL (
    SELECT past.* FROM (
      SELECT event_seq, ordinal, next_attempt_ms FROM deliveries
      WHERE ${ofLane(one)} AND next_attempt_ms <= $4 AND ${OF_KIND} ${more}
      ${IN_ORDER} LIMIT most) AS past
    UNION ALL
    SELECT event_seq, ordinal, next_attempt_ms FROM (
      ${ahead(ofLane(one), '$4', lastMs)} AND ${OF_KIND} ${more}
      ${IN_ORDER} LIMIT ${MAX_AHEAD}) AS ahead
    WHERE ${IS_DUE}) AS found`;
const DUE = dueOf('', CLAIMANTS, LAST_MS, '');
// From before the destination asked for order.
const UNORDERED = 'AND order_key IS NULL';
const DUE_UNORDERED = dueOf(UNORDERED, CLAIMANTS, LAST_MS, '');
// The same of one tenant, on Citus.
const CLAIMANTS_9 = claimantsIn('$1', '$9');
const DUE_OF_ONE = dueOf('', CLAIMANTS_9, '$10', OF_ONE);
const DUE_UNORDERED_OF_ONE = dueOf(UNORDERED, CLAIMANTS_9, '$10', OF_ONE);

/** When the first of a lane comes due, of one `claimant`: rows of `due_ms`. */
export const firstOf = (lane: string, now: string, lastMs: string) => `
  (SELECT next_attempt_ms AS due_ms FROM deliveries WHERE ${lane} ORDER BY next_attempt_ms LIMIT 1)
  UNION ALL
  (SELECT ${now}::bigint FROM (${ahead(lane, now, lastMs)} ${IN_ORDER} LIMIT ${MAX_AHEAD}) AS ahead WHERE ${IS_DUE} LIMIT 1)`;

const nextDueOf = (claimants: string, lastMs: string, one: string) => `
  WITH claimants AS MATERIALIZED (${claimants})
  SELECT place, min(next.due_ms) AS due_ms
  FROM ${LANES} JOIN claimants ON is_owned OR NOT is_alive
  CROSS JOIN LATERAL (${firstOf(ofLane(one), '$4', lastMs)}) AS next
  GROUP BY place`;
const NEXT_DUE = nextDueOf(CLAIMANTS, LAST_MS, '');
const NEXT_DUE_OF_ONE = nextDueOf(CLAIMANTS_9, '$10', OF_ONE);

/** A delivery that nobody has, and whose it was. */
export interface Due {
  readonly key: DeliveryKey;
  readonly dueAtMs: number;
  readonly claimant: number;
}

/** So many of each at most, the first due first. */
export interface DueOfLane {
  readonly others: readonly Due[];
  readonly retries: readonly Due[];
}

export interface LaneOfDue extends Lane {
  /** It is this node's, of all nodes. */
  readonly isOwned: boolean;
  /** So many at most. */
  readonly limit: number;
}

/**
 * What nobody and what each dead incarnation has claimed, merged, for each lane: a restart does not change the order. Neither
 * does a clock that is set back: what is new has later numbers.
 */
export async function oldestDue(
  session: WriteSession,
  lanes: readonly LaneOfDue[],
  dueBeforeMs: number,
  isOrdered = false,
): Promise<DueOfLane[]> {
  const sql: Forms = isOrdered ? [DUE_UNORDERED, DUE_UNORDERED_OF_ONE] : [DUE, DUE_OF_ONE];
  const found = lanes.map(() => ({ others: [] as Due[], retries: [] as Due[] }));
  for (const row of await ofLanes(session, sql, lanes, dueBeforeMs))
    found[placeOf(row)]?.[row['of_retries'] === true ? 'retries' : 'others'].push({
      key: keyOf(row),
      dueAtMs: Number(row['next_attempt_ms']),
      claimant: Number(row['claimant']),
    });
  return found.map(({ others, retries }, place) => ({
    others: others.toSorted(byDue).slice(0, lanes[place]?.limit),
    retries: retries.toSorted(byDue).slice(0, lanes[place]?.limit),
  }));
}

/** When the first of each lane comes due; `null`: there is none. */
export async function firstDue(
  session: WriteSession,
  lanes: readonly LaneOfDue[],
  nowMs: number,
): Promise<(number | null)[]> {
  const first = lanes.map((): number | null => null);
  for (const row of await ofLanes(session, [NEXT_DUE, NEXT_DUE_OF_ONE], lanes, nowMs))
    first[placeOf(row)] = numberOrNull(row['due_ms'] ?? null);
  return first;
}

type Forms = readonly [all: string, ofOne: string];

/** Those that are open lie in the same days. */
async function ofLanes(
  session: WriteSession,
  [all, ofOne]: Forms,
  lanes: readonly LaneOfDue[],
  nowMs: number,
): Promise<Row[]> {
  const [first] = lanes;
  if (first === undefined) return [];
  const valuesOf = (part: readonly LaneOfDue[]) => [
    bigints(part.map(({ tenantNo }) => tenantNo)),
    bigints(part.map(({ destinationNo }) => destinationNo)),
    nowMs,
    booleans(part.map(({ isOwned }) => isOwned)),
    ...first.openSpan,
    integers(part.map(({ limit }) => limit)),
  ];
  if (!session.isDistributed)
    return await session.rows(all, session.incarnation, ...valuesOf(lanes));
  const { claimants, areAlive, lastMs } = await readClaimants(session);
  return await rowsByTenant(session, lanes, (part) => {
    const values = [...valuesOf(part), areAlive, lastMs, part[0]?.tenantNo ?? null];
    return session.rows(ofOne, claimants, ...values);
  });
}

/** Of a row with the `place` of its lane, which counts from 1. */
export function placeOf(row: Row): number {
  return Number(row['place']) - 1;
}

export function byDue(one: Omit<Due, 'claimant'>, other: Omit<Due, 'claimant'>): number {
  return (
    one.dueAtMs - other.dueAtMs ||
    one.key.seq - other.key.seq ||
    one.key.ordinal - other.key.ordinal
  );
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
