import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arrayElements,
  MAX_DEPTH,
  objectMembers,
  TooDeepError,
} from '../../src/domain/json-members.ts';
import {
  jsonArrayText,
  jsonObjectText,
  jsonSpace,
  nestedObjectText,
} from '../support/api-json-text.ts';

const bytesOf = (text: string) => Buffer.from(text, 'utf8');

/**
 * The reference: a reader of the text by the grammar of RFC 8259, as characters, which shares nothing with the one
 * under test.
 */
function membersByGrammar(text: string): [name: string, value: string][] {
  const [members] = readContainer(text, text.search(/\S/));
  return members.map(({ name, start, end }) => [name ?? '', text.slice(start, end)]);
}

interface Part {
  readonly name?: string;
  readonly start: number;
  readonly end: number;
}

const SCALAR = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null/y;
const WHITE = /[ \t\n\r]*/y;

function readContainer(text: string, at: number): [parts: Part[], end: number] {
  const isObject = text[at] === '{';
  const close = isObject ? '}' : ']';
  const parts: Part[] = [];
  let index = white(text, at + 1);
  while (text[index] !== close) {
    let name: string | undefined;
    if (isObject) {
      const end = scalar(text, index);
      name = JSON.parse(text.slice(index, end)) as string;
      index = white(text, white(text, end) + 1);
    }
    const isContainer = text[index] === '{' || text[index] === '[';
    const end = isContainer ? readContainer(text, index)[1] : scalar(text, index);
    parts.push({ start: index, end, ...(name === undefined ? {} : { name }) });
    index = white(text, end);
    if (text[index] === ',') index = white(text, index + 1);
  }
  return [parts, index + 1];
}

function scalar(text: string, at: number): number {
  SCALAR.lastIndex = at;
  if (!SCALAR.test(text)) throw new Error(`no scalar at ${at} of ${text}`);
  return SCALAR.lastIndex;
}

function white(text: string, at: number): number {
  WHITE.lastIndex = at;
  WHITE.test(text);
  return WHITE.lastIndex;
}

function membersOf(text: string, at = 0): [name: string, value: string][] {
  const bytes = bytesOf(text);
  return objectMembers(bytes, at).map(({ name, start, end }) => [
    name,
    bytes.toString('utf8', start, end),
  ]);
}

describe('objectMembers', () => {
  it('finds the same members as a reader by the grammar, in any valid text', () => {
    fc.assert(
      fc.property(jsonSpace, jsonObjectText, jsonSpace, (before, object, after) => {
        const text = before + object + after;
        expect(membersOf(text)).toEqual(membersByGrammar(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps the order and tells a name that stands twice, however it is written', () => {
    expect(membersOf(' {"b":1,"a":2,"\\u0062" : 3, "__proto__":{}} ')).toEqual([
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
      ['__proto__', '{}'],
    ]);
  });

  it('begins where it is told to', () => {
    const text = '[ {"a": [1, {"b": "]}"}]} ]';
    expect(membersOf(text, 1)).toEqual([['a', '[1, {"b": "]}"}]']]);
  });

  it.each([
    ['a quote that is escaped', '{"a":"\\""}', '"\\""'],
    ['a backslash before the end', '{"a":"\\\\"}', '"\\\\"'],
    ['an odd number of backslashes', '{"a":"\\\\\\""}', '"\\\\\\""'],
    ['a long string with quotes', `{"a":"${'x\\"'.repeat(50)}"}`, `"${'x\\"'.repeat(50)}"`],
    [
      'a long string with a backslash last',
      `{"a":"${'x'.repeat(60)}\\\\"}`,
      `"${'x'.repeat(60)}\\\\"`,
    ],
    [
      'a backslash on the border of the short part of a string',
      `{"a":"${'x'.repeat(22)}\\"y"}`,
      `"${'x'.repeat(22)}\\"y"`,
    ],
    ['a scalar at the very end', '{"a":-1.5e+3}', '-1.5e+3'],
    ['brackets within a string', '{"a":"}]{["}', '"}]{["'],
    ['no members', '{}', undefined],
    ['white space alone', ' { \n } ', undefined],
  ])('reads %s', (_what, text, value) => {
    expect(membersOf(text)).toEqual(value === undefined ? [] : [['a', value]]);
  });

  it('finds the end of a string for every length and every number of backslashes before its quote', () => {
    for (let length = 0; length < 60; length++) {
      for (let backslashes = 0; backslashes < 8; backslashes += 2) {
        const value = `"${'x'.repeat(length)}${'\\'.repeat(backslashes)}"`;
        expect(membersOf(`{"n":${value},"m":0}`)).toEqual([
          ['n', value],
          ['m', '0'],
        ]);
        const escaped = `"${'x'.repeat(length)}${'\\'.repeat(backslashes)}\\"x"`;
        expect(membersOf(`{"n":${escaped},"m":0}`)).toEqual([
          ['n', escaped],
          ['m', '0'],
        ]);
      }
    }
  });

  it('takes values up to the greatest depth, and names the one that is deeper', () => {
    expect(membersOf(`{"a": ${nestedObjectText(MAX_DEPTH)}}`)).toHaveLength(1);
    const tooDeep = bytesOf(`{"ok": [], "b": ${nestedObjectText(MAX_DEPTH + 1)}}`);
    expect(() => objectMembers(tooDeep)).toThrow(TooDeepError);
    expect(() => objectMembers(tooDeep)).toThrow(expect.objectContaining({ member: 'b' }) as Error);
    expect(objectMembers(tooDeep, 0, Infinity)).toHaveLength(2);
    expect(() => objectMembers(bytesOf('{"a": [[1]]}'), 0, 1)).toThrow(TooDeepError);
  });

  it('counts only what is open at the same time', () => {
    expect(membersOf(`{"a": [${'[1],'.repeat(1000)}0]}`)).toHaveLength(1);
  });
});

describe('arrayElements', () => {
  it('finds the same elements as a reader by the grammar', () => {
    fc.assert(
      fc.property(jsonSpace, jsonArrayText, (before, array) => {
        const text = before + array;
        const bytes = bytesOf(text);
        const [expected] = readContainer(text, before.length);
        expect(
          arrayElements(bytes, 0).map(({ start, end }) => bytes.toString('utf8', start, end)),
        ).toEqual(expected.map(({ start, end }) => text.slice(start, end)));
      }),
      { numRuns: 2000 },
    );
  });

  it('does not mind how deep an element nests', () => {
    const text = `[${nestedObjectText(100_000)}, 1]`;
    expect(arrayElements(bytesOf(text), 0)).toHaveLength(2);
  });
});
