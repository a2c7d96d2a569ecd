/** One event a request, on one node over PostgreSQL. */
import type { Scenario } from '../bench.ts';
import { measureNodes } from '../nodes.ts';
import { workRows } from './postgres-batched.ts';
import { singleLoad } from './single.ts';

export const postgresSingle: Scenario = {
  name: 'postgres-single',
  about: 'single publishes on PostgreSQL, delivered and recorded',
  async run(bench) {
    const postgres = await bench.startPostgres();
    const { tenants, withInstalled } = bench.options;
    const { result, bare, bareNote } = await bench.beside(() =>
      measureNodes(bench, postgres, { nodes: 1, tenants, load: singleLoad(withInstalled) }),
    );
    return {
      rows: [
        {
          metric: 'single publishes on PostgreSQL, delivered and recorded',
          measured: result.perSecond,
          unit: '/s',
          bare,
          target: { atLeast: 0.1 },
        },
        ...workRows(result, { isBatched: false }),
      ],
      notes: [bareNote, await postgres.describe(), ...result.notes],
      faults: result.faults,
    };
  },
};
