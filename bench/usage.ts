/** What a process uses, read from /proc (Linux): memory, and CPU by thread. Elsewhere nothing is known. */
import { readdirSync, readFileSync } from 'node:fs';

const MIB = 1024 * 1024;
/** The kernel's tick, in which /proc/stat and others count (USER_HZ). */
export const TICKS_PER_SECOND = 100;

export interface Memory {
  readonly rssMib: number;
  /** The most that it ever was. */
  readonly peakMib: number;
}

/** CPU seconds by thread; what V8 and libuv run beside them is `other`. */
export type CpuSeconds = Readonly<Record<ThreadName, number>>;
export type ThreadName = 'main' | 'writer' | 'reader' | 'other';

const THREADS: readonly ThreadName[] = ['main', 'writer', 'reader', 'other'];

export function memoryOf(pid: number): Memory | null {
  const status = readOrNull(`/proc/${pid}/status`);
  if (status === null) return null;
  const kib = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN);
  return { rssMib: (kib('VmRSS') * 1024) / MIB, peakMib: (kib('VmHWM') * 1024) / MIB };
}

export function cpuOf(pid: number): CpuSeconds {
  const seconds = { main: 0, writer: 0, reader: 0, other: 0 };
  for (const thread of threadsOf(pid)) {
    const folder = `/proc/${pid}/task/${thread}`;
    const name = thread === String(pid) ? 'main' : readOrNull(`${folder}/comm`)?.trim();
    // Nanoseconds on a core, waiting for one, and turns.
    const nanoseconds = Number(readOrNull(`${folder}/schedstat`)?.split(' ', 1)[0] ?? 0);
    seconds[THREADS.find((known) => known === name) ?? 'other'] += nanoseconds / 1e9;
  }
  return seconds;
}

export function cpuBetween(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  const between = { main: 0, writer: 0, reader: 0, other: 0 };
  for (const thread of THREADS) between[thread] = Math.max(0, after[thread] - before[thread]);
  return between;
}

export function cpuSum(each: readonly CpuSeconds[]): CpuSeconds {
  const sum = { main: 0, writer: 0, reader: 0, other: 0 };
  for (const cpu of each) for (const thread of THREADS) sum[thread] += cpu[thread];
  return sum;
}

export function totalSeconds(cpu: CpuSeconds): number {
  return THREADS.reduce((sum, thread) => sum + cpu[thread], 0);
}

/** `62 us (main 38, writer 22, reader 0, other 2)`, for each of `count`. */
export function describeCpuPerItem(cpu: CpuSeconds, count: number): string {
  const microseconds = (seconds: number) => ((seconds * 1e6) / Math.max(1, count)).toFixed(1);
  const parts = THREADS.map((thread) => `${thread} ${microseconds(cpu[thread])}`);
  return `${microseconds(totalSeconds(cpu))} us (${parts.join(', ')})`;
}

/** `main 84 %, writer 61 %, ...` of a core. */
export function describeShares(cpu: CpuSeconds, seconds: number): string {
  return THREADS.map((thread) => `${thread} ${((100 * cpu[thread]) / seconds).toFixed(0)} %`).join(
    ', ',
  );
}

/** Of a process and its children, also those that have ended: processes of one thread each. */
export function cpuOfFamily(pid: number): number {
  // proc(5): after the name in brackets comes field 3; cutime and cstime are 16 and 17.
  const stat = readOrNull(`/proc/${pid}/stat`) ?? '';
  const [ended = 0, endedSystem = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(13, 15)
    .map(Number);
  const children = (readOrNull(`/proc/${pid}/task/${pid}/children`) ?? '').trim().split(' ');
  const living = [String(pid), ...children].reduce(
    (sum, each) => sum + Number(readOrNull(`/proc/${each}/schedstat`)?.split(' ', 1)[0] ?? 0),
    0,
  );
  return living / 1e9 + (ended + endedSystem) / TICKS_PER_SECOND;
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

export function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
