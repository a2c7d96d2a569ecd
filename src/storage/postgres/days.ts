/**
 * Partitions by day (migration 003). A statement names the days of the events that it is about, as the numbers with which
 * they begin and end: those are known when it is planned, so that it is planned for these days alone. Without them, each
 * partition costs 0.05 ms and more, whether anything is in it or not (docs/decisions/027-partitions-by-day.md). Whole days:
 * of a narrower range the planner would guess that next to nothing lies in it, and read it through for each row.
 */
import type { Session } from './session.ts';

/** Numbers are microseconds; days are those of UTC. */
export const DAY_US = 86_400_000_000;

/** Whole days; both ends are in it. */
export type Span = readonly [firstSeq: number, lastSeq: number];

/** Partitions of one range of numbers, `belowSeq` not in it; most are a day's. */
export interface Days {
  readonly fromSeq: number;
  readonly belowSeq: number;
}

export function dayOf(seq: number): number {
  return Math.floor(seq / DAY_US);
}

/** The days of these events. */
export function spanOf(seqs: readonly number[]): Span {
  let [lowest = 0] = seqs;
  let highest = lowest;
  for (const seq of seqs) {
    if (seq < lowest) lowest = seq;
    if (seq > highest) highest = seq;
  }
  return daysFromTo(lowest, highest);
}

export function daysFromTo(lowestSeq: number, highestSeq: number): Span {
  return [dayOf(lowestSeq) * DAY_US, (dayOf(highestSeq) + 1) * DAY_US - 1];
}

/** Nearly always one group: the others are of what is tried again days later, or around midnight. */
export function byDay<Item>(items: readonly Item[], seqOf: (item: Item) => number): Item[][] {
  return [...Map.groupBy(items, (item) => dayOf(seqOf(item))).values()];
}

/** Where they are not there. Whoever runs it holds the row of `numbers`, or has the database alone. */
export const MAKE_DAYS = 'SELECT make_day(day) FROM unnest($1::integer[]) AS days (day)';

export const NUMBERS = 'SELECT open_seq, last_seq FROM numbers';

/** The events among which all lie that are owed, or hold their order key. */
export async function readOpenSpan(session: Session): Promise<Span> {
  const row = await session.row(NUMBERS);
  return daysFromTo(Number(row?.['open_seq']), Number(row?.['last_seq']));
}

const LIST = `
  SELECT (regexp_match(bounds, 'FROM \\(''(\\d+)''\\)'))[1]::bigint AS from_seq,
         (regexp_match(bounds, 'TO \\(''(\\d+)''\\)'))[1]::bigint AS below_seq
  FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
  CROSS JOIN LATERAL pg_get_expr(relpartbound, pg_class.oid) AS bounds
  WHERE inhparent = to_regclass(quote_ident(current_schema) || '.events')
  ORDER BY from_seq`;

/** Those that there are, by age. */
export async function listDays(session: Session): Promise<Days[]> {
  return (await session.rows(LIST)).map((row) => ({
    fromSeq: Number(row['from_seq']),
    belowSeq: Number(row['below_seq']),
  }));
}

/** What a process remembers of them. */
export interface DaysMade {
  /** The last day that is known to be there; -1: none. */
  madeTo: number;
  /** By the monotonic clock; `null`: not yet. */
  lookedAtMs: number | null;
}
