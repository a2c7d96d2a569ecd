/** The command line: which command, and the flags that are left for it. Nothing here prints or exits. */
import { parseArgs } from 'node:util';
import { FLAGS } from '../config-given.ts';
import { suggestion } from '../config-suggestion.ts';
import { shown } from '../config-values.ts';

/** Bad options and unknown commands. */
export const EXIT_USAGE = 2;
/** What was asked for could not be done. */
export const EXIT_FAILED = 1;

export type Command =
  /** `flags`: the command line without the words of the command, for `loadConfig`. */
  | { readonly kind: 'serve' | 'config_check' | 'verify'; readonly flags: readonly string[] }
  /** `args`: what follows the words of the command. */
  | {
      readonly kind: 'keys_create' | 'keys_list' | 'keys_revoke' | 'keys_reencrypt';
      readonly args: readonly string[];
    }
  | { readonly kind: 'topics_import' | 'topics_export'; readonly args: readonly string[] }
  | { readonly kind: 'outbox_install' | 'outbox_uninstall'; readonly args: readonly string[] }
  | { readonly kind: 'migrate_data' | 'migrate_citus'; readonly args: readonly string[] }
  /** `null`: the program as a whole. */
  | { readonly kind: 'help'; readonly topic: CommandName | null }
  | { readonly kind: 'version' }
  /** To be printed to the standard error, then exit with `exitCode`. */
  | { readonly kind: 'usage_error'; readonly message: string; readonly exitCode: number };

export type CommandName = (typeof COMMANDS)[number]['name'];

/** `name` is the words of the command as they are typed. */
export const COMMANDS = [
  { name: 'serve', summary: 'Start the server.' },
  {
    name: 'config check',
    summary:
      'Show every option with its value and where that came from; exit with 2 if one is bad.',
  },
  { name: 'verify', summary: 'Check the signature of a captured request, and say what is wrong.' },
  { name: 'keys create', summary: 'Make a key of the operator on a running server.' },
  { name: 'keys list', summary: 'List the operator’s keys of a running server.' },
  { name: 'keys revoke', summary: 'Revoke keys of the operator on a running server, at once.' },
  {
    name: 'keys reencrypt',
    summary: 'Move all stored secrets to the first encryption key, while the server runs.',
  },
  {
    name: 'topics import',
    summary: 'Put topics into the catalogue of a running server: OpenAPI, JSON Schema, YAML.',
  },
  {
    name: 'topics export',
    summary:
      'Write the catalogue of a running server as JSON Schema, OpenAPI, AsyncAPI, TypeScript.',
  },
  {
    name: 'outbox install',
    summary: 'Make an outbox in your application’s PostgreSQL, or bring it up to date.',
  },
  { name: 'outbox uninstall', summary: 'Take the outbox out of your application’s PostgreSQL.' },
  {
    name: 'migrate data',
    summary: 'Copy everything from an SQLite file to an empty PostgreSQL database.',
  },
  {
    name: 'migrate citus',
    summary: 'Distribute the tables of a PostgreSQL database over a Citus cluster, by tenant.',
  },
  { name: 'help', summary: 'Explain a command: angarium help serve.' },
  { name: 'version', summary: 'Show the version.' },
] as const;

/**
 * Parses what follows `angarium`. `--help` and `--version` count anywhere before a `--`; flags may stand before the
 * command. Whether the flags are good, `loadConfig` says.
 */
export function parseArguments(argv: readonly string[]): Command {
  const { tokens } = parseArgs({
    args: [...argv],
    options: {
      ...FLAGS,
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
    strict: false,
    tokens: true,
  });
  const end = tokens.find(({ kind }) => kind === 'option-terminator')?.index ?? argv.length;
  const words = tokens.filter((token) => token.kind === 'positional' && token.index < end);
  const asked = (name: string) =>
    tokens.some((token) => token.kind === 'option' && token.name === name);

  const texts = words.map(({ index }) => argv[index] ?? '');
  const found = findCommand(texts);
  if (asked('version')) return { kind: 'version' };
  if (asked('help') || argv.length === 0) {
    return found === undefined && texts.length > 0
      ? unknownCommand(texts)
      : { kind: 'help', topic: found ?? null };
  }
  switch (found) {
    case 'serve':
    case 'config check':
    case 'verify':
    case 'topics import':
    case 'topics export':
    case 'keys create':
    case 'keys list':
    case 'keys revoke':
    case 'keys reencrypt':
    case 'outbox install':
    case 'outbox uninstall':
    case 'migrate data':
    case 'migrate citus': {
      const own = new Set(words.slice(0, found.split(' ').length).map(({ index }) => index));
      return withRest(
        found,
        argv.filter((_, index) => !own.has(index)),
      );
    }
    case 'help': {
      const [, ...about] = texts;
      const topic = findCommand(about);
      if (topic === undefined && about.length > 0) return unknownCommand(about);
      return { kind: 'help', topic: topic ?? null };
    }
    case 'version':
      return { kind: 'version' };
    case undefined:
      return unknownCommand(texts);
  }
}

function withRest(
  name: Exclude<CommandName, 'help' | 'version'>,
  rest: readonly string[],
): Command {
  switch (name) {
    case 'serve':
      return { kind: 'serve', flags: rest };
    case 'config check':
      return { kind: 'config_check', flags: rest };
    case 'verify':
      return { kind: 'verify', flags: rest };
    case 'topics import':
      return { kind: 'topics_import', args: rest };
    case 'topics export':
      return { kind: 'topics_export', args: rest };
    case 'keys create':
      return { kind: 'keys_create', args: rest };
    case 'keys list':
      return { kind: 'keys_list', args: rest };
    case 'keys revoke':
      return { kind: 'keys_revoke', args: rest };
    case 'keys reencrypt':
      return { kind: 'keys_reencrypt', args: rest };
    case 'outbox install':
      return { kind: 'outbox_install', args: rest };
    case 'outbox uninstall':
      return { kind: 'outbox_uninstall', args: rest };
    case 'migrate data':
      return { kind: 'migrate_data', args: rest };
    case 'migrate citus':
      return { kind: 'migrate_citus', args: rest };
  }
}

/** The command whose words come first. */
function findCommand(words: readonly string[]): CommandName | undefined {
  return COMMANDS.find(({ name }) => {
    const own = name.split(' ');
    return own.every((word, index) => words[index] === word);
  })?.name;
}

function unknownCommand(words: readonly string[]): Command {
  const error = (message: string): Command => ({
    kind: 'usage_error',
    message: `angarium: ${message}`,
    exitCode: EXIT_USAGE,
  });
  const [first] = words;
  if (first === undefined)
    return error('no command is given: write angarium serve, or angarium --help for the others');
  const begun = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  if (begun.length > 0) {
    const names = begun.map(({ name }) => `angarium ${name}`).join(', ');
    const [, second] = words;
    return second === undefined
      ? error(`${shown(first)} is not a whole command: write ${names}`)
      : error(`there is no command ${shown(`${first} ${second}`)}: write ${names}`);
  }
  const advice = suggestion(
    first,
    COMMANDS.map(({ name }) => name),
    'angarium --help lists them',
    (name) => `angarium ${name}`,
  );
  return error(`there is no command ${shown(first)}: ${advice}`);
}
