/** Fixed secret headers, such as `x-api-key`. */
import { isHeaderName, isHeaderValue } from '../custom-headers.ts';
import { isReservedHeader } from '../header-claims.ts';
import type { AuthFields } from './auth-fields.ts';

export interface HeaderAuth {
  readonly method: 'header';
  readonly headers: Readonly<Record<string, string>>;
}

const MAX_HEADERS = 10;

/** `isTaken`: whether the profile sets the header itself; asked in lower case. */
export function checkHeader(fields: AuthFields, isTaken: (name: string) => boolean): HeaderAuth {
  const given = fields.map('headers');
  const headers: [name: string, value: string][] = [];
  if (given === undefined || given.size === 0 || given.size > MAX_HEADERS) {
    const code = given === undefined ? 'required' : 'count';
    fields.refuse(
      'headers',
      code,
      `An object of 1 to ${MAX_HEADERS} names and values is required.`,
    );
    return { method: 'header', headers: {} };
  }
  const names = new Set<string>();
  for (const [name, value] of given) {
    const lower = name.toLowerCase();
    const refuse = (code: string, message: string) => fields.refuse('headers', code, message, name);
    if (!isHeaderName(name)) refuse('header_name', 'This is not a name that a header can have.');
    else if (isReservedHeader(name) || isTaken(lower))
      refuse('header_reserved', 'This header is set by the sender and cannot be replaced.');
    else if (names.has(lower)) refuse('duplicate', 'This header is given twice.');
    else if (typeof value !== 'string' || !isHeaderValue(value))
      refuse('header_value', 'A header’s value is a string of visible ASCII characters.');
    else headers.push([name, value]);
    names.add(lower);
  }
  return { method: 'header', headers: Object.fromEntries(headers) };
}
