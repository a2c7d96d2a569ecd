/**
 * `npm run chaos`: three nodes, one PostgreSQL, and trouble of every kind; exit code 1 where anything was lost, invented,
 * sent twice without a reason, out of order, stuck, or counted wrong.
 *
 *   --minutes <n>  of load and faults (default 10)
 *   --seed <n>     the same faults at the same times (default: another one each time)
 *   --rate <n>     events a second (default 100), each to two destinations
 *   --faults <..>   only those: freeze,clock,silence,half-close,delay,fill,restart,cut,kill
 *   --keep         what was seen and the logs are kept also where nothing is wrong
 */
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.ts';
import { KINDS } from './plan.ts';
import { linesOf } from './report.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    rate: { type: 'string', default: '100' },
    faults: { type: 'string', default: KINDS.join() },
    keep: { type: 'boolean', default: false },
  },
});
const seed = positive('seed', values.seed);
const seconds = positive('minutes', values.minutes) * 60;
const rate = positive('rate', values.rate);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
console.log(`seed ${seed}`);
const named = values.faults.split(',');
const kinds = KINDS.filter((kind) => named.includes(kind));
const say = (line: string) => console.log(line);
const report = await runChaos({ seed, seconds, rate, say, kinds, keeps: values.keep });
for (const line of linesOf(report)) console.log(line);
if (report.violations.length > 0)
  console.log(`again: npm run chaos -- --seed ${seed} --minutes ${values.minutes} --rate ${rate}`);
process.exit(report.violations.length === 0 ? 0 : 1);

function positive(name: string, text: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  throw new Error(`--${name} is to be a number above 0, not ${text}`);
}
