/**
 * What the headers of a profile's messages are for, and so whether a destination may give one another value. It is read
 * off the profile: what its signature covers stands in the profile's own words.
 */
import type { Profile } from './profile.ts';
import { splitAt, templateParts } from './template.ts';
import type { TemplateParts, Variable } from './template.ts';

/**
 * information  says something of the event or its sender that nothing else depends on
 * signature    the signature, or what receivers verify it by
 * repeats      tells receivers a repeated or replayed message from a new one
 * cloudevents  makes the message a CloudEvent
 */
export type HeaderRole = 'information' | 'signature' | 'repeats' | 'cloudevents';

/** Fresh with each attempt, or the same over all of them: receivers remember what they have seen. */
const TELLING_REPEATS: readonly Variable[] = ['nonce', 'idempotency_key'];
const IDEMPOTENCY_KEY = 'idempotency-key';
/** Stands in each CloudEvent in binary mode (HTTP Protocol Binding 1.0.2, 3.1), and in nothing else. */
const CLOUDEVENT_MARK = 'ce-specversion';
const CLOUDEVENT_PREFIX = 'ce-';
/** Characters that no header's name has (RFC 9110, 5.6.2), in lower case. */
const BETWEEN_NAMES = /[^!#$%&'*+.^_`|~0-9a-z-]+/;

/** Lower-case names, and what stands in the headers. */
type Written = ReadonlyMap<string, TemplateParts>;

/** By lower-case name: of all headers that say what the message is, the signature among them, not of those that frame it. */
export function headerRoles(profile: Profile): ReadonlyMap<string, HeaderRole> {
  const { contentType, headers, signature, payload } = profile;
  const written: Written = new Map([
    ['user-agent', { variables: new Set(), texts: [] }],
    ['content-type', { variables: new Set(), texts: [contentType] }],
    ...headers.map(([name, text]) => [name.toLowerCase(), templateParts(text)] as const),
  ]);
  const signed = signedHeaders(written, profile);
  const isBinary = written.has(CLOUDEVENT_MARK);
  const isCloudEvents = (name: string) =>
    name === 'content-type'
      ? isBinary || payload === 'cloudevents'
      : isBinary && name.startsWith(CLOUDEVENT_PREFIX);

  const roles = new Map<string, HeaderRole>();
  for (const [name, parts] of written) {
    if (signed.has(name)) roles.set(name, 'signature');
    else if (tellsRepeats(name, parts)) roles.set(name, 'repeats');
    else roles.set(name, isCloudEvents(name) ? 'cloudevents' : 'information');
  }
  if (signature !== null) roles.set(signature.header.toLowerCase(), 'signature');
  return roles;
}

/**
 * The headers that the signature covers: each that carries a variable which is signed, or a constant which stands in the
 * signed text; and each that names others, as `Signed-Headers` does, with those that it names.
 */
function signedHeaders(written: Written, { signature }: Profile): ReadonlySet<string> {
  const names = new Set<string>();
  if (signature === null) return names;
  const signed = splitAt('body', signature.signed).map(templateParts);
  for (const [name, parts] of written) {
    if (signed.some((each) => covers(each, parts))) names.add(name);
    const listed = constantOf(parts).toLowerCase().split(BETWEEN_NAMES).filter(isOther(name));
    if (listed.length > 0) names.add(name);
    for (const each of listed) names.add(each);
  }
  return names;

  function isOther(name: string) {
    return (each: string) => each !== name && written.has(each);
  }
}

function covers(signed: TemplateParts, header: TemplateParts): boolean {
  if (header.variables.size > 0) return !header.variables.isDisjointFrom(signed.variables);
  const constant = constantOf(header);
  return constant !== '' && signed.texts.some((text) => text.includes(constant));
}

/** What always stands there; `''`: it differs. */
function constantOf({ variables, texts }: TemplateParts): string {
  return variables.size === 0 ? texts.join('') : '';
}

function tellsRepeats(name: string, { variables }: TemplateParts): boolean {
  return name === IDEMPOTENCY_KEY || TELLING_REPEATS.some((each) => variables.has(each));
}
