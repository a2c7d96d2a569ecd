/** Metrics, answered from the roll-ups alone. */
import { DAY_S, fixedBuckets } from '../../domain/granularity.ts';
import type { Granularity } from '../../domain/granularity.ts';
import { addLatencies, encodeCounts, noLatencies } from '../../domain/latency-histogram.ts';
import type { AttemptDimension } from '../../domain/metrics.ts';
import type { AttemptMetricsRow, MetricsQuery, MetricsResult, MetricsStorage } from '../metrics.ts';
import type { ReadContext } from './context.ts';
import { destinationsOf, MetricsNames } from './metrics-names.ts';
import type { Operation } from './operation.ts';
import { isOneOf } from './page.ts';
import type { Condition } from './page.ts';
import { cubeFor } from '../rollup-cube.ts';
import { bucketOf, spansOf } from '../rollup-spans.ts';
import type { Span } from '../rollup-spans.ts';

/** Groups that one statement gives at most. */
const MAX_GROUPS = 100_000;

/** What a dimension is grouped by: a column of the roll-ups. */
const COLUMNS: Record<AttemptDimension, string> = {
  tenant_id: 'rollups.tenant_no',
  destination_id: 'rollups.destination_no',
  destination_type: 'rollups.destination_no',
  topic: 'topic_no',
  status: 'failed',
  code: 'code',
  manual: 'manual',
  attempt_number: 'number',
};

/** What the roll-ups count, and how it is added up. */
const ATTEMPT_SUMS = `sum(count) AS count, sum(failed_count) AS failed_count, sum(first_count) AS first_count,
  sum(manual_count) AS manual_count, sum(number_sum) AS number_sum`;

export function metricsAttempts(
  context: ReadContext,
): Operation<MetricsStorage['metricsAttempts']> {
  context.db.aggregate('sum_latencies', {
    start: noLatencies,
    step: (counts, encoded) => {
      if (counts instanceof Float64Array && encoded instanceof Uint8Array)
        addLatencies(counts, encoded);
      return counts;
    },
    result: (counts) => (counts instanceof Float64Array ? encodeCounts(counts) : null),
  });
  return (query) => {
    const used = new Set<AttemptDimension>([...query.dimensions, ...filtered(query)]);
    const cube = cubeFor(used);
    const latency = query.withLatency ? ', sum_latencies(latency) AS latency' : '';
    return collect(context, query, {
      table: 'attempt_rollups',
      sums: `${ATTEMPT_SUMS}${latency}`,
      conditions: [{ sql: `cube = ${cube}`, values: [] }],
      read: attemptRow,
      add: addAttempts,
    });
  };
}

export function metricsEvents(context: ReadContext): Operation<MetricsStorage['metricsEvents']> {
  return (query) => {
    const byDestination =
      query.dimensions.includes('destination_id') ||
      (query.filters.destination_id ?? []).length > 0;
    return collect(context, query, {
      table: 'event_rollups',
      sums: 'sum(count) AS count',
      conditions: [{ sql: `rollups.destination_no ${byDestination ? '>' : '='} 0`, values: [] }],
      read: (row, head) => ({ ...head, count: Number(row['count']) }),
      add: (row, other) => ({ ...row, count: row.count + other.count }),
    });
  };
}

type Row = Record<string, unknown>;
interface Head {
  readonly bucketS: number | null;
  readonly dimensions: readonly string[];
}

interface Source<Found extends Head> {
  readonly table: string;
  readonly sums: string;
  readonly conditions: readonly Condition[];
  readonly read: (row: Row, head: Head) => Found;
  readonly add: (row: Found, other: Found) => Found;
}

/** Adds up what the spans give, by bucket and dimensions. */
function collect<Found extends Head>(
  context: ReadContext,
  query: MetricsQuery<AttemptDimension>,
  source: Source<Found>,
): MetricsResult<Found> {
  const minutesFromS = Number(
    context.statement('SELECT minutes_from_s FROM rollup_progress').get()?.['minutes_from_s'],
  );
  const names = new MetricsNames(context);
  const found = new Map<string, Found>();
  let truncated = false;
  for (const span of spansOf({ ...query, minutesFromS })) {
    const rows = groups(context, query, source, span);
    truncated ||= rows.length > MAX_GROUPS;
    for (const row of rows) {
      const dimensions = query.dimensions.map((dimension) =>
        names.of(dimension, row[`by_${dimension}`]),
      );
      // Nobody has that name any more: the tenant is deleted, and its counts are being erased.
      if (!dimensions.every((name) => name !== null)) continue;
      const bucketS = bucketOf(query.granularity, Number(row['bucket']));
      const key = `${bucketS} ${JSON.stringify(dimensions)}`;
      const read = source.read(row, { bucketS, dimensions });
      const before = found.get(key);
      found.set(key, before === undefined ? read : source.add(before, read));
    }
  }
  return { rows: [...found.values()], truncated, minutesFromMs: minutesFromS * 1000 };
}

function groups<Found extends Head>(
  context: ReadContext,
  query: MetricsQuery<AttemptDimension>,
  source: Source<Found>,
  span: Span,
): Row[] {
  const wanted = query.dimensions.map((dimension) => `${COLUMNS[dimension]} AS by_${dimension}`);
  const grouped = ['bucket', ...new Set(query.dimensions.map((dimension) => COLUMNS[dimension]))];
  const owners = ownersOf(context, query);
  const conditions = [
    ...source.conditions,
    { sql: 'width_s = ?', values: [span.widthS] },
    ...owners,
    ...plainFilters(query),
  ];
  // With few owners each bucket's rows are sought; without, the whole range is read.
  const from =
    owners.length === 0
      ? `FROM ${source.table} AS rollups WHERE start_s >= ? AND start_s < ?`
      : `FROM starts CROSS JOIN ${source.table} AS rollups WHERE start_s = at_s`;
  const starts = `WITH RECURSIVE starts (at_s) AS (
    SELECT ? UNION ALL SELECT at_s + ${span.widthS} FROM starts WHERE at_s + ${span.widthS} < ?)`;
  const sql = `
    ${owners.length === 0 ? '' : starts}
    SELECT ${[bucketSql(query.granularity), ...wanted].join(', ')}, ${source.sums}
    ${from} AND ${conditions.map((condition) => condition.sql).join(' AND ')}
    GROUP BY ${grouped.join(', ')} LIMIT ${MAX_GROUPS + 1}`;
  const values = conditions.flatMap((condition) => condition.values);
  // Not kept: there are too many different questions.
  return context.db.prepare(sql).all(span.fromS, span.toS, ...values);
}

/** Tenants and destinations, as numbers: the head of the roll-ups' key after the time. */
function ownersOf(context: ReadContext, query: MetricsQuery<AttemptDimension>): Condition[] {
  const { tenant_id: tenantIds = [], destination_id: destinationIds = [] } = query.filters;
  const types = query.filters.destination_type ?? [];
  if (tenantIds.length === 0 && destinationIds.length === 0 && types.length === 0) return [];
  if (destinationIds.length === 0 && types.length === 0) {
    const rows = context
      .statement('SELECT no FROM tenants WHERE id IN (SELECT value FROM json_each(?))')
      .all(JSON.stringify(tenantIds));
    return oneOf(
      'rollups.tenant_no',
      rows.map((row) => Number(row['no'])),
    );
  }
  const found = destinationsOf(context, { tenantIds, destinationIds, types });
  return [
    ...oneOf('rollups.tenant_no', [...new Set(found.map(({ tenantNo }) => tenantNo))]),
    ...oneOf(
      'rollups.destination_no',
      found.map(({ no }) => no),
    ),
  ];
}

function plainFilters({ filters }: MetricsQuery<AttemptDimension>): Condition[] {
  const topics = filters.topic ?? [];
  return [
    ...(topics.length === 0
      ? []
      : [
          {
            sql: `topic_no IN (SELECT no FROM rollup_topics WHERE topic IN (SELECT value FROM json_each(?)))`,
            values: [JSON.stringify(topics)],
          },
        ]),
    ...isOneOf(
      'failed',
      (filters.status ?? []).map((status) => (status === 'failed' ? 1 : 0)),
    ),
    ...isOneOf('code', filters.code ?? []),
    ...isOneOf(
      'manual',
      (filters.manual ?? []).map((manual) => (manual === 'true' ? 1 : 0)),
    ),
    ...isOneOf('number', (filters.attempt_number ?? []).map(Number)),
  ];
}

/** `isOneOf`, where nobody matches: none. */
function oneOf(column: string, numbers: readonly number[]): Condition[] {
  return isOneOf(column, numbers.length === 0 ? [-1] : numbers);
}

function filtered({ filters }: MetricsQuery<AttemptDimension>): AttemptDimension[] {
  return (Object.keys(COLUMNS) as AttemptDimension[]).filter(
    (dimension) => (filters[dimension] ?? []).length > 0,
  );
}

/** Months are made of days, here in the process. */
function bucketSql(granularity: Granularity | null): string {
  if (granularity === null) return '0 AS bucket';
  const { widthS, originS } = fixedBuckets(granularity) ?? { widthS: DAY_S, originS: 0 };
  return `(start_s - ${originS}) / ${widthS} * ${widthS} + ${originS} AS bucket`;
}

function attemptRow(row: Row, head: Head): AttemptMetricsRow {
  return {
    ...head,
    count: Number(row['count']),
    failed: Number(row['failed_count']),
    first: Number(row['first_count']),
    manual: Number(row['manual_count']),
    numberSum: Number(row['number_sum']),
    latencies: row['latency'] instanceof Uint8Array ? [row['latency']] : [],
  };
}

function addAttempts(row: AttemptMetricsRow, other: AttemptMetricsRow): AttemptMetricsRow {
  return {
    ...row,
    count: row.count + other.count,
    failed: row.failed + other.failed,
    first: row.first + other.first,
    manual: row.manual + other.manual,
    numberSum: row.numberSum + other.numberSum,
    latencies: row.latencies.concat(other.latencies),
  };
}
