/**
 * Buckets of time, as metrics are asked for: so many minutes, hours, days, weeks or months, in UTC. They are counted from
 * the epoch (weeks from its first Sunday), so that the same moment is always in the same bucket.
 */

export interface Granularity {
  readonly count: number;
  readonly unit: 'm' | 'h' | 'd' | 'w' | 'M';
}

export const MINUTE_S = 60;
export const HOUR_S = 3600;
export const DAY_S = 86_400;
const WEEK_S = 7 * DAY_S;
/** 1970-01-04, a Sunday. */
const FIRST_WEEK_S = 3 * DAY_S;

const UNIT_S = { m: MINUTE_S, h: HOUR_S, d: DAY_S, w: WEEK_S } as const;

/** Buckets of one length, from `originS` on; months have none. */
export function fixedBuckets({
  count,
  unit,
}: Granularity): { readonly widthS: number; readonly originS: number } | null {
  if (unit === 'M') return null;
  return { widthS: count * UNIT_S[unit], originS: unit === 'w' ? FIRST_WEEK_S : 0 };
}

/** Seconds since the epoch at which the bucket of a moment begins. */
export function bucketStartS(granularity: Granularity, timeS: number): number {
  const fixed = fixedBuckets(granularity);
  if (fixed !== null) {
    const { widthS, originS } = fixed;
    return Math.floor((timeS - originS) / widthS) * widthS + originS;
  }
  const time = new Date(timeS * 1000);
  const months = (time.getUTCFullYear() - 1970) * 12 + time.getUTCMonth();
  return monthStartS(Math.floor(months / granularity.count) * granularity.count);
}

export function nextBucketStartS(granularity: Granularity, startS: number): number {
  const fixed = fixedBuckets(granularity);
  if (fixed !== null) return startS + fixed.widthS;
  const start = new Date(startS * 1000);
  return monthStartS(
    (start.getUTCFullYear() - 1970) * 12 + start.getUTCMonth() + granularity.count,
  );
}

function monthStartS(monthsSinceEpoch: number): number {
  return Date.UTC(1970, monthsSinceEpoch, 1) / 1000;
}
