/** The text that an HTTP message signature covers (RFC 9421, section 2.5). */
import type { HeaderFields } from './header-fields.ts';
import type { Item, Member } from './structured-fields.ts';
import { refused } from './verification.ts';
import type { Refused } from './verification.ts';

/** A request as it was received. */
export interface RequestLine {
  readonly method: string;
  /**
   * As the sender wrote it: absolute, or from the path on as `node:http` has it. Then the authority is that of the header
   * `Host`, and the scheme `https`.
   */
  readonly url: string;
}

export interface SignatureBase {
  readonly text: string;
  /** The names of what is covered, in order. */
  readonly components: readonly string[];
}

const ABSOLUTE = /^(https?):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?/i;
const ORIGIN_FORM = /^()()(\/[^?#]*)(\?[^#]*)?/;

/** @param input the member of `Signature-Input` */
export function signatureBase(
  input: Member,
  line: RequestLine,
  fields: HeaderFields,
): SignatureBase | Refused {
  const components: string[] = [];
  const lines: string[] = [];
  for (const { value: name, parameters } of input.items) {
    if (typeof name !== 'string' || name !== name.toLowerCase() || components.includes(name))
      return malformed('covers something that is no name, or twice the same');
    if (parameters.size > 0)
      return refused(
        'unsupported_algorithm',
        `the signature covers "${name}" with parameters, which this kit does not know`,
      );
    const value = name.startsWith('@') ? derived(name, line, fields) : fields.get(name);
    if (value === undefined)
      return refused('missing_header', `the signature covers "${name}", which is not there`);
    components.push(name);
    lines.push(`"${name}": ${value}\n`);
  }
  return { text: `${lines.join('')}"@signature-params": ${input.text}`, components };
}

/** RFC 9421, section 2.2; `undefined` for what a request does not have or this kit does not know. */
function derived(name: string, line: RequestLine, fields: HeaderFields): string | undefined {
  const url = ABSOLUTE.exec(line.url) ?? ORIGIN_FORM.exec(line.url);
  if (url === null) return undefined;
  const [, scheme = '', host = '', path = '', query = ''] = url;
  const usedScheme = scheme === '' ? 'https' : scheme.toLowerCase();
  const usedHost = host === '' ? (fields.get('host') ?? '') : host;
  const authority = usedHost.toLowerCase().replace(usedScheme === 'https' ? /:443$/ : /:80$/, '');
  const fullPath = path === '' ? '/' : path;
  switch (name) {
    case '@method':
      return line.method;
    case '@scheme':
      return usedScheme;
    case '@authority':
      return authority === '' ? undefined : authority;
    case '@path':
      return fullPath;
    case '@query':
      return query === '' ? '?' : query;
    case '@target-uri':
      return authority === '' ? undefined : `${usedScheme}://${authority}${fullPath}${query}`;
    case '@request-target':
      return fullPath + query;
    default:
      return undefined;
  }
}

/** The parameters of a signature that have to be of a kind. */
export interface SignatureParameters {
  readonly keyId: string | null;
  readonly algorithm: string | null;
  readonly created: number | null;
  readonly expires: number | null;
  readonly nonce: string | null;
}

export function readParameters({ parameters }: Member): SignatureParameters | Refused {
  const text = (name: string) => kindOrNull(parameters.get(name), 'string');
  const whole = (name: string) => kindOrNull(parameters.get(name), 'number');
  const read = {
    keyId: text('keyid'),
    algorithm: text('alg'),
    created: whole('created'),
    expires: whole('expires'),
    nonce: text('nonce'),
  };
  const { keyId, algorithm, created, expires, nonce } = read;
  if (
    keyId === undefined ||
    algorithm === undefined ||
    nonce === undefined ||
    created === undefined ||
    expires === undefined
  )
    return malformed('has a parameter that is not of its kind');
  return { keyId, algorithm, created, expires, nonce };
}

interface Kinds {
  string: string;
  number: number;
}

/** `undefined` where it is of another kind. */
function kindOrNull<Kind extends keyof Kinds>(
  value: Item['value'] | undefined,
  kind: Kind,
): Kinds[Kind] | null | undefined {
  if (value === undefined) return null;
  return typeof value === kind ? (value as Kinds[Kind]) : undefined;
}

function malformed(what: string): Refused {
  return refused('malformed_header', `the header signature-input ${what}`);
}
