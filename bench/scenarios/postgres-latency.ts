/** How soon a receiver has an event, on one node over PostgreSQL, at a rate that it takes with ease. */
import type { Scenario } from '../bench.ts';
import { startNodes } from '../nodes.ts';
import { EVENTS_PER_SECOND, measureSteadilyAt } from '../steady.ts';
import { latencyRows } from './latency.ts';

export const postgresLatency: Scenario = {
  name: 'postgres-latency',
  about: `commit to receiver at ${EVENTS_PER_SECOND} events a second, on PostgreSQL`,
  async run(bench) {
    const postgres = await bench.startPostgres();
    const place = await startNodes(bench, postgres, 1);
    const run = await measureSteadilyAt(bench, place);
    await place.ledger.close();
    return {
      rows: latencyRows(run, 30),
      notes: [await postgres.describe(), ...run.notes],
      faults: run.faults,
    };
  },
};
