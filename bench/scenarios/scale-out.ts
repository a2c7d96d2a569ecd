/**
 * One, two and four nodes over one PostgreSQL, which publishers spread over as they come. On a machine whose cores one node
 * and its database can fill, more nodes cannot be faster: there the proof is that a delivery does not cost more, and
 * that lanes spread evenly.
 */
import { availableParallelism } from 'node:os';
import type { Row, Scenario } from '../bench.ts';
import { costRows, measureBatches, medianRow } from '../node-costs.ts';
import type { NodesRun } from '../nodes.ts';

const NODES = [1, 2, 4];
const ROUNDS = 2;

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
        runs.get(nodes)?.push(await measureBatches(bench, postgres, { nodes }));
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

function title(nodes: number): string {
  return nodes === 1 ? '1 node' : `${nodes} nodes`;
}

function rows(nodes: number, runs: readonly NodesRun[], bare: number): Row[] {
  const [throughput, ...costs] = costRows(title(nodes), runs);
  return [
    ...(throughput === undefined ? [] : [{ ...throughput, bare }]),
    ...costs,
    ...(nodes === 1
      ? []
      : [
          medianRow(
            `${title(nodes)}: largest share of a node, of an even one`,
            '',
            runs.map(({ unevenness }) => unevenness),
          ),
        ]),
  ];
}
