import { describe, expect, it } from 'vitest';
import { cutOut, follow, freeName, movedTo } from '../../src/catalogue/schema-references.ts';

describe('a schema that is moved', () => {
  it('has references to where it stands now', () => {
    const schema = {
      $ref: '#',
      items: { $ref: '#/$defs/a' },
      anyOf: [{ $ref: 'https://example.com/x' }],
    };
    expect(movedTo(schema, '#/at/b')).toEqual({
      $ref: '#/at/b',
      items: { $ref: '#/at/b/$defs/a' },
      anyOf: [{ $ref: 'https://example.com/x' }],
    });
  });

  it('keeps what only looks like a reference, and what has an `$id` of its own', () => {
    const schema = {
      properties: { $ref: { type: 'string' }, const: { $ref: '#' } },
      const: { $ref: '#' },
      examples: [{ $ref: '#' }],
      not: { $id: 'https://example.com/x', $ref: '#' },
    };
    expect(movedTo(schema, '#/at')).toEqual({
      ...schema,
      properties: { $ref: { type: 'string' }, const: { $ref: '#/at' } },
    });
  });
});

describe('a schema that is cut out', () => {
  it('takes the same part along once, under a name that nobody has', () => {
    const document = { x: { id: { type: 'string' } }, y: { id: { type: 'number' } } };
    const schema = {
      $defs: { id: { const: 1 } },
      prefixItems: [
        { $ref: '#/x/id' },
        { $ref: '#/y/id' },
        { $ref: '#/x/id' },
        { $ref: '#/at/$defs/id' },
      ],
    };
    expect(cutOut(document, schema, '#/at')).toEqual({
      problems: [],
      schema: {
        $defs: { id: { const: 1 }, id_2: { type: 'string' }, id_3: { type: 'number' } },
        prefixItems: [
          { $ref: '#/$defs/id_2' },
          { $ref: '#/$defs/id_3' },
          { $ref: '#/$defs/id_2' },
          { $ref: '#/$defs/id' },
        ],
      },
    });
  });
});

describe('a reference', () => {
  it.each([
    ['#/a~1b', 1],
    ['#/%63', 2],
    ['#/100%', 3],
    ['#', { 'a/b': 1, c: 2, '100%': 3 }],
    ['#/nothing', undefined],
    ['#anchor', undefined],
    ['other#/c', undefined],
  ])('%s leads to %j', (reference, expected) => {
    expect(follow({ 'a/b': 1, c: 2, '100%': 3 }, reference)).toEqual(expected);
  });
});

describe('a free name', () => {
  it('is of plain letters, and nobody else’s', () => {
    const taken = new Set<string>();
    expect(['a/b', 'a_b', 'a b', ''].map((name) => freeName(name, taken))).toEqual([
      'a_b',
      'a_b_2',
      'a_b_3',
      '_',
    ]);
  });
});
