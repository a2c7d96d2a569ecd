/** What is exported is good in the eyes of others: their schemas, validators and compilers. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FormatsPlugin } from 'ajv-formats';
import { describe, expect, it, onTestFinished } from 'vitest';
import { envelopeOf } from '../../src/catalogue/envelope.ts';
import { exportText } from '../../src/catalogue/export-catalogue.ts';
import type { ExportFormat } from '../../src/catalogue/export-catalogue.ts';
import { importDocuments } from '../../src/catalogue/import-documents.ts';
import type { Imported } from '../../src/catalogue/import-documents.ts';
import { createSchemaCompiler } from '../../src/catalogue/schema-compiler.ts';
import { pointerTo } from '../../src/domain/json-pointer.ts';
import { byName } from '../../src/domain/topic-catalogue.ts';
import type { JsonObject, TopicEntry } from '../../src/domain/topic-catalogue.ts';
import { standard } from '../../src/profiles/standard.ts';
import { EXAMPLES, exampleCatalogue, topicOf } from '../support/catalogue-fixtures.ts';

const require = createRequire(import.meta.url);
const asyncapiSchema = require('@asyncapi/specs/schemas/3.0.0.json') as object;
const addFormats = (require('ajv-formats') as { default: FormatsPlugin }).default;

/** Names and schemas that are hard to move. */
const HARD: readonly TopicEntry[] = [
  topicOf('a/b~c%20'),
  topicOf('a_b_c_20', { description: '*/ end\nof a comment', deprecated: true }),
  topicOf('old', {
    schema: {
      $schema: 'http://json-schema.org/draft-07/schema#',
      definitions: { id: { type: 'string' } },
      properties: { id: { $ref: '#/definitions/id' } },
    },
    sample: { id: 'x' },
  }),
  topicOf('tree', {
    description: 'Refers to itself.',
    schema: {
      type: 'object',
      description: 'A node.',
      required: ['name'],
      properties: {
        name: { $ref: '#/$defs/na~1me' },
        children: { type: 'array', items: { $ref: '#' } },
      },
      $defs: { 'na/me': { type: 'string', minLength: 1 } },
    },
    sample: { name: 'root', children: [{ name: 'leaf' }] },
    enforcement: 'reject',
  }),
].toSorted(byName);

const CATALOGUES: readonly (readonly [string, () => Promise<readonly TopicEntry[]>])[] = [
  ...EXAMPLES.map((name) => [name, () => exampleCatalogue(name)] as const),
  ['hard', () => Promise.resolve(HARD)],
];
const EMPTY = ['empty', () => Promise.resolve([])] as const;

function text(format: ExportFormat, topics: readonly TopicEntry[]): string {
  return exportText(format, {
    topics,
    envelope: envelopeOf(standard.payload),
    version: '1.2.3',
  });
}

function document(format: ExportFormat, topics: readonly TopicEntry[]): JsonObject {
  return JSON.parse(text(format, topics)) as JsonObject;
}

function importOf(from: JsonObject): Imported {
  return importDocuments(
    [{ name: null, document: from }],
    { dataPointer: '', enforcement: null },
    { compiler: createSchemaCompiler(), get: () => undefined },
  );
}

function imported(from: JsonObject): readonly TopicEntry[] {
  const result = importOf(from);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.topics;
}

describe.each([...CATALOGUES, EMPTY])('the catalogue %s', (_name, read) => {
  it('is good OpenAPI 3.1', async () => {
    const validator = new Validator();
    const result = await validator.validate({ ...document('openapi', await read()) });
    expect(result.errors).toBeUndefined();
    expect({ valid: result.valid, version: validator.version }).toEqual({
      valid: true,
      version: '3.1',
    });
  });

  it('is good AsyncAPI 3', async () => {
    // It brings draft-07 along.
    const ajv = new Ajv({ strict: false, logger: false, meta: false });
    addFormats(ajv);
    const validate = ajv.compile(asyncapiSchema);
    validate(document('asyncapi', await read()));
    expect(validate.errors).toBeNull();
    expect(validate({ asyncapi: '3.0.0' })).toBe(false);
  });

  it('has references that lead somewhere, in OpenAPI and AsyncAPI', async () => {
    for (const format of ['openapi', 'asyncapi'] as const) {
      const whole = document(format, await read());
      for (const reference of referencesOf(whole)) {
        const tokens = reference.slice(2).split('/');
        let found: unknown = whole;
        for (const token of tokens) {
          const plain = decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
          found = (found as Record<string, unknown>)[plain];
        }
        expect(found, `${format} ${reference}`).toBeDefined();
      }
    }
  });

  it('is TypeScript that compiles, and takes the samples', async () => {
    const topics = await read();
    const folder = mkdtempSync(join(tmpdir(), 'angarium-types-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'topics.ts'), text('typescript', topics));
    // By a constant: what stands there itself may have no members that the type does not name.
    const uses = topics
      .filter(({ sample }) => sample !== null)
      .map(
        ({ name: topic, sample }, index) =>
          `const s${index} = ${JSON.stringify(sample)};\nexport const e${index}: TopicEvent = { topic: ${JSON.stringify(topic)}, data: s${index} };`,
      );
    writeFileSync(
      join(folder, 'uses.ts'),
      `import type { TopicEvent } from './topics.js';\n${uses.join('\n')}\nexport type Used = TopicEvent;\n`,
    );
    expect(await typecheck(folder)).toBe('');
  });

  it('is JSON Schema that takes the samples', async () => {
    const topics = (await read()).filter(({ name: topic }) => topic !== 'old');
    const ajv = new Ajv2020({ strict: false, logger: false });
    addFormats(ajv);
    ajv.addSchema(document('json-schema', topics), 'topics');
    for (const { name: topic, sample } of topics) {
      const validate = ajv.compile({ $ref: `topics#${encodeURI(pointerTo('/$defs', topic))}` });
      expect(validate(sample ?? {}), topic).toBe(true);
    }
  });
});

describe('JSON Schema and OpenAPI', () => {
  it.each(CATALOGUES)('bring the catalogue %s back as it was', async (_name, read) => {
    const topics = (await read()).map((topic) =>
      topicOf(topic.name, { ...topic, enforcement: 'off' }),
    );
    expect(imported(document('json-schema', await read()))).toEqual(topics);
    expect(imported(document('openapi', await read()))).toEqual(topics);
  });

  it.each(['json-schema', 'openapi'] as const)('say that there was nothing: %s', (format) => {
    expect(importOf(document(format, []))).toMatchObject({
      ok: false,
      problems: [{ pointer: '/0/document', code: 'empty' }],
    });
  });
});

describe('TypeScript', () => {
  it('refuses what the schemas refuse', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'angarium-types-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'topics.ts'), text('typescript', HARD));
    writeFileSync(
      join(folder, 'uses.ts'),
      [
        "import type { TopicEvent } from './topics.js';",
        "export const a: TopicEvent = { topic: 'tree', data: { name: 1 } };",
        "export const b: TopicEvent = { topic: 'tree', data: { name: 'a', children: [{}] } };",
        "export const c: TopicEvent = { topic: 'nothing', data: {} };",
        "export const d: TopicEvent = { topic: 'old', data: { id: 1 } };",
      ].join('\n'),
    );
    const lines = (await typecheck(folder)).match(/uses\.ts\(\d/g);
    expect(new Set(lines)).toEqual(new Set([2, 3, 4, 5].map((line) => `uses.ts(${line}`)));
  });
});

function referencesOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => {
    if (name === '$ref' && typeof each === 'string') return [each];
    return name === 'example' || name === 'examples' ? [] : referencesOf(each);
  });
}

/** What the compiler has to say. */
async function typecheck(folder: string): Promise<string> {
  const tsc = join(import.meta.dirname, '../../node_modules/.bin/tsc');
  const options = ['--noEmit', '--strict', '--ignoreConfig', '--module', 'nodenext', 'uses.ts'];
  try {
    await promisify(execFile)(tsc, options, { cwd: folder });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
