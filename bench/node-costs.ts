/** What the scenarios of several nodes share: batches to all of them, and what a delivery costs then. */
import type { Bench, Row } from './bench.ts';
import { medianOf } from './figures.ts';
import { measureNodes } from './nodes.ts';
import type { NodesRun, PublishTo } from './nodes.ts';
import type { Postgres } from './postgres.ts';
import { batchLoad } from './scenarios/batched.ts';

/** So many that lanes spread. */
const TENANTS = 64;

/** The connections of the bench, shared out to the nodes. */
export async function measureBatches(
  bench: Bench,
  postgres: Postgres,
  { nodes, publishTo = 'any' }: { readonly nodes: number; readonly publishTo?: PublishTo },
): Promise<NodesRun> {
  const { connections, eventsPerBatch, tenants } = bench.options;
  const each = Math.max(1, Math.round(connections / nodes));
  return await measureNodes(bench, postgres, {
    nodes,
    tenants: Math.max(TENANTS, tenants),
    load: batchLoad({ connections: each, eventsPerBatch, isMixed: true }),
    publishTo,
  });
}

/** `name`: what the runs have in common, before each metric. */
export function costRows(name: string, runs: readonly NodesRun[]): Row[] {
  const row = (metric: string, unit: string, of: (run: NodesRun) => number): Row =>
    medianRow(`${name}: ${metric}`, unit, runs.map(of));
  return [
    row('batched, delivered and recorded', '/s', ({ perSecond }) => perSecond),
    {
      ...row('statements a delivery', '', ({ statements }) => statements),
      target: { atMost: 0.2 },
    },
    row('rows written a delivery', '', ({ rowWrites }) => rowWrites),
    row('time of the database a delivery', 'us', ({ databaseUs }) => databaseUs),
    row('CPU of the database a delivery', 'us', ({ databaseCpuUs }) => databaseCpuUs),
    row('CPU of the nodes a delivery', 'us', ({ nodeCpuUs }) => nodeCpuUs),
  ];
}

export function medianRow(metric: string, unit: string, values: readonly number[]): Row {
  return { metric, measured: medianOf(values), unit, bare: null, target: null };
}
