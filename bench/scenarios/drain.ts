/**
 * A backlog after a crash: the receiver hangs, the publishers go on, the process is killed. Then the receiver answers
 * again and the process is started again.
 */
import { createTenants } from '../api.ts';
import type { Bench, Scenario, ScenarioResult } from '../bench.ts';
import { freePort } from '../children.ts';
import type { FallbackReceiverOptions } from '../fallback-receiver.ts';
import { Ledger } from '../ledger.ts';
import { publishBatches } from '../load.ts';
import { describeMachineLoad, machineLoad } from '../machine-load.ts';
import { startReceiver } from '../receiver.ts';
import type { Receiver } from '../receiver.ts';
import { complaintFaults, countFaults, cpuNote } from '../throughput.ts';

const EVENTS = 100_000;
const MAX_PUBLISH_SECONDS = 600;
const HANGS_MS = 120_000;

export const drain: Scenario = {
  name: 'drain',
  about: 'a backlog after kill -9 and a restart',
  async run(bench) {
    const port = await freePort();
    const { accepted, refused } = await publishBacklog(bench, port);
    const receiver = await startReceiver(bench.folder, bench.options.withInstalled, port);
    try {
      const { result, bare, bareNote } = await bench.beside(() =>
        measureDrain(bench, receiver, { accepted, refused }),
      );
      return {
        rows: [
          {
            metric: `backlog of ${accepted} drained after kill -9`,
            measured: result.perSecond,
            unit: '/s',
            bare,
            target: { atLeast: 0.4 },
          },
        ],
        notes: [bareNote, ...result.notes],
        faults: result.faults,
      };
    } finally {
      await receiver.end();
    }
  },
};

async function publishBacklog(bench: Bench, port: number) {
  const options: FallbackReceiverOptions = { port, delayMs: HANGS_MS };
  const hanging = bench.startPart('fallback-receiver.ts', options);
  await hanging.next();
  const server = await bench.startServer();
  const tenantIds = await createTenants(server, bench.options.tenants, `http://127.0.0.1:${port}`);
  const published = await publishBatches({
    origin: server.origin,
    headers: server.headers,
    tenantIds,
    connections: bench.options.connections,
    eventsPerBatch: bench.options.eventsPerBatch,
    seconds: MAX_PUBLISH_SECONDS,
    maxEvents: bench.options.count ?? EVENTS,
  });
  await server.kill();
  await hanging.end();
  return published;
}

/** From the first attempt after the restart to the last outcome. */
async function measureDrain(
  bench: Bench,
  receiver: Receiver,
  published: { accepted: number; refused: number },
): Promise<Pick<ScenarioResult, 'notes' | 'faults'> & { perSecond: number }> {
  const restartSeq = Date.now() * 1000;
  const server = await bench.startServer();
  const ledger = new Ledger(server.databasePath);
  try {
    const machineBefore = machineLoad(server.pid, [receiver.pid]);
    await ledger.untilDelivered();
    const cpu = server.cpu();
    const machineAfter = machineLoad(server.pid, [receiver.pid]);
    const seconds = (ledger.lastRecordedMs() - ledger.firstAttemptMs(restartSeq)) / 1000;
    const counts = ledger.counts();
    const memory = server.memory();
    await server.stop();
    return {
      perSecond: counts.delivered / seconds,
      notes: [
        `${counts.delivered} delivered in ${seconds.toFixed(2)} s; ready ${server.readyAfterMs.toFixed(0)} ms after the restart`,
        `with the start itself, ${cpuNote(cpu, counts.delivered, seconds)}`,
        ...describeMachineLoad(machineBefore, machineAfter),
        ...(memory === null ? [] : [`RSS at most ${memory.peakMib.toFixed(0)} MiB`]),
      ],
      faults: [
        ...countFaults(counts, published, await receiver.received()),
        ...complaintFaults(server),
      ],
    };
  } finally {
    ledger.close();
  }
}
