/**
 * Whether those who are well wait longer because many are not: of a thousand destinations of a tenant a hundred hang
 * until their time is over, a hundred answer 500, and another tenant floods. Each event is for one destination, by turns.
 * In each pair of runs all answer and nobody floods in one; the pairs are interleaved, each run on a fresh database.
 */
import { createDestination, createTenant } from '../api.ts';
import type { Bench, Scenario } from '../bench.ts';
import { freePort, runPart } from '../children.ts';
import type { Part } from '../children.ts';
import type { FallbackReceiverOptions } from '../fallback-receiver.ts';
import { describePercentiles, medianOf } from '../figures.ts';
import type { FillDestinationsOptions, UrlGroup } from '../fill-destinations.ts';
import { describeMachineLoad, machineLoad } from '../machine-load.ts';
import type { BatchLoad, BatchLoadResult } from '../publish-batches.ts';
import type { SteadyLoad, SteadyLoadResult } from '../publish-steadily.ts';
import { ENCRYPTION_KEY } from '../server.ts';
import type { Server } from '../server.ts';
import { MODEL } from '../spread.ts';
import type { Stamps } from '../stamping-receiver.ts';
import { allStamps, EVENTS_PER_SECOND } from '../steady.ts';
import type { SteadyRun } from '../steady.ts';
import { complaintFaults } from '../throughput.ts';

const PAIRS = 5;
const DESTINATIONS = 1000;
/** That hang, and as many that answer 500. */
const TROUBLED = 100;
const FLOOD = 100_000;
const FLOOD_CONNECTIONS = 4;
/** Longer than any attempt may take. */
const HANGS_MS = 120_000;
const TENANT = 'many';
const FLOODING = 'flooding';

export const isolationMany: Scenario = {
  name: 'isolation-many',
  about: `${DESTINATIONS} destinations of which ${TROUBLED} hang and ${TROUBLED} fail, beside a tenant that floods`,
  async run(bench) {
    const pairs: { without: SteadyRun; beside: SteadyRun }[] = [];
    const count = bench.repetitions(PAIRS);
    for (let index = 0; index < count; index++)
      pairs.push({
        without: await measure(bench, `well-${index}`, false),
        beside: await measure(bench, `troubled-${index}`, true),
      });
    const p99 = ({ latencyMs }: SteadyRun) => latencyMs.p99;
    const row = (metric: string, of: (pair: (typeof pairs)[number]) => number) => ({
      metric,
      measured: medianOf(pairs.map(of)),
      unit: 'ms',
      bare: null,
      target: null,
    });
    return {
      rows: [
        row('p99 of the well, all are', ({ without }) => p99(without)),
        row('p99 of the well, beside trouble', ({ beside }) => p99(beside)),
        {
          ...row(
            'the latter over 1.2 times the former + 2 ms',
            ({ without, beside }) => p99(beside) - (1.2 * p99(without) + 2),
          ),
          target: { atMost: 0 },
        },
      ],
      notes: [
        `medians of ${count} pairs; p99 ${pairs.map(({ without, beside }) => `${p99(without).toFixed(1)}:${p99(beside).toFixed(1)}`).join(', ')} ms`,
        ...pairs.flatMap(({ without, beside }) => [
          `all well: ${without.notes.join('; ')}`,
          `trouble: ${beside.notes.join('; ')}`,
        ]),
      ],
      faults: pairs.flatMap(({ without, beside }) => without.faults.concat(beside.faults)),
    };
  },
};

async function measure(bench: Bench, database: string, hasTrouble: boolean): Promise<SteadyRun> {
  const stamping = bench.startPart('stamping-receiver.ts');
  const { port } = await stamping.next<{ port: number }>();
  const troubled = hasTrouble ? await startTroubled(bench) : [];
  const well = `${bench.receiver.origin}/well`;
  const urls = ['hangs', 'fails'].map((_, index) => troubled[index]?.url ?? well);
  const server = await startFilled(bench, database, `http://127.0.0.1:${port}/hook`, urls);

  const load: SteadyLoad = {
    origin: server.origin,
    headers: server.headers,
    tenantId: TENANT,
    perSecond: EVENTS_PER_SECOND,
    warmUpSeconds: Math.min(3, bench.options.seconds / 2),
    seconds: bench.options.seconds,
    spread: { destinations: DESTINATIONS, isAddressed: true },
  };
  const receiverPids = [stamping.pid, ...troubled.map(({ part }) => part.pid)];
  const machineBefore = machineLoad(server.pid, receiverPids);
  const [published, flooded] = await Promise.all([
    runPart<SteadyLoadResult>('publish-steadily.ts', load),
    hasTrouble ? flood(bench, server, load.warmUpSeconds) : null,
  ]);
  const expected = wellOf(published.accepted);
  const stamps = await allStamps(() => stamping.ask<Stamps>({}), expected);
  const machineAfter = machineLoad(server.pid, receiverPids);
  const faults = [
    ...(stamps.received < expected
      ? [`LOST: ${expected} events were accepted for the well, ${stamps.received} were received`]
      : []),
    ...(published.refused > 0 ? [`${published.refused} publishes were refused`] : []),
    ...((flooded?.refused ?? 0) > 0 ? [`${flooded?.refused} of the flood were refused`] : []),
    ...complaintFaults(server),
  ];
  await server.kill();
  await Promise.all([stamping.end(), ...troubled.map(({ part }) => part.end())]);
  return {
    latencyMs: stamps.sinceIngestion,
    notes: [
      `from ingestion ${describePercentiles(stamps.sinceIngestion)}`,
      `to 202 ${describePercentiles(published.acknowledged)}`,
      ...(flooded === null
        ? []
        : [`flood: ${flooded.accepted} events in ${flooded.seconds.toFixed(1)} s`]),
      ...describeMachineLoad(machineBefore, machineAfter),
    ],
    faults,
  };
}

/** One that hangs, and one that fails. */
async function startTroubled(bench: Bench): Promise<{ part: Part; url: string }[]> {
  const kinds = [{ delayMs: HANGS_MS }, { status: 500 }];
  const started: { part: Part; url: string }[] = [];
  for (const kind of kinds) {
    const port = await freePort();
    const options: FallbackReceiverOptions = { port, ...kind };
    const part = bench.startPart('fallback-receiver.ts', options);
    await part.next();
    started.push({ part, url: `http://127.0.0.1:${port}/hook` });
  }
  return started;
}

/** `urls`: of the first destinations, `TROUBLED` each; all others are at `url`. */
async function startFilled(
  bench: Bench,
  database: string,
  url: string,
  urls: readonly string[],
): Promise<Server> {
  const empty = await bench.startServer(database);
  await createTenant(empty, TENANT);
  await createDestination(empty, { tenantId: TENANT, id: MODEL, url });
  await createTenant(empty, FLOODING);
  const flooded = `${bench.receiver.origin}/flood`;
  await createDestination(empty, { tenantId: FLOODING, id: 'flooded', url: flooded });
  await empty.stop();
  const groups = urls.map((each): UrlGroup => ({ url: each, count: TROUBLED }));
  const options: FillDestinationsOptions = {
    databasePath: empty.databasePath,
    encryptionKey: ENCRYPTION_KEY,
    tenantId: TENANT,
    destinations: DESTINATIONS,
    isFiltered: false,
    groups,
  };
  await runPart('fill-destinations.ts', options);
  return await bench.startServer(database);
}

/** As fast as it is taken, when the warm-up is over. */
async function flood(bench: Bench, server: Server, afterSeconds: number): Promise<BatchLoadResult> {
  const load: BatchLoad = {
    origin: server.origin,
    headers: server.headers,
    tenantIds: [FLOODING],
    connections: FLOOD_CONNECTIONS,
    eventsPerBatch: bench.options.eventsPerBatch,
    afterSeconds,
    seconds: 600,
    maxEvents: bench.options.count ?? FLOOD,
  };
  return await runPart<BatchLoadResult>('publish-batches.ts', load);
}

/** How many of so many events by turns are for destinations that are well. */
function wellOf(events: number): number {
  const troubled = 2 * TROUBLED;
  const rounds = Math.floor(events / DESTINATIONS);
  const last = Math.max(0, (events % DESTINATIONS) - troubled);
  return rounds * (DESTINATIONS - troubled) + last;
}
