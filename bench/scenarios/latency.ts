/** How soon a receiver has an event, at a rate that the server takes with ease. */
import type { Row, Scenario } from '../bench.ts';
import { EVENTS_PER_SECOND, measureSteadily } from '../steady.ts';
import type { SteadyRun } from '../steady.ts';

export const latency: Scenario = {
  name: 'latency',
  about: `commit to receiver at ${EVENTS_PER_SECOND} events a second`,
  async run(bench) {
    const run = await measureSteadily(bench, 'database');
    return { ...run, rows: latencyRows(run, 20) };
  },
};

/** `atMostMs`: the target of p99. */
export function latencyRows({ latencyMs }: SteadyRun, atMostMs: number): Row[] {
  const row = (metric: string, measured: number) => ({ metric, measured, unit: 'ms', bare: null });
  return [
    { ...row('commit to receiver, p50', latencyMs.p50), target: null },
    { ...row('commit to receiver, p99', latencyMs.p99), target: { atMost: atMostMs } },
  ];
}
