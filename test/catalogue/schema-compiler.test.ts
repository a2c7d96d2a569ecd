import { describe, expect, it } from 'vitest';
import { createSchemaCompiler } from '../../src/catalogue/schema-compiler.ts';
import type { JsonObject, SchemaValidator } from '../../src/domain/topic-catalogue.ts';

const compiler = createSchemaCompiler();

function compiled(schema: JsonObject): SchemaValidator {
  const result = compiler.compile(schema);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.validator;
}

function problemsOf(schema: JsonObject) {
  const result = compiler.compile(schema);
  return result.ok ? [] : result.problems;
}

const DRAFT_07 = 'http://json-schema.org/draft-07/schema#';
const DRAFT_2020 = 'https://json-schema.org/draft/2020-12/schema';

describe('a schema', () => {
  it('is of 2020-12 unless it says draft-07', () => {
    const tuple = { type: 'array', prefixItems: [{ type: 'string' }], items: false };
    for (const schema of [tuple, { $schema: DRAFT_2020, ...tuple }]) {
      expect(compiled(schema).matches(['a'])).toBe(true);
      expect(compiled(schema).matches([1])).toBe(false);
    }
    const old = { $schema: DRAFT_07, items: [{ type: 'string' }], additionalItems: false };
    expect(compiled(old).matches(['a'])).toBe(true);
    expect(compiled(old).matches(['a', 'b'])).toBe(false);
    // A word that draft-07 does not know is a remark.
    expect(compiled({ $schema: DRAFT_07, prefixItems: [{ type: 'string' }] }).matches([1])).toBe(
      true,
    );
  });

  it.each([
    ['another dialect', { $schema: 'http://json-schema.org/draft-04/schema#' }, '/$schema'],
    ['a dialect that is no text', { $schema: 7 }, '/$schema'],
    ['a type that there is not', { properties: { a: { type: 'text' } } }, '/properties/a/type'],
    ['a keyword of the wrong kind', { required: 'a' }, '/required'],
    ['a reference to another document', { $ref: 'https://example.com/schema.json' }, ''],
    ['a reference to nothing', { $ref: '#/$defs/nothing' }, ''],
    ['a pattern that is no regular expression', { pattern: '(' }, ''],
    ['too much depth', nested(65), ''],
    ['too much text', { description: 'x'.repeat(256 * 1024) }, ''],
  ])('of %s is refused, with the place', (_claim, schema: JsonObject, pointer) => {
    expect(problemsOf(schema)[0]?.pointer).toBe(pointer);
  });

  it('of the greatest depth is taken', () => {
    expect(problemsOf(nested(64))).toEqual([]);
  });

  it('does not see the `$id` of another', () => {
    const named = (type: string) => ({
      $id: 'https://example.com/a',
      $defs: { part: { $id: 'https://example.com/part', type } },
      $ref: 'https://example.com/part',
    });
    expect(compiled(named('string')).matches('a')).toBe(true);
    expect(compiled(named('number')).matches(1)).toBe(true);
    expect(problemsOf({ $ref: 'https://example.com/a' })).toHaveLength(1);
  });

  it('may refer to itself', () => {
    const tree = { type: 'object', properties: { children: { items: { $ref: '#' } } } };
    expect(compiled(tree).matches({ children: [{ children: [] }] })).toBe(true);
    expect(compiled(tree).matches({ children: [{ children: [1] }] })).toBe(false);
  });
});

describe('a value', () => {
  const validator = compiled({
    type: 'object',
    required: ['id', 'a/b'],
    additionalProperties: false,
    properties: {
      id: { type: 'string', minLength: 2 },
      'a/b': {},
      at: { format: 'date-time' },
      kind: { enum: ['x', 'y'] },
      list: { items: { type: 'integer' } },
    },
  });

  it('that matches has no problems', () => {
    const value = { id: 'ab', 'a/b': 1, at: '2026-11-21T10:00:00Z', kind: 'x', list: [1] };
    expect(validator.matches(value)).toBe(true);
    expect(validator.problems(value, 'all')).toEqual([]);
  });

  it('has all its problems, each with its place', () => {
    const value = { id: 'a', at: 'today', kind: 'z', list: [1, 'b'], 'un~known': 1 };
    expect(validator.matches(value)).toBe(false);
    const found = validator.problems(value, 'all');
    expect(Object.fromEntries(found.map(({ pointer, code }) => [pointer, code]))).toEqual({
      '/a~1b': 'required',
      '/un~0known': 'unknown_field',
      '/id': 'minLength',
      '/at': 'format',
      '/kind': 'enum',
      '/list/1': 'type',
    });
    expect(found.find(({ pointer }) => pointer === '/kind')?.message).toContain('"x", "y"');
  });

  it('has one problem where only the first is asked for', () => {
    expect(validator.problems({}, 'all')).toHaveLength(2);
    expect(validator.problems({}, 'first')).toHaveLength(1);
  });

  it('has a hundred problems at most', () => {
    const list = Array.from({ length: 300 }, () => 'x');
    expect(validator.problems({ id: 'ab', 'a/b': 1, list }, 'all')).toHaveLength(100);
  });

  it('does not have what it inherits', () => {
    const wanting = compiled({ required: ['toString', '__proto__'] });
    expect(wanting.matches({})).toBe(false);
    expect(wanting.matches(JSON.parse('{"toString":1,"__proto__":2}'))).toBe(true);
  });
});

function nested(depth: number): JsonObject {
  return depth === 1 ? {} : { not: nested(depth - 1) };
}
