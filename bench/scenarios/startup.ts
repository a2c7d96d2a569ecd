/** From the start of the process to ready, and to the first delivery, on an empty database. */
import { createDestination, createTenant, publishOne } from '../api.ts';
import type { Bench, Scenario } from '../bench.ts';
import { medianOf } from '../figures.ts';
import { sleep } from '../part.ts';
import type { Stamps } from '../stamping-receiver.ts';
import { complaintFaults } from '../throughput.ts';

const STARTS = 5;
const DELIVERY_TIMEOUT_MS = 10_000;
const TENANT = 'first';

export const startup: Scenario = {
  name: 'startup',
  about: 'process start to ready, and to the first delivery, on an empty database',
  async run(bench) {
    const starts: Start[] = [];
    for (let index = 0; index < bench.repetitions(STARTS); index++)
      starts.push(await start(bench, index));
    const readyMs = starts.map((each) => each.readyMs);
    const deliveredMs = starts.map((each) => each.deliveredMs);
    const list = (values: readonly number[]) => values.map((value) => value.toFixed(0)).join(', ');
    const row = { unit: 'ms', bare: null };
    return {
      rows: [
        { ...row, metric: 'to ready', measured: medianOf(readyMs), target: { atMost: 1000 } },
        {
          ...row,
          metric: 'to the first delivery',
          measured: medianOf(deliveredMs),
          target: { atMost: 1500 },
        },
      ],
      notes: [
        `medians of ${starts.length} starts; ready ${list(readyMs)} ms; first delivery ${list(deliveredMs)} ms`,
      ],
      faults: starts.flatMap(({ faults }) => faults),
    };
  },
};

interface Start {
  readonly readyMs: number;
  readonly deliveredMs: number;
  readonly faults: readonly string[];
}

/** A tenant, a destination and an event, as soon as it is ready. */
async function start(bench: Bench, index: number): Promise<Start> {
  const stamping = bench.startPart('stamping-receiver.ts');
  const { port } = await stamping.next<{ port: number }>();
  const server = await bench.startServer(`start-${index}`);
  await createTenant(server, TENANT);
  const url = `http://127.0.0.1:${port}/hook`;
  await createDestination(server, { tenantId: TENANT, id: 'hook', url });
  await publishOne(server, TENANT);
  const firstAtMs = await firstArrival(() => stamping.ask<Stamps>({}));
  await stamping.end();
  await server.stop();
  return {
    readyMs: server.readyAfterMs,
    deliveredMs: firstAtMs - server.startedAtMs,
    faults: complaintFaults(server),
  };
}

async function firstArrival(ask: () => Promise<Stamps>): Promise<number> {
  const endMs = performance.now() + DELIVERY_TIMEOUT_MS;
  for (;;) {
    const { firstAtMs } = await ask();
    if (firstAtMs !== null) return firstAtMs;
    if (performance.now() > endMs) throw new Error('the event was not delivered');
    await sleep(20);
  }
}
