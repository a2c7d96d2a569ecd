/** Filters against a naive reference, and the ways of asking them against one another. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventView } from '../../src/domain/event-view.ts';
import { failedConditions } from '../../src/domain/filter-explain.ts';
import { FilterIndex } from '../../src/domain/filter-index.ts';
import { compileFilter, filterMatches } from '../../src/domain/filter-compile.ts';
import { readFilter } from '../../src/domain/filter.ts';
import { isArray, isObject, jsonText, parseJson } from '../../src/domain/json-value.ts';
import type { JsonObject } from '../../src/domain/json-value.ts';
import { referenceMatches, textOf } from '../support/filter-reference.ts';
import type { Json, Members } from '../support/filter-reference.ts';

const RUNS = 4000;

// Few different values, so that they meet.
const strings = fc.constantFrom(
  '',
  'a',
  'b',
  'ab',
  'ba',
  'é',
  '\u{ff5e}',
  '\u{1f600}',
  '\ud83d',
  '"\\',
  '2026-01-01T00:00:00Z',
  '2026-01-01T00:00:00.000000001z',
  '2026-01-01t01:00:00.000+01:00',
  '2025-12-31T23:59:59.999-00:00',
  '2026-01-01',
  '1',
);
const numerals = fc
  .oneof(
    fc.constantFrom(
      '0',
      '-0',
      '0e9',
      '1',
      '1.0',
      '10e-1',
      '-1',
      '3',
      '1e400',
      '10E+399',
      '2e400',
      '-1e400',
    ),
    fc.constantFrom(
      '1e-400',
      '12345678901234567890',
      '12345678901234567891',
      '1234567890123456789e1',
    ),
    fc.constantFrom(
      '9007199254740992',
      '9007199254740993',
      '0.1',
      '0.10',
      '0.10000000000000001',
      '1e15',
    ),
    fc.constantFrom('999999999999999', '1000000000000000', '1e290', '1e301', '1e-289', '1e-293'),
    fc.integer({ min: -5, max: 5 }).map(String),
  )
  .map((text): Json => ({ kind: 'number', text }));
const scalars: fc.Arbitrary<Json> = fc.oneof(strings, numerals, fc.boolean(), fc.constant(null));
const names = fc.constantFrom('a', 'b', 'c', '__proto__', 'é"', 'a/b~');

function members<Value extends Json>(
  name: fc.Arbitrary<string>,
  value: fc.Arbitrary<Value>,
  maxLength = 3,
): fc.Arbitrary<Members> {
  return fc
    .uniqueArray(fc.tuple(name, value), { selector: ([each]) => each, maxLength })
    .map((found) => ({ kind: 'object', members: found }));
}

const { value: values } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'value' },
    scalars,
    fc.array(tie('value'), { maxLength: 4 }),
    members(fc.oneof(names, fc.constant('$eq')), tie('value')),
  ),
}));

const { condition: conditions } = fc.letrec<{ condition: Json }>((tie) => {
  const condition = tie('condition');
  const operation: fc.Arbitrary<readonly [string, Json]> = fc.oneof(
    fc.tuple(fc.constantFrom('$eq', '$neq'), values),
    fc.tuple(fc.constantFrom('$gt', '$gte', '$lt', '$lte'), fc.oneof(strings, numerals)),
    fc.tuple(fc.constantFrom('$in', '$nin'), fc.oneof(scalars, fc.array(values, { maxLength: 4 }))),
    fc.tuple(
      fc.constantFrom('$startsWith', '$endsWith'),
      fc.oneof(strings, fc.array(strings, { maxLength: 3 })),
    ),
    fc.tuple(fc.constant('$exist'), fc.boolean()),
    fc.tuple(fc.constantFrom('$and', '$or'), fc.array(condition, { maxLength: 3 })),
    fc.tuple(fc.constant('$not'), condition),
  );
  const named = fc.tuple(names, condition);
  return {
    condition: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'condition' },
      scalars,
      fc
        .uniqueArray(fc.oneof(named, named, operation), {
          selector: ([name]) => name,
          minLength: 1,
          maxLength: 3,
        })
        .map((found): Json => ({ kind: 'object', members: found })),
      fc.array(condition, { maxLength: 3 }),
    ),
  };
});

const filters = members(
  fc.constantFrom('data', 'data', 'metadata', 'topic', 'id', '$or', '$and', '$not', 'a'),
  conditions,
  2,
).filter((filter) =>
  filter.members.every(([name, value]) => !['$or', '$and'].includes(name) || Array.isArray(value)),
);

const events = fc.record({
  id: fc.option(fc.constantFrom('a', 'b')),
  topic: fc.constantFrom('a', 'ab', ''),
  metadata: members(names, strings),
  data: members(names, values, 4),
});
type Event = typeof events extends fc.Arbitrary<infer Each> ? Each : never;

describe('a filter', () => {
  it('matches what the reference matches, and names a failed condition where it does not', () => {
    let matched = 0;
    fc.assert(
      fc.property(filters, events, (filter, event) => {
        const compiled = compiledOf(filter);
        const read = viewOf(event).read(compiled.wanted);
        const expected = referenceMatches(filter, seen(event));
        expect(filterMatches(compiled, read)).toBe(expected);
        const failed = failedConditions(compiled, read);
        expect(failed.length === 0).toBe(expected);
        for (const { pointer } of failed) expect(hasPointer(compiled.text, pointer)).toBe(true);
        if (expected) matched++;
      }),
      { numRuns: RUNS },
    );
    // Else the property would say little.
    expect(matched).toBeGreaterThan(RUNS / 10);
  });

  it('matches a value by what it is made of', () => {
    fc.assert(
      fc.property(conditions, values, (condition, value) => {
        const filter: Members = { kind: 'object', members: [['data', condition]] };
        const data: Members = { kind: 'object', members: [['data', value]] };
        const compiled = compiledOf(filter);
        expect(filterMatches(compiled, objectOf(textOf(data)))).toBe(
          referenceMatches(filter, data),
        );
      }),
      { numRuns: RUNS },
    );
  });

  it('compares any two scalars as the reference does', () => {
    const operators = fc.constantFrom('$gt', '$gte', '$lt', '$lte', '$eq', '$neq', '$in', '$nin');
    const pairs = fc.oneof(fc.tuple(strings, strings), fc.tuple(numerals, numerals));
    fc.assert(
      fc.property(operators, pairs, (operator, [operand, value]) => {
        const filter = parsed('data', operator, operand);
        const data: Members = { kind: 'object', members: [['data', value]] };
        const compiled = compiledOf(filter);
        expect(filterMatches(compiled, objectOf(textOf(data)))).toBe(
          referenceMatches(filter, data),
        );
      }),
      { numRuns: RUNS },
    );
  });

  it('matches the value that it was made of, as an operand and as members', () => {
    fc.assert(
      fc.property(values, (value) => {
        const event = objectOf(`{"data":${textOf(value)}}`);
        const equal = compiledOf(parsed('data', '$eq', value));
        const unequal = compiledOf(parsed('data', '$neq', value));
        expect(filterMatches(equal, event)).toBe(true);
        expect(filterMatches(unequal, event)).toBe(false);
      }),
    );
  });
});

// Nearly alike, so that they share paths and keys, and arrays lead to some of them twice.
const few: fc.Arbitrary<Json> = fc.constantFrom(
  'a',
  'b',
  null,
  ...['1', '2', '1e400'].map((text): Json => ({ kind: 'number', text })),
);
const fewOrMany = fc.oneof(few, fc.array(few, { maxLength: 3 }));
const ranges = fc.tuple(fc.constantFrom('$gt', '$lte'), numerals).map(asObject);
const smallConditions: fc.Arbitrary<Json> = fc.oneof(
  fewOrMany,
  ranges,
  fc.array(ranges, { minLength: 1, maxLength: 2 }),
  fc.tuple(fc.constantFrom('$eq', '$in', '$neq', '$not'), fewOrMany).map(asObject),
  fc.tuple(fc.constantFrom('$in', '$or', '$and'), fc.array(few, { maxLength: 3 })).map(asObject),
);
const below = fc.tuple(fc.constantFrom('a', 'b'), smallConditions).map(asObject);
const smallData = fc.oneof(
  below,
  fc.tuple(fc.constant('a'), fc.oneof(below, fc.array(below, { maxLength: 2 }))).map(asObject),
  fc.tuple(fc.constantFrom('$or', '$and'), fc.array(below, { maxLength: 3 })).map(asObject),
);
const smallFilters = fc.tuple(fc.constant('data'), smallData).map(asObject);
const smallValues = fc.oneof(fewOrMany, fc.array(fewOrMany, { maxLength: 3 }));
const smallEvents = fc
  .record({ a: smallValues, b: smallValues, deep: fc.boolean() })
  .map(({ a, b, deep }): Event => {
    const flat: Members = {
      kind: 'object',
      members: [
        ['a', a],
        ['b', b],
      ],
    };
    const data = deep ? asObject(['a', [flat, asObject(['a', b])]]) : flat;
    return { id: null, topic: '', metadata: { kind: 'object', members: [] }, data };
  });

function asObject(member: readonly [string, Json]): Members {
  return { kind: 'object', members: [member] };
}

describe('an index of filters', () => {
  it('finds those that match when they are asked one by one', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.tuple(fc.array(fc.option(filters, { freq: 5 })), fc.array(events)),
          fc.tuple(fc.array(fc.option(smallFilters, { freq: 5 })), fc.array(smallEvents)),
        ),
        ([list, some]) => {
          const compiled = list.map((filter) => (filter === null ? null : compiledOf(filter)));
          const index = new FilterIndex(compiled);
          for (const event of some) {
            const expected = list.flatMap((filter, place) =>
              filter !== null && referenceMatches(filter, seen(event)) ? [place] : [],
            );
            expect(index.matching(viewOf(event).read(index.wanted), gaveUp)).toEqual(expected);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });
});

function compiledOf(filter: Json) {
  const result = readFilter(parseJson(textOf(filter)));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  // What is stored is read again.
  expect(jsonText(parseJson(result.filter.text))).toBe(result.filter.text);
  return compileFilter(result.filter);
}

function gaveUp(place: number): void {
  throw new Error(`the filter at ${place} gave up`);
}

function objectOf(text: string): JsonObject {
  const value = parseJson(text);
  if (!isObject(value)) throw new Error(`${text} is no object`);
  return value;
}

function parsed(name: string, operator: string, operand: Json): Members {
  return asObject([name, asObject([operator, operand])]);
}

function viewOf(event: Event): EventView {
  return new EventView({
    id: event.id,
    topic: event.topic,
    timeMs: 0,
    metadata: event.metadata.members.length === 0 ? null : textOf(event.metadata),
    data: Buffer.from(textOf(event.data)),
  });
}

function seen({ id, topic, metadata, data }: Event): Members {
  return {
    kind: 'object',
    members: [
      ...(id === null ? [] : [['id', id] as const]),
      ['topic', topic],
      ['time', '1970-01-01T00:00:00.000Z'],
      ['metadata', metadata],
      ['data', data],
    ],
  };
}

function hasPointer(text: string, pointer: string): boolean {
  let value = parseJson(text);
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const next = isObject(value)
      ? value.get(name)
      : isArray(value)
        ? value[Number(name)]
        : undefined;
    if (next === undefined) return false;
    value = next;
  }
  return true;
}
