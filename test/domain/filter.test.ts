/** Filters, rule by rule: what matches, what does not, and what is refused. */
import { describe, expect, it } from 'vitest';
import { FilterIndex } from '../../src/domain/filter-index.ts';
import { failedConditions } from '../../src/domain/filter-explain.ts';
import { compileFilter, filterMatches } from '../../src/domain/filter-compile.ts';
import { MAX_FILTER_BYTES, MAX_FILTER_DEPTH, readFilter } from '../../src/domain/filter.ts';
import type { FilterProblem } from '../../src/domain/filter.ts';
import { isObject, jsonText, parseJson, plainJson } from '../../src/domain/json-value.ts';
import type { JsonObject, Wanted } from '../../src/domain/json-value.ts';

/** Whether the filter matches an event with these data; both as JSON. */
function matches(filter: string, data: string): boolean {
  const result = readFilter(parseJson(`{"data":${filter}}`));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const compiled = compileFilter(result.filter);
  return filterMatches(compiled, objectOf(`{"data":${data}}`, compiled.wanted)) === true;
}

function objectOf(text: string, wanted?: Wanted): JsonObject {
  const value = parseJson(text, wanted);
  if (!isObject(value)) throw new Error(`${text} is no object`);
  return value;
}

describe('a plain value', () => {
  it.each([
    ['{"a":1}', '{"a":1,"b":2}', true],
    ['{"a":1}', '{"a":2}', false],
    ['{"a":1}', '{"a":"1"}', false],
    ['{"a":0}', '{"a":false}', false],
    ['{"a":""}', '{"a":null}', false],
    ['{"a":0}', '{"a":-0.0}', true],
    ['{"a":"x"}', '{}', false],
    ['{"a":null}', '{"a":null}', true],
    ['{"a":null}', '{}', false],
    ['{"a":null}', '{"a":0}', false],
    ['{"a":true}', '{"a":{"b":true}}', false],
    ['{"a":1,"b":2}', '{"a":1}', false],
    ['{"a":{"b":{"c":1}}}', '{"a":{"b":{"c":1,"d":2}}}', true],
    ['{"a":{"b":1}}', '{"a":1}', false],
    ['{"a":1}', '{"a":2,"a":1}', true],
    ['{"\\u0061":1}', '{"a":1}', true],
    ['{"__proto__":{"x":1}}', '{"__proto__":{"x":1}}', true],
    ['{"constructor":{"name":"Object"}}', '{}', false],
    ['{"é\\"":"\\ud83d\\ude00"}', '{"\\u00e9\\u0022":"😀"}', true],
    ['{"a\\\\b":1,"c":2}', '{"a\\\\b":1,"\\u0063":2}', true],
  ])('%s of %s: %s', (filter, data, expected) => {
    expect(matches(filter, data)).toBe(expected);
  });
});

describe('arrays', () => {
  it.each([
    ['{"a":1}', '{"a":[3,2,1]}', true],
    ['{"a":4}', '{"a":[3,2,1]}', false],
    ['{"a":1}', '{"a":[[3],[2,[1]]]}', true],
    ['{"a":1}', '{"a":[]}', false],
    ['{"a":{"b":1}}', '{"a":[{"b":2},{"b":1}]}', true],
    ['{"a":{"b":1,"c":1}}', '{"a":[{"b":1},{"c":1}]}', false],
    ['{"a":{"b":{"$exist":false}}}', '{"a":[{"b":1},{}]}', true],
    ['{"a":{"b":{"$exist":false}}}', '{"a":[]}', false],
    ['{"a":{"$eq":3}}', '{"a":[1,2,3]}', false],
    ['{"a":{"$eq":[1,2,3]}}', '{"a":[1,2,3]}', true],
    ['{"a":{"$neq":3}}', '{"a":[3]}', true],
    ['{"a":{"$in":3}}', '{"a":[1,2,3]}', true],
    ['{"a":{"$in":[3]}}', '{"a":[1,2,3]}', false],
    ['{"a":{"$in":[[1,2,3]]}}', '{"a":[1,2,3]}', true],
    ['{"a":{"$gt":0}}', '{"a":[1,2,3]}', false],
    ['{"a":{"$startsWith":"x"}}', '{"a":["xy"]}', false],
    ['{"a":[1]}', '{"a":[2,1]}', true],
    ['{"a":[1,2]}', '{"a":[2,1]}', true],
    ['{"a":[1,4]}', '{"a":[2,1]}', false],
    ['{"a":[]}', '{"a":[]}', true],
    ['{"a":[]}', '{"a":{}}', false],
    ['{"a":[1]}', '{"a":1}', false],
    ['{"a":[1]}', '{}', false],
    ['{"a":[{"b":1}]}', '{"a":[{"b":1,"c":2}]}', true],
    ['{"a":[{"$gt":5}]}', '{"a":[1,9]}', true],
    ['{"a":[{"$gt":9}]}', '{"a":[1,9]}', false],
    ['{"roles":["reviewer"]}', '{"roles":["admin","reviewer"]}', true],
    ['{"roles":["reviewer"]}', '{"roles":["admin"]}', false],
  ])('%s of %s: %s', (filter, data, expected) => {
    expect(matches(filter, data)).toBe(expected);
  });
});

describe('operators', () => {
  it.each([
    ['{"$eq":{"b":1,"c":[2]}}', '{"c":[2.0],"b":1}', true],
    ['{"$eq":{"b":1}}', '{"b":1,"c":2}', false],
    ['{"$eq":{"$gt":1}}', '{"$gt":1}', true],
    ['{"$eq":[1,2]}', '[2,1]', false],
    ['{"$neq":null}', 'null', false],
    ['{"$neq":null}', '0', true],
    ['{"$gt":1}', '1', false],
    ['{"$gte":1}', '1.0', true],
    ['{"$lt":1}', '-1e999', true],
    ['{"$gt":1}', '"2"', false],
    ['{"$lt":1}', 'null', false],
    ['{"$lte":"b"}', '"b"', true],
    ['{"$lt":"b"}', '"ab"', true],
    ['{"$lt":"ab"}', '"a"', true],
    ['{"$gt":"\uff5e"}', '"😀"', true],
    ['{"$gt":"a\uff5e"}', '"a😀"', true],
    ['{"$gt":"😀"}', '"😁"', true],
    ['{"$lt":"\\ue000"}', '"\\ud83d"', true],
    ['{"$gt":"\\ud83d"}', '"😀"', true],
    ['{"$in":["a",1,null]}', 'null', true],
    ['{"$in":["a",1]}', '"1"', false],
    ['{"$in":[{"a":[1]}]}', '{"a":[1]}', true],
    ['{"$in":[]}', '1', false],
    ['{"$in":"bc"}', '"abcd"', true],
    ['{"$in":""}', '"abcd"', true],
    ['{"$in":"bc"}', '["abcd"]', false],
    ['{"$in":"bc"}', '["bc"]', true],
    ['{"$in":1}', '1', false],
    ['{"$in":1}', '"1"', false],
    ['{"$nin":"bc"}', '"ad"', true],
    ['{"$nin":[1]}', '1', false],
    ['{"$startsWith":"ab"}', '"abc"', true],
    ['{"$startsWith":["x","ab"]}', '"abc"', true],
    ['{"$startsWith":[]}', '"abc"', false],
    ['{"$startsWith":""}', '5', false],
    ['{"$endsWith":"bc"}', '"abc"', true],
    ['{"$endsWith":["x","a"]}', '"abc"', false],
    ['{"$exist":true}', 'null', true],
    ['{"$exist":false}', 'null', false],
    ['{"$gt":1,"$lt":3}', '2', true],
    ['{"$gt":1,"$lt":3}', '3', false],
    ['{"$or":[1,{"$gt":5}]}', '6', true],
    ['{"$or":[1,{"$gt":5}]}', '4', false],
    ['{"$or":[]}', '4', false],
    ['{"$and":[]}', '4', true],
    ['{"$and":[{"$gt":1},{"$lt":3}]}', '2', true],
    ['{"$and":[{"$gt":1},{"$lt":3}]}', '1', false],
    ['{"$not":{"$gt":1}}', '"x"', true],
    ['{"$not":3}', '[1,3]', false],
    ['{"$not":[3]}', '[1,3]', false],
    ['{"$not":{"$not":3}}', '3', true],
    ['{"$or":["a","b"],"$not":"b"}', '["a","b"]', false],
    ['{"$or":["a","b"],"$not":"b"}', '"a"', true],
    ['{"$or":[{"x":1},{"y":1}],"z":1}', '{"y":1,"z":1}', true],
    ['{"$or":[{"x":1},{"y":1}],"z":1}', '{"y":1}', false],
    ['{"$and":[{"b":1},{"b":2}]}', '[{"b":1},{"b":2}]', true],
  ])('%s of %s: %s', (filter, value, expected) => {
    expect(matches(`{"a":${filter}}`, `{"a":${value}}`)).toBe(expected);
  });

  it.each([
    ['{"$neq":1}', true],
    ['{"$nin":[1]}', true],
    ['{"$nin":"x"}', true],
    ['{"$not":1}', true],
    ['{"$not":{"$exist":true}}', true],
    ['{"$exist":false}', true],
    ['{"$exist":true}', false],
    ['{"$eq":null}', false],
    ['{"$in":[null]}', false],
    ['{"$lt":1}', false],
    ['{"$startsWith":""}', false],
    ['null', false],
    ['[]', false],
    ['{"$or":[{"$exist":false},1]}', true],
  ])('%s of what is absent, or below what is absent or a scalar: %s', (filter, expected) => {
    expect(matches(`{"a":${filter}}`, '{}')).toBe(expected);
    expect(matches(`{"b":{"c":{"a":${filter}}}}`, '{}')).toBe(expected);
    expect(matches(`{"b":{"c":{"a":${filter}}}}`, '{"b":5}')).toBe(expected);
  });
});

describe('numbers that no double holds', () => {
  it.each([
    ['12345678901234567890', '12345678901234567890', '='],
    ['12345678901234567890', '12345678901234567891', '<'],
    ['12345678901234567890', '1234567890123456789e1', '='],
    ['9007199254740993', '9007199254740992', '>'],
    ['1e400', '10.0e399', '='],
    ['1e400', '1e401', '<'],
    ['-1e400', '1e400', '<'],
    ['1e400', '999999999999999999999999', '>'],
    ['1e-400', '0', '>'],
    ['-1e-400', '0', '<'],
    ['1e-400', '2e-400', '<'],
    ['0e999999999999999999999', '0', '='],
    ['-0', '0', '='],
    ['0.1', '0.10000000000000000555', '<'],
    ['0.1', '0.1000000000000000', '='],
    ['100', '1E+2', '='],
    ['1e99999999999999999999', '1e99999999999999999998', '>'],
    ['1e99999999999999999999', '10e99999999999999999998', '='],
    ['1e-99999999999999999999', '1e99999999999999999998', '<'],
    ['-1e99999999999999999999', '-1e5', '<'],
    ['1e300', '1e301', '<'],
    ['123456789012345', '123456789012345.5', '<'],
    ['0.000000000000000000000000001', '1e-27', '='],
  ])('%s to %s: %s', (left, right, expected) => {
    const found = ['<', '=', '>'].filter((_, index) =>
      matches(`{"a":{"${['$lt', '$eq', '$gt'][index]}":${right}}}`, `{"a":${left}}`),
    );
    expect(found).toEqual([expected]);
    expect(matches(`{"a":${right}}`, `{"a":[${left}]}`)).toBe(expected === '=');
    expect(matches(`{"a":{"$in":[${right}]}}`, `{"a":${left}}`)).toBe(expected === '=');
    expect(matches(`{"a":{"$in":${right}}}`, `{"a":[${left}]}`)).toBe(expected === '=');
  });

  it('are stored and shown as they were written', () => {
    const text =
      '{"data":{"a":[12345678901234567890,1e400,-0.10000000000000000555],"__proto__":1}}';
    const value = parseJson(` ${text.replaceAll(',', ' , ')} `);
    expect(jsonText(value)).toBe(text);
    expect(JSON.stringify(plainJson(value))).toBe(text);
  });
});

describe('moments', () => {
  it.each([
    ['2026-11-21T10:00:00Z', '2026-11-21T12:00:00.000+02:00', '='],
    ['2026-11-21T10:00:00Z', '2026-11-21t09:59:59.9999999999999z', '>'],
    ['2026-11-21T10:00:00.100Z', '2026-11-21T10:00:00.1Z', '='],
    ['2026-11-21T10:00:00.09Z', '2026-11-21T10:00:00.1Z', '<'],
    ['2026-11-21T00:30:00+01:00', '2026-11-20T23:30:00-00:00', '='],
    ['2026-03-01T00:00:00+23:59', '2026-02-28T00:01:00Z', '='],
    ['2024-02-29T23:59:59Z', '2024-03-01T00:00:00Z', '<'],
    ['0000-01-01T00:00:00Z', '0000-02-29T00:00:00Z', '<'],
    ['1900-02-28T24:00:00Z', '1900-02-28T23:00:00Z', '>'],
    ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59.999Z', '>'],
    ['2016-12-31T23:59:60.9Z', '2017-01-01T00:00:00Z', '<'],
    ['1969-12-31T23:59:59Z', '1970-01-01T00:00:00Z', '<'],
    // Not both are moments: by code point.
    ['2026-11-21T10:00:00Z', '2026-11-21', '>'],
    ['2026-02-30T10:00:00+02:00', '2026-02-30T09:00:00Z', '>'],
    ['1900-02-29T00:00:00+01:00', '1900-02-29T00:00:00Z', '<'],
    ['2026-11-21T10:00:00', '2026-11-21T10:00:00Z', '<'],
    ['2026-11-21T10:60:00Z', '2026-11-21T11:00:00Z', '<'],
  ])('%s to %s: %s', (left, right, expected) => {
    const found = ['<', '=', '>'].filter((_, index) => {
      const { lt, gt } = {
        lt: matches(`{"a":{"$lte":"${right}"}}`, `{"a":"${left}"}`),
        gt: matches(`{"a":{"$gte":"${right}"}}`, `{"a":"${left}"}`),
      };
      return [lt && !gt, lt && gt, gt && !lt][index];
    });
    expect(found).toEqual([expected]);
    expect(matches(`{"a":{"$lt":"${right}"}}`, `{"a":"${left}"}`)).toBe(expected === '<');
    expect(matches(`{"a":{"$gt":"${right}"}}`, `{"a":"${left}"}`)).toBe(expected === '>');
  });

  it('are equal only where they are written alike', () => {
    expect(matches('{"a":"2026-11-21T10:00:00Z"}', '{"a":"2026-11-21T10:00:00.0Z"}')).toBe(false);
  });
});

describe('what is refused', () => {
  const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
  it.each<[filter: string, ...found: [pointer: string, code: FilterProblem['code']][]]>([
    ['[]', ['', 'type']],
    ['"x"', ['', 'type']],
    ['null', ['', 'type']],
    ['{"data":{"a":{"$regex":"x"}}}', ['/data/a/$regex', 'unknown_operator']],
    ['{"$exists":true}', ['/$exists', 'unknown_operator']],
    ['{"a":{"$":1}}', ['/a/$', 'unknown_operator']],
    ['{"a/b~":{"$gt":null}}', ['/a~1b~0/$gt', 'operand']],
    ['{"a":{"$gte":[1]}}', ['/a/$gte', 'operand']],
    ['{"a":{"$lt":{}}}', ['/a/$lt', 'operand']],
    ['{"a":{"$lte":true}}', ['/a/$lte', 'operand']],
    ['{"a":{"$in":{}}}', ['/a/$in', 'operand']],
    ['{"a":{"$nin":{}}}', ['/a/$nin', 'operand']],
    ['{"a":{"$startsWith":1}}', ['/a/$startsWith', 'operand']],
    ['{"a":{"$endsWith":["x",1]}}', ['/a/$endsWith', 'operand']],
    ['{"a":{"$exist":"yes"}}', ['/a/$exist', 'operand']],
    ['{"$and":{}}', ['/$and', 'operand']],
    ['{"$or":"x"}', ['/$or', 'operand']],
    ['{"$or":[{"a":{"$no":1}}]}', ['/$or/0/a/$no', 'unknown_operator']],
    ['{"$not":{"a":[{"$no":1}]}}', ['/$not/a/0/$no', 'unknown_operator']],
    ['{"a":{"$x":1},"b":{"$exist":0}}', ['/a/$x', 'unknown_operator'], ['/b/$exist', 'operand']],
    [nested(MAX_FILTER_DEPTH + 1), ['/a'.repeat(MAX_FILTER_DEPTH), 'too_deep']],
    [nested(100), ['/a'.repeat(MAX_FILTER_DEPTH), 'too_deep']],
    [
      `{"$eq":${'['.repeat(MAX_FILTER_DEPTH)}${']'.repeat(MAX_FILTER_DEPTH)}}`,
      [`/$eq${'/0'.repeat(MAX_FILTER_DEPTH - 1)}`, 'too_deep'],
    ],
    [`{"a":"${'x'.repeat(MAX_FILTER_BYTES)}"}`, ['', 'too_large']],
    [`{"a":"${'é'.repeat(MAX_FILTER_BYTES / 2)}"}`, ['', 'too_large']],
  ])('case %#', (filter, ...expected) => {
    const result = readFilter(parseJson(filter));
    const found = result.ok ? [] : result.problems.map(({ pointer, code }) => [pointer, code]);
    expect(found).toEqual(expected);
  });

  it('is not what stands just within the limits', () => {
    expect(readFilter(parseJson(nested(MAX_FILTER_DEPTH))).ok).toBe(true);
    const largest = `{"a":"${'x'.repeat(MAX_FILTER_BYTES - '{"a":""}'.length)}"}`;
    expect(readFilter(parseJson(largest)).ok).toBe(true);
    expect(readFilter(parseJson(largest.replace('{', `{${' '.repeat(100)}`))).ok).toBe(true);
  });

  it('is told up to a hundred times', () => {
    const filter = `{${Array.from({ length: 500 }, (_, index) => `"$${index}":1`).join(',')}}`;
    const result = readFilter(parseJson(filter));
    expect(result.ok ? 0 : result.problems.length).toBe(100);
  });
});

describe('why a filter does not match', () => {
  const event = `{"topic":"room.created","data":{"roles":["admin"],"n":4,"at":"2026-01-01","items":[{"a":1}],"o":{"p":null}}}`;
  it.each([
    ['{"topic":"room.created","data":{"roles":"admin"}}', []],
    ['{"topic":"room.ended"}', ['/topic: /topic, which is "room.created", is not "room.ended".']],
    [
      '{"data":{"roles":["admin","reviewer"]}}',
      ['/data/roles/1: /data/roles, which is ["admin"], has no element that matches "reviewer".'],
    ],
    [
      '{"data":{"n":{"$gt":4,"$lt":9},"roles":"x"}}',
      [
        '/data/n/$gt: /data/n, which is 4, fails $gt 4.',
        '/data/roles: /data/roles, which is ["admin"], has no element equal to "x".',
      ],
    ],
    ['{"data":{"x":1}}', ['/data/x: /data/x, which is missing, is not 1.']],
    ['{"data":{"x":{"y":{"$exist":true}}}}', ['/data/x/y/$exist: /data/x/y is missing.']],
    [
      '{"data":{"o":{"$exist":false}}}',
      ['/data/o/$exist: /data/o, which is {"p":null}, is there, and must not be.'],
    ],
    ['{"data":{"n":[4]}}', ['/data/n: /data/n, which is 4, is not an array.']],
    ['{"data":{"items":{"a":2}}}', ['/data/items/a: /data/items/0/a, which is 1, is not 2.']],
    [
      '{"$or":[{"topic":"a"},{"data":{"n":1}}]}',
      ['/$or: The event matches none of the 2 alternatives.'],
    ],
    [
      '{"data":{"n":{"$not":{"$gt":1}}}}',
      ['/data/n/$not: /data/n, which is 4, matches what it must not match.'],
    ],
    [
      '{"roles":["admin"]}',
      [
        '/roles: /roles, which is missing, is not an array. An event has id, topic, time, metadata, data; what was published is in data.',
      ],
    ],
  ])('%s', (text, expected) => {
    const result = readFilter(parseJson(text));
    if (!result.ok) throw new Error(text);
    const compiled = compileFilter(result.filter);
    const read = objectOf(event);
    const found = failedConditions(compiled, read);
    expect(found.map(({ pointer, message }) => `${pointer}: ${message}`)).toEqual(expected);
    expect(filterMatches(compiled, read)).toBe(expected.length === 0);
  });

  it('is told shortly of long values', () => {
    const result = readFilter(parseJson('{"data":{"a":{"$eq":"x"}}}'));
    if (!result.ok) throw new Error('refused');
    const read = objectOf(`{"data":{"a":"${'y'.repeat(100_000)}"}}`);
    const [failed] = failedConditions(compileFilter(result.filter), read);
    expect(failed?.message.length).toBeLessThan(200);
  });
});

describe('a filter that would take too many steps', () => {
  const numbers = (from: number, to: number) =>
    JSON.stringify(Array.from({ length: to - from }, (_, index) => from + index));
  const needles = Array.from({ length: 2500 }, (_, index) => `{"$in":"aaaab${index}"}`);
  const cases: readonly [what: string, condition: string, value: string][] = [
    ['each element of a list in a long array', numbers(50_000, 55_000), numbers(0, 60_000)],
    ['alternatives', `{"$or":${numbers(100_000, 105_000)}}`, numbers(0, 60_000)],
    ['parts of a long text', `{"$or":[${needles.join(',')}]}`, `"${'a'.repeat(500_000)}"`],
    ['what must not be', `{"$not":{"$or":${numbers(100_000, 105_000)}}}`, numbers(0, 60_000)],
    [
      'whole values',
      `{"$nin":[${`[${'1,'.repeat(300)}2],`.repeat(90)}0]}`,
      `[${'1,'.repeat(300)}1]`,
    ],
  ];

  it.each(cases.slice(0, 4))('does not match: %s', (_what, condition, value) => {
    const result = readFilter(parseJson(`{"data":{"a":${condition}}}`));
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    const compiled = compileFilter(result.filter);
    const event = objectOf(`{"data":{"a":${value},"b":1}}`);
    expect(filterMatches(compiled, event)).toBeUndefined();
    expect(failedConditions(compiled, event)).toEqual([
      { pointer: '', message: expect.stringContaining('1000000 steps') as string },
    ]);
    const other = readFilter(parseJson('{"data":{"b":1}}'));
    if (!other.ok) throw new Error('refused');
    const index = new FilterIndex([compiled, compileFilter(other.filter)]);
    const gaveUp: number[] = [];
    expect(index.matching(event, (place) => gaveUp.push(place))).toEqual([1]);
    // Where the index sees that it cannot match, it is not even asked.
    expect(gaveUp.filter((place) => place !== 0)).toEqual([]);
  });

  it('is none that compares many whole values once', () => {
    const [, condition = '', value = ''] = cases[4] ?? [];
    expect(matches(`{"a":${condition}}`, `{"a":${value}}`)).toBe(true);
  });
});
