/** What a call asks of metrics: parsed from the query as Outpost's clients send it. */
import { nextBucketStartS, bucketStartS } from '../domain/granularity.ts';
import type { Granularity } from '../domain/granularity.ts';
import type { Query } from './query.ts';

/** Rows of an answer. */
export const ROW_LIMIT = 10_000;

export interface MetricsRequest<Measure extends string, Dimension extends string> {
  readonly startMs: number;
  readonly endMs: number;
  /** As it was given; `null`: one bucket. */
  readonly granularity: { readonly text: string; readonly value: Granularity } | null;
  /** Starts of all buckets, in seconds; empty where there is one. */
  readonly bucketsS: readonly number[];
  readonly measures: readonly Measure[];
  readonly dimensions: readonly Dimension[];
  readonly filters: Readonly<Record<Dimension, readonly string[]>>;
}

/** The most of a unit. */
const UNITS = { m: 60, h: 24, d: 31, w: 4, M: 12 } as const;

/** Calls `query.done()`. */
export function metricsRequest<Measure extends string, Dimension extends string>(
  query: Query,
  measures: readonly Measure[],
  dimensions: readonly Dimension[],
): MetricsRequest<Measure, Dimension> {
  const startMs = query.moment('time[start]');
  const endMs = query.moment('time[end]');
  if (startMs !== null && endMs !== null && startMs >= endMs)
    query.wrong('time[end]', 'range', 'It lies after `time[start]`.');
  const wanted = [...new Set(query.allOf('measures', measures))];
  if (query.list('measures').length === 0)
    query.wrong('measures', 'required', `Give at least one of ${measures.join(', ')}.`);
  const granularity = granularityOf(query);
  const bucketsS = bucketsOf(query, granularity?.value ?? null, startMs ?? 0, endMs ?? 0);
  const request = {
    startMs: startMs ?? 0,
    endMs: endMs ?? 0,
    granularity,
    bucketsS,
    measures: wanted,
    dimensions: [...new Set(query.allOf('dimensions', dimensions))],
    // One entry for each dimension.
    filters: Object.fromEntries(dimensions.map((name) => [name, filterOf(query, name)])) as Record<
      Dimension,
      readonly string[]
    >,
  };
  query.done();
  return request;
}

export function metricsParameters(
  measures: readonly string[],
  dimensions: readonly string[],
): Record<string, string> {
  const listed = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ');
  return {
    'time[start]': 'From this moment on, taken to the minute. Required.',
    'time[end]': 'Before this moment, taken to the minute. Required.',
    granularity:
      'Length of the buckets, in UTC: `5m`, `1h`, `1d`, `1w` (from Sunday), `1M`. Without it, all is one bucket.',
    measures: `What to tell: ${listed(measures)}. Required.`,
    dimensions: `What to tell apart: ${listed(dimensions)}.`,
    ...Object.fromEntries(dimensions.map((name) => [`filters[${name}]`, 'Only these.'])),
  };
}

function granularityOf(query: Query): MetricsRequest<string, string>['granularity'] {
  const text = query.text('granularity');
  if (text === null) return null;
  // A minute said in seconds is one; nothing is known of less.
  const [, digits = '', unit = ''] =
    /^(\d{1,2})([smhdwM])$/.exec(text === '60s' ? '1m' : text) ?? [];
  const count = Number(digits);
  switch (unit) {
    case 'm':
    case 'h':
    case 'd':
    case 'w':
    case 'M':
      if (count >= 1 && count <= UNITS[unit]) return { text, value: { count, unit } };
      break;
    case 's':
      query.wrong('granularity', 'too_fine', 'Metrics are kept by the minute: take `1m` or more.');
      return null;
  }
  query.wrong(
    'granularity',
    'format',
    'It is a number and a unit: 1 to 60 `m`, 1 to 24 `h`, 1 to 31 `d`, 1 to 4 `w` or 1 to 12 `M`.',
  );
  return null;
}

function bucketsOf(
  query: Query,
  granularity: Granularity | null,
  startMs: number,
  endMs: number,
): number[] {
  const buckets: number[] = [];
  if (granularity === null || startMs >= endMs) return buckets;
  let startS = bucketStartS(granularity, Math.floor(startMs / 1000));
  for (; startS * 1000 < endMs; startS = nextBucketStartS(granularity, startS)) {
    if (buckets.length === ROW_LIMIT) {
      const message = `The range has more than ${ROW_LIMIT} buckets: take longer ones, or a shorter range.`;
      query.wrong('granularity', 'too_fine', message);
      return [];
    }
    buckets.push(startS);
  }
  return buckets;
}

function filterOf(query: Query, dimension: string): readonly string[] {
  const name = `filters[${dimension}]`;
  switch (dimension) {
    case 'status':
      return query.allOf(name, ['success', 'failed']);
    case 'manual':
      return query.allOf(name, ['true', 'false']);
    case 'attempt_number':
      if (query.list(name).some((text) => !/^[1-9]\d{0,8}$/.test(text)))
        query.wrong(name, 'range', 'Attempts are numbered from 1.');
      return query.list(name);
    default:
      return query.list(name);
  }
}
