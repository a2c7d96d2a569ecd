/** What the operator wrote on the command line and in the environment, by option, not yet parsed. */
import { parseArgs } from 'node:util';
import type { ParseArgsOptionsConfig } from 'node:util';
import { CONFIG_FILE, fileName, flagName, OPTION_KEYS, variableName } from './config-options.ts';
import type { OptionKey } from './config-options.ts';
import { suggestion } from './config-suggestion.ts';
import { shown } from './config-values.ts';

/** Where a value came from. */
export interface Source {
  readonly from: 'flag' | 'env' | 'file' | 'default';
  /** As the operator wrote it: `--port`, `ANGARIUM_PORT`, `angarium.yaml:3: port`; `port (default)`. */
  readonly spelling: string;
}

export interface GivenText {
  readonly text: string;
  readonly source: Source;
}

export interface Given {
  readonly options: ReadonlyMap<OptionKey, GivenText>;
  /** Where the configuration file is. */
  readonly configFile?: GivenText | undefined;
  /** A line each. */
  readonly problems: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

type Slot = OptionKey | 'configFile';

const SLOT_OF_NAME = new Map<string, Slot>([
  [CONFIG_FILE.name, 'configFile'],
  ...OPTION_KEYS.map((key): [string, OptionKey] => [fileName(key), key]),
]);
const SLOT_OF_FLAG = new Map(
  [...SLOT_OF_NAME].map(([name, slot]) => [flagName(name).slice(2), slot]),
);
const SLOT_OF_VARIABLE = new Map(
  [...SLOT_OF_NAME].map(([name, slot]) => [variableName(name), slot]),
);

const PREFIX = 'ANGARIUM_';
/** For the commands that call a running server (cli/api-client.ts): one environment may be that of both. */
const OF_CLIENTS = new Set(['ANGARIUM_URL']);

/** Kubernetes puts such variables into every pod of a namespace that has a service called "angarium". */
const SERVICE_LINK = /^ANGARIUM_(?:SERVICE_(?:HOST|PORT)|PORT_\d+_(?:TCP|UDP|SCTP))(?:_|$)/;

/** The flags, for `parseArgs`: all of them take a value. */
export const FLAGS: ParseArgsOptionsConfig = Object.fromEntries(
  [...SLOT_OF_FLAG.keys()].map((flag) => [flag, { type: 'string' }]),
);

/** Reads `--port 8080` and `--port=8080`. */
export function readFlags(argv: readonly string[]): Given {
  const given = new Map<Slot, GivenText>();
  const problems: string[] = [];
  let unknownAt: number | undefined;
  const { tokens } = parseArgs({
    args: [...argv],
    options: FLAGS,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      // What follows an unknown flag was meant as its value.
      if (token.index - 1 !== unknownAt)
        problems.push(`${shown(token.value)}: an option begins with --: take this word out`);
      continue;
    }
    const { rawName, value } = token;
    const slot = rawName.startsWith('--') ? SLOT_OF_FLAG.get(token.name) : undefined;
    if (slot === undefined) {
      const advice = suggestion(
        token.name,
        SLOT_OF_FLAG.keys(),
        'angarium serve --help lists the options',
        (flag) => `--${flag}`,
      );
      problems.push(`${rawName}: there is no such option: ${advice}`);
      unknownAt = token.inlineValue === true ? undefined : token.index;
    } else if (value === undefined || (!token.inlineValue && value.startsWith('-'))) {
      problems.push(
        `${rawName}: it has no value: write ${rawName} VALUE (${rawName}=VALUE where it begins with -)`,
      );
    } else if (given.has(slot)) {
      problems.push(`${rawName}: it is given twice: take one of them out`);
    } else {
      given.set(slot, { text: value, source: { from: 'flag', spelling: rawName } });
    }
  }
  return split(given, problems);
}

/** Reads the variables that begin with `ANGARIUM_`, and refuses those that are none of ours. */
export function readVariables(env: Environment): Given {
  const given = new Map<Slot, GivenText>();
  const problems: string[] = [];
  const serviceLinks: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !variable.startsWith(PREFIX) || OF_CLIENTS.has(variable)) continue;
    const slot = SLOT_OF_VARIABLE.get(variable);
    if (slot !== undefined) {
      given.set(slot, { text, source: { from: 'env', spelling: variable } });
    } else if (SERVICE_LINK.test(variable)) {
      serviceLinks.push(variable);
    } else {
      const advice = suggestion(
        variable.slice(PREFIX.length),
        SLOT_OF_NAME.keys(),
        'take it out; angarium serve --help lists the options',
        variableName,
      );
      problems.push(`${variable}: there is no such option: ${advice}`);
    }
  }
  const [serviceLink] = serviceLinks;
  if (serviceLink !== undefined) {
    problems.push(
      `${serviceLink}: Kubernetes sets it, and others such as ANGARIUM_PORT, for a service called "angarium": set enableServiceLinks: false in the pod`,
    );
  }
  return split(given, problems);
}

function split(given: ReadonlyMap<Slot, GivenText>, problems: readonly string[]): Given {
  const options = new Map<OptionKey, GivenText>();
  for (const [slot, text] of given) if (slot !== 'configFile') options.set(slot, text);
  return { options, configFile: given.get('configFile'), problems };
}
