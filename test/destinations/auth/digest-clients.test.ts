/**
 * What clients that others have written answer to a challenge, beside what we answer to it with the same client nonce.
 * libcurl knows all algorithms, but takes the body for empty with auth-int; aiohttp hashes it, and lacks SHA-512-256.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestChallenge } from '../../../src/destinations/webhook/auth/challenge.ts';
import { digestAuthorization } from '../../../src/destinations/webhook/auth/digest-response.ts';
import { answerText, OK, openRawReceiver } from '../../support/raw-receiver.ts';
import type { RawReceiver, RawRequest } from '../../support/raw-receiver.ts';
import { AIOHTTP, findPython, PYCURL } from '../../support/python.ts';

const USER = { username: 'Mufasa', password: 'Circle of Life, "ü"' };
const script = fileURLToPath(new URL('../../support/digest-clients.py', import.meta.url));

interface Case {
  readonly algorithm: string;
  readonly qop: 'auth' | 'auth-int' | 'none';
}

const MD5_AND_SHA256 = ['MD5', 'MD5-sess', 'SHA-256', 'SHA-256-sess'];
const SHA512 = ['SHA-512-256', 'SHA-512-256-sess'];

function casesOf(algorithms: readonly string[]): Case[] {
  return algorithms.flatMap((algorithm): Case[] => [
    { algorithm, qop: 'auth' },
    { algorithm, qop: 'auth-int' },
    // Without qop there is no client nonce, which the key of these forms is made with.
    ...(algorithm.endsWith('-sess') ? [] : [{ algorithm, qop: 'none' } as const]),
  ]);
}

describe.each([
  {
    client: 'curl',
    name: 'libcurl',
    requires: PYCURL,
    body: '',
    cases: casesOf([...MD5_AND_SHA256, ...SHA512]),
  },
  {
    client: 'aiohttp',
    name: 'aiohttp',
    requires: AIOHTTP,
    body: '{"a":"ü"}',
    cases: casesOf(MD5_AND_SHA256),
  },
])('$name', ({ client, requires, body, cases }) => {
  const python = findPython(requires);
  let receiver: RawReceiver | undefined;

  beforeAll(async () => {
    if (python === null) return;
    const opened = await openRawReceiver((request) => {
      const header = `WWW-Authenticate: ${challengeOf(request)}`;
      const answer = authorizationOf(request) === undefined;
      request.socket.write(answer ? answerText('401 Unauthorized', [header]) : OK);
    });
    receiver = opened;
    const urls = cases.map(({ algorithm, qop }) => `${opened.url}${algorithm}/${qop}?a=b%20c`);
    await promisify(execFile)(python, [
      script,
      client,
      USER.username,
      USER.password,
      body,
      ...urls,
    ]);
  });
  afterAll(() => receiver?.close());

  it.skipIf(python === null).each(cases)(
    'answers as we do with $algorithm and qop $qop',
    ({ algorithm, qop }) => {
      const request = receiver?.requests.find(
        (each) =>
          each.line.includes(`/${algorithm}/${qop}?`) && authorizationOf(each) !== undefined,
      );
      const theirs = membersOf(request === undefined ? '' : (authorizationOf(request) ?? ''));
      expect(theirs.get('response')).toMatch(/^[0-9a-f]{32,64}$/);
      const challenge = digestChallenge([request === undefined ? '' : challengeOf(request)]);
      if (challenge === undefined) throw new Error('the challenge was not understood');
      const [, path = ''] = request?.line.split(' ') ?? [];
      const ours = digestAuthorization(
        { challenge, user: USER, cnonce: theirs.get('cnonce') ?? 'unused', count: 1 },
        { method: 'POST', path, body: Buffer.from(body) },
      );
      expect(Object.fromEntries(membersOf(ours))).toEqual(Object.fromEntries(theirs));
    },
  );
});

/** By the path: `/ALGORITHM/QOP`. */
function challengeOf({ line }: RawRequest): string {
  const [, algorithm = '', qop = ''] = /\/([^/]+)\/([^/?]+)\?/.exec(line) ?? [];
  return `Digest realm="of, \\"events\\"", nonce="n0+/=", opaque="o", algorithm=${algorithm}${qop === 'none' ? '' : `, qop="${qop}"`}`;
}

function authorizationOf({ headers }: RawRequest): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === 'authorization')?.[1];
}

function membersOf(authorization: string): ReadonlyMap<string, string> {
  const pairs = authorization.matchAll(/([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s]+))/g);
  return new Map([...pairs].map(([, name = '', quoted, plain]) => [name, quoted ?? plain ?? '']));
}
