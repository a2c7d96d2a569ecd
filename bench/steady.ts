/** One run of a steady load on a fresh server: how long after its commit an event reaches a receiver that answers. */
import { createDestination, createTenant } from './api.ts';
import type { Bench } from './bench.ts';
import { runPart } from './children.ts';
import { describePercentiles } from './figures.ts';
import type { Percentiles } from './figures.ts';
import { Ledger } from './ledger.ts';
import { describeMachineLoad, machineLoad } from './machine-load.ts';
import { sleep } from './part.ts';
import type { PostgresLedger } from './postgres-ledger.ts';
import type { SteadyLoad, SteadyLoadResult } from './publish-steadily.ts';
import type { Server } from './server.ts';
import type { Stamps } from './stamping-receiver.ts';
import { complaintFaults, cpuNote } from './throughput.ts';
import { cpuBetween, cpuSum } from './usage.ts';

export interface SteadyRun {
  /** From ingestion to the receiver. */
  readonly latencyMs: Percentiles;
  readonly notes: readonly string[];
  readonly faults: readonly string[];
}

export const EVENTS_PER_SECOND = 1000;
const TENANT = 'steady';
const ARRIVAL_TIMEOUT_MS = 10_000;

/** A second destination that gets every event as well. */
interface Beside {
  readonly url: string;
  readonly answers: boolean;
  readonly pid: number;
}

/** Where it is measured. */
export interface SteadyPlace {
  /** All nodes over the database. */
  readonly servers: readonly Server[];
  openLedger(): Ledger | PostgresLedger;
  /** Which of the nodes is published to, when the tenant's destination is there; the first by default. */
  chooseServer?(tenantId: string): Promise<Server>;
  /** Seconds of cores that a database server has used. */
  databaseSeconds?(): number;
}

export async function measureSteadily(
  bench: Bench,
  database: string,
  beside?: Beside,
): Promise<SteadyRun> {
  const server = await bench.startServer(database);
  const openLedger = () => new Ledger(server.databasePath);
  return await measureSteadilyAt(bench, { servers: [server], openLedger }, beside);
}

export async function measureSteadilyAt(
  bench: Bench,
  place: SteadyPlace,
  beside?: Beside,
): Promise<SteadyRun> {
  const { servers } = place;
  const [first] = servers;
  if (first === undefined) throw new Error('there are no nodes');
  const stamping = bench.startPart('stamping-receiver.ts');
  const { port } = await stamping.next<{ port: number }>();
  await createTenant(first, TENANT);
  const url = `http://127.0.0.1:${port}/hook`;
  await createDestination(first, { tenantId: TENANT, id: 'measured', url });
  if (beside !== undefined)
    await createDestination(first, { tenantId: TENANT, id: 'beside', url: beside.url });
  const server = (await place.chooseServer?.(TENANT)) ?? first;

  const load: SteadyLoad = {
    origin: server.origin,
    headers: server.headers,
    tenantId: TENANT,
    perSecond: EVENTS_PER_SECOND,
    warmUpSeconds: Math.min(3, bench.options.seconds / 2),
    seconds: bench.options.seconds,
  };
  const receiverPids = beside === undefined ? [stamping.pid] : [stamping.pid, beside.pid];
  const pids = servers.map(({ pid }) => pid);
  const look = () => machineLoad(pids, receiverPids, place.databaseSeconds?.());
  const cpuOfServers = () => cpuSum(servers.map((each) => each.cpu()));
  const machineBefore = look();
  const cpuBefore = cpuOfServers();
  const published = await runPart<SteadyLoadResult>('publish-steadily.ts', load);
  const stamps = await allStamps(() => stamping.ask<Stamps>({}), published.accepted);
  const cpu = cpuBetween(cpuBefore, cpuOfServers());
  const machineAfter = look();
  const destinations = beside?.answers === true ? 2 : 1;
  const faults = [
    ...(await ledgerFaults(place.openLedger(), published, destinations)),
    ...(stamps.received < published.accepted
      ? [`LOST: ${published.accepted} events were accepted, ${stamps.received} were received`]
      : []),
    ...(published.refused > 0 ? [`${published.refused} publishes were refused`] : []),
    ...servers.flatMap(complaintFaults),
  ];
  await Promise.all(servers.map((each) => each.kill()));
  await stamping.end();
  return {
    latencyMs: stamps.sinceIngestion,
    notes: [
      `from ingestion (whole ms, taken before the flush to the disk): ${describePercentiles(stamps.sinceIngestion)}`,
      `from due to be published: to the receiver ${describePercentiles(stamps.sinceDue)}; to 202 ${describePercentiles(published.acknowledged)}`,
      cpuNote(cpu, published.accepted * destinations, load.warmUpSeconds + load.seconds),
      ...describeMachineLoad(machineBefore, machineAfter),
    ],
    faults,
  };
}

/** What was accepted last is still on its way. */
export async function allStamps(ask: () => Promise<Stamps>, expected: number): Promise<Stamps> {
  const endMs = performance.now() + ARRIVAL_TIMEOUT_MS;
  for (;;) {
    const stamps = await ask();
    if (stamps.received >= expected || performance.now() > endMs) return stamps;
    await sleep(50);
  }
}

async function ledgerFaults(
  ledger: Ledger | PostgresLedger,
  { accepted }: SteadyLoadResult,
  destinations: number,
): Promise<string[]> {
  try {
    const expected = accepted * destinations;
    const endMs = performance.now() + ARRIVAL_TIMEOUT_MS;
    for (;;) {
      const { events, delivered } = await ledger.counts();
      if (events >= accepted && delivered >= expected) return [];
      if (performance.now() > endMs)
        return [
          `LOST: ${accepted} events were accepted, ${events} are stored, ${delivered} of ${expected} deliveries recorded`,
        ];
      await sleep(50);
    }
  } finally {
    await ledger.close();
  }
}
