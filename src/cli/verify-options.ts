/** The flags of `angarium verify`, and the files that they name. */
import { parseArgs } from 'node:util';
import { isProfileName, PROFILES } from '@angarium/sdk';
import type { ProfileName, VerificationJwks } from '@angarium/sdk';
import { suggestion } from '../config-suggestion.ts';
import { shown } from '../config-values.ts';
import { VERIFY_FLAGS } from './verify-flags.ts';
import { readHeaders } from './verify-headers.ts';
import type { HeaderLine } from './verify-headers.ts';

/** A request that somebody captured, and how to judge it. */
export type VerifyRequest = ProfileRequest | SignedHttpRequest;

interface CapturedRequest {
  readonly secrets: readonly string[];
  readonly headers: readonly HeaderLine[];
  readonly body: Uint8Array;
  readonly atMs: number;
  /** `Infinity`: any. */
  readonly toleranceS: number;
}

/** By the signature of its profile. */
export interface ProfileRequest extends CapturedRequest {
  readonly kind: 'profile';
  readonly profile: ProfileName;
}

/** By its HTTP message signature (RFC 9421). */
export interface SignedHttpRequest extends CapturedRequest {
  readonly kind: 'http';
  readonly method: string;
  /** Absolute, or from the path on. */
  readonly url: string;
  /** `null`: only secrets were given. */
  readonly keys: VerificationJwks | null;
  /** By whose rule secrets are keys; `null`: none was named. */
  readonly profile: ProfileName | null;
}

/** What the command reads from outside. */
export interface VerifyInput {
  readonly readFile: (path: string) => Promise<Uint8Array>;
  readonly readUrl: (url: string) => Promise<Uint8Array>;
  readonly readStandardInput: () => Promise<Uint8Array>;
  readonly nowMs: number;
}

type FlagName = (typeof VERIFY_FLAGS)[number]['name'];

const REPEATED: ReadonlySet<string> = new Set<FlagName>(['secret', 'header']);
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/i;

/** The request, or all that is wrong with the flags and files: a line each. */
export async function readVerifyOptions(
  argv: readonly string[],
  input: VerifyInput,
): Promise<VerifyRequest | readonly string[]> {
  const { given, problems } = readFlags(argv);
  const last = (name: FlagName) => given.get(name)?.at(-1);
  const read = async (name: FlagName): Promise<Uint8Array | undefined> => {
    const path = last(name);
    if (path === undefined) return undefined;
    try {
      if (name === 'jwks' && /^https?:\/\//.test(path)) return await input.readUrl(path);
      return await (path === '-' ? input.readStandardInput() : input.readFile(path));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push(`--${name}: ${shown(path)} cannot be read: ${reason}`);
      return undefined;
    }
  };

  const isHttp = given.has('url') || given.has('jwks');
  const profile = last('profile') ?? 'standard';
  if (!isProfileName(profile))
    problems.push(
      `--profile: there is no profile ${shown(profile)}: ${suggestion(profile, Object.keys(PROFILES), `choose one of ${Object.keys(PROFILES).join(', ')}`)}`,
    );
  const secretLines = textOf(await read('secret-file'))
    .split(/\r?\n/)
    .filter((line) => line !== '');
  const secrets = [...(given.get('secret') ?? []), ...secretLines];
  const jwks = await read('jwks');
  const keys = jwks === undefined ? null : parseJwks(textOf(jwks), problems);
  if (secrets.length === 0 && !given.has('jwks'))
    problems.push(
      `--secret: it is missing: give it, or --secret-file with a file that has one${isHttp ? ', or --jwks with the sender’s public keys' : ''}`,
    );
  const { headers, line } = readHeaders(
    given.get('header') ?? [],
    await read('headers-file'),
    problems,
  );
  const url = last('url') ?? line?.target;
  if (isHttp && (url === undefined || !/^(?:https?:\/\/[^/]|\/)/i.test(url)))
    problems.push(
      '--url: give the URL that the sender was given, such as https://example.com/webhooks',
    );
  const body = await read('body-file');
  if (!given.has('body-file'))
    problems.push('--body-file: it is missing: give the file, or - for the standard input');
  const atMs = last('at') === undefined ? input.nowMs : parseTime(last('at') ?? '');
  if (atMs === undefined)
    problems.push('--at: write a time as in 2026-11-21T10:00:00Z, or seconds since 1970');
  const toleranceS = parseTolerance(last('tolerance') ?? '300');
  if (toleranceS === undefined)
    problems.push('--tolerance: write a whole number of seconds, or none');

  if (problems.length > 0 || !isProfileName(profile)) return problems;
  if (body === undefined || atMs === undefined || toleranceS === undefined) return problems;
  const captured = { secrets, headers, body, atMs, toleranceS };
  if (!isHttp) return { kind: 'profile', profile, ...captured };
  const method = last('method') ?? line?.method ?? 'POST';
  const named = given.has('profile') ? profile : null;
  return { kind: 'http', method, url: url ?? '', keys, profile: named, ...captured };
}

function readFlags(argv: readonly string[]) {
  const given = new Map<string, string[]>();
  const problems: string[] = [];
  const names: readonly string[] = VERIFY_FLAGS.map(({ name }) => name);
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      problems.push(`${shown(token.value)}: an option begins with --: take this word out`);
      continue;
    }
    const { rawName, name, value } = token;
    if (!names.includes(name)) {
      const advice = suggestion(
        name,
        names,
        'angarium verify --help lists the options',
        (flag) => `--${flag}`,
      );
      problems.push(`${rawName}: there is no such option: ${advice}`);
    } else if (value === undefined || (!token.inlineValue && /^-./.test(value))) {
      problems.push(
        `${rawName}: it has no value: write ${rawName} VALUE (${rawName}=VALUE where it begins with -)`,
      );
    } else if (given.has(name) && !REPEATED.has(name)) {
      problems.push(`${rawName}: it is given twice: take one of them out`);
    } else given.set(name, [...(given.get(name) ?? []), value]);
  }
  return { given, problems };
}

/** RFC 7517, 5. Which of the keys can be used is found later. */
function parseJwks(text: string, problems: string[]): VerificationJwks | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && 'keys' in parsed) {
      const { keys } = parsed;
      if (Array.isArray(keys)) return { keys };
    }
  } catch {
    // It is said below.
  }
  problems.push('--jwks: it is no JSON of the form {"keys": [...]}');
  return null;
}

function parseTime(text: string): number | undefined {
  if (/^\d{1,11}$/.test(text)) return Number(text) * 1000;
  const timeMs = RFC3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

function parseTolerance(text: string): number | undefined {
  if (text === 'none') return Number.POSITIVE_INFINITY;
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('utf8');
}
