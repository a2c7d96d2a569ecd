/** What a call asks of metrics: parsed from the query as Outpost's clients send it. */
import { nextBucketStartS, bucketStartS } from '../domain/granularity.ts';
import type { Granularity } from '../domain/granularity.ts';
import { MAX_LIST } from './query.ts';
import type { Query } from './query.ts';
import { choices, moment, required, oneText } from './schemas/fields.ts';
import type { QueryParameter } from './schemas/fields.ts';
import { arrayOf, string } from './schemas/json-schema.ts';

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
/** What units let pass, as a pattern for the document. */
const GRANULARITY =
  '^(?:60s|0?[1-9]m|[1-5]\\dm|60m|0?[1-9]h|1\\dh|2[0-4]h|0?[1-9]d|[12]\\dd|3[01]d|0?[1-4]w|0?[1-9]M|1[0-2]M)$';
const ATTEMPT_STATUSES = ['success', 'failed'] as const;
const ATTEMPT_NUMBER = /^[1-9]\d{0,8}$/;
const BOOLEANS = ['true', 'false'] as const;

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
): Record<string, QueryParameter> {
  return {
    'time[start]': required(moment('From this moment on, taken to the minute.')),
    'time[end]': required(moment('Before this moment, taken to the minute.')),
    granularity: oneText(
      'Length of the buckets, in UTC: `5m`, `1h`, `1d`, `1w` (from Sunday), `1M`. Without it, all is one bucket.',
      { pattern: GRANULARITY },
    ),
    measures: required({ ...choices(measures, 'What to tell.'), minItems: 1 }),
    dimensions: choices(dimensions, 'What to tell apart.'),
    ...Object.fromEntries(dimensions.map((name) => [`filters[${name}]`, filterParameter(name)])),
  };
}

/** What `filterOf` takes. */
function filterParameter(dimension: string): QueryParameter {
  switch (dimension) {
    case 'status':
      return choices(ATTEMPT_STATUSES, 'Only these.');
    case 'manual':
      return choices(BOOLEANS, 'Only these.');
    case 'attempt_number':
      return arrayOf(string({ pattern: ATTEMPT_NUMBER.source }), {
        maxItems: MAX_LIST,
        description: 'Only these.',
      });
    default:
      return 'Only these.';
  }
}

function granularityOf(query: Query): MetricsRequest<string, string>['granularity'] {
  const given = query.text('granularity');
  if (given === null) return null;
  // A minute said in seconds is one; nothing is known of less.
  const [, digits = '', unit = ''] =
    /^(\d{1,2})([smhdwM])$/.exec(given === '60s' ? '1m' : given) ?? [];
  const count = Number(digits);
  switch (unit) {
    case 'm':
    case 'h':
    case 'd':
    case 'w':
    case 'M':
      if (count >= 1 && count <= UNITS[unit]) return { text: given, value: { count, unit } };
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
      return query.allOf(name, ATTEMPT_STATUSES);
    case 'manual':
      return query.allOf(name, BOOLEANS);
    case 'attempt_number':
      if (query.list(name).some((text) => !ATTEMPT_NUMBER.test(text)))
        query.wrong(name, 'range', 'Attempts are numbered from 1.');
      return query.list(name);
    default:
      return query.list(name);
  }
}
