/**
 * Who had the cores while something was measured. What neither the server nor the bench used is other work on this
 * machine (or a neighbour's, where the machine is virtual): with much of that the figures are too low.
 */
import { cpuOf, readOrNull, TICKS_PER_SECOND, totalSeconds } from './usage.ts';

/** How the warning begins. */
export const OTHER_WORK = 'OTHER WORK';
const WORTH_A_WARNING = 0.05;

export interface MachineLoad {
  /** Seconds of cores since the machine started. */
  readonly total: number;
  readonly idle: number;
  readonly server: number;
  /** Of a PostgreSQL server. */
  readonly database: number;
  readonly receivers: number;
  /** Processes of the bench that have ended: those that publish. */
  readonly publishers: number;
  readonly runner: number;
}

export function machineLoad(
  serverPids: number | readonly number[],
  receiverPids: readonly number[],
  databaseSeconds = 0,
): MachineLoad | null {
  const line = readOrNull('/proc/stat')?.split('\n', 1)[0];
  const self = readOrNull('/proc/self/stat');
  if (line === undefined || self === null) return null;
  // user, nice, system, idle, iowait, irq, softirq, steal; then those of guests, which are in user already.
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  // proc(5): after the name in brackets comes field 3; utime is 14, followed by stime, cutime, cstime.
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = self
    .slice(self.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number);
  return {
    total: ticks.reduce((sum, count) => sum + count, 0) / TICKS_PER_SECOND,
    idle: ((ticks[3] ?? 0) + (ticks[4] ?? 0)) / TICKS_PER_SECOND,
    server: secondsOf([serverPids].flat()),
    database: databaseSeconds,
    receivers: secondsOf(receiverPids),
    publishers: (endedUser + endedSystem) / TICKS_PER_SECOND,
    runner: (user + system) / TICKS_PER_SECOND,
  };
}

function secondsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + totalSeconds(cpuOf(pid)), 0);
}

/** Two lines at most: the shares of all cores, and a warning where others had much of them. */
export function describeMachineLoad(
  before: MachineLoad | null,
  after: MachineLoad | null,
): string[] {
  if (before === null || after === null) return [];
  const total = after.total - before.total;
  const share = (name: Exclude<keyof MachineLoad, 'total'>) => (after[name] - before[name]) / total;
  const parts = ['idle', 'server', 'database', 'receivers', 'publishers', 'runner'] as const;
  const known = parts.filter((name) => name !== 'database' || after.database > 0);
  const others = Math.max(0, 1 - known.reduce((sum, name) => sum + share(name), 0));
  const shares = known.map((name) => `${name} ${percent(share(name))}`).join(', ');
  const line = `of all cores: ${shares}, others ${percent(others)}`;
  if (others < WORTH_A_WARNING) return [line];
  return [line, `${OTHER_WORK} took ${percent(others)} of the machine meanwhile: measure again`];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
