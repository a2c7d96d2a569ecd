/**
 * JSON as values that lose nothing: numbers by what is written, objects as maps, so that no name is special. Where a
 * name stands twice, the last one counts.
 *
 * An event is read for its filters, and filters look at few of its members: only what is `Wanted` is made a value, the
 * rest is passed over. It does not validate: give it only text that `JSON.parse` has taken. (`JSON.parse` itself is not
 * used: it rounds numbers, and V8 misreads escaped names after others that held a backslash, as of Node 26.)
 */
import { ExactNumber, compareNumbers, jsonNumber } from './exact-number.ts';

export type JsonScalar = string | number | boolean | null | ExactNumber;
export type JsonValue = JsonScalar | readonly JsonValue[] | JsonObject;
export interface JsonObject extends ReadonlyMap<string, JsonValue> {}

/** Which members of an object are read; arrays are transparent: of their elements the same is wanted. */
export interface Wanted {
  /** All of it. */
  readonly whole: boolean;
  readonly members: ReadonlyMap<string, Wanted>;
}

export const WHOLE: Wanted = { whole: true, members: new Map() };

/** An object of which nothing is wanted becomes an empty one. */
export function parseJson(text: string, wanted: Wanted = WHOLE): JsonValue {
  return new Reader(text).value(wanted);
}

export function isArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

export function isScalar(value: JsonValue): value is JsonScalar {
  return !isArray(value) && !isObject(value);
}

/** Deep, whatever the order of an object's members. */
export function jsonEqual(left: JsonValue, right: JsonValue): boolean {
  if (left === right) return true;
  if (left instanceof ExactNumber)
    return right instanceof ExactNumber && compareNumbers(left, right) === 0;
  if (isArray(left)) {
    if (!isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => jsonEqual(item, right[index] ?? null));
  }
  if (!isObject(left) || !isObject(right) || left.size !== right.size) return false;
  for (const [name, value] of left) {
    const other = right.get(name);
    if (other === undefined || !jsonEqual(value, other)) return false;
  }
  return true;
}

/** Compact JSON; numbers beyond doubles as they were spelled. */
export function jsonText(value: JsonValue): string {
  if (value instanceof ExactNumber) return value.spelling;
  if (isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (isObject(value)) {
    const members = [...value].map(
      ([name, member]) => `${JSON.stringify(name)}:${jsonText(member)}`,
    );
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** For `JSON.stringify`, which gives the same as `jsonText`. */
export function plainJson(value: JsonValue): unknown {
  if (value instanceof ExactNumber) return raw.rawJSON(value.spelling);
  if (isArray(value)) return value.map(plainJson);
  if (!isObject(value)) return value;
  return Object.fromEntries([...value].map(([name, member]) => [name, plainJson(member)]));
}

/** Of JSON.parse source text access (ECMAScript 2026); TypeScript does not know it yet. */
const raw = JSON as unknown as { rawJSON(text: string): unknown };

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LETTER_F = 0x66;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(wanted: Wanted): JsonValue {
    switch (this.#next()) {
      case OPEN_BRACE:
        return this.#object(wanted);
      case OPEN_BRACKET:
        return this.#array(wanted);
      case QUOTE:
        return this.#string();
      case LETTER_T:
        this.#at += 'true'.length;
        return true;
      case LETTER_F:
        this.#at += 'false'.length;
        return false;
      case LETTER_N:
        this.#at += 'null'.length;
        return null;
      default: {
        const start = this.#at;
        this.#skipScalar();
        return jsonNumber(this.#text.slice(start, this.#at));
      }
    }
  }

  #object(wanted: Wanted): JsonObject {
    const object = new Map<string, JsonValue>();
    this.#at++;
    for (;;) {
      const code = this.#next();
      if (code === COMMA) {
        this.#at++;
        continue;
      }
      if (code !== QUOTE) {
        this.#at++;
        return object;
      }
      const name = this.#string();
      this.#next();
      // The colon.
      this.#at++;
      const member = wanted.whole ? WHOLE : wanted.members.get(name);
      if (member === undefined) this.#skip();
      else object.set(name, this.value(member));
    }
  }

  #array(wanted: Wanted): JsonValue[] {
    const items: JsonValue[] = [];
    this.#at++;
    for (;;) {
      const code = this.#next();
      if (code === COMMA) {
        this.#at++;
        continue;
      }
      if (code === CLOSE_BRACKET || Number.isNaN(code)) {
        this.#at++;
        return items;
      }
      items.push(this.value(wanted));
    }
  }

  #string(): string {
    const start = this.#at;
    this.#skipString();
    const text = this.#text.slice(start + 1, this.#at - 1);
    return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
  }

  #skip(): void {
    const code = this.#next();
    if (code === QUOTE) this.#skipString();
    else if (code !== OPEN_BRACE && code !== OPEN_BRACKET) this.#skipScalar();
    else this.#skipNested();
  }

  #skipNested(): void {
    let depth = 0;
    while (this.#at < this.#text.length) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) {
        this.#skipString();
        continue;
      }
      this.#at++;
      if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
      else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) return;
    }
  }

  /** To the character after the closing quote. */
  #skipString(): void {
    const text = this.#text;
    let from = this.#at + 1;
    for (;;) {
      const quote = text.indexOf('"', from);
      if (quote === -1) {
        this.#at = text.length;
        return;
      }
      let backslashes = quote;
      while (backslashes > from && text.charCodeAt(backslashes - 1) === BACKSLASH) backslashes--;
      from = quote + 1;
      // A quote after an odd number of backslashes is escaped.
      if (((quote - backslashes) & 1) === 0) break;
    }
    this.#at = from;
  }

  #skipScalar(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code <= SPACE || code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET) return;
    }
  }

  /** The first character that is no white space; NaN at the end. */
  #next(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (!(code <= SPACE)) return code;
      this.#at++;
    }
  }
}

/** A tree of what is wanted, while it grows. */
export class WantedTree implements Wanted {
  whole = false;
  readonly members = new Map<string, WantedTree>();

  member(name: string): WantedTree {
    let member = this.members.get(name);
    if (member === undefined) {
      member = new WantedTree();
      this.members.set(name, member);
    }
    return member;
  }
}
