/**
 * Every option of the server, declared once. Its name in the configuration file, its environment variable and its flag
 * come from the key here (`databaseUrl`: `database_url`, `ANGARIUM_DATABASE_URL`, `--database-url`); `--help`,
 * docs/reference/configuration.md and the type `Config` come from the declaration.
 */
import {
  byteCount,
  byteCountOrNone,
  formatBytes,
  httpUrl,
  oneOf,
  ROLES,
  parseRoles,
  parseApiKey,
  parseCidrList,
  formatDatabaseUrl,
  formatOtherPostgresUrl,
  parseDatabaseUrl,
  parseOtherPostgresUrl,
  parseEncryptionKeys,
  parseFolder,
  parseHost,
  parsePath,
  parseMailFrom,
  parsePublicUrl,
  parseSmtpUrl,
  wholeNumber,
  wholeNumberOrNone,
} from './config-values.ts';
import { parseOutboxUrls } from './config-outbox.ts';
import { option } from './config-option.ts';
import type { Option } from './config-option.ts';
import type { Parsed } from './config-values.ts';
import { MAX_ORDINAL } from './domain/id.ts';
import { UNKNOWN_TOPICS } from './domain/topic-catalogue.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

const NO_CIDRS: readonly string[] = [];
const TRIAL_CIDRS: readonly string[] = ['127.0.0.0/8', '::1/128'];

export const OPTIONS = {
  host: option({
    group: 'Server',
    placeholder: 'HOST',
    description:
      'The address to listen on: an IP address or a name. 0.0.0.0 (or ::) listens on every interface.',
    default: '127.0.0.1',
    parse: parseHost,
  }),
  port: option({
    group: 'Server',
    placeholder: 'PORT',
    description:
      'The port to listen on, for the API and everything else; 0 takes any free one and says which.',
    default: '8080',
    parse: wholeNumber('port', 0, 65_535),
  }),
  publicUrl: option({
    group: 'Server',
    placeholder: 'URL',
    description:
      'Where others reach this server: the base of links. It is never taken from a Host header.',
    default: 'http://HOST:PORT',
    defaultValue: ({ host, port }) => httpUrl(host, port),
    parse: parsePublicUrl,
  }),
  trustProxy: option({
    group: 'Server',
    placeholder: 'CIDRS',
    description:
      'The addresses of reverse proxies whose X-Forwarded-* headers count: CIDRs, comma-separated, or none.',
    default: 'none',
    list: true,
    parse: parseCidrList,
    format: formatCidrs,
  }),
  shutdownGraceS: option({
    group: 'Server',
    placeholder: 'SECONDS',
    description:
      'How long a stopping server lets attempts that are under way finish. What does not finish is attempted again after the next start.',
    default: '10',
    parse: wholeNumber('number of seconds', 0, 3600),
  }),
  logLevel: option({
    group: 'Server',
    placeholder: 'LEVEL',
    description:
      'The least severe log lines that are written: trace, debug, info, warn, error, fatal, or silent for none.',
    default: 'info',
    parse: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
  }),

  databaseUrl: option({
    group: 'Storage',
    placeholder: 'URL',
    description:
      'The database: sqlite:PATH, a file that is created with its folder when missing (a relative path starts at the working directory), or postgres://USER:PASSWORD@HOST:PORT/DATABASE, which needs both keys given.',
    default: 'sqlite:./data/angarium.db',
    parse: parseDatabaseUrl,
    format: formatDatabaseUrl,
  }),
  databaseDirectUrl: option({
    group: 'Storage',
    placeholder: 'URL',
    description:
      'The same PostgreSQL database without the pooler that database_url leads through: postgres://..., or none. Where the pooler is in transaction mode, nodes hear of each other’s work only there.',
    default: 'none',
    parse: parseOtherPostgresUrl,
    format: formatOtherPostgresUrl,
  }),
  databaseReadUrl: option({
    group: 'Storage',
    placeholder: 'URL',
    description:
      'A read replica of the PostgreSQL database: postgres://..., or none. Lists, searches, exports, metrics and usage of the API are read there while it is less than 4 s behind.',
    default: 'none',
    parse: parseOtherPostgresUrl,
    format: formatOtherPostgresUrl,
  }),
  roles: option({
    group: 'Storage',
    placeholder: 'ROLES',
    description:
      'What this node does, where several share a PostgreSQL database: api, deliver, maintain, comma-separated. Together the nodes have to do all of it.',
    default: ROLES.join(','),
    list: true,
    parse: parseRoles,
    format: (roles) => roles.join(', '),
  }),
  databaseMaxBytes: option({
    group: 'Storage',
    placeholder: 'BYTES',
    description:
      'An upper bound of the size of the SQLite file: a number of bytes, also as 512 MiB or 20 GiB, or none. When it is reached, publishes get 503 until retention has made room.',
    default: 'none',
    parse: byteCountOrNone(MIB, Number.MAX_SAFE_INTEGER),
    format: (bytes) => (bytes === null ? 'none' : formatBytes(bytes)),
  }),
  retentionDays: option({
    group: 'Storage',
    placeholder: 'DAYS',
    description:
      'How many days events, deliveries and attempts are kept. It cannot be shorter than the longest retry schedule.',
    default: '7',
    parse: wholeNumber('number of days', 1, 36_500),
  }),

  auditRetentionDays: option({
    group: 'Storage',
    placeholder: 'DAYS',
    description: 'How many days the audit log is kept.',
    default: '365',
    parse: wholeNumber('number of days', 1, 36_500),
  }),

  apiKey: option({
    group: 'Keys',
    placeholder: 'KEY',
    description: 'The operator’s key for the API: 16 or more visible ASCII characters.',
    default: 'generated on the first start, kept beside the database',
    defaultValue: (): string | null => null,
    secret: true,
    parse: parseApiKey,
  }),
  encryptionKey: option({
    group: 'Keys',
    placeholder: 'KEYS',
    description:
      'The key that seals stored secrets: 32 bytes in base64. Several, comma-separated, while it is rotated: the first one seals, all of them open.',
    default: 'generated on the first start, kept beside the database',
    defaultValue: (): readonly Uint8Array[] | null => null,
    secret: true,
    list: true,
    parse: parseEncryptionKeys,
  }),

  tokenLifetimeS: option({
    group: 'Keys',
    placeholder: 'SECONDS',
    description:
      'How long a tenant’s token is good, and with it a link to the portal. Tokens are stored nowhere, and so cannot be taken back one by one.',
    default: '3600',
    parse: wholeNumber('number of seconds', 60, 30 * 24 * 3600),
  }),

  topicsFile: option({
    group: 'Topics',
    placeholder: 'FILE',
    description:
      'A YAML file with the topic catalogue, loaded at the start: the topics that it names become as they are in it, the others stay. Or none.',
    default: 'none',
    parse: parseFolder,
    format: (path) => path ?? 'none',
  }),
  unknownTopics: option({
    group: 'Topics',
    placeholder: 'WHAT',
    description:
      'What becomes of an event whose topic is not in the catalogue, once that has any: accept, or reject with 422.',
    default: 'accept',
    parse: oneOf(UNKNOWN_TOPICS),
  }),

  outboxUrl: option({
    group: 'Outbox',
    placeholder: 'URLS',
    description:
      'The PostgreSQL databases of applications whose outboxes are published: postgres://USER:PASSWORD@HOST:PORT/DATABASE, comma-separated, or none. The outbox is in the schema angarium, or in that of ?schema=NAME.',
    default: 'none',
    secret: true,
    list: true,
    parse: parseOutboxUrls,
  }),

  allowedCidrs: option({
    group: 'Delivery',
    placeholder: 'CIDRS',
    description:
      'The private ranges that may be delivered to: CIDRs, comma-separated, or none. Plain http goes only to these.',
    default:
      'none; on trial 127.0.0.0/8,::1/128 (the host is loopback, and neither public_url nor trust_proxy is given)',
    defaultValue: ({ onTrial }) => (onTrial ? TRIAL_CIDRS : NO_CIDRS),
    list: true,
    parse: parseCidrList,
    format: formatCidrs,
  }),
  caFile: option({
    group: 'Delivery',
    placeholder: 'FILE',
    description:
      'A file of certificates (PEM) of authorities that receivers and token servers are verified by, beside the public ones.',
    default: 'none',
    defaultValue: (): string | null => null,
    parse: parsePath,
    format: (path) => path ?? 'none',
  }),
  profile: option({
    group: 'Delivery',
    placeholder: 'NAME',
    description:
      'The profile (wire format and retry schedule) of destinations that name none themselves: one that is built in, or one that the configuration file defines.',
    default: 'standard',
    // Which ones there are, `loadConfig` is told.
    parse: (text): Parsed<string> => ({ ok: true, value: text }),
  }),

  smtpUrl: option({
    group: 'Mail',
    placeholder: 'URL',
    description:
      'The server that takes mails: smtp://USER:PASSWORD@HOST:PORT, which uses TLS where the server offers it, or smtps:// for TLS from the start. Without one nothing is mailed.',
    default: 'none',
    secret: true,
    parse: parseSmtpUrl,
  }),
  mailFrom: option({
    group: 'Mail',
    placeholder: 'ADDRESS',
    description:
      'The sender of mails: an address, or a name and an address, such as Webhooks <hooks@example.com>; none: angarium at the host of public_url.',
    default: 'none',
    parse: parseMailFrom,
    format: (value) => value ?? 'none',
  }),
  mailTemplates: option({
    group: 'Mail',
    placeholder: 'FOLDER',
    description: 'A folder with templates that replace those of mails, or none.',
    default: 'none',
    parse: (text): Parsed<string | null> => ({ ok: true, value: text === 'none' ? null : text }),
    format: (value) => value ?? 'none',
  }),

  maxPayloadBytes: option({
    group: 'Limits',
    placeholder: 'BYTES',
    description:
      'The most bytes that the data of one event may have; also written as 512 KiB or 2 MiB.',
    default: '1 MiB',
    parse: byteCount(KIB, 64 * MIB),
    format: formatBytes,
  }),
  maxBatchBytes: option({
    group: 'Limits',
    placeholder: 'BYTES',
    description:
      'The most bytes that the body of one batch of events may have; at least max_payload_bytes.',
    default: '16 MiB',
    parse: byteCount(KIB, 256 * MIB),
    format: formatBytes,
  }),
  maxDestinationsPerTenant: option({
    group: 'Limits',
    placeholder: 'COUNT',
    description: 'The most destinations that one tenant may have.',
    default: '1000',
    parse: wholeNumber('number of destinations', 1, MAX_ORDINAL),
  }),
  maxConcurrencyPerTenant: option({
    group: 'Limits',
    placeholder: 'COUNT',
    description:
      'The most attempts that all destinations of one tenant may have under way at the same time, over all nodes. A tenant may have a limit of its own.',
    default: '2048',
    parse: wholeNumber('number of attempts', 1, 1_000_000),
  }),
  maxConcurrencyPerOrigin: option({
    group: 'Limits',
    placeholder: 'COUNT',
    description:
      'The most attempts that may be under way at the same time to one receiving origin (scheme, host and port), over all tenants and nodes.',
    default: '2048',
    parse: wholeNumber('number of attempts', 1, 1_000_000),
  }),
  maxPublishPerMinute: option({
    group: 'Limits',
    placeholder: 'COUNT',
    description:
      'The most events that may be published for one tenant in a minute, or none. Each node that takes publishes grants an equal part. A tenant may have a rate of its own.',
    default: 'none',
    parse: wholeNumberOrNone('number of events', 1, 100_000_000),
    format: (count) => (count === null ? 'none' : String(count)),
  }),
};

/** The value of every option, parsed. What is `null` was not given and is made later, or is no bound. */
export type Config = {
  readonly [Key in OptionKey]: (typeof OPTIONS)[Key] extends Option<infer T> ? T : never;
};

export type OptionKey = keyof typeof OPTIONS;

export const OPTION_KEYS = Object.keys(OPTIONS) as readonly OptionKey[];

/** The one option that the configuration file cannot hold. */
export const CONFIG_FILE = {
  name: 'config',
  placeholder: 'FILE',
  description:
    'A YAML file with the same options by their names in it, such as database_url: sqlite:./data/angarium.db.',
  default: 'none',
} as const;

/** What only the configuration file can hold, as it is no single value. */
export const PROFILES = {
  name: 'profiles',
  description:
    'Profiles of your own, by name: wire formats that your receivers know already (docs/guides/profiles.md).',
} as const;

/** Likewise. */
export const OUTBOX = {
  name: 'outbox',
  description:
    'Outboxes beside those of outbox_url: a list, each with url, schema and name (docs/guides/outbox.md).',
} as const;

/** The declaration of an option, for those who treat all of them alike. */
export function declarationOf(key: OptionKey): Option<unknown> {
  return OPTIONS[key];
}

/** `databaseUrl` -> `database_url`, the name in the file. */
export function fileName(key: OptionKey): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `database_url` -> `ANGARIUM_DATABASE_URL`. */
export function variableName(name: string): string {
  return `ANGARIUM_${name.toUpperCase()}`;
}

/** `database_url` -> `--database-url`. */
export function flagName(name: string): string {
  return `--${name.replaceAll('_', '-')}`;
}

function formatCidrs(cidrs: readonly string[]): string {
  return cidrs.length === 0 ? 'none' : cidrs.join(',');
}
