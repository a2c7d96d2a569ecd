/**
 * How the values of options are written: each parser takes the text of a flag, a variable or the file to a typed value,
 * or says what is wrong and what would be right. A refusal never shows a text that may hold a secret.
 */
import { isIP } from 'node:net';
import { parseCidrs } from './destinations/address-guard.ts';
import { placeOf } from './domain/postgres-url.ts';
import { ENCRYPTION_KEY_BYTES } from './domain/sealed-box.ts';

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  /** What is wrong and what is right; a line each, without the option's name. */
  | { readonly ok: false; readonly errors: readonly string[] };

/** Where the database is. */
export type DatabaseLocation =
  /** `path`: of the file, as written; a relative one starts at the working directory. */
  | { readonly engine: 'sqlite'; readonly path: string }
  /** `url`: as written, perhaps with a password. */
  | { readonly engine: 'postgres'; readonly url: string };

/** The shortest key that the operator may choose. */
const API_KEY_MIN_LENGTH = 16;
const SHOWN_LENGTH = 60;

const BYTES_OF_UNIT = new Map([
  ['gib', 1024 ** 3],
  ['mib', 1024 ** 2],
  ['kib', 1024],
]);

const right = <T>(value: T): Parsed<T> => ({ ok: true, value });
const wrong = (...errors: readonly string[]): Parsed<never> => ({ ok: false, errors });

/** An IP address, or a name that the system resolves. */
export function parseHost(text: string): Parsed<string> {
  const isName =
    /^(?!.{254})(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(
      text,
    );
  // A name does not end in a number: 127.1 and 1.2.3.256 are addresses gone wrong.
  if ((isIP(text) !== 0 && !text.includes('%')) || (isName && !/(?:^|\.)\d+$/.test(text)))
    return right(text);
  return wrong(
    `${shown(text)} is neither an IP address nor a host name: write one such as 127.0.0.1, 0.0.0.0 or ::, without brackets, zone or port`,
  );
}

/** A parser of decimal whole numbers within bounds; `what` names such a number: "port". */
export function wholeNumber(what: string, min: number, max: number) {
  return (text: string): Parsed<number> => {
    const value = decimal(text);
    if (value !== undefined && value >= min && value <= max) return right(value);
    return wrong(`${shown(text)} is no ${what}: write a whole number from ${min} to ${max}`);
  };
}

/** Like `wholeNumber`; the word `none` is no bound. */
export function wholeNumberOrNone(what: string, min: number, max: number) {
  const parse = wholeNumber(what, min, max);
  return (text: string): Parsed<number | null> => {
    if (text === 'none') return right(null);
    const parsed = parse(text);
    return parsed.ok ? parsed : wrong(...parsed.errors.map((error) => `${error}, or none`));
  };
}

/** A parser of numbers of bytes, also in KiB, MiB or GiB, within bounds. */
export function byteCount(min: number, max: number) {
  return (text: string): Parsed<number> => {
    const [, digits = '', unit = ''] = /^(\d+) ?([KMG]iB)?$/i.exec(text) ?? [];
    const value = (decimal(digits) ?? -1) * (BYTES_OF_UNIT.get(unit.toLowerCase()) ?? 1);
    if (value >= min && value <= max) return right(value);
    return wrong(
      `${shown(text)} is no number of bytes from ${formatBytes(min)} to ${formatBytes(max)}: write one such as ${min} or 16 MiB`,
    );
  };
}

/** Like `byteCount`; the word `none` is no bound. */
export function byteCountOrNone(min: number, max: number) {
  const parse = byteCount(min, max);
  return (text: string): Parsed<number | null> => {
    if (text === 'none') return right(null);
    const parsed = parse(text);
    return parsed.ok ? parsed : wrong(...parsed.errors.map((error) => `${error}, or none`));
  };
}

/** In the largest unit that divides it, so that `byteCount` reads the same number back. */
export function formatBytes(bytes: number): string {
  if (bytes === 0) return '0';
  if (bytes % 1024 ** 3 === 0) return `${bytes / 1024 ** 3} GiB`;
  if (bytes % 1024 ** 2 === 0) return `${bytes / 1024 ** 2} MiB`;
  return bytes % 1024 === 0 ? `${bytes / 1024} KiB` : String(bytes);
}

/** A parser that takes one of some words. */
export function oneOf<T extends string>(words: readonly T[]) {
  return (text: string): Parsed<T> => {
    const found = words.find((word) => word === text);
    if (found !== undefined) return right(found);
    return wrong(`${shown(text)} is not known: write one of ${words.join(', ')}`);
  };
}

/** What a node does: answer the API, deliver, maintain the database. */
export const ROLES = ['api', 'deliver', 'maintain'] as const;
export type Role = (typeof ROLES)[number];

/** One or more of them, comma-separated. */
export function parseRoles(text: string): Parsed<readonly Role[]> {
  const given = text.split(',').map((word) => word.trim());
  const unknown = given.filter((word) => !ROLES.some((role) => role === word));
  if (unknown.length === 0) return right(ROLES.filter((role) => given.includes(role)));
  const advice = `write some of ${ROLES.join(', ')}`;
  return wrong(...unknown.map((word) => `${shown(word)} is not known: ${advice}`));
}

/** `sqlite:PATH` or `postgres://...`. What may hold a password is not repeated. */
export function parseDatabaseUrl(text: string): Parsed<DatabaseLocation> {
  const example = 'write sqlite:PATH, such as sqlite:./data/angarium.db';
  if (/^postgres(?:ql)?:/i.test(text)) return parsePostgresUrl(text);
  if (!text.startsWith('sqlite:'))
    return wrong(`it begins neither with sqlite: nor with postgres: ${example}`);
  const path = text.slice('sqlite:'.length);
  if (path === '') return wrong(`it names no file: ${example}`);
  if (path === ':memory:')
    return wrong(`a database in memory would forget accepted events: ${example}`);
  if (path.startsWith('//'))
    return wrong(`the path follows sqlite: at once, without slashes of a URL: ${example}`);
  if (path.startsWith('file:')) return wrong(`the path is not a URL of its own: ${example}`);
  if (path.startsWith('~')) return wrong(`~ does not stand for a folder here: write its path`);
  if (path.endsWith('/') || path.includes('\0'))
    return wrong(`${shown(text)} does not name a file: ${example}`);
  return right({ engine: 'sqlite', path });
}

/** A file, as written: a relative one starts at the working directory. */
export function parsePath(text: string): Parsed<string | null> {
  if (text === 'none') return right(null);
  if (text.startsWith('~')) return wrong(`~ does not stand for a folder here: write its path`);
  if (text.includes('\0')) return wrong(`${shown(text)} names no file: write its path`);
  return right(text);
}

/** `prefer` and `allow` would go on without TLS where somebody in between wants that. */
const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'];

/** `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. It may hold a password, and so is not repeated. */
export function parsePostgresUrl(
  text: string,
): Parsed<DatabaseLocation & { readonly engine: 'postgres' }> {
  const advice = 'write postgres://user:password@host:5432/database';
  const url = URL.parse(text);
  if (url === null || url.hostname === '') return wrong(`it is no URL with a host: ${advice}`);
  if (url.pathname.length < 2) return wrong(`it names no database: ${advice}`);
  // Which of them the client would go by is not said anywhere.
  const names = [...url.searchParams.keys()];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return wrong(`it gives ${shown(twice)} twice: take one of them out`);
  const mode = url.searchParams.get('sslmode') ?? 'disable';
  if (!SSL_MODES.includes(mode))
    return wrong(`its sslmode is not known here: write one of ${SSL_MODES.join(', ')}`);
  if (mode === 'verify-ca' && !url.searchParams.has('sslrootcert'))
    return wrong(
      'sslmode=verify-ca needs sslrootcert=PATH: name the file of the authority beside it',
    );
  return right({ engine: 'postgres', url: text });
}

/** Another way to the PostgreSQL database, or `none`. */
export function parseOtherPostgresUrl(text: string): Parsed<string | null> {
  if (text === 'none') return right(null);
  if (!/^postgres(?:ql)?:/i.test(text))
    return wrong(
      'it does not begin with postgres: write postgres://user:password@host:5432/database',
    );
  const parsed = parsePostgresUrl(text);
  return parsed.ok ? right(parsed.value.url) : parsed;
}

/** Without what may be secret. */
export function formatOtherPostgresUrl(url: string | null): string {
  return url === null ? 'none' : placeOf(url);
}

/** Without what may be secret. */
export function formatDatabaseUrl(location: DatabaseLocation): string {
  if (location.engine === 'sqlite') return `sqlite:${location.path}`;
  return placeOf(location.url);
}

/** The operator's key: visible ASCII, so that it travels in a header as it is. */
export function parseApiKey(text: string): Parsed<string> {
  const advice = `write ${API_KEY_MIN_LENGTH} or more visible ASCII characters (no blanks)`;
  if (!/^[\x21-\x7e]*$/.test(text))
    return wrong(`it holds characters that are not visible ASCII: ${advice}`);
  if (text.length < API_KEY_MIN_LENGTH)
    return wrong(`it is only ${text.length} characters long: ${advice}`);
  return right(text);
}

/** Comma-separated, each the base64 of 32 bytes; the first one is current. */
export function parseEncryptionKeys(text: string): Parsed<readonly Uint8Array[]> {
  const entries = text.split(',').map((entry) => entry.trim());
  const advice = `write ${ENCRYPTION_KEY_BYTES} bytes in base64, as \`openssl rand -base64 ${ENCRYPTION_KEY_BYTES}\` prints them`;
  const nameOf = (index: number) => (entries.length === 1 ? 'it' : `key ${index + 1}`);
  const errors = entries.flatMap((entry, index) => {
    if (!isEncryptionKey(entry)) {
      return [`${nameOf(index)} is not the base64 of ${ENCRYPTION_KEY_BYTES} bytes: ${advice}`];
    }
    const first = entries.indexOf(entry);
    if (first === index) return [];
    return [`${nameOf(index)} is ${nameOf(first)} again: take one of them out`];
  });
  if (errors.length > 0) return wrong(...errors);
  return right(entries.map((entry) => new Uint8Array(Buffer.from(entry, 'base64'))));
}

/** CIDRs in canonical spelling, or the word `none`. */
export function parseCidrList(text: string): Parsed<readonly string[]> {
  const parsed = parseCidrs(text);
  return parsed.ok ? right(parsed.cidrs) : parsed;
}

/** The base of links: http or https, perhaps with a path; without the slash at its end. */
export function parsePublicUrl(text: string): Parsed<string> {
  const advice = 'write the base of the links, such as https://events.example.com';
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text))
    return wrong(`it is no http or https URL: ${advice}`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    return wrong(`it holds a user name or password, which links must not: ${advice}`);
  if (/[?#]/.test(text)) return wrong(`it holds a query or fragment: ${advice}`);
  return right(url.href.replace(/\/+$/, ''));
}

/** A folder, or the word `none`. */
export function parseFolder(text: string): Parsed<string | null> {
  return right(text === 'none' ? null : text);
}

/** Of a mail server, or the word `none`. It may hold a password, and so is not repeated. */
export function parseSmtpUrl(text: string): Parsed<string | null> {
  if (text === 'none') return right(null);
  const advice = 'write smtp://USER:PASSWORD@HOST:PORT or smtps://..., or none';
  if (!/^smtps?:\/\/[^\s]+$/i.test(text) || !URL.canParse(text))
    return wrong(`it is no URL of a mail server: ${advice}`);
  const url = new URL(text);
  if (url.hostname === '' || /[?#]/.test(text) || !/^\/?$/.test(url.pathname))
    return wrong(`it has more than a server, or none: ${advice}`);
  return right(text);
}

/** An address, perhaps with a name before it, or the word `none`. */
export function parseMailFrom(text: string): Parsed<string | null> {
  if (text === 'none') return right(null);
  if (/^[^\r\n<>@]*<[^\s<>@]+@[^\s<>@]+>$|^[^\s<>@]+@[^\s<>@]+$/.test(text)) return right(text);
  return wrong(`${shown(text)} is no address: write one such as Webhooks <hooks@example.com>`);
}

/** `http://HOST:PORT`, with brackets around an IPv6 address. */
export function httpUrl(host: string, port: number): string {
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** A text from outside in quotes, cut where it is long. */
export function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text);
}

function decimal(text: string): number | undefined {
  if (!/^(?:0|[1-9]\d*)$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Exactly as an encoder writes it, so that one key has one spelling; the padding may be missing. */
function isEncryptionKey(text: string): boolean {
  const bytes = Buffer.from(text, 'base64');
  const spelling = bytes.toString('base64');
  return (
    bytes.length === ENCRYPTION_KEY_BYTES &&
    (text === spelling || text === spelling.replace(/=+$/, ''))
  );
}
