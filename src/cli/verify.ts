/** `angarium verify`: judges a captured request as a receiver does, and says which part is wrong. */
import { verify } from '@angarium/sdk';
import type { Refused, Verified, VerifiedRequest } from '@angarium/sdk';
import { cloudEventFacts } from './verify-cloudevent.ts';
import { findHints } from './verify-hints.ts';
import { findHttpHints, verifyHttp } from './verify-http.ts';
import { readVerifyOptions } from './verify-options.ts';
import type { ProfileRequest, SignedHttpRequest, VerifyInput } from './verify-options.ts';

export interface VerifyOutcome {
  /** 0: good. 1: refused. 2: it could not be judged, because of an option, a file or the secret. */
  readonly exitCode: 0 | 1 | 2;
  readonly stdout: string;
  readonly stderr: string;
}

type Fact = readonly [name: string, value: string | null];

export async function runVerify(
  argv: readonly string[],
  input: VerifyInput,
): Promise<VerifyOutcome> {
  const request = await readVerifyOptions(argv, input);
  if (!('kind' in request)) return unusable(request);
  return request.kind === 'http' ? judgeHttp(request) : judgeProfile(request);
}

async function judgeProfile(request: ProfileRequest): Promise<VerifyOutcome> {
  const { profile, headers, body, secrets, atMs, toleranceS } = request;
  const result = await verify(profile, headers, body, secrets, { now: () => atMs, toleranceS });
  if (result.ok)
    return good('the signature is of this body, these headers and the secret', [
      ...profileFacts(result, request),
      ...cloudEventFacts(request),
    ]);
  if (result.reason === 'malformed_secret') return unusable([`--secret: ${result.detail}`]);
  return refusal(result, await findHints(request, result));
}

async function judgeHttp(request: SignedHttpRequest): Promise<VerifyOutcome> {
  const result = await verifyHttp(request);
  if (result.ok)
    return good('the HTTP message signature is of this request line, these headers and this body', [
      ...httpFacts(result),
      ...cloudEventFacts(request),
    ]);
  if (result.reason === 'malformed_secret')
    return unusable([
      request.secrets.length === 0
        ? '--jwks: it has no key that can be used: Ed25519 (kty OKP), or a shared one (kty oct)'
        : `--secret: ${result.detail}`,
    ]);
  return refusal(result, await findHttpHints(request, result));
}

function unusable(problems: readonly string[]): VerifyOutcome {
  const lines = problems.map((problem) => `  ${problem}\n`).join('');
  return {
    exitCode: 2,
    stdout: '',
    stderr: `angarium: the request cannot be judged:\n${lines}angarium verify --help explains the options.\n`,
  };
}

function refusal({ reason, detail }: Refused, hints: readonly string[]): VerifyOutcome {
  const lines = [`refused: ${reason}`, `  ${detail}`, ...hints.map((hint) => `  ${hint}`)];
  return { exitCode: 1, stdout: lines.map((line) => `${printable(line)}\n`).join(''), stderr: '' };
}

function good(what: string, facts: readonly Fact[]): VerifyOutcome {
  const lines = facts.flatMap(([name, value]) =>
    value === null ? [] : [`  ${name.padEnd(12)}${printable(value)}\n`],
  );
  return { exitCode: 0, stdout: `good: ${what}\n${lines.join('')}`, stderr: '' };
}

function profileFacts(
  { profile, id, topic, timestampMs, unsigned, secretIndex }: Verified,
  { secrets }: ProfileRequest,
): Fact[] {
  return [
    ['profile', profile],
    ['id', id],
    ['topic', topic],
    ['timestamp', timestampMs === null ? null : isoOf(timestampMs)],
    ['secret', secrets.length === 1 ? null : `number ${secretIndex + 1} of ${secrets.length}`],
    ['not signed', unsigned.length === 0 ? null : unsigned.join(', ')],
  ];
}

function httpFacts({ label, algorithm, keyId, createdMs, components }: VerifiedRequest): Fact[] {
  return [
    ['signature', `${label}, ${algorithm}`],
    ['key', keyId],
    ['created', createdMs === null ? null : isoOf(createdMs)],
    ['covers', components.join(', ')],
  ];
}

/** What a message says may hold what a terminal would obey. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

/** A time from a message may be beyond what a date can be. */
function isoOf(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString();
}
