/** Batched publishes, as fast as they are answered. */
import type { Scenario } from '../bench.ts';
import { publishBatches } from '../load.ts';
import { measureThroughput } from '../throughput.ts';
import type { Load } from '../throughput.ts';

export const batched: Scenario = {
  name: 'batched',
  about: 'batched publishes, delivered and recorded',
  async run(bench) {
    const { result, bare, bareNote } = await bench.beside(() =>
      measureThroughput(bench, batchLoad(bench.options)),
    );
    return {
      rows: [
        {
          metric: 'batched publishes, delivered and recorded',
          measured: result.perSecond,
          unit: '/s',
          bare,
          target: { atLeast: 0.5 },
        },
      ],
      notes: [bareNote, ...result.notes],
      faults: result.faults,
    };
  },
};

export function batchLoad({
  connections,
  eventsPerBatch,
  isMixed = false,
}: {
  connections: number;
  eventsPerBatch: number;
  /** See `BatchLoad`. */
  isMixed?: boolean;
}): Load {
  return async ({ origin, headers }, tenantIds, seconds) => {
    const load = { origin, headers, tenantIds, connections, eventsPerBatch, isMixed, seconds };
    const { firstRefusal, ...result } = await publishBatches(load);
    const notes = [`${connections} connections, ${eventsPerBatch} events a batch`];
    return {
      ...result,
      notes: firstRefusal === null ? notes : [...notes, `refused: ${firstRefusal}`],
    };
  };
}
