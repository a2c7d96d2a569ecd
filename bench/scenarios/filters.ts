/**
 * What filters cost a publish: 10,000 destinations of one tenant, of which each event is for one. By turns it is found by
 * their filters, and addressed by its id where none of them has a filter; all else is the same.
 */
import { createDestination, createTenant } from '../api.ts';
import type { Bench, Scenario } from '../bench.ts';
import { runPart } from '../children.ts';
import { describePercentiles, medianOf } from '../figures.ts';
import type { Percentiles } from '../figures.ts';
import type { FillDestinationsOptions } from '../fill-destinations.ts';
import { Ledger } from '../ledger.ts';
import type { SteadyLoad, SteadyLoadResult } from '../publish-steadily.ts';
import { ENCRYPTION_KEY } from '../server.ts';
import { MODEL } from '../spread.ts';
import { EVENTS_PER_SECOND } from '../steady.ts';
import { complaintFaults, countFaults, cpuNote } from '../throughput.ts';
import { cpuBetween } from '../usage.ts';

const DESTINATIONS = 10_000;
const PAIRS = 3;
const TENANT = 'spread';

interface Run {
  /** From the moment at which an event was due to its 202. */
  readonly acknowledged: Percentiles;
  readonly notes: readonly string[];
  readonly faults: readonly string[];
}

export const filters: Scenario = {
  name: 'filters',
  about: `${DESTINATIONS} filtered destinations of one tenant, ${EVENTS_PER_SECOND} events a second`,
  async run(bench) {
    const destinations = bench.options.count ?? DESTINATIONS;
    const databases = {
      filtered: await fill(bench, 'filtered', destinations),
      addressed: await fill(bench, 'addressed', destinations),
    };
    const pairs: { filtered: Run; addressed: Run }[] = [];
    const count = bench.repetitions(PAIRS);
    for (let index = 0; index < count; index++)
      pairs.push({
        addressed: await measure(bench, databases.addressed, destinations),
        filtered: await measure(bench, databases.filtered, destinations),
      });
    const median = (of: (pair: (typeof pairs)[number]) => number) => medianOf(pairs.map(of));
    const row = (metric: string, of: (pair: (typeof pairs)[number]) => number) => ({
      metric,
      measured: median(of),
      unit: 'ms',
      bare: null,
      target: null,
    });
    return {
      rows: [
        row('to 202, addressed, p50', ({ addressed }) => addressed.acknowledged.p50),
        row('to 202, filtered, p50', ({ filtered }) => filtered.acknowledged.p50),
        row('to 202, addressed, p99', ({ addressed }) => addressed.acknowledged.p99),
        row('to 202, filtered, p99', ({ filtered }) => filtered.acknowledged.p99),
        {
          ...row(
            'added by filters, p99',
            ({ filtered, addressed }) => filtered.acknowledged.p99 - addressed.acknowledged.p99,
          ),
          target: { atMost: 5 },
        },
      ],
      notes: [
        `medians of ${count} pairs by turns`,
        ...pairs.flatMap(({ addressed, filtered }) => [
          `addressed: ${addressed.notes.join('; ')}`,
          `filtered: ${filtered.notes.join('; ')}`,
        ]),
      ],
      faults: pairs.flatMap(({ addressed, filtered }) => addressed.faults.concat(filtered.faults)),
    };
  },
};

interface Database {
  readonly name: string;
  readonly isFiltered: boolean;
}

async function fill(
  bench: Bench,
  name: 'filtered' | 'addressed',
  destinations: number,
): Promise<Database> {
  const server = await bench.startServer(name);
  await createTenant(server, TENANT);
  const url = `${bench.receiver.origin}/hook`;
  await createDestination(server, { tenantId: TENANT, id: MODEL, url });
  await server.stop();
  const isFiltered = name === 'filtered';
  const options: FillDestinationsOptions = {
    databasePath: server.databasePath,
    encryptionKey: ENCRYPTION_KEY,
    tenantId: TENANT,
    destinations,
    isFiltered,
  };
  await runPart('fill-destinations.ts', options);
  return { name, isFiltered };
}

async function measure(
  bench: Bench,
  { name, isFiltered }: Database,
  destinations: number,
): Promise<Run> {
  const server = await bench.startServer(name);
  const ledger = new Ledger(server.databasePath);
  try {
    const load: SteadyLoad = {
      origin: server.origin,
      headers: server.headers,
      tenantId: TENANT,
      perSecond: EVENTS_PER_SECOND,
      warmUpSeconds: Math.min(3, bench.options.seconds / 2),
      seconds: bench.options.seconds,
      spread: { destinations, isAddressed: !isFiltered },
    };
    const fromSeq = ledger.now();
    const receivedBefore = await bench.receiver.received();
    const cpuBefore = server.cpu();
    const published = await runPart<SteadyLoadResult>('publish-steadily.ts', load);
    await ledger.untilDelivered();
    const cpu = cpuBetween(cpuBefore, server.cpu());
    const received = (await bench.receiver.received()) - receivedBefore;
    const faults = [
      ...countFaults(ledger.counts(fromSeq), published, received),
      ...complaintFaults(server),
    ];
    await server.stop();
    return {
      acknowledged: published.acknowledged,
      notes: [
        describePercentiles(published.acknowledged),
        cpuNote(cpu, published.accepted, load.warmUpSeconds + load.seconds),
      ],
      faults,
    };
  } finally {
    ledger.close();
  }
}
