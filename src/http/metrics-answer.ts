/** The answer to a question for metrics: every bucket of every combination of dimensions, empty ones as zeros. */
import { nextBucketStartS } from '../domain/granularity.ts';
import { addLatencies, latencyPercentileMs, noLatencies } from '../domain/latency-histogram.ts';
import type { AttemptMetricsRow, EventMetricsRow, MetricsResult } from '../storage/metrics.ts';
import { ROW_LIMIT } from './metrics-request.ts';
import type { MetricsRequest } from './metrics-request.ts';
import { formatTime } from './time.ts';

export const EVENT_MEASURES = ['count', 'rate'] as const;
export type EventMeasure = (typeof EVENT_MEASURES)[number];

export const ATTEMPT_MEASURES = [
  'count',
  'successful_count',
  'failed_count',
  'error_rate',
  'first_attempt_count',
  'retry_count',
  'manual_retry_count',
  'avg_attempt_number',
  'rate',
  'successful_rate',
  'failed_rate',
  'latency_p50',
  'latency_p95',
  'latency_p99',
] as const;
export type AttemptMeasure = (typeof ATTEMPT_MEASURES)[number];

interface Row {
  readonly bucketS: number | null;
  readonly dimensions: readonly string[];
}

/** `measure`: the value of one measure in a row, whose bucket lasts so many seconds. */
export function metricsAnswer<Measure extends string, Found extends Row>(
  request: MetricsRequest<Measure, string>,
  { rows, truncated }: MetricsResult<Found>,
  queryTimeMs: number,
  nothing: (head: Row) => Found,
  measure: (name: Measure, row: Found, seconds: number) => number,
) {
  const { granularity, measures, dimensions } = request;
  const all = filledUp(request, rows, nothing);
  const data = all.slice(0, ROW_LIMIT).map((row) => {
    const seconds = secondsOf(request, row.bucketS);
    return {
      time_bucket: row.bucketS === null ? undefined : formatTime(row.bucketS * 1000),
      dimensions: Object.fromEntries(
        dimensions.map((name, at) => [name, row.dimensions[at] ?? '']),
      ),
      metrics: Object.fromEntries(measures.map((name) => [name, measure(name, row, seconds)])),
    };
  });
  return {
    data,
    metadata: {
      granularity: granularity?.text,
      query_time_ms: Math.ceil(queryTimeMs),
      row_count: data.length,
      row_limit: ROW_LIMIT,
      truncated: truncated || all.length > ROW_LIMIT,
    },
  };
}

export function eventMeasure(name: EventMeasure, { count }: EventMetricsRow, seconds: number) {
  switch (name) {
    case 'count':
      return count;
    case 'rate':
      return count / seconds;
  }
}

export function attemptMeasure(
  name: AttemptMeasure,
  row: AttemptMetricsRow,
  seconds: number,
): number {
  const { count, failed } = row;
  switch (name) {
    case 'count':
      return count;
    case 'successful_count':
      return count - failed;
    case 'failed_count':
      return failed;
    case 'error_rate':
      return count === 0 ? 0 : failed / count;
    case 'first_attempt_count':
      return row.first;
    case 'retry_count':
      return count - row.first;
    case 'manual_retry_count':
      return row.manual;
    case 'avg_attempt_number':
      return count === 0 ? 0 : row.numberSum / count;
    case 'rate':
      return count / seconds;
    case 'successful_rate':
      return (count - failed) / seconds;
    case 'failed_rate':
      return failed / seconds;
    case 'latency_p50':
      return percentileMs(row, 0.5);
    case 'latency_p95':
      return percentileMs(row, 0.95);
    case 'latency_p99':
      return percentileMs(row, 0.99);
  }
}

function percentileMs({ latencies }: AttemptMetricsRow, share: number): number {
  if (latencies.length === 0) return 0;
  const counts = noLatencies();
  for (const each of latencies) addLatencies(counts, each);
  return latencyPercentileMs(counts, share);
}

/** By dimensions, then by time. At most one row more than are shown. */
function filledUp<Found extends Row>(
  { bucketsS, granularity, dimensions }: MetricsRequest<string, string>,
  rows: readonly Found[],
  nothing: (head: Row) => Found,
): Found[] {
  const groups = new Map<string, { values: readonly string[]; byBucket: Map<number, Found> }>();
  const groupOf = (values: readonly string[]) => {
    const key = values.join('\0');
    const group = groups.get(key) ?? { values, byBucket: new Map<number, Found>() };
    groups.set(key, group);
    return group;
  };
  // Without dimensions there is one combination, also of nothing.
  if (dimensions.length === 0) groupOf([]);
  for (const row of rows) groupOf(row.dimensions).byBucket.set(row.bucketS ?? 0, row);

  const all: Found[] = [];
  const slots = granularity === null ? [null] : bucketsS;
  for (const [, { values, byBucket }] of [...groups].sort(byName)) {
    for (const bucketS of slots) {
      all.push(byBucket.get(bucketS ?? 0) ?? nothing({ bucketS, dimensions: values }));
      if (all.length > ROW_LIMIT) return all;
    }
  }
  return all;
}

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}

function secondsOf(
  { granularity, startMs, endMs }: MetricsRequest<string, string>,
  bucketS: number | null,
): number {
  if (granularity === null || bucketS === null) return (endMs - startMs) / 1000;
  return nextBucketStartS(granularity.value, bucketS) - bucketS;
}
