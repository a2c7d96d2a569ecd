/**
 * What is due of a lane. A time at which something is due is one of the wall clock, but for what was due as soon as it
 * came into being, or was asked for: that is due whatever the clock is set to.
 */
import { ingestedAtMs } from '../../domain/event.ts';
import type { DeliveryKey } from '../reading.ts';
import { STATUS_CODE } from './context.ts';
import type { WriteContext } from './context.ts';
import { IS_RETRY, isRetry, RETRY_LINE } from './lines.ts';

// One claimant of one lane: the index is read in order, from its start.
const DUE = `
  SELECT next_attempt_ms, event_seq, ordinal FROM deliveries INDEXED BY deliveries_pending
  WHERE status = ${STATUS_CODE.pending} AND destination_no = ? AND claimed_by = ? AND next_attempt_ms <= ?
  ORDER BY next_attempt_ms, event_seq, ordinal LIMIT ?`;

// Of an incarnation that is dead both kinds stand together: no more of them than a lane keeps in memory.
const DUE_OF_DEAD = `
  SELECT next_attempt_ms, event_seq, ordinal FROM deliveries INDEXED BY deliveries_pending
  WHERE status = ${STATUS_CODE.pending} AND destination_no = ? AND claimed_by = ? AND next_attempt_ms <= ?
    AND ${IS_RETRY} = ?
  ORDER BY next_attempt_ms, event_seq, ordinal LIMIT ?`;

const NEXT_DUE = `
  SELECT next_attempt_ms FROM deliveries INDEXED BY deliveries_pending
  WHERE status = ${STATUS_CODE.pending} AND destination_no = ? AND claimed_by = ?
  ORDER BY next_attempt_ms LIMIT 1`;

/** Deliveries that are looked through for some that are due whatever the clock says. */
const MAX_AHEAD = 1000;

// The clock was set back behind the numbers that were taken.
const AHEAD = `
  SELECT next_attempt_ms, event_seq, ordinal, attempts, manual FROM deliveries INDEXED BY deliveries_pending
  WHERE status = ${STATUS_CODE.pending} AND destination_no = ? AND claimed_by = ? AND next_attempt_ms > ? AND next_attempt_ms <= ?
  ORDER BY next_attempt_ms, event_seq, ordinal LIMIT ${MAX_AHEAD}`;

/** Deliveries that are looked through for retries at a time. */
const MAX_LOOKED_AT = 1000;

const FROM_THEN_ON = `
  SELECT next_attempt_ms, event_seq, ordinal, attempts, manual FROM deliveries INDEXED BY deliveries_pending
  WHERE status = ${STATUS_CODE.pending} AND destination_no = ? AND claimed_by = ? AND next_attempt_ms >= ?
  ORDER BY next_attempt_ms, event_seq, ordinal LIMIT ${MAX_LOOKED_AT}`;

export interface Due extends DeliveryKey {
  readonly dueAtMs: number;
}

/** So many of each at most, the first due first. */
export interface DueOfLane {
  readonly others: readonly Due[];
  readonly retries: readonly Due[];
}

/**
 * What nobody and what each dead incarnation has claimed, merged: a restart does not change the order. Neither does a
 * clock that is set back: what is new has later numbers.
 */
export function oldestDue(
  context: WriteContext,
  destinationNo: number,
  dueBeforeMs: number,
  limit: number,
): DueOfLane {
  const oldest = (isOfRetries: boolean) =>
    context.claimants
      .flatMap((claimant) => {
        if (claimant <= 0 && (claimant === RETRY_LINE) !== isOfRetries) return [];
        const lane = [destinationNo, claimant, dueBeforeMs] as const;
        const past =
          claimant > 0
            ? context.statement(DUE_OF_DEAD).all(...lane, Number(isOfRetries), limit)
            : context.statement(DUE).all(...lane, limit);
        const ahead = dueAhead(context, ...lane);
        return [
          ...past,
          ...(claimant > 0 ? ahead.filter((row) => isRetry(row) === isOfRetries) : ahead),
        ].map(readDue);
      })
      .toSorted(byDue)
      .slice(0, limit);
  return { others: oldest(false), retries: oldest(true) };
}

/** When the first comes due; `null`: there is none. */
export function firstDue(
  context: WriteContext,
  destinationNo: number,
  nowMs: number,
): number | null {
  const nextDue = context.statement(NEXT_DUE);
  let firstMs = Infinity;
  for (const claimant of context.claimants) {
    const row = nextDue.get(destinationNo, claimant);
    if (row !== undefined) firstMs = Math.min(firstMs, Number(row['next_attempt_ms']));
    const isAhead = firstMs > nowMs && dueAhead(context, destinationNo, claimant, nowMs).length > 0;
    if (isAhead) firstMs = nowMs;
  }
  return firstMs === Infinity ? null : firstMs;
}

/** As `LaneClaim.retriesFromMs` says. */
export function dueRetries(
  context: WriteContext,
  destinationNo: number,
  fromMs: number,
  dueBeforeMs: number,
  limit: number,
): { readonly due: readonly Due[]; readonly nextDueAtMs: number | null } {
  const fromThenOn = context.statement(FROM_THEN_ON);
  let lookOnMs = Infinity;
  const retries = context.claimants.flatMap((claimant) => {
    const rows = fromThenOn.all(destinationNo, claimant, fromMs);
    const last = rows[MAX_LOOKED_AT - 1];
    // Also past more that came due at the same moment: all are claimed in their turn.
    if (last !== undefined)
      lookOnMs = Math.min(lookOnMs, Math.max(Number(last['next_attempt_ms']), fromMs + 1));
    return rows.filter(isRetry).map(readDue);
  });
  retries.sort(byDue);
  const due = retries.filter(({ dueAtMs }) => dueAtMs <= dueBeforeMs).slice(0, limit);
  const nextDueAtMs = Math.min(retries[due.length]?.dueAtMs ?? Infinity, lookOnMs);
  return { due, nextDueAtMs: nextDueAtMs === Infinity ? null : nextDueAtMs };
}

/** Of a row with `next_attempt_ms`, `event_seq`, `attempts` and `manual`. */
export function isDueAt(row: Record<string, unknown>, nowMs: number): boolean {
  const dueAtMs = Number(row['next_attempt_ms']);
  if (dueAtMs <= nowMs || row['manual'] !== 0) return true;
  return row['attempts'] === 0 && dueAtMs === ingestedAtMs(Number(row['event_seq']));
}

/** The first due first; of those due together, the first published. */
export function byDue(one: Due, other: Due): number {
  return one.dueAtMs - other.dueAtMs || one.seq - other.seq || one.ordinal - other.ordinal;
}

/** Empty but where the clock is behind the numbers that were taken; with `attempts` and `manual`. */
function dueAhead(
  context: WriteContext,
  destinationNo: number,
  claimant: number,
  nowMs: number,
): Record<string, unknown>[] {
  const lastMs = ingestedAtMs(context.lastSeq());
  if (lastMs <= nowMs) return [];
  return context
    .statement(AHEAD)
    .all(destinationNo, claimant, nowMs, lastMs)
    .filter((row) => isDueAt(row, nowMs));
}

function readDue(row: Record<string, unknown>): Due {
  return {
    dueAtMs: Number(row['next_attempt_ms']),
    seq: Number(row['event_seq']),
    ordinal: Number(row['ordinal']),
  };
}
