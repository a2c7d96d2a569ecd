/**
 * Whether a destination that hangs on every request slows another one of the same tenant down. Both get every event. In
 * each pair of runs the second destination answers in one and hangs in the other; the pairs are interleaved, each run on
 * a fresh server.
 */
import type { Bench, Scenario } from '../bench.ts';
import { freePort } from '../children.ts';
import type { FallbackReceiverOptions } from '../fallback-receiver.ts';
import { medianOf } from '../figures.ts';
import { OTHER_WORK } from '../machine-load.ts';
import { measureSteadily } from '../steady.ts';
import type { SteadyRun } from '../steady.ts';

const PAIRS = 5;
const HANGS_MS = 30_000;

export const isolation: Scenario = {
  name: 'isolation',
  about: 'the same beside a destination that hangs on every request, in interleaved pairs',
  async run(bench) {
    const pairs: { without: SteadyRun; beside: SteadyRun }[] = [];
    const count = bench.repetitions(PAIRS);
    for (let index = 0; index < count; index++) {
      const without = await measureSteadily(bench, `answers-${index}`, {
        url: `${bench.receiver.origin}/beside`,
        answers: true,
        pid: bench.receiver.pid,
      });
      pairs.push({ without, beside: await besideHanging(bench, `hangs-${index}`) });
    }
    const p99 = ({ latencyMs }: SteadyRun) => latencyMs.p99;
    const median = (of: (pair: (typeof pairs)[number]) => number) => medianOf(pairs.map(of));
    const row = (metric: string, measured: number) => ({
      metric,
      measured,
      unit: 'ms',
      bare: null,
    });
    return {
      rows: [
        {
          ...row(
            'p99, both answer',
            median((pair) => p99(pair.without)),
          ),
          target: null,
        },
        {
          ...row(
            'p99, the other one hangs',
            median((pair) => p99(pair.beside)),
          ),
          target: null,
        },
        {
          ...row(
            'the latter over 1.2 times the former + 2 ms',
            median(({ without, beside }) => p99(beside) - (1.2 * p99(without) + 2)),
          ),
          target: { atMost: 0 },
        },
      ],
      notes: [
        `medians of ${count} pairs; p99 ${pairs.map((pair) => `${p99(pair.without).toFixed(1)}:${p99(pair.beside).toFixed(1)}`).join(', ')} ms`,
        `much other work on this machine beside ${disturbed(pairs.flatMap(({ without, beside }) => [without, beside]))} of the ${2 * count} runs; the last of them:`,
        ...(pairs.at(-1)?.beside.notes ?? []),
      ],
      faults: pairs.flatMap(({ without, beside }) => without.faults.concat(beside.faults)),
    };
  },
};

function disturbed(runs: readonly SteadyRun[]): number {
  return runs.filter(({ notes }) => notes.some((note) => note.startsWith(OTHER_WORK))).length;
}

async function besideHanging(bench: Bench, database: string): Promise<SteadyRun> {
  const port = await freePort();
  const options: FallbackReceiverOptions = { port, delayMs: HANGS_MS };
  const hanging = bench.startPart('fallback-receiver.ts', options);
  await hanging.next();
  const run = await measureSteadily(bench, database, {
    url: `http://127.0.0.1:${port}/beside`,
    answers: false,
    pid: hanging.pid,
  });
  await hanging.end();
  return run;
}
