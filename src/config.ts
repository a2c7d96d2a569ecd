/**
 * The configuration of the server: flags, then the environment, then the file, then the defaults; the first that gives
 * an option counts, and only that is looked at. All that is wrong is said at once.
 *
 * config-options.ts declares the options; this is the only file that reads the environment.
 */
import { BlockList, isIP } from 'node:net';
import { parseConfigFile } from './config-file.ts';
import type { GivenFile, GivenNode } from './config-file.ts';
import { readFlags, readVariables } from './config-given.ts';
import type { Environment, GivenText, Source } from './config-given.ts';
import { Place } from './config-node.ts';
import type { ConfigNode } from './config-node.ts';
import {
  declarationOf,
  fileName,
  OPTION_KEYS,
  OUTBOX,
  PROFILES,
  variableName,
} from './config-options.ts';
import type { DefaultContext, Option } from './config-option.ts';
import type { Config, OptionKey } from './config-options.ts';
import { allOutboxes, readOutboxes } from './config-outbox.ts';
import type { DefinedOutbox } from './config-outbox.ts';
import { readProfiles } from './config-profiles.ts';
import type { CheckExpression, DefinedProfile } from './config-profiles.ts';
import { suggestion } from './config-suggestion.ts';
import { formatBytes, ROLES, shown } from './config-values.ts';
import type { Parsed } from './config-values.ts';
import type { Profile } from './domain/profile.ts';
import { longestMs } from './domain/retry-schedule.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const EMPTY = 'it is empty: write a value, or take it out for the default';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

export interface ConfigInput {
  readonly env: Environment;
  /** The command line without the words of the command. */
  readonly argv: readonly string[];
  /** Reads a text file; rejects where it cannot. */
  readonly readFile: (path: string) => Promise<string>;
  /** Those built in, the plainest first; the file may define others. */
  readonly profiles: readonly Profile[];
  /** Of payloads that the file's profiles make by expressions. */
  readonly checkExpression: CheckExpression;
}

export type Sources = Readonly<Record<OptionKey, Source>>;

export type LoadedConfig =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly sources: Sources;
      /** Those that the file defines. */
      readonly defined: readonly DefinedProfile[];
      /** Those of the file and of `outboxUrl`. */
      readonly outboxes: readonly DefinedOutbox[];
    }
  /** A line each: the option as it was given, what is wrong, what is right. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** The environment of this process. */
export function readEnvironment(): Environment {
  return process.env;
}

/** Reads, parses and checks every option. It does not throw for anything that the operator wrote. */
export async function loadConfig(input: ConfigInput): Promise<LoadedConfig> {
  const flags = readFlags(input.argv);
  const variables = readVariables(input.env);
  const file = await readConfigFile(flags.configFile ?? variables.configFile, input.readFile);
  const problems = [...flags.problems, ...variables.problems, ...file.problems];
  // The later ones win.
  const given = new Map([...file.options, ...variables.options, ...flags.options]);

  const values: Partial<Record<OptionKey, unknown>> = {};
  const sources: Partial<Record<OptionKey, Source>> = {};
  for (const key of OPTION_KEYS) {
    const option = declarationOf(key);
    const found = given.get(key);
    const source = found?.source ?? { from: 'default', spelling: `${fileName(key)} (default)` };
    sources[key] = source;
    if (found === undefined && option.defaultValue !== undefined) continue;
    const parsed = parseText(option, found?.text ?? option.default);
    if (parsed.ok) values[key] = parsed.value;
    else problems.push(...parsed.errors.map((error) => `${source.spelling}: ${error}`));
  }

  const defined = nodeOf(file.profiles, PROFILES.name, problems, (node, place) =>
    readProfiles(node, place, input.profiles, input.checkExpression),
  );
  const profiles = [...input.profiles, ...defined.map(({ profile }) => profile)];
  const known = values as Partial<Config>;
  const everySource = sources as Sources;
  problems.push(...checkTogether(known, everySource, profiles));
  const outboxes = allOutboxes(
    nodeOf(file.outbox, OUTBOX.name, problems, readOutboxes),
    known.outboxUrl ?? [],
    everySource.outboxUrl.spelling,
    problems,
  );
  const { host, port } = known;
  if (problems.length > 0 || host === undefined || port === undefined)
    return { ok: false, problems };

  const behindOthers = given.has('publicUrl') || given.has('trustProxy');
  const context: DefaultContext = { host, port, onTrial: isLoopback(host) && !behindOthers };
  for (const key of OPTION_KEYS) {
    if (!(key in values)) values[key] = declarationOf(key).defaultValue?.(context);
  }
  return { ok: true, config: values as Config, sources: everySource, defined, outboxes };
}

/** A value left empty by mistake is no decision, whatever the option. */
function parseText(option: Option<unknown>, text: string): Parsed<unknown> {
  return text.trim() === '' ? { ok: false, errors: [EMPTY] } : option.parse(text);
}

async function readConfigFile(
  file: GivenText | undefined,
  readFile: ConfigInput['readFile'],
): Promise<GivenFile> {
  const problem = (what: string): GivenFile => ({ options: new Map(), problems: [what] });
  if (file === undefined) return { options: new Map(), problems: [] };
  const { text: path, source } = file;
  if (path.trim() === '') return problem(`${source.spelling}: ${EMPTY}`);
  let content;
  try {
    content = await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return problem(
      `${source.spelling}: ${shown(path)} cannot be read (${reason}): name a YAML file`,
    );
  }
  return parseConfigFile(content, path);
}

/** What only the file can hold: nothing where it is not there. */
function nodeOf<Item>(
  given: GivenNode | undefined,
  name: string,
  problems: string[],
  read: (node: ConfigNode, place: Place) => Item[],
): Item[] {
  if (given === undefined) return [];
  return read(given.node, new Place(given.file, given.node.line, name, problems));
}

/** Several nodes share the database: what is kept beside an SQLite file has to be given to each of them. */
function checkForPostgres(
  { databaseUrl, databaseMaxBytes, roles = ROLES, ...config }: Partial<Config>,
  sources: Sources,
) {
  if (databaseUrl?.engine !== 'postgres') {
    const problems = (['databaseDirectUrl', 'databaseReadUrl'] as const)
      .filter((key) => typeof config[key] === 'string')
      .map(
        (key) =>
          `${sources[key].spelling}: it is another way to a PostgreSQL database: take it out where that is SQLite`,
      );
    if (roles.length < ROLES.length)
      problems.push(
        `${sources.roles.spelling}: nodes share a PostgreSQL database: with SQLite one does all`,
      );
    return problems;
  }
  const problems = (['apiKey', 'encryptionKey'] as const)
    .filter((key) => sources[key].from === 'default')
    .map(
      (key) =>
        `${variableName(fileName(key))}: it has to be given where the database is PostgreSQL`,
    );
  if (typeof databaseMaxBytes === 'number')
    problems.push(
      `${sources.databaseMaxBytes.spelling}: it bounds an SQLite file: take it out where the database is PostgreSQL`,
    );
  return problems;
}

/** What concerns more than one option, or what only the caller knows. */
function checkTogether(
  config: Partial<Config>,
  sources: Sources,
  profiles: readonly Profile[],
): string[] {
  const { profile, retentionDays, maxPayloadBytes, maxBatchBytes } = config;
  const problems = checkForPostgres(config, sources);
  const names = profiles.map(({ name }) => name);
  if (profile !== undefined && !names.includes(profile)) {
    const advice = suggestion(profile, names, `write one of ${names.join(', ')}`);
    problems.push(`${sources.profile.spelling}: there is no profile ${shown(profile)}: ${advice}`);
  }
  const [longest] = profiles
    .map(({ name, retry }) => ({ name, ms: longestMs(retry) }))
    .sort((a, b) => b.ms - a.ms);
  if (longest && retentionDays !== undefined && retentionDays * DAY_MS < longest.ms) {
    const days = Math.ceil(longest.ms / DAY_MS);
    problems.push(
      `${sources.retentionDays.spelling}: ${retentionDays} is shorter than the retry schedule of the profile ${longest.name}, which takes ${inDays(longest.ms)}: write ${days} or more`,
    );
  }
  if (maxPayloadBytes !== undefined && maxBatchBytes !== undefined) {
    if (maxPayloadBytes > maxBatchBytes) {
      problems.push(
        `${sources.maxBatchBytes.spelling}: ${formatBytes(maxBatchBytes)} is less than max_payload_bytes: write ${formatBytes(maxPayloadBytes)} or more`,
      );
    }
  }
  return problems;
}

/** Rounded up to a tenth, so that it never looks shorter than it is. */
function inDays(ms: number): string {
  return `${Math.ceil((ms / DAY_MS) * 10) / 10} days`;
}

function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return /^localhost\.?$/i.test(host);
  return LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4');
}
