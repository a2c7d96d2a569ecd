/**
 * The part of Structured Fields (RFC 9651) that signatures need: dictionaries of byte sequences and of lists of texts,
 * with parameters.
 */
import { fromBase64 } from './bytes.ts';
import type { Bytes } from './bytes.ts';

export type BareItem = string | number | boolean | Bytes | { readonly token: string };

export type Parameters = ReadonlyMap<string, BareItem>;

export interface Item {
  readonly value: BareItem;
  readonly parameters: Parameters;
}

export interface Member {
  /** Several where it is an inner list. */
  readonly items: readonly Item[];
  readonly isList: boolean;
  readonly parameters: Parameters;
  /** As it stands in the field. */
  readonly text: string;
}

/** Members by key; the last of several with one key counts. `null` where the text is no dictionary. */
export function parseDictionary(text: string): ReadonlyMap<string, Member> | null {
  const reader = new Reader(text);
  const members = new Map<string, Member>();
  try {
    reader.skip(/ */y);
    while (!reader.atEnd) {
      const key = reader.take(KEY);
      const begin = reader.at + 1;
      const member = reader.sees('=') ? readMember(reader) : readFlag(reader);
      members.delete(key);
      members.set(key, { ...member, text: text.slice(begin, reader.at) });
      reader.skip(BLANK);
      if (reader.atEnd) break;
      reader.expect(',');
      reader.skip(BLANK);
      if (reader.atEnd) return null;
    }
    return members;
  } catch (error) {
    if (error instanceof MalformedField) return null;
    throw error;
  }
}

const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const BLANK = /[ \t]*/y;
const NUMBER = /-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])/y;
const TOKEN = /[A-Za-z*][\w!#$%&'*+\-.^`|~:/]*/y;
const STRING = /"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/y;
const BYTES = /:[A-Za-z0-9+/]*={0,2}:/y;

class MalformedField extends Error {}

class Reader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  get atEnd(): boolean {
    return this.at === this.text.length;
  }

  sees(character: string): boolean {
    return this.text[this.at] === character;
  }

  expect(character: string): void {
    if (!this.sees(character)) throw new MalformedField();
    this.at++;
  }

  take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const [found] = pattern.exec(this.text) ?? [];
    if (found === undefined) throw new MalformedField();
    this.at += found.length;
    return found;
  }

  skip(pattern: RegExp): void {
    this.take(pattern);
  }
}

type Unspelled = Omit<Member, 'text'>;

function readMember(reader: Reader): Unspelled {
  reader.expect('=');
  if (!reader.sees('(')) {
    const item = readItem(reader);
    return { items: [item], isList: false, parameters: item.parameters };
  }
  reader.expect('(');
  const items: Item[] = [];
  for (;;) {
    reader.skip(/ */y);
    if (reader.sees(')')) break;
    items.push(readItem(reader));
    if (!reader.sees(' ') && !reader.sees(')')) throw new MalformedField();
  }
  reader.expect(')');
  return { items, isList: true, parameters: readParameters(reader) };
}

/** A key without a value is true. */
function readFlag(reader: Reader): Unspelled {
  const parameters = readParameters(reader);
  return { items: [{ value: true, parameters }], isList: false, parameters };
}

function readItem(reader: Reader): Item {
  return { value: readBareItem(reader), parameters: readParameters(reader) };
}

function readParameters(reader: Reader): Parameters {
  const parameters = new Map<string, BareItem>();
  while (reader.sees(';')) {
    reader.expect(';');
    reader.skip(/ */y);
    const key = reader.take(KEY);
    parameters.delete(key);
    if (reader.sees('=')) {
      reader.expect('=');
      parameters.set(key, readBareItem(reader));
    } else parameters.set(key, true);
  }
  return parameters;
}

function readBareItem(reader: Reader): BareItem {
  if (reader.sees('"')) return reader.take(STRING).slice(1, -1).replaceAll(/\\(.)/g, '$1');
  if (reader.sees('?')) return reader.take(/\?[01]/y) === '?1';
  if (reader.sees(':')) {
    const bytes = fromBase64(reader.take(BYTES).slice(1, -1));
    if (bytes === null) throw new MalformedField();
    return bytes;
  }
  const { text, at } = reader;
  return /[-\d]/.test(text[at] ?? '') ? Number(reader.take(NUMBER)) : { token: reader.take(TOKEN) };
}
