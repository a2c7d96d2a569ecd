import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nestsDeeperThan } from '../../src/domain/json-depth.ts';
import { pointerTo, pointerTokens, valueAt } from '../../src/domain/json-pointer.ts';

describe('a JSON pointer', () => {
  it('leads back to the names that it was made of', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (names) => {
        const pointer = names.reduce(pointerTo, '');
        expect(pointerTokens(pointer)).toEqual(names);
      }),
    );
  });

  it('is spelled as RFC 6901 has it', () => {
    expect(pointerTo('/foo', 'a/b~c')).toBe('/foo/a~1b~0c');
    expect(pointerTokens('/~01')).toEqual(['~1']);
    expect(pointerTokens('foo')).toBeUndefined();
    expect(pointerTokens('/~2')).toBeUndefined();
  });

  it('leads to own members only', () => {
    const value = { a: [{ b: 1 }] };
    expect(valueAt(value, ['a', '0', 'b'])).toBe(1);
    expect(valueAt(value, ['a', 'length'])).toBe(1);
    for (const name of ['constructor', '__proto__', 'toString', 'b'])
      expect(valueAt(value, [name])).toBeUndefined();
  });
});

describe('nestsDeeperThan', () => {
  it.each([
    [1, 0, false],
    [{}, 0, true],
    [{}, 1, false],
    [{ a: [] }, 1, true],
    [{ a: [] }, 2, false],
    [[1, { a: { b: null } }], 2, true],
    [[1, { a: { b: null } }], 3, false],
  ])('%j, %i: %s', (value, maxDepth, expected) => {
    expect(nestsDeeperThan(value, maxDepth)).toBe(expected);
  });
});
