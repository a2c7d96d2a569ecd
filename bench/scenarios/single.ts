/** One event a request, over 64 connections. */
import type { Scenario } from '../bench.ts';
import { publishSingle } from '../load.ts';
import { measureThroughput } from '../throughput.ts';
import type { Load } from '../throughput.ts';

const CONNECTIONS = 64;

export const single: Scenario = {
  name: 'single',
  about: 'single publishes, delivered and recorded',
  async run(bench) {
    const { result, bare, bareNote } = await bench.beside(() =>
      measureThroughput(bench, singleLoad(bench.options.withInstalled)),
    );
    return {
      rows: [
        {
          metric: 'single publishes, delivered and recorded (stretch 0.40)',
          measured: result.perSecond,
          unit: '/s',
          bare,
          target: { atLeast: 0.2 },
        },
      ],
      notes: [bareNote, ...result.notes],
      faults: result.faults,
    };
  },
};

export function singleLoad(withWrk: boolean, connections = CONNECTIONS): Load {
  return async ({ origin, headers }, tenantIds, seconds) => {
    const load = { origin, headers, tenantIds, connections, seconds };
    const result = await publishSingle(load, withWrk);
    return {
      ...result,
      notes: [
        `${connections} connections; publish to 202: p50 ${result.p50Ms.toFixed(1)} ms, p99 ${result.p99Ms.toFixed(1)} ms`,
      ],
    };
  };
}
