/** `angarium verify`: judges a captured request as a receiver does, and says which part is wrong. */
import { verify } from '@angarium/sdk';
import type { Verified } from '@angarium/sdk';
import { findHints } from './verify-hints.ts';
import { readVerifyOptions } from './verify-options.ts';
import type { VerifyInput, VerifyRequest } from './verify-options.ts';

export interface VerifyOutcome {
  /** 0: good. 1: refused. 2: it could not be judged, because of an option, a file or the secret. */
  readonly exitCode: 0 | 1 | 2;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runVerify(
  argv: readonly string[],
  input: VerifyInput,
): Promise<VerifyOutcome> {
  const request = await readVerifyOptions(argv, input);
  if (!('profile' in request)) return unusable(request);
  const { profile, headers, body, secrets, atMs, toleranceS } = request;
  const result = await verify(profile, headers, body, secrets, { now: () => atMs, toleranceS });
  if (result.ok) return { exitCode: 0, stdout: goodMessage(result, request), stderr: '' };
  if (result.reason === 'malformed_secret') return unusable([`--secret: ${result.detail}`]);
  const hints = await findHints(request, result);
  const lines = [`refused: ${result.reason}`, `  ${result.detail}`].concat(
    hints.map((hint) => `  ${hint}`),
  );
  return { exitCode: 1, stdout: `${lines.join('\n')}\n`, stderr: '' };
}

function unusable(problems: readonly string[]): VerifyOutcome {
  const lines = problems.map((problem) => `  ${problem}\n`).join('');
  return {
    exitCode: 2,
    stdout: '',
    stderr: `angarium: the request cannot be judged:\n${lines}angarium verify --help explains the options.\n`,
  };
}

function goodMessage(webhook: Verified, { secrets }: VerifyRequest): string {
  const { profile, id, topic, timestampMs, unsigned, secretIndex } = webhook;
  const facts: (readonly [string, string | null])[] = [
    ['profile', profile],
    ['id', id],
    ['topic', topic],
    ['timestamp', timestampMs === null ? null : isoOf(timestampMs)],
    ['secret', secrets.length === 1 ? null : `number ${secretIndex + 1} of ${secrets.length}`],
    ['not signed', unsigned.length === 0 ? null : unsigned.join(', ')],
  ];
  const lines = facts.flatMap(([name, value]) =>
    value === null ? [] : [`  ${name.padEnd(12)}${printable(value)}\n`],
  );
  return `good: the signature is of this body, these headers and the secret\n${lines.join('')}`;
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
