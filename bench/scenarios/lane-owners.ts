/**
 * What it costs to publish on a node that does not own the lane: two nodes, publishers that go to the owner of each
 * tenant's lane, and those that go to the other node (docs/decisions/026).
 */
import { publishOne } from '../api.ts';
import type { Bench, Row, Scenario } from '../bench.ts';
import { costRows, measureBatches, medianRow } from '../node-costs.ts';
import { lanesByNode, startNodes } from '../nodes.ts';
import type { NodesRun, PublishTo } from '../nodes.ts';
import { sleep } from '../part.ts';
import type { Postgres } from '../postgres.ts';
import { EVENTS_PER_SECOND, measureSteadilyAt } from '../steady.ts';
import type { SteadyRun } from '../steady.ts';

const NODES = 2;
const ROUNDS = 2;
/** Until both have seen each other, and lanes that are to move have moved. */
const MEETING_MS = 3000;
const TO = ['owner', 'other'] as const satisfies readonly PublishTo[];
const NAMES = { owner: 'to the owner', other: 'to the other node' } as const;

export const laneOwners: Scenario = {
  name: 'lane-owners',
  about: 'publishes to the node that owns the lane, and to the other one',
  isLong: true,
  async run(bench) {
    const postgres = await bench.startPostgres();
    const batched = new Map<(typeof TO)[number], NodesRun[]>(TO.map((to) => [to, []]));
    const steady = new Map<(typeof TO)[number], SteadyRun[]>(TO.map((to) => [to, []]));
    for (let round = 0; round < bench.repetitions(ROUNDS); round++)
      for (const to of round % 2 === 0 ? TO : TO.toReversed()) {
        batched
          .get(to)
          ?.push(await measureBatches(bench, postgres, { nodes: NODES, publishTo: to }));
        steady.get(to)?.push(await steadilyTo(bench, postgres, to));
      }
    const all = [...[...batched.values()].flat(), ...[...steady.values()].flat()];
    return {
      rows: TO.flatMap((to) => rows(NAMES[to], batched.get(to) ?? [], steady.get(to) ?? [])),
      notes: [
        await postgres.describe(),
        ...TO.flatMap((to) => notesOf(to, [...(batched.get(to) ?? []), ...(steady.get(to) ?? [])])),
      ],
      faults: all.flatMap(({ faults }) => faults),
    };
  },
};

function notesOf(
  to: (typeof TO)[number],
  runs: readonly { readonly notes: readonly string[] }[],
): string[] {
  return runs.flatMap(({ notes }) => [`${NAMES[to]}:`, notes.map((note) => `  ${note}`)].flat());
}

async function steadilyTo(
  bench: Bench,
  postgres: Postgres,
  to: 'owner' | 'other',
): Promise<SteadyRun> {
  const nodes = await startNodes(bench, postgres, NODES);
  const { servers, ledger } = nodes;
  const chooseServer = async (tenantId: string) => {
    const [first] = servers;
    if (first === undefined) throw new Error('there are no nodes');
    // The first event is what makes a node take the lane.
    await publishOne(first, tenantId);
    await sleep(MEETING_MS);
    const lanes = await lanesByNode(ledger, servers);
    const found = servers.find(
      (_, index) => (lanes[index] ?? []).includes(tenantId) === (to === 'owner'),
    );
    if (found === undefined) throw new Error(`nobody owns the lane of ${tenantId}`);
    return found;
  };
  const run = await measureSteadilyAt(bench, { ...nodes, chooseServer });
  await ledger.close();
  return run;
}

function rows(name: string, batched: readonly NodesRun[], steady: readonly SteadyRun[]): Row[] {
  const latency = (share: 'p50' | 'p99') =>
    medianRow(
      `${name}: ${share} at ${EVENTS_PER_SECOND}/s`,
      'ms',
      steady.map(({ latencyMs }) => latencyMs[share]),
    );
  return [...costRows(name, batched), latency('p50'), latency('p99')];
}
