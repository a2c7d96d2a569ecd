/**
 * One, two and four nodes over one PostgreSQL, which publishers spread over as they come. On a machine whose cores one node
 * and its database can fill, more nodes cannot be faster: there the proof is that a delivery does not cost more, and
 * that lanes spread evenly.
 */
import { availableParallelism } from 'node:os';
import type { Bench, Row, Scenario } from '../bench.ts';
import { medianOf } from '../figures.ts';
import { measureNodes } from '../nodes.ts';
import type { NodesRun } from '../nodes.ts';
import type { Postgres } from '../postgres.ts';
import { batchLoad } from './batched.ts';

const NODES = [1, 2, 4];
const ROUNDS = 2;
/** So many that lanes spread. */
const TENANTS = 64;

export const scaleOut: Scenario = {
  name: 'scale-out',
  about: 'batched publishes to 1, 2 and 4 nodes over one PostgreSQL',
  isLong: true,
  async run(bench) {
    const postgres = await bench.startPostgres();
    const runs = new Map<number, NodesRun[]>(NODES.map((nodes) => [nodes, []]));
    const before = await bench.bareLoop();
    for (let round = 0; round < bench.repetitions(ROUNDS); round++)
      // There and back: the machine may have other work by turns.
      for (const nodes of round % 2 === 0 ? NODES : NODES.toReversed())
        runs.get(nodes)?.push(await measureOn(bench, postgres, nodes));
    const bare = (before + (await bench.bareLoop())) / 2;
    return {
      rows: [...runs].flatMap(([nodes, of]) => rows(nodes, of, bare)),
      notes: [
        await postgres.describe(),
        `${availableParallelism()} cores carry the nodes, the database, the receiver and the publishers`,
        ...[...runs].flatMap(([nodes, of]) =>
          of.flatMap((run) => [`${title(nodes)}:`, ...run.notes.map((note) => `  ${note}`)]),
        ),
      ],
      faults: [...runs.values()].flat().flatMap(({ faults }) => faults),
    };
  },
};

async function measureOn(bench: Bench, postgres: Postgres, nodes: number): Promise<NodesRun> {
  const { connections, eventsPerBatch, tenants } = bench.options;
  const each = Math.max(1, Math.round(connections / nodes));
  return await measureNodes(bench, postgres, {
    nodes,
    tenants: Math.max(TENANTS, tenants),
    load: batchLoad({ connections: each, eventsPerBatch, isMixed: true }),
  });
}

function title(nodes: number): string {
  return nodes === 1 ? '1 node' : `${nodes} nodes`;
}

function rows(nodes: number, runs: readonly NodesRun[], bare: number): Row[] {
  const median = (of: (run: NodesRun) => number) => medianOf(runs.map(of));
  const row = (metric: string, measured: number, unit: string): Row => ({
    metric: `${title(nodes)}: ${metric}`,
    measured,
    unit,
    bare: null,
    target: null,
  });
  return [
    {
      ...row(
        'delivered and recorded',
        median(({ perSecond }) => perSecond),
        '/s',
      ),
      bare,
    },
    {
      ...row(
        'statements a delivery',
        median(({ statements }) => statements),
        '',
      ),
      target: { atMost: 0.2 },
    },
    row(
      'rows written a delivery',
      median(({ rowWrites }) => rowWrites),
      '',
    ),
    row(
      'time of the database a delivery',
      median(({ databaseUs }) => databaseUs),
      'us',
    ),
    row(
      'CPU of the database a delivery',
      median(({ databaseCpuUs }) => databaseCpuUs),
      'us',
    ),
    row(
      'CPU of the nodes a delivery',
      median(({ nodeCpuUs }) => nodeCpuUs),
      'us',
    ),
    ...(nodes === 1
      ? []
      : [
          row(
            'largest share of a node, of an even one',
            median((run) => run.unevenness),
            '',
          ),
        ]),
  ];
}
