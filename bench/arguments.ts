/** The command line of `bench/run.ts`. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { BenchOptions, Scenario } from './bench.ts';
import { SCENARIOS } from './scenarios.ts';
import { PROGRAM } from './server.ts';

export const HELP = `npm run bench -- [OPTIONS] [SCENARIO...]

Measures Angarium against undici alone on this machine. Without names: all scenarios but the long ones.

  --list             the scenarios
  --long             the long ones too (many minutes, gigabytes of disk)
  --seconds N        how long one measurement lasts (10)
  --tenants N        tenants, each with one destination, that the events are spread over (1)
  --connections N    of the publisher of batches (4)
  --batch N          events a batch (500)
  --count N          instead of a scenario's own number of events (drain, waiting, store)
  --fallbacks        the repository's own receiver and publisher, also where nginx and wrk are installed
  --program FILE     bin/angarium.js of another checkout, to compare with
  --profile          keeps a .cpuprofile of each of the server's threads; node bench/profile.ts reads them
  --json FILE        writes the results there too
`;

export interface Arguments {
  readonly wish: 'help' | 'list' | 'run';
  readonly scenarios: readonly Scenario[];
  readonly options: BenchOptions;
  readonly jsonPath: string | null;
}

/** Throws where something is not understood. */
export function readArguments(args: string[]): Arguments {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      help: { type: 'boolean' },
      list: { type: 'boolean' },
      long: { type: 'boolean' },
      seconds: { type: 'string' },
      tenants: { type: 'string' },
      connections: { type: 'string' },
      batch: { type: 'string' },
      count: { type: 'string' },
      fallbacks: { type: 'boolean' },
      program: { type: 'string' },
      profile: { type: 'boolean' },
      json: { type: 'string' },
    },
  });
  return {
    wish: values.help === true ? 'help' : values.list === true ? 'list' : 'run',
    scenarios: chosen(positionals, values.long === true),
    options: {
      seconds: positive('seconds', values.seconds) ?? 10,
      tenants: positive('tenants', values.tenants) ?? 1,
      connections: positive('connections', values.connections) ?? 4,
      eventsPerBatch: positive('batch', values.batch) ?? 500,
      count: positive('count', values.count),
      withInstalled: values.fallbacks !== true,
      program: resolve(values.program ?? PROGRAM),
      profileFolder:
        values.profile === true ? mkdtempSync(join(tmpdir(), 'angarium-profiles-')) : null,
    },
    jsonPath: values.json ?? null,
  };
}

function chosen(names: readonly string[], withLong: boolean): Scenario[] {
  const unknown = names.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined)
    throw new Error(
      `there is no scenario ${unknown}: ${SCENARIOS.map(({ name }) => name).join(', ')}`,
    );
  return SCENARIOS.filter(({ name, isLong }) =>
    names.length === 0 ? withLong || isLong !== true : names.includes(name),
  );
}

function positive(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} wants a number above 0, not ${text}`);
  return value;
}
