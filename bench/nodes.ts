/** Nodes over one PostgreSQL: one load on all of them, from the first publish to the last outcome. */
import { createTenants, publishOne } from './api.ts';
import type { Bench } from './bench.ts';
import type { Counts } from './ledger.ts';
import { describeMachineLoad, machineLoad } from './machine-load.ts';
import { sleep } from './part.ts';
import { PostgresLedger } from './postgres-ledger.ts';
import { describeUse, rowWrites, UseOfDatabase } from './postgres-use.ts';
import type { DatabaseUse } from './postgres-use.ts';
import type { Postgres } from './postgres.ts';
import type { Server } from './server.ts';
import { complaintFaults, countFaults, cpuNote, repeatNotes } from './throughput.ts';
import type { Load, LoadResult } from './throughput.ts';
import { cpuBetween, cpuSum, totalSeconds } from './usage.ts';

export interface NodesWish {
  readonly nodes: number;
  /** Each with one destination. */
  readonly tenants: number;
  /** What each node gets at the same time. */
  readonly load: Load;
  /** Which node is published to: whichever comes, the one that owns the lane, or one that does not. */
  readonly publishTo?: PublishTo;
}

export type PublishTo = 'any' | 'owner' | 'other';

export interface NodesRun {
  /** Delivered and recorded, over the whole time and all nodes. */
  readonly perSecond: number;
  /** Each for a delivery. */
  readonly statements: number;
  readonly rowWrites: number;
  readonly databaseUs: number;
  readonly databaseCpuUs: number;
  readonly nodeCpuUs: number;
  /** The largest share of the deliveries that a node had, beside an even one: 1 is even. */
  readonly unevenness: number;
  readonly notes: readonly string[];
  readonly faults: readonly string[];
}

/** Until all nodes have seen each other, and lanes that are to move have begun to. */
const MEETING_MS = 2500;

export async function measureNodes(
  bench: Bench,
  postgres: Postgres,
  { nodes, tenants, load, publishTo = 'any' }: NodesWish,
): Promise<NodesRun> {
  const { servers, ledger } = await startNodes(bench, postgres, nodes);
  try {
    const [first] = servers;
    if (first === undefined) throw new Error('no nodes were asked for');
    const tenantIds = await createTenants(first, tenants, bench.receiver.origin);
    if (nodes > 1) await sleep(MEETING_MS);
    // Then each lane has its owner.
    for (const tenantId of tenantIds) await publishOne(first, tenantId);
    await ledger.untilDelivered();
    const publish = (seconds: number, shares: readonly (readonly string[])[]) =>
      together(servers.map((server, index) => load(server, shares[index] ?? tenantIds, seconds)));
    const warmUpSeconds = Math.min(3, Math.max(0.5, bench.options.seconds / 3));
    const warmUp = await publish(warmUpSeconds, []);
    await ledger.untilDelivered();
    const lanes = await lanesByNode(ledger, servers);
    const shares = publishTo === 'any' ? [] : sharesOf(lanes, publishTo);

    const use = new UseOfDatabase(postgres, ledger);
    const pids = servers.map(({ pid }) => pid);
    const receiverPids = [bench.receiver.pid];
    const fromSeq = ledger.now();
    const fromMs = Date.now();
    const receivedBefore = await bench.receiver.received();
    const deliveredBefore = await Promise.all(servers.map((server) => server.delivered()));
    const cpuBefore = servers.map((server) => server.cpu());
    const machineBefore = machineLoad(pids, receiverPids, postgres.cpuSeconds());
    await use.begin();
    const loaded = await publish(bench.options.seconds, shares);
    const backlog = await ledger.pending();
    await ledger.untilDelivered();
    const seconds = ((await ledger.lastRecordedMs()) - fromMs) / 1000;
    const used = await use.end();
    const cpus = servers.map((server, index) => {
      const before = cpuBefore[index];
      return before === undefined ? server.cpu() : cpuBetween(before, server.cpu());
    });
    const cpu = cpuSum(cpus);
    const machineAfter = machineLoad(pids, receiverPids, postgres.cpuSeconds());
    const received = (await bench.receiver.received()) - receivedBefore;
    const delivered = (await Promise.all(servers.map((server) => server.delivered()))).map(
      (count, index) => count - (deliveredBefore[index] ?? 0),
    );
    const counts = await ledger.counts(fromSeq);
    const all = await ledger.counts();
    for (const server of servers) await server.stop();
    const written = await rowWrites(ledger, all.delivered);
    return {
      ...figures(counts, used, seconds, totalSeconds(cpu)),
      rowWrites: written.total / all.delivered,
      unevenness: (Math.max(...delivered) * nodes) / counts.delivered,
      notes: [
        `${counts.delivered} delivered in ${seconds.toFixed(2)} s; published for ${loaded.seconds.toFixed(2)} s at ${(counts.events / loaded.seconds).toFixed(0)}/s; ${backlog} were owed when publishing ended`,
        ...loaded.notes,
        `rows written a delivery, of the database's whole life: ${(written.total / all.delivered).toFixed(2)}: ${written.note}`,
        ...describeUse(used, counts.delivered),
        cpuNote(cpu, counts.delivered, seconds),
        ...(nodes === 1 ? [] : [spreadNote(lanes, delivered, cpus.map(totalSeconds), seconds)]),
        ...describeMachineLoad(machineBefore, machineAfter),
        ...repeatNotes(counts, received),
      ],
      faults: [
        ...countFaults(counts, loaded, received),
        ...(warmUp.refused > 0 ? [`${warmUp.refused} publishes were refused in the warm-up`] : []),
        ...servers.flatMap(complaintFaults),
      ],
    };
  } finally {
    await ledger.close();
  }
}

export interface Nodes {
  /** In the order in which they took their numbers. */
  readonly servers: readonly Server[];
  readonly ledger: PostgresLedger;
  readonly openLedger: () => PostgresLedger;
  readonly databaseSeconds: () => number;
}

/** On a new database. */
export async function startNodes(bench: Bench, postgres: Postgres, nodes: number): Promise<Nodes> {
  const url = await postgres.createDatabase();
  const servers: Server[] = [];
  const mark = process.hrtime.bigint();
  for (let index = 1; index <= nodes; index++)
    servers.push(await bench.startServer(`node-${mark}-${index}`, null, url));
  const openLedger = () => new PostgresLedger(url);
  return {
    servers,
    ledger: openLedger(),
    openLedger,
    databaseSeconds: () => postgres.cpuSeconds(),
  };
}

/** The tenants whose lanes each node has. */
export async function lanesByNode(
  ledger: PostgresLedger,
  servers: readonly Server[],
): Promise<string[][]> {
  const rows = await ledger.query(
    `SELECT tenants.id, (SELECT count(*) FROM nodes WHERE incarnation < owner) AS place
     FROM lanes JOIN tenants ON tenants.no = tenant_no`,
  );
  return servers.map((_, index) =>
    rows.flatMap(({ id, place }) => (Number(place) === index ? [String(id)] : [])),
  );
}

/** Of two nodes or more, each publishes to the next one's where the owner is not to be published to. */
function sharesOf(lanes: readonly string[][], publishTo: 'owner' | 'other'): string[][] {
  const shift = publishTo === 'owner' ? 0 : 1;
  return lanes.map((_, index) => lanes[(index + shift) % lanes.length] ?? []);
}

async function together(loads: readonly Promise<LoadResult>[]): Promise<LoadResult> {
  const results = await Promise.all(loads);
  const sum = (of: (result: LoadResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  return {
    accepted: sum(({ accepted }) => accepted),
    refused: sum(({ refused }) => refused),
    seconds: Math.max(...results.map(({ seconds }) => seconds)),
    notes: [...new Set(results.flatMap(({ notes }) => notes))],
  };
}

function figures(
  { delivered }: Counts,
  used: DatabaseUse,
  seconds: number,
  nodeCpuSeconds: number,
): Pick<NodesRun, 'perSecond' | 'statements' | 'databaseUs' | 'databaseCpuUs' | 'nodeCpuUs'> {
  return {
    perSecond: delivered / seconds,
    statements: used.statements / delivered,
    databaseUs: (used.executingMs * 1000) / delivered,
    databaseCpuUs: (used.cpuSeconds * 1e6) / delivered,
    nodeCpuUs: (nodeCpuSeconds * 1e6) / delivered,
  };
}

function spreadNote(
  lanes: readonly string[][],
  delivered: readonly number[],
  cpuSeconds: readonly number[],
  seconds: number,
): string {
  const total = delivered.reduce((sum, count) => sum + count, 0);
  const parts = lanes.map(
    (of, index) =>
      `${of.length} lanes, ${((100 * (delivered[index] ?? 0)) / total).toFixed(0)} % of the deliveries, ${((100 * (cpuSeconds[index] ?? 0)) / seconds).toFixed(0)} % of a core`,
  );
  return `by node: ${parts.join('; ')}`;
}
