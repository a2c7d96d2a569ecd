/** Batched publishes on one node over PostgreSQL, as fast as they are answered. */
import type { Row, Scenario } from '../bench.ts';
import { measureNodes } from '../nodes.ts';
import type { NodesRun } from '../nodes.ts';
import { batchLoad } from './batched.ts';

export const postgresBatched: Scenario = {
  name: 'postgres-batched',
  about: 'batched publishes on PostgreSQL, delivered and recorded',
  async run(bench) {
    const postgres = await bench.startPostgres();
    const { tenants } = bench.options;
    const { result, bare, bareNote } = await bench.beside(() =>
      measureNodes(bench, postgres, { nodes: 1, tenants, load: batchLoad(bench.options) }),
    );
    return {
      rows: [
        {
          metric: 'batched publishes on PostgreSQL, delivered and recorded',
          measured: result.perSecond,
          unit: '/s',
          bare,
          target: { atLeast: 0.2 },
        },
        ...workRows(result, { isBatched: true }),
      ],
      notes: [bareNote, await postgres.describe(), ...result.notes],
      faults: result.faults,
    };
  },
};

/** What a delivery costs; a batch load has targets. */
export function workRows(run: NodesRun, { isBatched }: { isBatched: boolean }): Row[] {
  const row = (metric: string, measured: number, unit: string, atMost?: number): Row => ({
    metric: `${metric} a delivery`,
    measured,
    unit,
    bare: null,
    target: atMost === undefined || !isBatched ? null : { atMost },
  });
  return [
    row('statements', run.statements, '', 0.2),
    // The event, the delivery, its attempt, its outcome; and parts of what is written once a group, and of counts.
    row('rows written', run.rowWrites, '', 4),
    row('time of the database', run.databaseUs, 'us'),
    row('CPU of the database', run.databaseCpuUs, 'us'),
    row('CPU of the nodes', run.nodeCpuUs, 'us'),
  ];
}
