/** What `--help` prints: made from the declarations of commands and options. */
import {
  CONFIG_FILE,
  declarationOf,
  fileName,
  flagName,
  OPTION_KEYS,
  variableName,
} from '../config-options.ts';
import { OPTION_GROUPS } from '../config-option.ts';
import type { OptionGroup } from '../config-option.ts';
import { COMMANDS } from './arguments.ts';
import type { CommandName } from './arguments.ts';
import { VERIFY_FLAGS } from './verify-flags.ts';

const COLUMNS = 96;

type Flag = readonly [name: string, description: string];

const OUTBOX_FLAGS: readonly Flag[] = [
  [
    '--url URL',
    'postgres://USER:PASSWORD@HOST:PORT/DATABASE; without it, that of ANGARIUM_OUTBOX_URL, which other users of the machine cannot read.',
  ],
  ['--schema NAME', 'Where it is made; the schema too, where there is none. [default: angarium]'],
];

/** The help of one command, or with `null` of the program; it ends in a newline. */
export function helpText(topic: CommandName | null): string {
  switch (topic) {
    case 'serve':
      return commandHelp(topic, [
        'Starts the server. Stop it with SIGTERM or Ctrl-C: it finishes what is under way, and loses nothing that it accepted.',
      ]);
    case 'config check':
      return commandHelp(topic, [
        'Shows every option with its value and where that came from, secrets masked, and starts nothing. If options are bad, it says all that is wrong, and exits with 2.',
      ]);
    case 'verify':
      return verifyHelp();
    case 'keys create':
      return clientHelp(
        'keys create',
        ['Makes a key of the operator on a running server, and shows its token: only now.'],
        [
          ['--name NAME', 'What it is for, for people.'],
          ['--scope SCOPE', 'admin: everything; publish: publishing alone; read: reading alone.'],
          ['--expires-at TIME', 'RFC 3339, such as 2027-01-01T00:00:00Z; without it, never.'],
        ],
      );
    case 'keys list':
      return clientHelp(
        'keys list',
        ['Lists the operator’s keys of a running server, expired and revoked ones too.'],
        [],
      );
    case 'keys revoke':
      return clientHelp(
        'keys revoke ID...',
        ['Revokes keys of the operator: when it ends, they open nothing any more.'],
        [],
      );
    case 'keys reencrypt':
      return clientHelp(
        'keys reencrypt',
        [
          'Moves all stored secrets to the first key of ANGARIUM_ENCRYPTION_KEY, through a running server, which goes on delivering. It can be stopped and run again at any time. Exits with 0 where all are under that key, with 1 where some are not.',
        ],
        [],
      );
    case 'topics import':
      return clientHelp(
        'topics import FILE...',
        [
          'Puts the topics of the files into the catalogue of a running server, all of them or none: OpenAPI 3.1 documents with webhooks, JSON Schemas (the file is named after the topic, room.created.json), or catalogues as in ANGARIUM_TOPICS_FILE. JSON or YAML.',
        ],
        [
          ['--dry-run', 'Only says what it would do.'],
          [
            '--data-pointer POINTER',
            'Where in the bodies of webhooks the data are, such as /data; the whole body by default.',
          ],
          [
            '--enforcement WHAT',
            'off, warn or reject, for all that is imported from OpenAPI or JSON Schema.',
          ],
        ],
      );
    case 'topics export':
      return clientHelp(
        'topics export',
        ['Writes the catalogue of a running server.'],
        [
          ['--format FORMAT', 'json-schema (default), openapi, asyncapi or typescript.'],
          [
            '--profile NAME',
            'Whose bodies OpenAPI and AsyncAPI describe; the server’s default profile without it.',
          ],
          ['--out FILE', 'Where to; the standard output without it.'],
        ],
      );
    case 'outbox install':
      return ownHelp(
        'outbox install',
        'Makes the table and the function angarium_publish in your application’s own PostgreSQL, or brings them up to date; says which grants are needed. What your application publishes in a transaction, a server with ANGARIUM_OUTBOX_URL relays after its commit.',
        [
          ...OUTBOX_FLAGS,
          [
            '--notify',
            'Commits wake the relay at once, instead of within half a second. They then wait for one another, as NOTIFY makes them.',
          ],
        ],
      );
    case 'outbox uninstall':
      return ownHelp(
        'outbox uninstall',
        'Drops what outbox install has made; refused while events wait in it or have failed.',
        [...OUTBOX_FLAGS, ['--force', 'Drops it with the events.']],
      );
    case 'migrate data':
      return migrateDataHelp();
    case 'migrate citus':
      return migrateCitusHelp();
    case 'help':
    case 'version':
    case null:
      return programHelp();
  }
}

function programHelp(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length)) + 4;
  const commands = COMMANDS.flatMap(({ name, summary }) =>
    wrap(summary, width).map((line, index) =>
      index === 0 ? `  ${name}`.padEnd(width) + line.trimStart() : line,
    ),
  );
  return lines(
    'Usage: angarium COMMAND [OPTION...]',
    '',
    ...wrap(
      'Angarium delivers events to your customers’ destinations, signed, retried and logged. It runs on this machine and keeps everything in one database.',
      0,
    ),
    '',
    'Commands',
    ...commands,
    '',
    'Options',
    '  -h, --help     Show this, or with a command what that one does and takes.',
    '  -v, --version  Show the version.',
    '',
    'angarium serve --help lists the options of the server.',
  );
}

function commandHelp(name: CommandName, paragraphs: readonly string[]): string {
  return lines(
    `Usage: angarium ${name} [OPTION...]`,
    ...paragraphs.flatMap((paragraph) => ['', ...wrap(paragraph, 0)]),
    '',
    ...wrap(
      'Each option may be given as a flag, as an environment variable (named after it here), or in the file of --config. A flag goes before a variable, a variable before the file. Give secrets in the environment or the file: other users of the machine can read a process’s flags.',
      0,
    ),
    '',
    'Configuration file',
    ...optionHelp(CONFIG_FILE.name, CONFIG_FILE),
    ...OPTION_GROUPS.flatMap(groupHelp),
  );
}

function verifyHelp(): string {
  return lines(
    "Usage: angarium verify --secret SECRET --body-file FILE --header 'NAME: VALUE'... [OPTION...]",
    '       angarium verify --jwks FILE|URL --url URL --body-file FILE --headers-file FILE [OPTION...]',
    '',
    ...wrap(
      'Checks a request that was captured, as its receiver would, and says which part is wrong: a header, the time, the secret or key, the request line, or the body. Exits with 0 where the signature is good, 1 where it is not, 2 where an option is bad.',
      0,
    ),
    '',
    'Options',
    ...VERIFY_FLAGS.flatMap(({ name, placeholder, description }) =>
      [`  --${name} ${placeholder}`].concat(wrap(description, 6)),
    ),
  );
}

/** Of a command that needs no server. */
function ownHelp(name: CommandName, paragraph: string, options: readonly Flag[]): string {
  return lines(
    `Usage: angarium ${name} [OPTION...]`,
    '',
    ...wrap(paragraph, 0),
    '',
    'Options',
    ...options.flatMap(([flag, description]) => [`  ${flag}`, ...wrap(description, 6)]),
  );
}

function migrateDataHelp(): string {
  return lines(
    'Usage: angarium migrate data --from sqlite:PATH [--to postgres://...] [--dry-run]',
    '',
    ...wrap(
      'Copies everything from an SQLite file to a PostgreSQL database that is empty, and verifies it by counts and checksums of every table. Stop the server first: it refuses a file that one is using. The file is read, and not changed. Ids, links, cursors and keys stay valid; what is pending is delivered by the server that is started on PostgreSQL.',
      0,
    ),
    '',
    ...wrap(
      'Killed or cut off, it goes on where it was when it is run again; until it is done, no server starts on the target. Exits with 0 when all is copied and verified, 1 where that failed or was refused, 2 where an option is bad or a server has the file.',
      0,
    ),
    '',
    'Options',
    ...[
      ['--from sqlite:PATH', 'The file, such as sqlite:./data/angarium.db.'],
      [
        '--to URL',
        'The database, postgres://user:password@host:5432/database. Other users of the machine can read a process’s flags: give one with a password in ANGARIUM_DATABASE_URL instead.',
      ],
      ['--dry-run', 'Say what would be copied and whether it could be, and change nothing.'],
    ].flatMap(([name = '', description = '']) => [`  ${name}`].concat(wrap(description, 6))),
    '',
    'Environment',
    '  ANGARIUM_DATABASE_URL',
    ...wrap('The database, where --to is not given.', 6),
  );
}

function migrateCitusHelp(): string {
  return lines(
    'Usage: angarium migrate citus [--to postgres://...] [--print]',
    '',
    ...wrap(
      'Distributes the tables of a PostgreSQL database over the workers of its Citus cluster, by tenant, and makes them first where they are missing: all or nothing. Stop all servers before. Run again, after an update, it distributes what is new. It was not run on Citus itself yet: read docs/operations/postgres.md first.',
      0,
    ),
    '',
    ...wrap(
      'Exits with 0 when all tables lie as they should, 1 where the extension is missing, servers run or the database refuses, 2 where an option is bad.',
      0,
    ),
    '',
    'Options',
    ...[
      [
        '--to URL',
        'The coordinator, postgres://user:password@host:5432/database. Other users of the machine can read a process’s flags: give one with a password in ANGARIUM_DATABASE_URL instead.',
      ],
      ['--print', 'Print the SQL for a database where nothing is distributed, and do nothing.'],
    ].flatMap(([name = '', description = '']) => [`  ${name}`].concat(wrap(description, 6))),
    '',
    'Environment',
    '  ANGARIUM_DATABASE_URL',
    ...wrap('The coordinator, where --to is not given.', 6),
  );
}

/** Of a command that calls a running server. */
function clientHelp(
  usage: string,
  paragraphs: readonly string[],
  options: readonly Flag[],
): string {
  return lines(
    `Usage: angarium ${usage}${options.length === 0 ? '' : ' [OPTION...]'}`,
    ...paragraphs.flatMap((paragraph) => ['', ...wrap(paragraph, 0)]),
    ...(options.length === 0 ? [] : ['', 'Options']),
    ...options.flatMap(([name, description]) => [`  ${name}`, ...wrap(description, 6)]),
    '',
    'Environment',
    '  ANGARIUM_URL',
    ...wrap('Where the server is. [default: http://127.0.0.1:8080]', 6),
    '  ANGARIUM_API_KEY',
    ...wrap('The operator’s key.', 6),
  );
}

function groupHelp(group: OptionGroup): string[] {
  const keys = OPTION_KEYS.filter((key) => declarationOf(key).group === group);
  return ['', group].concat(keys.flatMap((key) => optionHelp(fileName(key), declarationOf(key))));
}

function optionHelp(
  name: string,
  option: {
    readonly placeholder: string;
    readonly description: string;
    readonly default: string;
  },
): string[] {
  const { placeholder, description } = option;
  return [
    `  ${flagName(name)} ${placeholder}`,
    ...wrap(description, 6),
    ...wrap(`[${variableName(name)}; default: ${option.default}]`, 6),
  ];
}

function wrap(text: string, indent: number): string[] {
  const wrapped: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > COLUMNS) {
      wrapped.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  wrapped.push(line);
  return wrapped.map((content) => ' '.repeat(indent) + content);
}

function lines(...content: readonly string[]): string {
  return `${content.join('\n')}\n`;
}
