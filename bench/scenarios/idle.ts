/** What a server costs that has nothing to do. */
import { createTenants, publishOne } from '../api.ts';
import type { Scenario } from '../bench.ts';
import { Ledger } from '../ledger.ts';
import { describeMachineLoad, machineLoad } from '../machine-load.ts';
import { sleep } from '../part.ts';
import { complaintFaults } from '../throughput.ts';
import { cpuBetween, totalSeconds } from '../usage.ts';

const EVENTS = 20;

export const idle: Scenario = {
  name: 'idle',
  about: 'memory and CPU of a server that has nothing to do',
  async run(bench) {
    const server = await bench.startServer();
    const [tenantId = ''] = await createTenants(server, 1, bench.receiver.origin);
    for (let index = 0; index < EVENTS; index++) await publishOne(server, tenantId);
    const ledger = new Ledger(server.databasePath);
    await ledger.untilDelivered();
    ledger.close();

    await sleep(bench.options.seconds * 1000);
    const seconds = bench.options.seconds * 2;
    const machineBefore = machineLoad(server.pid, []);
    const before = server.cpu();
    await sleep(seconds * 1000);
    const machineAfter = machineLoad(server.pid, []);
    const cpu = cpuBetween(before, server.cpu());
    const memory = server.memory();
    await server.stop();
    return {
      rows: [
        {
          metric: 'RSS',
          measured: memory?.rssMib ?? Number.NaN,
          unit: 'MiB',
          bare: null,
          target: { atMost: 120 },
        },
        {
          metric: 'CPU, of a core',
          measured: (100 * totalSeconds(cpu)) / seconds,
          unit: '%',
          bare: null,
          target: { atMost: 1 },
        },
      ],
      notes: [
        `${bench.options.seconds} s after the last of ${EVENTS} events, over ${seconds} s`,
        ...describeMachineLoad(machineBefore, machineAfter),
      ],
      faults: complaintFaults(server),
    };
  },
};
