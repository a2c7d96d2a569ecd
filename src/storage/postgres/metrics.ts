/** Metrics, answered from the roll-ups alone. */
import { DAY_S, fixedBuckets } from '../../domain/granularity.ts';
import type { Granularity } from '../../domain/granularity.ts';
import { addLatencies, encodeCounts, noLatencies } from '../../domain/latency-histogram.ts';
import type { AttemptDimension } from '../../domain/metrics.ts';
import type { AttemptMetricsRow, MetricsQuery, MetricsResult, MetricsStorage } from '../metrics.ts';
import { cubeFor } from '../rollup-cube.ts';
import { bucketOf, spansOf } from '../rollup-spans.ts';
import type { Span } from '../rollup-spans.ts';
import { tenantNos } from './events.ts';
import { destinationsOf, MetricsNames } from './metrics-names.ts';
import type { Operation } from './operation.ts';
import { isOneOf, numbered } from './page.ts';
import type { Condition } from './page.ts';
import type { Row, Session } from './session.ts';

/** Groups that one statement gives at most. */
const MAX_GROUPS = 100_000;

/** What a dimension is grouped by: a column of the roll-ups. */
const COLUMNS: Record<AttemptDimension, string> = {
  tenant_id: 'tenant_no',
  destination_id: 'destination_no',
  destination_type: 'destination_no',
  topic: 'topic_no',
  status: 'failed',
  code: 'code',
  manual: 'manual',
  attempt_number: 'number',
};

const ATTEMPT_SUMS = `sum(count)::bigint AS count, sum(failed_count)::bigint AS failed_count,
  sum(first_count)::bigint AS first_count, sum(manual_count)::bigint AS manual_count, sum(number_sum)::bigint AS number_sum`;

export const metricsAttempts: Operation<MetricsStorage['metricsAttempts']> = (session, query) => {
  const used = new Set<AttemptDimension>([...query.dimensions, ...filtered(query)]);
  const latencies = query.withLatency ? ', array_agg(latency) AS latencies' : '';
  return collect(session, query, {
    table: 'attempt_rollups',
    sums: `${ATTEMPT_SUMS}${latencies}`,
    conditions: [{ sql: `cube = ${cubeFor(used)}`, values: [] }],
    read: attemptRow,
    add: addAttempts,
  });
};

export const metricsEvents: Operation<MetricsStorage['metricsEvents']> = (session, query) => {
  const byDestination =
    query.dimensions.includes('destination_id') || (query.filters.destination_id ?? []).length > 0;
  return collect(session, query, {
    table: 'event_rollups',
    sums: 'sum(count)::bigint AS count',
    conditions: [{ sql: `destination_no ${byDestination ? '>' : '='} 0`, values: [] }],
    read: (row, head) => ({ ...head, count: Number(row['count']) }),
    add: (row, other) => ({ ...row, count: row.count + other.count }),
  });
};

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
async function collect<Found extends Head>(
  session: Session,
  query: MetricsQuery<AttemptDimension>,
  source: Source<Found>,
): Promise<MetricsResult<Found>> {
  const progress = await session.row('SELECT minutes_from_s FROM rollup_progress');
  const minutesFromS = Number(progress?.['minutes_from_s']);
  const conditions = [
    ...source.conditions,
    ...(await ownersOf(session, query)),
    ...plainFilters(query),
  ];
  const names = new MetricsNames(session);
  const found = new Map<string, Found>();
  let truncated = false;
  for (const span of spansOf({ ...query, minutesFromS })) {
    const rows = await groups(session, query, { ...source, conditions }, span);
    truncated ||= rows.length > MAX_GROUPS;
    for (const dimension of query.dimensions) {
      const values = rows.map((row) => row[`by_${dimension}`]);
      await names.learn(dimension, values);
    }
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
  session: Session,
  { dimensions, granularity }: MetricsQuery<AttemptDimension>,
  { table, sums, conditions }: Source<Found>,
  { widthS, fromS, toS }: Span,
): Promise<Row[]> {
  const wanted = dimensions.map((dimension) => `${COLUMNS[dimension]} AS by_${dimension}`);
  const grouped = ['bucket', ...new Set(dimensions.map((dimension) => COLUMNS[dimension]))];
  const all = [
    { sql: 'width_s = ? AND start_s >= ? AND start_s < ?', values: [widthS, fromS, toS] },
    ...conditions,
  ];
  const sql = numbered(`
    SELECT ${[bucketSql(granularity), ...wanted].join(', ')}, ${sums}
    FROM ${table} WHERE ${all.map((condition) => condition.sql).join(' AND ')}
    GROUP BY ${grouped.join(', ')} LIMIT ${MAX_GROUPS + 1}`);
  return session.rows(sql, ...all.flatMap(({ values }) => values));
}

/** Tenants and destinations, as numbers: the head of the roll-ups' key. */
async function ownersOf(
  session: Session,
  { filters }: MetricsQuery<AttemptDimension>,
): Promise<Condition[]> {
  const { tenant_id: tenantIds = [], destination_id: destinationIds = [] } = filters;
  const types = filters.destination_type ?? [];
  if (destinationIds.length === 0 && types.length === 0)
    return isOneOf('tenant_no', await tenantNos(session, tenantIds));
  const found = await destinationsOf(session, { tenantIds, destinationIds, types });
  return [
    ...oneOf('tenant_no', [...new Set(found.map(({ tenantNo }) => tenantNo))]),
    ...oneOf(
      'destination_no',
      found.map(({ no }) => no),
    ),
  ];
}

function plainFilters({ filters }: MetricsQuery<AttemptDimension>): Condition[] {
  const topics = filters.topic ?? [];
  const ofTopics = {
    sql: 'topic_no IN (SELECT no FROM rollup_topics WHERE topic = ANY(?))',
    values: [topics],
  };
  return [
    ...(topics.length === 0 ? [] : [ofTopics]),
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
  return `(start_s - (${originS})) / ${widthS} * ${widthS} + (${originS}) AS bucket`;
}

function attemptRow(row: Row, head: Head): AttemptMetricsRow {
  return {
    ...head,
    count: Number(row['count']),
    failed: Number(row['failed_count']),
    first: Number(row['first_count']),
    manual: Number(row['manual_count']),
    numberSum: Number(row['number_sum']),
    latencies: Array.isArray(row['latencies']) ? [inOne(row['latencies'])] : [],
  };
}

/** The histograms of a group, as one. */
function inOne(histograms: readonly unknown[]): Uint8Array {
  const counts = noLatencies();
  for (const each of histograms) if (each instanceof Uint8Array) addLatencies(counts, each);
  return encodeCounts(counts);
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
