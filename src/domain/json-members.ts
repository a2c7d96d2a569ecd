/**
 * Where the members of a JSON object stand in its bytes, so that one of them can be passed on byte for byte.
 *
 * It does not validate: give it only bytes that `JSON.parse` has taken. What it does see is what a parser hides: a name
 * that stands twice, and how deep the nesting goes.
 */

export interface Member {
  readonly name: string;
  /** First byte of the name, its quotation mark. */
  readonly nameStart: number;
  /** First byte of the value. */
  readonly start: number;
  /** Byte after the value. */
  readonly end: number;
}

/** The value of a member nests deeper than allowed. */
export class TooDeepError extends Error {
  override readonly name = 'TooDeepError';
  readonly member: string;

  constructor(member: string, maxDepth: number) {
    super(`${member} nests deeper than ${maxDepth} levels`);
    this.member = member;
  }
}

/** Arrays and objects in one another within the value of a member, the outermost counted. */
export const MAX_DEPTH = 128;

/**
 * The members of the object that begins at `at` (white space before it is passed over), in order. Throws
 * `TooDeepError`; with `maxDepth` Infinity it does not.
 */
export function objectMembers(bytes: Uint8Array, at = 0, maxDepth = MAX_DEPTH): Member[] {
  const members: Member[] = [];
  let index = skipSpace(bytes, at) + 1;
  for (;;) {
    index = skipSpace(bytes, index);
    if (bytes[index] === CLOSE_BRACE || index >= bytes.length) return members;
    if (bytes[index] === COMMA) {
      index++;
      continue;
    }
    const nameEnd = skipString(bytes, index);
    const name = readName(bytes, index, nameEnd);
    const start = skipSpace(bytes, skipSpace(bytes, nameEnd) + 1);
    const end = skipValue(bytes, start, maxDepth);
    if (end === TOO_DEEP) throw new TooDeepError(name, maxDepth);
    members.push({ name, nameStart: index, start, end });
    index = end;
  }
}

/** Whether arrays and objects nest deeper than that in the value that begins at `at`. */
export function isDeeperThan(bytes: Uint8Array, at: number, maxDepth: number): boolean {
  return skipValue(bytes, at, maxDepth) === TOO_DEEP;
}

/** Where the elements of the array that begins at `at` stand, however deep they nest. */
export function arrayElements(
  bytes: Uint8Array,
  at: number,
): { readonly start: number; readonly end: number }[] {
  const elements: { start: number; end: number }[] = [];
  let index = skipSpace(bytes, at) + 1;
  for (;;) {
    index = skipSpace(bytes, index);
    if (bytes[index] === CLOSE_BRACKET || index >= bytes.length) return elements;
    if (bytes[index] === COMMA) {
      index++;
      continue;
    }
    const end = skipValue(bytes, index, Infinity);
    elements.push({ start: index, end });
    index = end;
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

const TOO_DEEP = -1;

function skipSpace(bytes: Uint8Array, at: number): number {
  let index = at;
  // All of JSON's white space is at or below the blank, and nothing else outside of strings is.
  while (index < bytes.length && (bytes[index] ?? 0) <= SPACE) index++;
  return index;
}

/** Strings up to this are read byte by byte; in longer ones the quote is searched for, which is native. */
const SHORT_STRING = 64;

/** From the opening quote to the byte after the closing one. */
function skipString(bytes: Uint8Array, at: number): number {
  const shortEnd = Math.min(at + SHORT_STRING, bytes.length);
  let index = at + 1;
  for (; index < shortEnd; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) return index + 1;
    if (byte === BACKSLASH) index++;
  }
  for (;;) {
    const quote = bytes.indexOf(QUOTE, index);
    if (quote === -1) return bytes.length;
    let backslashes = quote;
    while (backslashes > index && bytes[backslashes - 1] === BACKSLASH) backslashes--;
    // A quote after an odd number of backslashes is escaped.
    if (((quote - backslashes) & 1) === 0) return quote + 1;
    index = quote + 1;
  }
}

/** The byte after the value, or `TOO_DEEP`. */
function skipValue(bytes: Uint8Array, at: number, maxDepth: number): number {
  const first = bytes[at];
  if (first === QUOTE) return skipString(bytes, at);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return skipScalar(bytes, at);
  let depth = 0;
  let index = at;
  while (index < bytes.length) {
    const byte = bytes[index];
    if (byte === QUOTE) {
      index = skipString(bytes, index);
      continue;
    }
    index++;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
      if (depth > maxDepth) return TOO_DEEP;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--;
      if (depth === 0) return index;
    }
  }
  return index;
}

function skipScalar(bytes: Uint8Array, at: number): number {
  let index = at;
  for (; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    if (byte <= SPACE || byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET)
      return index;
  }
  return index;
}

function readName(bytes: Uint8Array, start: number, end: number): string {
  const text = decoder.decode(bytes.subarray(start, end));
  // JSON that was parsed before: a string.
  return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1);
}

const decoder = new TextDecoder();
