/** The bytes that a scheme signs, put together from a message. */
import { joined, utf8 } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import type { HeaderFields } from './header-fields.ts';
import type { Scheme, SignedPart } from './scheme.ts';
import { refused } from './verification.ts';
import type { Refused } from './verification.ts';

/** As many headers as a sender may have signed: each name costs a look. */
const MAX_NAMES = 32;

export function signedContent(scheme: Scheme, fields: HeaderFields, body: Bytes): Bytes | Refused {
  const pieces: Uint8Array[] = [];
  for (const part of scheme.signed) {
    const piece = pieceOf(part, fields, body);
    if ('ok' in piece) return piece;
    pieces.push(piece);
  }
  return joined(pieces);
}

function pieceOf(part: SignedPart, fields: HeaderFields, body: Bytes): Uint8Array | Refused {
  if ('body' in part) return body;
  if ('text' in part) return utf8(part.text);
  if ('header' in part) return headerBytes(fields, part.header, part.without);
  return namedHeaderBytes(fields, part.headersNamedIn, part.atLeast);
}

function headerBytes(fields: HeaderFields, name: string, without?: string): Uint8Array | Refused {
  const value = fields.get(name);
  if (value === undefined || value === '')
    return refused('missing_header', `there is no header ${name}`);
  if (without !== undefined && value.includes(without))
    return refused(
      'malformed_header',
      `the header ${name} has a "${without}", so that nobody can tell where it ends in what is signed`,
    );
  return utf8(value);
}

function namedHeaderBytes(
  fields: HeaderFields,
  listHeader: string,
  atLeast: readonly string[],
): Uint8Array | Refused {
  const list = fields.get(listHeader);
  if (list === undefined) return refused('missing_header', `there is no header ${listHeader}`);
  const names = list.split(',').map((name) => name.trim().toLowerCase());
  const left = atLeast.find((name) => !names.includes(name));
  if (left !== undefined)
    return refused('malformed_header', `the header ${listHeader} does not name ${left}`);
  if (names.length > MAX_NAMES || new Set(names).size < names.length)
    return refused(
      'malformed_header',
      `the header ${listHeader} names a header twice, or more than ${MAX_NAMES}`,
    );
  const pieces: Uint8Array[] = [];
  for (const name of names) {
    const piece = headerBytes(fields, name);
    if ('ok' in piece) return piece;
    pieces.push(piece);
  }
  return joined(pieces);
}
