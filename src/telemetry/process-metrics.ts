/**
 * What is measured of this process since its start, in plain arrays: a call adds one to a number or two. They are written
 * out when somebody asks (`/metrics`).
 */
import { FAILURE_REASONS } from '../domain/attempt.ts';
import type { FailureReason } from '../domain/attempt.ts';
import type { EngineMeasures } from '../engine/engine-measures.ts';
import type { Engine } from '../engine/engine.ts';
import { exposition, EXPOSITION_TYPE } from './exposition.ts';
import type { Family } from './exposition.ts';
import { replicaFamilies } from './replica-metrics.ts';

/** Upper ends of the buckets, in seconds. */
const FAST_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SLOW_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60];

/** A histogram whose buckets do not change. */
class Durations {
  readonly endsS: readonly number[];
  readonly counts: number[];
  sumS = 0;

  constructor(endsS: readonly number[]) {
    this.endsS = endsS;
    this.counts = Array.from({ length: endsS.length + 1 }, () => 0);
  }

  add(milliseconds: number): void {
    // Two clocks may be a little apart.
    const seconds = Math.max(0, milliseconds / 1000);
    let bucket = 0;
    while (seconds > (this.endsS[bucket] ?? Infinity)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sumS += seconds;
  }
}

/** What is read at the moment of asking. */
export interface Gauges {
  readonly attemptsInFlight: number;
  readonly deliveriesInMemory: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
}

export class ProcessMetrics implements EngineMeasures {
  readonly #publishCommit = new Durations(FAST_S);
  readonly #commitToFirstByte = new Durations(SLOW_S);
  readonly #attempt = new Durations(SLOW_S);
  readonly #failures = new Map<FailureReason, number>(FAILURE_REASONS.map((reason) => [reason, 0]));
  #published = 0;
  #delivered = 0;
  #failed = 0;
  #canceled = 0;

  published(commitMs: number): void {
    this.#published++;
    this.#publishCommit.add(commitMs);
  }

  attempted(totalMs: number, reason: FailureReason | null): void {
    this.#attempt.add(totalMs);
    if (reason !== null) this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
  }

  firstByte(afterCommitMs: number): void {
    this.#commitToFirstByte.add(afterCommitMs);
  }

  delivered(): void {
    this.#delivered++;
  }

  failed(): void {
    this.#failed++;
  }

  canceled(count: number): void {
    this.#canceled += count;
  }

  /** In Prometheus' text format. */
  text(gauges: Gauges, more: readonly Family[]): string {
    return exposition([
      {
        name: 'angarium_events_published_total',
        type: 'counter',
        help: 'Events committed.',
        samples: [{ labels: { origin: 'api' }, value: this.#published }],
      },
      {
        name: 'angarium_deliveries_total',
        type: 'counter',
        help: 'Deliveries that have ended.',
        samples: [
          { labels: { status: 'delivered' }, value: this.#delivered },
          { labels: { status: 'failed' }, value: this.#failed },
          { labels: { status: 'canceled' }, value: this.#canceled },
        ],
      },
      {
        name: 'angarium_attempts_failed_total',
        type: 'counter',
        help: 'Attempts that failed.',
        samples: Array.from(this.#failures, ([reason, value]) => ({ labels: { reason }, value })),
      },
      histogram(
        'angarium_publish_commit_seconds',
        'From a publish to its commit.',
        this.#publishCommit,
      ),
      histogram(
        'angarium_commit_to_first_byte_seconds',
        'From the commit of an event to the first byte of the answer to its first attempt.',
        this.#commitToFirstByte,
      ),
      histogram('angarium_attempt_seconds', 'How long attempts took.', this.#attempt),
      gauge('angarium_attempts_in_flight', 'Attempts under way.', gauges.attemptsInFlight),
      gauge(
        'angarium_deliveries_in_memory',
        'Deliveries that this process has claimed.',
        gauges.deliveriesInMemory,
      ),
      gauge('process_resident_memory_bytes', 'Resident memory.', gauges.residentBytes),
      {
        name: 'process_cpu_seconds_total',
        type: 'counter',
        help: 'CPU time of all threads.',
        samples: [{ value: gauges.cpuSeconds }],
      },
      ...more,
    ]);
  }
}

/** The process's own measures, with what it holds at the moment of asking, and `more`. */
export function metricsText(
  metrics: ProcessMetrics,
  { dispatcher, storage }: Engine,
  more: () => readonly Family[] = () => [],
) {
  return {
    contentType: EXPOSITION_TYPE,
    text: () => {
      const { user, system } = process.cpuUsage();
      const gauges = {
        attemptsInFlight: dispatcher.inFlight,
        deliveriesInMemory: dispatcher.inMemory,
        residentBytes: process.memoryUsage.rss(),
        cpuSeconds: (user + system) / 1e6,
      };
      return metrics.text(gauges, [...replicaFamilies(storage.replica?.() ?? null), ...more()]);
    },
  };
}

function gauge(name: string, help: string, value: number): Family {
  return { name, type: 'gauge', help, samples: [{ value }] };
}

function histogram(name: string, help: string, { endsS, counts, sumS }: Durations): Family {
  let seen = 0;
  const buckets = counts.map((count, index) => {
    seen += count;
    return { suffix: '_bucket', labels: { le: String(endsS[index] ?? '+Inf') }, value: seen };
  });
  return {
    name,
    type: 'histogram',
    help,
    samples: [...buckets, { suffix: '_sum', value: sumS }, { suffix: '_count', value: seen }],
  };
}
