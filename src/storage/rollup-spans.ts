/**
 * Which roll-ups answer a range of time: whole days and hours where the buckets asked for are made of them, minutes at
 * the edges. Of an hour whose minutes are dropped, the whole is taken.
 */
import { bucketStartS, DAY_S, fixedBuckets, HOUR_S, MINUTE_S } from '../domain/granularity.ts';
import type { Granularity } from '../domain/granularity.ts';

/** Half-open, in seconds since the epoch; a whole number of roll-ups. */
export interface Span {
  readonly widthS: number;
  readonly fromS: number;
  readonly toS: number;
}

export interface SpanQuestion {
  readonly fromMs: number;
  readonly toMs: number;
  /** `null`: all in one. */
  readonly granularity: Granularity | null;
  /** The minutes before it are dropped. */
  readonly minutesFromS: number;
}

export function spansOf({ fromMs, toMs, granularity, minutesFromS }: SpanQuestion): Span[] {
  const widths = [DAY_S, HOUR_S, MINUTE_S].filter((widthS) => isMadeOf(granularity, widthS));
  const hourOf = (timeS: number) => Math.floor(timeS / HOUR_S) * HOUR_S;
  let fromS = Math.floor(fromMs / 1000 / MINUTE_S) * MINUTE_S;
  let toS = Math.ceil(toMs / 1000 / MINUTE_S) * MINUTE_S;
  if (widths.includes(HOUR_S)) {
    if (fromS < minutesFromS) fromS = hourOf(fromS);
    if (toS < minutesFromS) toS = hourOf(toS + HOUR_S - 1);
  }
  return cut({ fromS, toS }, widths);
}

/** The coarsest roll-ups in the middle, finer ones at both ends. */
function cut({ fromS, toS }: { fromS: number; toS: number }, widths: readonly number[]): Span[] {
  const [widthS, ...finer] = widths;
  if (widthS === undefined || fromS >= toS) return [];
  const firstS = Math.ceil(fromS / widthS) * widthS;
  const lastS = Math.floor(toS / widthS) * widthS;
  if (firstS >= lastS) return cut({ fromS, toS }, finer);
  return [
    ...cut({ fromS, toS: firstS }, finer),
    { widthS, fromS: firstS, toS: lastS },
    ...cut({ fromS: lastS, toS }, finer),
  ];
}

function isMadeOf(granularity: Granularity | null, widthS: number): boolean {
  if (granularity === null) return true;
  const fixed = fixedBuckets(granularity);
  // Months begin with a day.
  return fixed === null || fixed.widthS % widthS === 0;
}

/** The start of the bucket that a row is of; `null`: all are in one. Months are made of days. */
export function bucketOf(granularity: Granularity | null, startS: number): number | null {
  return granularity === null ? null : bucketStartS(granularity, startS);
}
