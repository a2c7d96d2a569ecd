/**
 * The headers that a tenant adds to his deliveries: a JSON object of names and values, or its text. Names are tokens
 * and values visible ASCII (RFC 9110, 5.1 and 5.5), and none may take the place of those that frame, identify or sign
 * the message.
 */
import { MASK } from '../destination-type.ts';
import type { HttpSignature } from '../../domain/http-signature.ts';
import type { MessageFormat } from '../../domain/message-format.ts';
import type { FieldProblem } from '../destination-type.ts';
import { HTTP_SIGNATURE_HEADERS } from './http-signature.ts';

export type CustomHeaders =
  | {
      readonly ok: true;
      readonly headers: readonly (readonly [name: string, value: string])[];
      readonly json: string | null;
    }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e]{0,4094}[\x21-\x7e])?$/;
const RESERVED =
  /^(?:host|content-length|transfer-encoding|connection|keep-alive|proxy-connection|te|trailer|upgrade|expect|content-type|content-encoding|user-agent|accept-encoding|webhook-.*)$/i;
const SECRET = /auth|bearer|cookie|credential|jwt|key|pass|pwd|secret|session|signature|token/i;
const MAX_HEADERS = 50;
const POINTER = '/config/custom_headers';

/** `isTaken`: as `takenHeaders` says. */
export function parseCustomHeaders(
  given: unknown,
  isTaken: (name: string) => boolean = () => false,
): CustomHeaders {
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
  const problems = headers.flatMap(([name, value]) => judge(name, value, isTaken));
  if (problems.length > 0) return refuse(problems);
  const pairs = headers.map(([name, value]): [string, string] => [name, String(value)]);
  return {
    ok: true,
    headers: pairs,
    json: pairs.length === 0 ? null : JSON.stringify(Object.fromEntries(pairs)),
  };
}

/** Whether the destination's messages set the header themselves; asked in lower case. */
export function takenHeaders(
  { headerNames }: MessageFormat,
  httpSignature: HttpSignature | null,
): (name: string) => boolean {
  return (name) =>
    headerNames.has(name) || (httpSignature !== null && HTTP_SIGNATURE_HEADERS.includes(name));
}

export function isHeaderName(name: string): boolean {
  return TOKEN.test(name);
}

export function isHeaderValue(value: string): boolean {
  return VALUE.test(value);
}

/** Frames, describes or identifies the message: nobody but the sender sets it. */
export function isReservedHeader(name: string): boolean {
  return RESERVED.test(name);
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

function judge(name: string, value: unknown, isTaken: (name: string) => boolean): FieldProblem[] {
  const pointer = `${POINTER}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  if (!isHeaderName(name))
    return [
      { pointer, code: 'header_name', message: 'This is not a name that a header can have.' },
    ];
  if (RESERVED.test(name) || isTaken(name.toLowerCase())) {
    return [
      {
        pointer,
        code: 'header_reserved',
        message: 'This header is set by the sender and cannot be replaced.',
      },
    ];
  }
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
