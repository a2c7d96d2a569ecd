/**
 * Profiles that the operator defines in the configuration file: the vocabulary of domain/profile.ts in snake_case
 * (docs/guides/profiles.md). What a profile leaves out it takes from the one that it `extends`; without that, its
 * messages are the plain data, and its delivery policy is that of the first profile built in.
 */
import { Members, choice, orNull, text, wholeNumberOf } from './config-node.ts';
import type { ConfigNode, Place, Reader } from './config-node.ts';
import {
  headerProblem,
  headerTemplateProblem,
  PLAIN_SECRET,
  retriedOf,
  retryOf,
  secretOf,
  signatureOf,
  successOf,
} from './config-profile-parts.ts';
import { endingOf } from './config-profile-ending.ts';
import { isHeaderValue } from './destinations/webhook/custom-headers.ts';
import type { Random } from './domain/id.ts';
import { EXPRESSION_PREFIX, PAYLOAD_SHAPES } from './domain/payload.ts';
import type { Payload } from './domain/payload.ts';
import { RATE_COUNTS } from './domain/profile.ts';
import type { HeaderTemplate, Profile, SignatureScheme } from './domain/profile.ts';
import {
  describeSecretFormat,
  generateSigningSecret,
  signingKey,
} from './domain/signing-secret.ts';
import type { SecretFormat } from './domain/signing-secret.ts';

/** Says what is wrong with an expression; `null`: nothing. */
export type CheckExpression = (expression: string) => string | null;

export interface DefinedProfile {
  readonly profile: Profile;
  /** Such as `angarium.yaml:7`. */
  readonly position: string;
}

const NAME = /^[a-z0-9_-]{1,64}$/;
const MAX_HEADERS = 50;

/** Those that are good; what is wrong is told to `place`. */
export function readProfiles(
  node: ConfigNode,
  place: Place,
  builtIn: readonly Profile[],
  checkExpression: CheckExpression,
): DefinedProfile[] {
  if (node.kind !== 'mapping') {
    place.wrong('it is no mapping: write the name of each profile, and its settings under it');
    return [];
  }
  return node.members.flatMap((member) => {
    const itsPlace = place.at(member.name, member.line);
    const profile = readProfile(member.name, member.node, itsPlace, builtIn, checkExpression);
    return profile === undefined ? [] : [{ profile, position: itsPlace.position }];
  });
}

function readProfile(
  name: string,
  node: ConfigNode,
  place: Place,
  builtIn: readonly Profile[],
  checkExpression: CheckExpression,
): Profile | undefined {
  if (!NAME.test(name))
    place.wrong('a profile’s name is 1 to 64 of the characters a-z, 0-9, _ and -');
  if (builtIn.some((each) => each.name === name))
    place.wrong('a profile of this name is built in: choose another, and extend that one');
  const members = Members.of(node, place);
  if (members === undefined) return undefined;
  const extended = members.read('extends', extendedOf(builtIn));
  const base = extended ?? plain(builtIn);
  if (base === undefined) return undefined;

  const payload = members.read('payload', payloadOf(checkExpression)) ?? base.payload;
  const contentType = members.read('content_type', text(contentTypeProblem)) ?? base.contentType;
  const headers = members.read('headers', headersOf) ?? base.headers;
  const prefix = members.read('metadata_header_prefix', orNull(text(headerProblem)));
  const signature = members.read('signature', orNull(signatureOf(base.signature)));
  const ratePerMinute = members.read('rate_per_minute', orNull(wholeNumberOf(1, 1_000_000)));
  const profile: Profile = {
    name,
    payload,
    contentType,
    headers,
    metadataHeaderPrefix: prefix === undefined ? base.metadataHeaderPrefix : prefix,
    signature: signature === undefined ? base.signature : signature,
    secret: members.read('secret', secretOf(base.secret)) ?? base.secret,
    success: members.read('success', successOf) ?? base.success,
    retried: members.read('retried', retriedOf(base.retried)) ?? base.retried,
    retry: members.read('retry', retryOf(base.retry)) ?? base.retry,
    timeoutMs: members.read('timeout_ms', wholeNumberOf(100, 120_000)) ?? base.timeoutMs,
    ratePerMinute: ratePerMinute === undefined ? base.ratePerMinute : ratePerMinute,
    rateCounts: members.read('rate_counts', choice(RATE_COUNTS)) ?? base.rateCounts,
    ending: members.read('ending', endingOf(base.ending)) ?? base.ending,
  };
  members.done();
  if (!members.has('signature') && !members.has('extends'))
    place.wrong(
      'signature is missing: write how messages are signed, or signature: null where they are not',
    );
  checkTogether(profile, members);
  return profile;
}

function plain([first]: readonly Profile[]): Profile | undefined {
  return first === undefined
    ? undefined
    : {
        ...first,
        payload: 'data',
        contentType: 'application/json',
        headers: [],
        metadataHeaderPrefix: null,
        signature: null,
        secret: PLAIN_SECRET,
      };
}

function extendedOf(builtIn: readonly Profile[]): Reader<Profile> {
  const read = choice(builtIn.map(({ name }) => name));
  return (node, place) => {
    const name = read(node, place);
    return builtIn.find((profile) => profile.name === name);
  };
}

function payloadOf(checkExpression: CheckExpression): Reader<Payload> {
  const shape = choice(PAYLOAD_SHAPES);
  return (node, place) => {
    if (node.kind !== 'mapping') return shape(node, place);
    const members = Members.of(node, place);
    if (members?.has('jmespath') !== true)
      return place.wrong(`write ${PAYLOAD_SHAPES.join(', ')} or {jmespath: EXPRESSION}`);
    const expression = members.read('jmespath', text(checkExpression));
    members.done();
    return expression === undefined ? undefined : `${EXPRESSION_PREFIX}${expression}`;
  };
}

const headersOf: Reader<readonly HeaderTemplate[]> = (node, place) => {
  if (node.kind !== 'mapping')
    return place.wrong('it is no mapping: write NAME: VALUE, one a line, indented');
  if (node.members.length > MAX_HEADERS)
    return place.wrong(`it has more than ${MAX_HEADERS} headers`);
  const seen = new Set<string>();
  const headers = node.members.flatMap(({ name, line, node: value }): HeaderTemplate[] => {
    const itsPlace = place.at(name, line);
    const problem = seen.has(name.toLowerCase())
      ? 'this header is there already, in other letters: take one of them out'
      : headerProblem(name);
    seen.add(name.toLowerCase());
    if (problem !== null) itsPlace.wrong(problem);
    const template = text(headerTemplateProblem)(value, itsPlace);
    return template === undefined || problem !== null ? [] : [[name, template]];
  });
  return headers.length === node.members.length ? headers : undefined;
};

function contentTypeProblem(contentType: string): string | null {
  return isHeaderValue(contentType) && contentType.includes('/')
    ? null
    : 'it is no media type: write one such as application/json';
}

/** What only the parts together show. Each problem stands where one of them was said. */
function checkTogether({ headers, signature, secret }: Profile, members: Members): void {
  const twice = headers.find(([name]) => name.toLowerCase() === signature?.header.toLowerCase());
  if (twice !== undefined)
    members
      .placeOf('headers')
      .wrong(`${twice[0]} is the header of the signature: take it out here`);
  const problem = secretProblem(secret, signature);
  if (problem !== null)
    members.placeOf(members.has('secret') ? 'secret' : 'signature').wrong(problem);
}

function secretProblem(secret: SecretFormat, signature: SignatureScheme | null): string | null {
  if (secret.minBytes > secret.maxBytes) return 'min_bytes is above max_bytes: swap them';
  if (signature !== null && secret.ed25519 && signature.eachEd25519 === null)
    return 'secrets may be ed25519 keys, but each_ed25519 of the signature does not say how such signatures are written';
  if (secret.generated === null) return null;
  const generated = generateSigningSecret(secret, ZEROES);
  return signingKey(generated, secret) === undefined
    ? `what is generated (${secret.generated.bytes} bytes in ${secret.generated.encoding}) is no secret of this format: ${describeSecretFormat(secret)}`
    : null;
}

/** To see what a generated secret would look like. */
const ZEROES: Random = { bytes: (count) => new Uint8Array(count), nextFloat: () => 0 };
