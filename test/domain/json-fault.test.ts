/** Where a text stops being JSON, held against `JSON.parse`: what stands before can become JSON, and no more of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonFault, lineAndColumn } from '../../src/domain/json-fault.ts';

describe('jsonFault', () => {
  it.each([
    ['{"a": 1, "b": x}', 14],
    ['{"a": 1 "b": 2}', 8],
    ['{"a": 1,', 8],
    ['{"a": 1,}', 8],
    ['[1,]', 3],
    ['', 0],
    [' \n ', 3],
    ['{a: 1}', 1],
    ["{'a': 1}", 1],
    ['{"a" 1}', 5],
    ['[1 2]', 3],
    ['1 2', 2],
    ['01', 1],
    ['-', 1],
    ['1.', 2],
    ['1.e', 2],
    ['1e+', 3],
    ['tru', 3],
    ['trug', 3],
    ['nul]', 3],
    ['"a', 2],
    ['"a\nb"', 2],
    ['"\\x"', 2],
    ['"\\u12g4"', 5],
    ['[1}', 2],
    ['{"a":1]', 6],
    ['\ufeff{}', 0],
    ['{"a":undefined}', 5],
    ['[NaN]', 1],
    ['+1', 0],
    [`${'['.repeat(100_000)}x`, 100_000],
  ])('%#: %j stops at %i', (text, index) => {
    expect(jsonFault(text)).toBe(index);
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  });

  it('finds nothing wrong with what JSON.parse takes', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('', ' ', '\n\t'), (json, space) => {
        const text = `${space}${json}${space}`;
        expect(jsonFault(text)).toBe(text.length);
      }),
    );
  });

  it('whatever is done to JSON: what stands before the fault begins some JSON, what includes it none', () => {
    const damaged = fc
      .tuple(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', 'x', '"', ',', ':', '}', ']', '0', '\\', '\n'),
      )
      .map(([json, place, other]) => {
        const at = place % (json.length + 1);
        return `${json.slice(0, at)}${other}${json.slice(at + 1)}`;
      });
    fc.assert(
      fc.property(damaged, (text) => {
        const index = jsonFault(text);
        expect(beginsJson(text.slice(0, index))).toBe(true);
        if (index < text.length) expect(beginsJson(text.slice(0, index + 1))).toBe(false);
        else expect(beginsJson(text)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

/** By what `JSON.parse` says of the text with what closes it: some way of going on makes it JSON. */
function beginsJson(text: string): boolean {
  const open: string[] = [];
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (inString && character === '\\') at++;
    else if (character === '"') inString = !inString;
    else if (!inString && '[{'.includes(character)) open.push(character === '[' ? ']' : '}');
    else if (!inString && ']}'.includes(character)) open.pop();
  }
  const closing = open.toReversed().join('');
  const goingOn = [
    '',
    '"',
    'n"',
    '0"',
    '00"',
    '000"',
    '0000"',
    '":0',
    '0',
    ':0',
    '"":0',
    'e',
    'ue',
    'rue',
    'se',
    'lse',
    'alse',
    'l',
    'll',
    'ull',
    '.0',
  ];
  return goingOn.some((more) =>
    ['', ':0'].some((colon) => parses(`${text}${more}${colon}${closing}`)),
  );
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

it('lines and columns begin with 1', () => {
  const text = 'ab\ncd\n\nx';
  expect(lineAndColumn(text, 0)).toEqual({ line: 1, column: 1 });
  expect(lineAndColumn(text, 2)).toEqual({ line: 1, column: 3 });
  expect(lineAndColumn(text, 3)).toEqual({ line: 2, column: 1 });
  expect(lineAndColumn(text, 4)).toEqual({ line: 2, column: 2 });
  expect(lineAndColumn(text, 7)).toEqual({ line: 4, column: 1 });
  expect(lineAndColumn(text, text.length)).toEqual({ line: 4, column: 2 });
});
