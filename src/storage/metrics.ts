/** The part of the storage port that counts: roll-ups of events and attempts, and what is read from them. */
import type { Granularity } from '../domain/granularity.ts';
import type { AttemptCounts, AttemptDimension, EventDimension } from '../domain/metrics.ts';
import type { MayLag, Page, PageRequest, Position } from './reading.ts';

export interface MetricsStorage {
  /**
   * Counts some of the events and attempts that are not counted yet: by minute, hour and day, in one transaction with the
   * mark of how far that is. So each is counted once, whatever happens meanwhile, and nothing is dropped by retention
   * before it was counted. `limit`: rows written, at most; `more`: there is more to count.
   */
  rollUpSlice(query: { limit: number }): Promise<{ more: boolean }>;
  /**
   * Drops some of the counts that are no longer kept - minutes before `minutesBeforeMs`, all before `beforeMs` -, those
   * of deleted tenants, and deleted destinations of which nothing is left; `more` as above.
   */
  rollUpPruneSlice(query: {
    minutesBeforeMs: number;
    beforeMs: number;
    nowMs: number;
    limit: number;
  }): Promise<{ more: boolean }>;

  /** Events by the time that they bear. With the destination as dimension or filter: once for each that was owed it. */
  metricsEvents(query: MetricsQuery<EventDimension>): Promise<MetricsResult<EventMetricsRow>>;
  /** Attempts by the time at which they began. */
  metricsAttempts(query: AttemptMetricsQuery): Promise<MetricsResult<AttemptMetricsRow>>;
  /**
   * Attempts by day (UTC) and tenant, and by destination or API client where that is asked for, in that order. A deleted
   * destination counts for the client that it was of.
   */
  usageList(query: UsageQuery): Promise<Page<UsageRow> & { readonly countedUntilMs: number }>;
}

export interface MetricsQuery<Dimension extends string> extends MayLag {
  /** Half-open, taken to whole minutes. */
  readonly fromMs: number;
  readonly toMs: number;
  /** `null`: all in one bucket. */
  readonly granularity: Granularity | null;
  readonly dimensions: readonly Dimension[];
  /** An empty list is no filter. */
  readonly filters: Readonly<Partial<Record<Dimension, readonly string[]>>>;
}

export interface AttemptMetricsQuery extends MetricsQuery<AttemptDimension> {
  readonly withLatency: boolean;
}

export interface MetricsResult<Row> {
  /** In no order; buckets without anything are left out. */
  readonly rows: readonly Row[];
  /** There were too many to count them all. */
  readonly truncated: boolean;
  /** Before it nothing is known by the minute. */
  readonly minutesFromMs: number;
}

export interface EventMetricsRow {
  readonly bucketS: number | null;
  /** Values, in the order asked for. */
  readonly dimensions: readonly string[];
  readonly count: number;
}

export interface AttemptMetricsRow extends AttemptCounts {
  readonly bucketS: number | null;
  readonly dimensions: readonly string[];
  /** Histograms to add up (domain/latency-histogram.ts); empty where they were not asked for. */
  readonly latencies: readonly Uint8Array[];
}

export interface UsageQuery extends MayLag {
  readonly tenantIds: readonly string[];
  readonly destinationId: string | null;
  /** urn. */
  readonly apiClient: string | null;
  /** What is told apart. */
  readonly dimension: UsageDimension;
  /** Half-open, each the start of a day in seconds since the epoch. */
  readonly days: { readonly fromS: number; readonly toS: number };
  readonly page: PageRequest;
}

export const USAGE_DIMENSIONS = ['destination', 'client', 'tenant'] as const;
export type UsageDimension = (typeof USAGE_DIMENSIONS)[number];

export interface UsageRow {
  readonly dayS: number;
  readonly tenantId: string;
  /** Both `null` unless destinations are told apart. */
  readonly destinationId: string | null;
  readonly destinationType: string | null;
  /** urn; `null`: of none, or they are not told apart. */
  readonly apiClient: string | null;
  readonly attempts: number;
  readonly failed: number;
  readonly position: Position;
}
