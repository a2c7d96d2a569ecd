/**
 * `npm run simulate -- --seeds 1000000`: as many worlds as you like, on all cores. Prints how far it is, what went wrong
 * in the first few worlds where something did, with the command that plays each again, and how often each thing happened.
 *
 *   --seeds <n>   worlds (default 1000), of the seeds from `--from` (default 1) on
 *   --seed <n>    this world alone, with every row and request
 *   --find <what> something that is counted at the end: a world in which it happens is shown as one that is wrong
 *   --jobs <n>    threads (default: one for each core)
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

import { failureOf, run } from './run.ts';

const MAX_SHOWN = 20;
/** Seeds that a thread takes at a time. */
const SLICE = 50;
const BETWEEN_PROGRESS_MS = 10_000;

interface Slice {
  readonly from: number;
  readonly to: number;
  readonly find: string | null;
}

interface Played {
  readonly runs: number;
  readonly failed: readonly { readonly seed: number; readonly violations: readonly string[] }[];
  readonly seen: ReadonlyMap<string, number>;
}

if (isMainThread) await main();
else parentPort?.on('message', (slice: Slice) => void play(slice));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      find: { type: 'string' },
      jobs: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const whole = (name: string, text: string) => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < 1)
      throw new Error(`--${name} is to be a whole number from 1 on, not ${text}`);
    return number;
  };
  const find = values.find ?? null;
  if (values.seed !== undefined) await showOne(whole('seed', values.seed), find);
  else
    await simulate(
      whole('from', values.from),
      whole('seeds', values.seeds),
      whole('jobs', values.jobs),
      find,
    );
}

async function showOne(seed: number, find: string | null): Promise<void> {
  const { lines, violations } = await run(seed, true, find);
  console.log(lines.join('\n'));
  console.log(
    violations.length === 0 ? `seed ${seed}: nothing wrong` : `seed ${seed}: violations, see !!`,
  );
  process.exitCode = violations.length === 0 ? 0 : 1;
}

async function simulate(
  from: number,
  runs: number,
  jobs: number,
  find: string | null,
): Promise<void> {
  const startedMs = performance.now();
  const seen = new Map<string, number>();
  let next = from;
  let done = 0;
  let failed = 0;
  let toldMs = startedMs;
  const take = (): Slice | null => {
    if (next >= from + runs) return null;
    const slice = { from: next, to: Math.min(next + SLICE, from + runs), find };
    next = slice.to;
    return slice;
  };
  const note = (played: Played) => {
    done += played.runs;
    for (const [what, times] of played.seen) seen.set(what, (seen.get(what) ?? 0) + times);
    for (const each of played.failed) if (++failed <= MAX_SHOWN) console.log(failureOf(each, find));
    if (performance.now() - toldMs < BETWEEN_PROGRESS_MS) return;
    toldMs = performance.now();
    console.log(`${done} of ${runs} worlds, ${failed} with violations; ${perSecond()} a second`);
  };
  const perSecond = () => ((done * 1000) / (performance.now() - startedMs)).toFixed(0);
  await Promise.all(Array.from({ length: jobs }, () => worker(take, note)));
  for (const [what, times] of [...seen].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${String(times).padStart(9)}  ${what}`);
  console.log(
    `${done} worlds (seeds ${from} to ${from + runs - 1}), ${failed} with violations; ${perSecond()} a second`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}

/** A thread that plays slices as long as there are any. */
function worker(take: () => Slice | null, note: (played: Played) => void): Promise<void> {
  const thread = new Worker(new URL(import.meta.url));
  return new Promise((resolve, reject) => {
    const go = () => {
      const slice = take();
      if (slice === null) void thread.terminate().then(() => resolve());
      else thread.postMessage(slice);
    };
    thread.on('error', reject);
    thread.on('message', (played: Played) => {
      note(played);
      go();
    });
    go();
  });
}

async function play({ from, to, find }: Slice): Promise<void> {
  const seen = new Map<string, number>();
  const failed: Played['failed'][number][] = [];
  for (let seed = from; seed < to; seed++) {
    const result = await run(seed, false, find);
    for (const [what, times] of result.seen) seen.set(what, (seen.get(what) ?? 0) + times);
    const { violations } = result;
    if (violations.length > 0) failed.push({ seed, violations });
  }
  parentPort?.postMessage({ runs: to - from, failed, seen } satisfies Played);
}
