/** What else the signature is good for, and so what happened to the message on its way. */
import { PROFILES, verify } from '@angarium/sdk';
import type { KeyForm, ProfileName, Refused, Scheme } from '@angarium/sdk';
import { bodiesOf } from './verify-bodies.ts';
import type { ProfileRequest } from './verify-options.ts';

/** Sentences; none where nothing is found. */
export async function findHints(request: ProfileRequest, refused: Refused): Promise<string[]> {
  switch (refused.reason) {
    case 'missing_header':
      return otherProfiles(request);
    case 'signature_mismatch':
    case 'unreadable_body':
      return findCauses(request);
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
    case 'digest_mismatch':
    case 'insufficient_coverage':
    case 'unknown_key':
      return [];
  }
}

/** The profiles whose signature the request carries. */
function otherProfiles({ headers, profile }: ProfileRequest): string[] {
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  return (Object.keys(PROFILES) as ProfileName[])
    .filter((name) => name !== profile && names.has(PROFILES[name].signature.header))
    .map((name) => `The request has the header of another profile: try --profile ${name}.`);
}

interface Variant {
  readonly request: ProfileRequest;
  readonly scheme?: Scheme;
  readonly says: string;
}

async function findCauses(request: ProfileRequest): Promise<string[]> {
  for (const { request: changed, scheme, says } of variantsOf(request)) {
    const { headers, body, secrets } = changed;
    const result = await verify(scheme ?? request.profile, headers, body, secrets, {
      toleranceS: Number.POSITIVE_INFINITY,
    });
    if (result.ok) return [says];
  }
  return [
    'It is good for none of these either: the body without or with a line break at its end, its JSON written anew, the secret without blanks or read otherwise. So the secret is another, or the body or a signed header was changed.',
  ];
}

/** What is known to happen, the likeliest first. */
function* variantsOf(request: ProfileRequest): Generator<Variant> {
  for (const { body, says } of bodiesOf(request.body, 'The signature is good for'))
    yield { request: { ...request, body }, says };
  const trimmed = request.secrets.map((secret) => secret.trim());
  yield {
    request: { ...request, secrets: trimmed },
    says: 'The signature is good for the secret without the blanks at its ends: take them out.',
  };
  yield {
    request,
    scheme: { ...PROFILES[request.profile], keys: [otherReading(request.profile)] },
    says:
      request.profile === 'standard'
        ? 'The signature is good for the whole secret as the key: the sender has to take the base64 after whsec_ instead.'
        : `The signature is good for the base64 after whsec_ as the key: with the profile ${request.profile} the sender has to take the whole secret.`,
  };
}

function otherReading(profile: ProfileName): KeyForm {
  const size = { minBytes: 1, maxBytes: Number.POSITIVE_INFINITY };
  return profile === 'standard'
    ? { kind: 'hmac', prefix: '', bytes: 'utf8', ...size }
    : { kind: 'hmac', prefix: 'whsec_', bytes: 'base64', ...size };
}
