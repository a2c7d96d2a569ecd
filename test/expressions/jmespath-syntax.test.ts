import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkJmespath } from '../../src/expressions/jmespath-syntax.ts';

describe('an expression is taken', () => {
  it.each([
    'data',
    '@',
    '{a: data.b, "c d": `[1, {"x": 2}]`}',
    "data[?name == '([{']",
    '"quoted \\" name"',
    `${'['.repeat(32)}data${']'.repeat(32)}`,
    `data${'.a'.repeat(120)}`,
    `'${'('.repeat(1000)}'`,
    `data.${'a'.repeat(4091)}`,
  ])('%s', (expression) => {
    expect(checkJmespath(expression)).toBeNull();
  });
});

describe('an expression is refused, and where it is wrong is told', () => {
  it.each([
    ['', 1],
    ['data.', 6],
    ['data[0', 7],
    ['{a: data', 9],
    ['data data', 9],
    ['data..x', 6],
    ['data # x', 6],
    ['{a: data, b}', 12],
    ['length(data', 12],
  ])('%s: character %i', (expression, character) => {
    expect(checkJmespath(expression)).toMatch(
      new RegExp(`^This is no JMESPath expression, as of character ${character}\\. .*\\.$`),
    );
  });
});

describe('an expression is refused', () => {
  it.each([
    ['longer than 4096 characters', 'a'.repeat(4097), '4096 characters'],
    ['with 33 brackets inside each other', `${'['.repeat(33)}a${']'.repeat(33)}`, '32 brackets'],
    ['with 33 parentheses inside each other', `${'('.repeat(33)}a${')'.repeat(33)}`, '32 brackets'],
    ['with 2,000 steps', `a${'.a'.repeat(2000)}`, '256 steps'],
    ['with 300 steps', `a${'.a'.repeat(300)}`, '256 steps'],
    ['with 2,000 pipes', `a${'|a'.repeat(2000)}`, '256 steps'],
    ['with 4,000 nots', `${'!'.repeat(4000)}a`, '256 steps'],
    ['with a function that there is not', 'nothing(data)', 'no function nothing()'],
    ['with one deep inside', 'data[?map(&[{a: nothing(@)}], @)]', 'no function nothing()'],
    ['with a member of objects for a function', 'constructor(data)', 'no function constructor()'],
  ])('%s', (_what, expression, message) => {
    expect(checkJmespath(expression)).toContain(message);
  });

  it('whatever text it is, a sentence comes out, or it is taken', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'ab.[]{}()|&!@*?`\'",:<=0 $'), maxLength: 60 }),
      fc.string({ unit: 'binary', maxLength: 60 }),
    );
    fc.assert(
      fc.property(text, (expression) => {
        const problem = checkJmespath(expression);
        if (problem !== null) expect(problem).toMatch(/^[A-Z][^]*\.$/);
      }),
      { numRuns: 500 },
    );
  });
});
