/** Whether a large history slows the server down: batched publishes on an empty store against a full one, by turns. */
import { statSync } from 'node:fs';
import { createTenants, publishOne } from '../api.ts';
import type { Bench, Scenario } from '../bench.ts';
import { runPart } from '../children.ts';
import { medianOf } from '../figures.ts';
import type { FillOptions } from '../fill-store.ts';
import { Ledger } from '../ledger.ts';
import { measureThroughput } from '../throughput.ts';
import type { Throughput } from '../throughput.ts';
import { batchLoad } from './batched.ts';

const EVENTS = 5_000_000;
const TENANTS = 100;
const PAIRS = 3;

export const store: Scenario = {
  name: 'store',
  about: 'batched publishes with five million delivered events in store',
  isLong: true,
  async run(bench) {
    const events = bench.options.count ?? EVENTS;
    const filled = await fill(bench, events);
    const pairs: { empty: Throughput; full: Throughput }[] = [];
    const count = bench.repetitions(PAIRS);
    const load = batchLoad(bench.options);
    for (let index = 0; index < count; index++)
      pairs.push({
        empty: await measureThroughput(bench, load, `empty-${index}`),
        full: await measureThroughput(bench, load, 'full'),
      });
    const median = (of: (pair: (typeof pairs)[number]) => number) => medianOf(pairs.map(of));
    const rate = { unit: '/s', bare: null, target: null };
    return {
      rows: [
        {
          ...rate,
          metric: 'batched, empty store',
          measured: median(({ empty }) => empty.perSecond),
        },
        {
          ...rate,
          metric: `batched, ${events} delivered events in store`,
          measured: median(({ full }) => full.perSecond),
        },
        {
          metric: 'drop of throughput',
          measured: median(({ empty, full }) => 100 * (1 - full.perSecond / empty.perSecond)),
          unit: '%',
          bare: null,
          target: { atMost: 10 },
        },
      ],
      notes: [
        ...filled,
        `medians of ${count} pairs by turns; empty:full ${pairs.map(({ empty, full }) => `${empty.perSecond.toFixed(0)}:${full.perSecond.toFixed(0)}`).join(', ')} /s`,
        ...(pairs.at(-1)?.full.notes ?? []),
      ],
      faults: pairs.flatMap(({ empty, full }) => empty.faults.concat(full.faults)),
    };
  },
};

async function fill(bench: Bench, events: number): Promise<string[]> {
  const server = await bench.startServer('full');
  const tenantIds = await createTenants(server, TENANTS, bench.receiver.origin);
  await publishOne(server, tenantIds[0] ?? '');
  const ledger = new Ledger(server.databasePath);
  await ledger.untilDelivered();
  ledger.close();
  await server.stop();

  const startMs = performance.now();
  const options: FillOptions = { databasePath: server.databasePath, tenantIds, events };
  await runPart('fill-store.ts', options);
  const seconds = (performance.now() - startMs) / 1000;
  const gibibytes = statSync(server.databasePath).size / 1024 ** 3;
  return [`filled in ${seconds.toFixed(0)} s: ${gibibytes.toFixed(2)} GiB`];
}
