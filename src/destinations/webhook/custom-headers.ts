/**
 * The headers that a tenant adds to his deliveries, or replaces in them: a JSON object of names and values, or its text.
 * Names are tokens and values visible ASCII (RFC 9110, 5.1 and 5.5). Which are not his to set: header-claims.ts.
 */
import { MASK } from '../destination-type.ts';
import type { FieldProblem } from '../destination-type.ts';
import { claimMessage } from './header-claims.ts';
import type { HeaderClaims } from './header-claims.ts';

export type CustomHeaders =
  | {
      readonly ok: true;
      readonly headers: readonly (readonly [name: string, value: string])[];
      readonly json: string | null;
    }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e]{0,4094}[\x21-\x7e])?$/;
const SECRET = /auth|bearer|cookie|credential|jwt|key|pass|pwd|secret|session|signature|token/i;
const MAX_HEADERS = 50;
const POINTER = '/config/custom_headers';

export function parseCustomHeaders(given: unknown, claims: HeaderClaims): CustomHeaders {
  if (given === undefined || given === null || given === '')
    return { ok: true, headers: [], json: null };
  const object = typeof given === 'string' ? parseJson(given) : given;
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    return refuse([
      {
        pointer: POINTER,
        code: 'type',
        message: 'Custom headers are an object of names and values, or its JSON.',
      },
    ]);
  }
  const headers = Object.entries(object);
  if (headers.length > MAX_HEADERS) {
    return refuse([
      { pointer: POINTER, code: 'too_many', message: `At most ${MAX_HEADERS} custom headers.` },
    ]);
  }
  const replaced = new Set<string>();
  const problems = headers.flatMap(([name, value]) => judge(name, value, claims, replaced));
  if (problems.length > 0) return refuse(problems);
  const pairs = headers.map(([name, value]): [string, string] => [name, String(value)]);
  return {
    ok: true,
    headers: pairs,
    json: pairs.length === 0 ? null : JSON.stringify(Object.fromEntries(pairs)),
  };
}

export function isHeaderName(name: string): boolean {
  return TOKEN.test(name);
}

export function isHeaderValue(value: string): boolean {
  return VALUE.test(value);
}

/** Whether the record of an attempt hides the value. */
export function isSecretHeader(name: string): boolean {
  return SECRET.test(name);
}

/** The JSON of checked headers, with the values masked that the record of an attempt hides. */
export function maskedHeaders(json: string): string {
  const headers: unknown = parseJson(json);
  // What was stored was checked; if it is no object any more, nothing of it is shown.
  if (typeof headers !== 'object' || headers === null) return MASK;
  const shown = Object.entries(headers).map(([name, value]: [string, unknown]) => [
    name,
    isSecretHeader(name) ? MASK : value,
  ]);
  return JSON.stringify(Object.fromEntries(shown));
}

/** `replaced`: the names, in lower case, of what others before this one take the place of. */
function judge(
  name: string,
  value: unknown,
  claims: HeaderClaims,
  replaced: Set<string>,
): FieldProblem[] {
  const pointer = `${POINTER}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  if (!isHeaderName(name))
    return [
      { pointer, code: 'header_name', message: 'This is not a name that a header can have.' },
    ];
  const lower = name.toLowerCase();
  const claim = claims.of(lower);
  if (claim !== null)
    return [{ pointer, code: 'header_reserved', message: claimMessage(claim, name) }];
  if (replaced.has(lower)) {
    const message = `“${name}” is there already, in other letters: give it once.`;
    return [{ pointer, code: 'duplicate', message }];
  }
  if (claims.isReplaced(lower)) replaced.add(lower);
  if (typeof value !== 'string' || !isHeaderValue(value)) {
    return [
      {
        pointer,
        code: 'header_value',
        message: 'A header’s value is a string of visible ASCII characters.',
      },
    ];
  }
  return [];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuse(problems: readonly FieldProblem[]): CustomHeaders {
  return { ok: false, problems };
}
