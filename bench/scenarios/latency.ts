/** How soon a receiver has an event, at a rate that the server takes with ease. */
import type { Scenario } from '../bench.ts';
import { EVENTS_PER_SECOND, measureSteadily } from '../steady.ts';

export const latency: Scenario = {
  name: 'latency',
  about: `commit to receiver at ${EVENTS_PER_SECOND} events a second`,
  async run(bench) {
    const { latencyMs, notes, faults } = await measureSteadily(bench, 'database');
    const row = (metric: string, measured: number) => ({
      metric,
      measured,
      unit: 'ms',
      bare: null,
    });
    return {
      rows: [
        { ...row('commit to receiver, p50', latencyMs.p50), target: null },
        { ...row('commit to receiver, p99', latencyMs.p99), target: { atMost: 20 } },
      ],
      notes,
      faults,
    };
  },
};
