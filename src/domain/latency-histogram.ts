/**
 * How long attempts took, as counts in buckets that grow by a constant factor: histograms of any two spans of time add up
 * to that of both, and a percentile read from one is at most 2 % off. (DDSketch: Masson, Rim, Lee, VLDB 2019.)
 *
 * Encoded, a histogram is a row of variable-length integers: for each bucket that is not empty its distance from the one
 * before, and its count.
 */

/** The most that a percentile is off, as a share of its value. */
export const LATENCY_ERROR = 0.02;

const GROWTH = (1 + LATENCY_ERROR) / (1 - LATENCY_ERROR);
const LOG_GROWTH = Math.log(GROWTH);
/** All that is faster is in the first bucket. */
const FIRST_US = 100;
/** All that is slower is in the last one. No attempt may take that long. */
const LAST_US = 3_600_000_000;
const LAST_BUCKET = Math.ceil(Math.log(LAST_US / FIRST_US) / LOG_GROWTH);

/** The bucket of a latency in microseconds. */
export function latencyBucket(latencyUs: number): number {
  if (latencyUs <= FIRST_US) return 0;
  return Math.min(LAST_BUCKET, Math.ceil(Math.log(latencyUs / FIRST_US) / LOG_GROWTH));
}

/** For a database that does the same by itself. */
export const LATENCY_BUCKETS = {
  firstUs: FIRST_US,
  logGrowth: LOG_GROWTH,
  lastBucket: LAST_BUCKET,
} as const;

/** `counts`: count by bucket. */
export function encodeLatencies(counts: ReadonlyMap<number, number>): Uint8Array {
  const buckets = [...counts.keys()];
  if (buckets.length > 1) buckets.sort((one, other) => one - other);
  const bytes: number[] = [];
  let before = 0;
  for (const bucket of buckets) {
    pushNumber(bytes, bucket - before);
    pushNumber(bytes, counts.get(bucket) ?? 0);
    before = bucket;
  }
  return Uint8Array.from(bytes);
}

export function mergeLatencies(one: Uint8Array, other: Uint8Array): Uint8Array {
  const counts = new Map<number, number>();
  eachBucket(one, (bucket, count) => void counts.set(bucket, count));
  eachBucket(other, (bucket, count) => void counts.set(bucket, (counts.get(bucket) ?? 0) + count));
  return encodeLatencies(counts);
}

/** Count by bucket, of many histograms. */
export type LatencyCounts = Float64Array;

export function noLatencies(): LatencyCounts {
  return new Float64Array(LAST_BUCKET + 1);
}

export function addLatencies(counts: LatencyCounts, encoded: Uint8Array): void {
  eachBucket(encoded, (bucket, count) => {
    counts[bucket] = (counts[bucket] ?? 0) + count;
  });
}

export function encodeCounts(counts: LatencyCounts): Uint8Array {
  const bytes: number[] = [];
  let before = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const count = counts[bucket] ?? 0;
    if (count === 0) continue;
    pushNumber(bytes, bucket - before);
    pushNumber(bytes, count);
    before = bucket;
  }
  return Uint8Array.from(bytes);
}

/** The latency in milliseconds that a share of all attempts (0 to 1) did not exceed; 0 where there was none. */
export function latencyPercentileMs(counts: LatencyCounts, share: number): number {
  // Loops by index: iterators and callbacks would take three times as long, on the thread that answers everybody.
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) total += counts[bucket] ?? 0;
  const rank = share * (total - 1);
  let seen = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const count = counts[bucket] ?? 0;
    seen += count;
    if (count > 0 && seen > rank) return Math.round(middleUs(bucket)) / 1000;
  }
  return 0;
}

/** The value that is equally far, in share, from both ends of the bucket. */
function middleUs(bucket: number): number {
  return bucket === 0 ? FIRST_US : (FIRST_US * 2 * GROWTH ** bucket) / (GROWTH + 1);
}

function eachBucket(encoded: Uint8Array, visit: (bucket: number, count: number) => void): void {
  let bucket = 0;
  let value = 0;
  let factor = 1;
  let isCount = false;
  for (let at = 0; at < encoded.length; at++) {
    const byte = encoded[at] ?? 0;
    value += (byte & 127) * factor;
    if (byte >= 128) {
      factor *= 128;
      continue;
    }
    if (isCount) visit(bucket, value);
    else bucket += value;
    isCount = !isCount;
    value = 0;
    factor = 1;
  }
}

/** Seven bits a byte, the lowest first; the eighth says that more follow. */
function pushNumber(bytes: number[], value: number): void {
  let left = value;
  while (left >= 128) {
    bytes.push((left % 128) + 128);
    left = Math.floor(left / 128);
  }
  bytes.push(left);
}
