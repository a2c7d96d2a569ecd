/** One run of a steady load on a fresh server: how long after its commit an event reaches a receiver that answers. */
import { createDestination, createTenant } from './api.ts';
import type { Bench } from './bench.ts';
import { runPart } from './children.ts';
import { describePercentiles } from './figures.ts';
import type { Percentiles } from './figures.ts';
import { Ledger } from './ledger.ts';
import { describeMachineLoad, machineLoad } from './machine-load.ts';
import { sleep } from './part.ts';
import type { SteadyLoad, SteadyLoadResult } from './publish-steadily.ts';
import type { Stamps } from './stamping-receiver.ts';
import { complaintFaults, cpuNote } from './throughput.ts';
import { cpuBetween } from './usage.ts';

export interface SteadyRun {
  /** From ingestion to the receiver. */
  readonly latencyMs: Percentiles;
  readonly notes: readonly string[];
  readonly faults: readonly string[];
}

export const EVENTS_PER_SECOND = 1000;
const TENANT = 'steady';
const ARRIVAL_TIMEOUT_MS = 10_000;

/** `besideUrl`: a second destination that gets every event as well. */
export async function measureSteadily(
  bench: Bench,
  database: string,
  beside?: { url: string; answers: boolean; pid: number },
): Promise<SteadyRun> {
  const stamping = bench.startPart('stamping-receiver.ts');
  const { port } = await stamping.next<{ port: number }>();
  const server = await bench.startServer(database);
  await createTenant(server, TENANT);
  const url = `http://127.0.0.1:${port}/hook`;
  await createDestination(server, { tenantId: TENANT, id: 'measured', url });
  if (beside !== undefined)
    await createDestination(server, { tenantId: TENANT, id: 'beside', url: beside.url });

  const load: SteadyLoad = {
    origin: server.origin,
    headers: server.headers,
    tenantId: TENANT,
    perSecond: EVENTS_PER_SECOND,
    warmUpSeconds: Math.min(3, bench.options.seconds / 2),
    seconds: bench.options.seconds,
  };
  const receiverPids = beside === undefined ? [stamping.pid] : [stamping.pid, beside.pid];
  const machineBefore = machineLoad(server.pid, receiverPids);
  const cpuBefore = server.cpu();
  const published = await runPart<SteadyLoadResult>('publish-steadily.ts', load);
  const stamps = await allStamps(() => stamping.ask<Stamps>({}), published.accepted);
  const cpu = cpuBetween(cpuBefore, server.cpu());
  const machineAfter = machineLoad(server.pid, receiverPids);
  const destinations = beside?.answers === true ? 2 : 1;
  const faults = [
    ...(await ledgerFaults(server.databasePath, published, destinations)),
    ...(stamps.received < published.accepted
      ? [`LOST: ${published.accepted} events were accepted, ${stamps.received} were received`]
      : []),
    ...(published.refused > 0 ? [`${published.refused} publishes were refused`] : []),
    ...complaintFaults(server),
  ];
  await server.kill();
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
  databasePath: string,
  { accepted }: SteadyLoadResult,
  destinations: number,
): Promise<string[]> {
  const ledger = new Ledger(databasePath);
  try {
    const expected = accepted * destinations;
    const endMs = performance.now() + ARRIVAL_TIMEOUT_MS;
    for (;;) {
      const { events, delivered } = ledger.counts();
      if (events === accepted && delivered === expected) return [];
      if (performance.now() > endMs)
        return [
          `LOST: ${accepted} events were accepted, ${events} are stored, ${delivered} of ${expected} deliveries recorded`,
        ];
      await sleep(50);
    }
  } finally {
    ledger.close();
  }
}
