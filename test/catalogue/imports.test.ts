import { describe, expect, it } from 'vitest';
import { importDocuments } from '../../src/catalogue/import-documents.ts';
import { createSchemaCompiler } from '../../src/catalogue/schema-compiler.ts';
import type { Enforcement, JsonObject, TopicEntry } from '../../src/domain/topic-catalogue.ts';
import { topicOf } from '../support/catalogue-fixtures.ts';

interface Given {
  readonly name?: string;
  readonly dataPointer?: string;
  readonly enforcement?: Enforcement;
  readonly there?: readonly TopicEntry[];
}

function run(document: JsonObject, { name, dataPointer, enforcement, there = [] }: Given = {}) {
  return importDocuments(
    [{ name: name ?? null, document }],
    { dataPointer: dataPointer ?? '', enforcement: enforcement ?? null },
    {
      compiler: createSchemaCompiler(),
      get: (topic) => there.find((each) => each.name === topic),
    },
  );
}

function topics(document: JsonObject, given: Given = {}): readonly TopicEntry[] {
  const result = run(document, given);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.topics;
}

function problems(document: JsonObject, given: Given = {}) {
  const result = run(document, given);
  return result.ok ? [] : result.problems;
}

/** A document with one webhook, `a`. */
function openapi(operation: JsonObject, more: JsonObject = {}): JsonObject {
  return { openapi: '3.1.0', info: {}, webhooks: { a: { post: operation } }, ...more };
}

const body = (schema: JsonObject, media: JsonObject = {}) => ({
  requestBody: { content: { 'application/json': { schema, ...media } } },
});

describe('OpenAPI', () => {
  it('gives name, description, mark, schema and example', () => {
    const schema = { type: 'object', required: ['id'] };
    const operation = { summary: 'Short', description: 'Long', deprecated: true };
    expect(topics(openapi({ ...operation, ...body(schema, { example: { id: 1 } }) }))).toEqual([
      topicOf('a', { description: 'Long', deprecated: true, schema, sample: { id: 1 } }),
    ]);
  });

  it('is followed through references of every kind, and what is referred to comes along', () => {
    const document = {
      openapi: '3.1.1',
      webhooks: { a: { $ref: '#/components/pathItems/A' } },
      components: {
        pathItems: { A: { post: { requestBody: { $ref: '#/components/requestBodies/A' } } } },
        requestBodies: {
          A: {
            content: {
              'application/vnd.x+json': {
                schema: { $ref: '#/components/schemas/Room' },
                examples: { first: { $ref: '#/components/examples/E' } },
              },
            },
          },
        },
        examples: { E: { value: { id: 'x', owner: { id: 'y' }, parent: { id: 'z' } } } },
        schemas: {
          Room: {
            type: 'object',
            properties: {
              id: { $ref: '#/components/schemas/Id' },
              owner: { $ref: '#/components/schemas/User' },
              parent: { $ref: '#/components/schemas/Room' },
            },
          },
          User: { type: 'object', properties: { id: { $ref: '#/components/schemas/Id' } } },
          Id: { type: 'string' },
        },
      },
    };
    expect(topics(document)).toEqual([
      topicOf('a', {
        schema: {
          type: 'object',
          properties: {
            id: { $ref: '#/$defs/Id' },
            owner: { $ref: '#/$defs/User' },
            parent: { $ref: '#' },
          },
          $defs: {
            Id: { type: 'string' },
            User: { type: 'object', properties: { id: { $ref: '#/$defs/Id' } } },
          },
        },
        sample: { id: 'x', owner: { id: 'y' }, parent: { id: 'z' } },
      }),
    ]);
  });

  it('gives the data out of an envelope, by the caller’s pointer or its own', () => {
    const data = { type: 'object', properties: { n: { type: 'integer' } } };
    const enveloped = {
      allOf: [
        { properties: { id: {} } },
        { properties: { data: { properties: { object: data } } } },
      ],
    };
    const example = { id: 1, data: { object: { n: 1 } } };
    const expected = [topicOf('a', { schema: data, sample: { n: 1 } })];
    const given = body(enveloped, { example });
    expect(topics(openapi(given), { dataPointer: '/data/object' })).toEqual(expected);
    const own = { ...given, 'x-data-pointer': '/data/object' };
    expect(topics(openapi(own), { dataPointer: '/other' })).toEqual(expected);
  });

  it('keeps what it does not say of a topic that is there', () => {
    const before = topicOf('a', { description: 'Before', sample: { n: 1 }, enforcement: 'off' });
    const schema = { type: 'object' };
    const there = [{ ...before, createdAtMs: 1, updatedAtMs: 2 }];
    expect(topics(openapi(body(schema)), { there })).toEqual([{ ...before, schema }]);
    expect(topics(openapi(body(schema)), { there, enforcement: 'warn' })).toEqual([
      { ...before, schema, enforcement: 'warn' },
    ]);
  });

  it.each([
    ['of 3.0', { openapi: '3.0.3', webhooks: {} }, {}, 'version', '/0/document/openapi'],
    ['of Swagger', { swagger: '2.0' }, {}, 'version', '/0/document/openapi'],
    ['without webhooks', { openapi: '3.1.0', paths: {} }, {}, 'empty', '/0/document'],
    [
      'without an operation',
      openapi({}, { webhooks: { a: {} } }),
      {},
      'operation',
      '/0/document/webhooks/a',
    ],
    [
      'with a reference that goes in a circle',
      openapi({}, { webhooks: { a: { $ref: '#/webhooks/a' } } }),
      {},
      'operation',
      '/0/document/webhooks/a',
    ],
    [
      'with a schema elsewhere',
      openapi(body({ items: { $ref: 'other.json#/a' } })),
      {},
      'reference',
      '/0/document/webhooks/a',
    ],
    [
      'with no data at the pointer',
      openapi(body({ type: 'object' })),
      { dataPointer: '/data' },
      'pointer',
      '/0/document/webhooks/a',
    ],
    [
      'with an example that is not of its schema',
      openapi(body({ required: ['n'] }, { example: {} })),
      {},
      'required',
      '/0/document/webhooks/a',
    ],
    [
      'with a name that no topic has',
      openapi({}, { webhooks: { 'a b': { post: {} } } }),
      {},
      'format',
      '/0/document/webhooks/a b',
    ],
  ])(
    '%s is refused, with the place',
    (_claim, document: JsonObject, given: Given, code, pointer) => {
      expect(problems(document, given)).toMatchObject([{ code, pointer }]);
    },
  );
});

describe('JSON Schema', () => {
  it('is of the topic that is named beside it', () => {
    const schema = { type: 'object', description: 'D', deprecated: true, examples: [{ n: 1 }] };
    expect(topics(schema, { name: 'a.b' })).toEqual([
      topicOf('a.b', { schema, description: 'D', deprecated: true, sample: { n: 1 } }),
    ]);
    expect(problems(schema)).toMatchObject([{ code: 'name', pointer: '/0/document' }]);
  });

  it('of nothing but `$defs` is of many topics', () => {
    const $defs = { a: { type: 'object' }, b: { $id: 'https://example.com/b', type: 'object' } };
    expect(topics({ $defs }, { name: 'file' })).toEqual([
      topicOf('a', { schema: $defs.a }),
      topicOf('b', { schema: $defs.b }),
    ]);
  });
});

describe('a catalogue', () => {
  it('is taken as it is, and replaces what is there', () => {
    const there = [topicOf('a', { description: 'Before' })];
    expect(topics({ topics: { a: null, b: { sample: {} } } }, { there })).toEqual([
      topicOf('a'),
      topicOf('b', { sample: {} }),
    ]);
    expect(problems({ topics: { a: { x: 1 } } })).toMatchObject([
      { pointer: '/0/document/topics/a' },
    ]);
  });
});

describe('several documents', () => {
  it('may not have the same topic', () => {
    const document = { topics: { a: {} } };
    const result = importDocuments(
      [
        { name: null, document },
        { name: null, document },
      ],
      { dataPointer: '', enforcement: null },
      { compiler: createSchemaCompiler(), get: () => undefined },
    );
    expect(result).toMatchObject({
      ok: false,
      problems: [{ pointer: '/1/document/topics/a', code: 'repeated' }],
    });
  });
});
