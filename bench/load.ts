/** Who publishes: wrk for single events where it is installed, else the repository's own parts, in processes of their own. */
import { fileURLToPath } from 'node:url';
import { outputOf, runPart } from './children.ts';
import { publishBody } from './event.ts';
import { findProgram } from './installed.ts';
import type { BatchLoad, BatchLoadResult } from './publish-batches.ts';

const WRK_SCRIPT = fileURLToPath(new URL('publish-single.lua', import.meta.url));

export interface SingleLoad {
  readonly origin: string;
  readonly headers: Record<string, string>;
  readonly tenantIds: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

export interface SingleLoadResult {
  readonly accepted: number;
  readonly refused: number;
  readonly seconds: number;
  /** From a request to its answer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function singleLoadName(withWrk: boolean): string {
  return withWrk && findProgram('wrk') !== null ? 'wrk' : 'a publisher in Node (wrk is not used)';
}

/** What is under way when the time is over is cut off by wrk, so more may be stored than was seen accepted. */
export async function publishSingle(load: SingleLoad, withWrk: boolean): Promise<SingleLoadResult> {
  const wrk = withWrk ? findProgram('wrk') : null;
  if (wrk === null) return await runPart<SingleLoadResult>('publish-single.ts', load);
  const output = await outputOf(wrk, [
    '--threads=1',
    `--connections=${load.connections}`,
    `--duration=${Math.max(1, Math.round(load.seconds))}s`,
    '--timeout=30s',
    `--script=${WRK_SCRIPT}`,
    `${load.origin}/api/v1/publish`,
    '--',
    load.headers['authorization'] ?? '',
    ...load.tenantIds.map((id) => publishBody(id)),
  ]);
  const found = /^RESULT (.*)$/m.exec(output)?.[1];
  if (found === undefined) throw new Error(`wrk said:\n${output}`);
  const { requests, broken, ...result } = JSON.parse(found) as SingleLoadResult & {
    requests: number;
    broken: number;
  };
  const refused = result.refused + broken;
  return { ...result, accepted: requests - result.refused, refused };
}

export async function publishBatches(load: BatchLoad): Promise<BatchLoadResult> {
  return await runPart<BatchLoadResult>('publish-batches.ts', load);
}
