/** A million deliveries that wait, since none of their hundred destinations answers: they have to wait on the disk. */
import { createDestination, createTenant } from '../api.ts';
import type { Bench, Scenario } from '../bench.ts';
import { freePort } from '../children.ts';
import type { FallbackReceiverOptions } from '../fallback-receiver.ts';
import { Ledger } from '../ledger.ts';
import { publishBatches } from '../load.ts';
import { sleep } from '../part.ts';
import type { Server } from '../server.ts';
import { complaintFaults } from '../throughput.ts';

const DELIVERIES = 1_000_000;
const DESTINATIONS = 100;
const EVENTS_PER_BATCH = 50;
const TENANT = 'waiting';
const MAX_PUBLISH_SECONDS = 3600;
const HANGS_MS = 600_000;
/** An attempt hangs for as long as one may, and few at a time: the sockets are not what is measured. */
const POLICY = { timeout_ms: 120_000, concurrency: 2 };

export const waiting: Scenario = {
  name: 'waiting',
  about: 'memory with a million waiting deliveries, and a restart with them',
  isLong: true,
  async run(bench) {
    const server = await hundredHanging(bench);
    const events = Math.ceil((bench.options.count ?? DELIVERIES) / DESTINATIONS);
    const published = await publishBatches({
      origin: server.origin,
      headers: server.headers,
      tenantIds: [TENANT],
      connections: bench.options.connections,
      eventsPerBatch: Math.min(EVENTS_PER_BATCH, events),
      seconds: MAX_PUBLISH_SECONDS,
      maxEvents: events,
    });
    const waitMs = Math.min(20, bench.options.seconds) * 1000;
    await sleep(waitMs);
    const memory = server.memory();
    const ledger = new Ledger(server.databasePath);
    const pending = ledger.pending();
    ledger.close();
    await server.kill();

    const again = await bench.startServer();
    await sleep(waitMs);
    const memoryAgain = again.memory();
    await again.kill();
    const row = (metric: string, measured = Number.NaN) => ({
      metric,
      measured,
      unit: 'MiB',
      bare: null,
    });
    const expected = published.accepted * DESTINATIONS;
    return {
      rows: [
        { ...row(`RSS with ${pending} waiting`, memory?.rssMib), target: { atMost: 400 } },
        { ...row('the most while they were published', memory?.peakMib), target: null },
        { ...row('RSS after a restart', memoryAgain?.rssMib), target: { atMost: 400 } },
        { ...row('the most since the restart', memoryAgain?.peakMib), target: null },
        {
          ...row('restart to ready', again.readyAfterMs),
          unit: 'ms',
          target: null,
        },
      ],
      notes: [
        `published in ${published.seconds.toFixed(0)} s: ${(expected / published.seconds).toFixed(0)} deliveries a second`,
      ],
      faults: [
        ...(pending === expected ? [] : [`LOST: ${expected} deliveries were owed, ${pending} are`]),
        ...(published.refused > 0 ? [`refused: ${published.firstRefusal}`] : []),
        ...complaintFaults(again),
      ],
    };
  },
};

async function hundredHanging(bench: Bench): Promise<Server> {
  const port = await freePort();
  const options: FallbackReceiverOptions = { port, delayMs: HANGS_MS };
  await bench.startPart('fallback-receiver.ts', options).next();
  const server = await bench.startServer();
  await createTenant(server, TENANT);
  for (let index = 0; index < DESTINATIONS; index++)
    await createDestination(server, {
      tenantId: TENANT,
      id: `hangs-${index}`,
      url: `http://127.0.0.1:${port}/hangs/${index}`,
      policy: POLICY,
    });
  return server;
}
