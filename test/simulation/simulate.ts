/**
 * `npm run simulate [-- <runs> [<first seed>]]`: as many worlds as you like; prints what went wrong in the first few that
 * did, and how often each thing happened. `npm run simulate -- seed <n>` runs one world and prints all of it.
 */
import { run } from './run.ts';

const MAX_SHOWN = 5;

const [first = '1000', second = '1'] = process.argv.slice(2);
if (first === 'seed') await showOne(Number(second));
else await simulate(Number(first), Number(second));

async function showOne(seed: number): Promise<void> {
  const { lines, violations } = await run(seed, true);
  console.log(lines.join('\n'));
  process.exitCode = violations.length === 0 ? 0 : 1;
}

async function simulate(runs: number, from: number): Promise<void> {
  const startedMs = performance.now();
  const seen = new Map<string, number>();
  let failed = 0;
  for (let seed = from; seed < from + runs; seed++) {
    const result = await run(seed);
    for (const [what, times] of result.seen) seen.set(what, (seen.get(what) ?? 0) + times);
    if (result.violations.length === 0) continue;
    failed++;
    if (failed <= MAX_SHOWN) console.log(`seed ${seed}: ${result.violations.join('\n  ')}`);
  }
  const perS = (runs * 1000) / (performance.now() - startedMs);
  for (const [what, times] of [...seen].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${String(times).padStart(9)}  ${what}`);
  console.log(`${runs} worlds, ${failed} with violations; ${perS.toFixed(0)} a second`);
  process.exitCode = failed === 0 ? 0 : 1;
}
