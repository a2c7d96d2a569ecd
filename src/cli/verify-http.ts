/** The HTTP message signature (RFC 9421) of a captured request, and what of the request it is good for where it is refused. */
import { verifyHttpSignature } from '@angarium/sdk';
import type { Refused, VerifiedRequest } from '@angarium/sdk';
import { bodiesOf } from './verify-bodies.ts';
import type { SignedHttpRequest } from './verify-options.ts';

const METHODS = ['POST', 'GET', 'PUT', 'PATCH', 'DELETE'];
const KEY_ID = /;keyid="((?:[^"\\]|\\.)*)"/g;

export function verifyHttp(
  { method, url, headers, body, secrets, keys, profile, atMs, toleranceS }: SignedHttpRequest,
  required?: readonly string[],
): Promise<VerifiedRequest | Refused> {
  return verifyHttpSignature(
    { method, url, headers, body },
    {
      ...(keys === null ? {} : { keys }),
      ...(secrets.length === 0 ? {} : { secret: secrets }),
      ...(profile === null ? {} : { profile }),
      ...(required === undefined ? {} : { required }),
      now: () => atMs,
      toleranceS,
    },
  );
}

/** Sentences; none where nothing is found. */
export async function findHttpHints(
  request: SignedHttpRequest,
  refused: Refused,
): Promise<string[]> {
  switch (refused.reason) {
    case 'missing_header':
      return hasHeader(request, 'signature-input')
        ? []
        : [
            'The request has no HTTP message signature: without --url and --jwks the signature of the profile is checked.',
          ];
    case 'unknown_key':
      return keyHints(request);
    case 'insufficient_coverage':
      return coverageHints(request);
    case 'digest_mismatch':
      return bodyHints(request);
    case 'signature_mismatch':
      return lineHints(request);
    case 'timestamp_too_old':
      return [
        'The signature itself is good. A captured request grows old: --at says when it came.',
      ];
    case 'timestamp_too_new':
      return ['The signature itself is good.'];
    case 'malformed_header':
    case 'malformed_secret':
    case 'unsupported_algorithm':
    case 'unknown_profile':
    case 'unreadable_body':
      return [];
  }
}

function keyHints({ headers, keys }: SignedHttpRequest): string[] {
  const inputs = headers.filter(([name]) => name.toLowerCase() === 'signature-input');
  const named = inputs.flatMap(([, value]) => [...value.matchAll(KEY_ID)].map(([, id]) => id));
  const known = (keys?.keys ?? []).flatMap(({ kid }) => (kid === undefined ? [] : [kid]));
  return [
    `The signature names ${listed(named)}; the keys of --jwks are ${listed(known)}. The sender may have changed keys since: read its set again.`,
  ];
}

async function coverageHints(request: SignedHttpRequest): Promise<string[]> {
  const result = await verifyHttp(anyTime(request), []);
  return result.ok
    ? [
        `The signature is good for what it covers: ${listed(result.components)}. Nothing else of the request is protected by it.`,
      ]
    : [];
}

async function bodyHints(request: SignedHttpRequest): Promise<string[]> {
  for (const { body, says } of bodiesOf(request.body, 'The digest is that of')) {
    const result = await verifyHttp(anyTime({ ...request, body }));
    if (result.ok) return ['The signature itself is good.', says];
  }
  return ['The signature itself is good: the body was changed after it was signed.'];
}

/** The request line, as it may have been before a proxy changed it. */
async function lineHints(request: SignedHttpRequest): Promise<string[]> {
  for (const { says, ...changed } of linesOf(request)) {
    const result = await verifyHttp(anyTime({ ...request, ...changed }), []);
    // That of the digest comes after that of the signature.
    if (result.ok || result.reason === 'digest_mismatch') return [says];
  }
  return [
    'It is good for none of these either: another method, another scheme, the host of the header Host, the path without or with a slash at its end, no query. So the key is another, or a signed header was changed.',
  ];
}

interface OtherLine {
  readonly method?: string;
  readonly url?: string;
  readonly says: string;
}

function* linesOf({ method, url, headers }: SignedHttpRequest): Generator<OtherLine> {
  for (const other of METHODS)
    if (other !== method)
      yield {
        method: other,
        says: `The signature is good for the method ${other}: give --method.`,
      };
  const [, scheme = 'https', host = '', path = '', query = ''] =
    /^(?:(https?):\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?/i.exec(url) ?? [];
  const given = headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? '';
  const hosts = new Set([host === '' ? given : host, given]);
  const paths = new Set([path, path.replace(/\/$/, ''), `${path}/`]);
  for (const eachScheme of new Set([scheme.toLowerCase(), 'https', 'http']))
    for (const eachHost of hosts)
      for (const eachPath of paths)
        for (const eachQuery of new Set([query, ''])) {
          const other = `${eachScheme}://${eachHost}${eachPath}${eachQuery}`;
          if (eachHost !== '' && other !== url)
            yield {
              url: other,
              says: `The signature is good for the URL ${other}: something on the way has changed it, or --url is not what the sender was given.`,
            };
        }
}

function anyTime(request: SignedHttpRequest): SignedHttpRequest {
  return { ...request, toleranceS: Number.POSITIVE_INFINITY };
}

function hasHeader({ headers }: SignedHttpRequest, wanted: string): boolean {
  return headers.some(([name]) => name.toLowerCase() === wanted);
}

function listed(names: readonly (string | undefined)[]): string {
  return names.length === 0 ? 'none' : names.map((name) => `"${name}"`).join(', ');
}
