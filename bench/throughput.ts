/** Events published, delivered and recorded: one load on one server, from the first publish to the last outcome. */
import type { Bench } from './bench.ts';
import { createTenants } from './api.ts';
import type { DestinationWish } from './api.ts';
import { Ledger } from './ledger.ts';
import type { Counts } from './ledger.ts';
import type { Server } from './server.ts';
import { describeMachineLoad, machineLoad } from './machine-load.ts';
import { cpuBetween, describeCpuPerItem, describeShares } from './usage.ts';
import type { CpuSeconds } from './usage.ts';

/** Publishes for so long. `accepted` is what was seen accepted. */
export type Load = (
  server: Server,
  tenantIds: readonly string[],
  seconds: number,
) => Promise<LoadResult>;

export interface LoadResult {
  readonly accepted: number;
  readonly refused: number;
  /** How long it published. */
  readonly seconds: number;
  readonly notes: readonly string[];
}

export interface Throughput {
  /** Delivered and recorded, over the whole time. */
  readonly perSecond: number;
  /** CPU of the main thread for each delivery; `NaN` where nothing is known of it. */
  readonly mainMicroseconds: number;
  readonly notes: readonly string[];
  readonly faults: readonly string[];
}

/** Otherwise than as it is by default. */
export interface MeasuredSetup {
  /** The server's configuration file. */
  readonly config?: string;
  readonly destination?: Pick<DestinationWish, 'profile' | 'credentials'>;
}

export async function measureThroughput(
  bench: Bench,
  load: Load,
  database?: string,
  { config, destination }: MeasuredSetup = {},
): Promise<Throughput> {
  const server = await bench.startServer(database, config);
  const ledger = new Ledger(server.databasePath);
  try {
    const tenantIds = await createTenants(
      server,
      bench.options.tenants,
      bench.receiver.origin,
      destination,
    );
    const warmUp = await load(server, tenantIds, warmUpSeconds(bench));
    await ledger.untilDelivered();

    const fromSeq = ledger.now();
    const fromMs = Date.now();
    const receivedBefore = await bench.receiver.received();
    const cpuBefore = server.cpu();
    const machineBefore = machineLoad(server.pid, [bench.receiver.pid]);
    const loaded = await load(server, tenantIds, bench.options.seconds);
    const backlog = ledger.pending();
    await ledger.untilDelivered();
    const seconds = (ledger.lastRecordedMs() - fromMs) / 1000;
    const cpu = cpuBetween(cpuBefore, server.cpu());
    const machineAfter = machineLoad(server.pid, [bench.receiver.pid]);
    const received = (await bench.receiver.received()) - receivedBefore;
    const counts = ledger.counts(fromSeq);
    const memory = server.memory();
    await server.stop();
    return {
      perSecond: counts.delivered / seconds,
      mainMicroseconds: cpu.main === 0 ? Number.NaN : (cpu.main * 1e6) / counts.delivered,
      notes: [
        `${counts.delivered} delivered in ${seconds.toFixed(2)} s; published for ${loaded.seconds.toFixed(2)} s at ${(counts.events / loaded.seconds).toFixed(0)}/s; ${backlog} were owed when publishing ended`,
        ...loaded.notes,
        cpuNote(cpu, counts.delivered, seconds),
        ...describeMachineLoad(machineBefore, machineAfter),
        ...repeatNotes(counts, received),
        ...(memory === null
          ? []
          : [`RSS ${memory.rssMib.toFixed(0)} MiB, at most ${memory.peakMib.toFixed(0)} MiB`]),
      ],
      faults: [
        ...countFaults(counts, loaded, received),
        ...(warmUp.refused > 0 ? [`${warmUp.refused} publishes were refused in the warm-up`] : []),
        ...complaintFaults(server),
      ],
    };
  } finally {
    ledger.close();
  }
}

/** All that was accepted is stored, all that is stored was delivered and recorded, and the receiver has seen it. */
export function countFaults(
  counts: Counts,
  { accepted, refused }: Pick<LoadResult, 'accepted' | 'refused'>,
  received: number,
): string[] {
  const faults: string[] = [];
  if (refused > 0) faults.push(`${refused} publishes were refused`);
  if (counts.events < accepted)
    faults.push(`LOST: ${accepted} events were accepted, ${counts.events} are stored`);
  if (counts.delivered !== counts.events || counts.pending > 0 || counts.lost > 0)
    faults.push(
      `LOST: of ${counts.events} events ${counts.delivered} were delivered, ${counts.pending} are owed, ${counts.lost} have failed`,
    );
  if (received < counts.delivered)
    faults.push(`LOST: ${counts.delivered} are recorded as delivered, ${received} were received`);
  if (counts.attempts < counts.delivered)
    faults.push(
      `LOST: ${counts.delivered} deliveries have only ${counts.attempts} recorded attempts`,
    );
  return faults;
}

/** At least once is the promise; but where nothing crashed, once is expected. */
export function repeatNotes({ delivered }: Counts, received: number): string[] {
  return received > delivered ? [`${received - delivered} were received more than once`] : [];
}

export function complaintFaults(server: Server): string[] {
  const complaints = server.complaints();
  if (complaints.length === 0) return [];
  return [
    `${complaints.length} complaints in the server's log, the first: ${(complaints[0] ?? '').slice(0, 400)}`,
  ];
}

export function cpuNote(cpu: CpuSeconds, count: number, seconds: number): string {
  return `CPU per delivery: ${describeCpuPerItem(cpu, count)}; of a core: ${describeShares(cpu, seconds)}`;
}

/** Until the compilers have seen the hot code. */
function warmUpSeconds({ options: { seconds } }: Bench): number {
  return Math.min(3, Math.max(0.5, seconds / 3));
}
