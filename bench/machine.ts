/** What was measured on, and with. */
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { singleLoadName } from './load.ts';

export function describeMachine(receiverName: string, withInstalled: boolean): string[] {
  const model = cpus()[0]?.model ?? 'unknown CPU';
  return [
    `${availableParallelism()} cores (${model}), ${(totalmem() / 1024 ** 3).toFixed(0)} GiB, ${type()} ${release()}, Node ${process.version}`,
    `receiver: ${receiverName}; single publishes: ${singleLoadName(withInstalled)}; all on this machine, 512-byte events`,
  ];
}
