/**
 * Measures Angarium as it is started and used, beside undici alone to the same receiver in the same run, and says which
 * targets are met. It is no test: missed targets are figures. Exit code 1 where a scenario did not run or lost an event.
 *
 *     npm run bench -- --help
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HELP, readArguments } from './arguments.ts';
import type { Arguments } from './arguments.ts';
import { Bench } from './bench.ts';
import type { Scenario, ScenarioResult } from './bench.ts';
import { describeMachine } from './machine.ts';
import { startReceiver } from './receiver.ts';
import { resultJson, table } from './report.ts';
import type { Finished } from './report.ts';
import { SCENARIOS } from './scenarios.ts';

const wanted = readOrExit();
switch (wanted.wish) {
  case 'help':
    console.log(HELP);
    break;
  case 'list':
    for (const { name, about, isLong } of SCENARIOS)
      console.log(`${name.padEnd(10)} ${about}${isLong === true ? ' (long)' : ''}`);
    break;
  case 'run':
    await run(wanted);
    // What is left open does not matter any more, and shall not hold up the end.
    process.exit();
}

function readOrExit(): Arguments {
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    process.exit(1);
  }
}

async function run({ scenarios, options, jsonPath }: Arguments): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'angarium-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const receiver = await startReceiver(folder, options.withInstalled);
  const machine = describeMachine(receiver.name, options.withInstalled, folder);
  console.log(machine.join('\n'));

  const finished: Finished[] = [];
  for (const scenario of scenarios) {
    const startMs = performance.now();
    console.log(`\n${scenario.name}: ${scenario.about}`);
    const place = join(folder, scenario.name);
    mkdirSync(place, { recursive: true });
    const result = await attempt(scenario, new Bench(scenario.name, place, receiver, options));
    rmSync(place, { recursive: true, force: true });
    const seconds = (performance.now() - startMs) / 1000;
    finished.push({ name: scenario.name, seconds, result });
    printNotes(seconds, result);
  }
  await receiver.end();

  console.log(`\n${table(finished)}`);
  if (options.profileFolder !== null)
    console.log(`\nprofiles: ${options.profileFolder} (node bench/profile.ts FILE)`);
  if (jsonPath !== null)
    writeFileSync(
      jsonPath,
      `${JSON.stringify({ machine, options, scenarios: finished.map(resultJson) }, null, 2)}\n`,
    );
  if (finished.some(({ result }) => result.faults.length > 0)) process.exitCode = 1;
}

/** A scenario that cannot run does not keep the others. */
async function attempt(scenario: Scenario, bench: Bench): Promise<ScenarioResult> {
  try {
    return await scenario.run(bench);
  } catch (error) {
    const fault = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { rows: [], notes: [], faults: [`did not run: ${fault}`] };
  } finally {
    await bench.end();
  }
}

function printNotes(seconds: number, { notes, faults }: ScenarioResult): void {
  for (const note of notes) console.log(`  ${note}`);
  for (const fault of faults) console.log(`  FAULT: ${fault}`);
  console.log(`  (${seconds.toFixed(0)} s)`);
}
