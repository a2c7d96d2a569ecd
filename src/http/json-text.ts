/** A body's bytes as a JSON value, or the place at which they stop being JSON in UTF-8. */
import { isUtf8 } from 'node:buffer';
import { jsonFault, lineAndColumn } from '../domain/json-fault.ts';
import { ApiError } from './errors.ts';

const REPLACEMENT = Buffer.from('\ufffd');

/** Throws `ApiError`. */
export function parseJsonBody(body: Buffer): unknown {
  const text = body.toString('utf8');
  if (!isUtf8(body)) {
    const message = `The body is not valid UTF-8, as of byte ${badByte(body, text) + 1}.`;
    throw new ApiError('invalid_json', message);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError('invalid_json', `The body is not JSON: ${faultOf(text)}`);
  }
}

function faultOf(text: string): string {
  const index = jsonFault(text);
  const { line, column } = lineAndColumn(text, index);
  const at = `line ${line}, column ${column}`;
  const character = text.codePointAt(index);
  if (character === undefined) return `it ends too early, at ${at}.`;
  return `${JSON.stringify(String.fromCodePoint(character))} cannot stand at ${at}.`;
}

/** The first one that was replaced when it was read. */
function badByte(body: Buffer, text: string): number {
  let from = 0;
  let byte = 0;
  for (;;) {
    const index = text.indexOf('\ufffd', from);
    if (index === -1) return byte;
    byte += Buffer.byteLength(text.slice(from, index));
    if (!body.subarray(byte, byte + REPLACEMENT.length).equals(REPLACEMENT)) return byte;
    from = index + 1;
    byte += REPLACEMENT.length;
  }
}
