/** What was measured on, and with. */
import { closeSync, fdatasyncSync, openSync, statfsSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { medianOf } from './figures.ts';
import { singleLoadName } from './load.ts';

/** statfs(2): in memory, where a flush costs nothing and nothing is durable. */
const TMPFS_MAGIC = 0x0102_1994;
const FLUSHES = 50;

/** `folder` is where the databases will be. */
export function describeMachine(
  receiverName: string,
  withInstalled: boolean,
  folder: string,
): string[] {
  const model = cpus()[0]?.model ?? 'unknown CPU';
  const lines = [
    `${availableParallelism()} cores (${model}), ${(totalmem() / 1024 ** 3).toFixed(0)} GiB, ${type()} ${release()}, Node ${process.version}`,
    `receiver: ${receiverName}; single publishes: ${singleLoadName(withInstalled)}; all on this machine, 512-byte events`,
    `databases in ${folder}, where a flush of 4 KiB to the disk takes ${flushMs(folder).toFixed(2)} ms`,
  ];
  if (statfsSync(folder).type !== TMPFS_MAGIC) return lines;
  return [
    ...lines,
    'THAT IS MEMORY: set TMPDIR to a folder on a disk, or the figures are not of durable events',
  ];
}

function flushMs(folder: string): number {
  const file = openSync(join(folder, 'flush'), 'w');
  const page = Buffer.alloc(4096, 1);
  const times = Array.from({ length: FLUSHES }, () => {
    const startMs = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    return performance.now() - startMs;
  });
  closeSync(file);
  return medianOf(times);
}
