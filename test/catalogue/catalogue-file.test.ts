import { describe, expect, it } from 'vitest';
import { parseCatalogueFile } from '../../src/catalogue/catalogue-file.ts';
import { createSchemaCompiler } from '../../src/catalogue/schema-compiler.ts';
import { EXAMPLES, exampleCatalogue, topicOf } from '../support/catalogue-fixtures.ts';

const compiler = createSchemaCompiler();
const parse = (text: string) => parseCatalogueFile(text, 't.yaml', compiler);

async function problemsOf(text: string): Promise<readonly string[]> {
  const parsed = await parse(text);
  return parsed.ok ? [] : parsed.problems;
}

describe('the catalogues that come along', () => {
  it.each(EXAMPLES)(
    '%s is good, and has a description and a sample for each topic',
    async (name) => {
      const topics = await exampleCatalogue(name);
      for (const { name: topic, description, sample } of topics) {
        expect(description, topic).toMatch(/\.$/);
        expect(sample, topic).not.toBeNull();
      }
    },
  );

  it('have the topics of their systems', async () => {
    const names = async (of: string) => (await exampleCatalogue(of)).map(({ name }) => name);
    expect(await names('baxcloud')).toEqual([
      'participant.joined',
      'participant.left',
      'participant.updated',
      'recording.available',
      'recording.started',
      'recording.stopped',
      'room.created',
      'room.deleted',
      'room.ended',
      'room.started',
      'stream.ended',
      'stream.started',
    ]);
    expect(await names('basekit')).toEqual([
      'account_holder.created',
      'account_holder.package_change',
      'booking.updated',
      'site.first_publish',
      'site.publish',
      'store.order_updated',
    ]);
    for (const name of await names('baack'))
      expect(name).toMatch(/^[a-z.]+\.(?:create|update|delete)$/);
    expect(await names('balkanid')).toContain('employee.updated');
  });

  it('baxcloud has a schema for each payload, which takes no other', async () => {
    for (const { name, schema, sample } of await exampleCatalogue('baxcloud')) {
      const compiled = compiler.compile(schema ?? {});
      if (!compiled.ok) throw new Error(name);
      expect(compiled.validator.matches(sample), name).toBe(true);
      expect(compiled.validator.matches({}), name).toBe(false);
    }
  });
});

describe('a catalogue file', () => {
  it('may leave out all but the names', async () => {
    expect(await parse('topics:\n  a.b:\n  c: { deprecated: true }\n')).toEqual({
      ok: true,
      topics: [topicOf('a.b'), topicOf('c', { deprecated: true })],
    });
  });

  it('shares what is defined once', async () => {
    const text =
      'definitions:\n  s: &s { type: object }\ntopics:\n  a: { schema: *s }\n  b: { schema: *s }\n';
    const schema = { type: 'object' };
    expect(await parse(text)).toEqual({
      ok: true,
      topics: [topicOf('a', { schema }), topicOf('b', { schema })],
    });
  });

  it('says all that is wrong, each with its line', async () => {
    const text = [
      'other: 1',
      'topics:',
      '  a:',
      '    descripton: typo',
      '    schema:',
      '      type: nothing',
      '  b:',
      '    schema:',
      '      required: [n]',
      '    sample: {}',
      '  "c*": {}',
      '  d:',
      '    enforcement: maybe',
    ].join('\n');
    const problems = await problemsOf(text);
    for (const start of [
      't.yaml:1: other: there is no such field',
      't.yaml:4: topics.a.descripton: There is no such field; there are description, schema',
      't.yaml:6: topics.a.schema.type: ',
      't.yaml:10: topics.b.sample.n: This field is required.',
      't.yaml:11: topics.c*: A topic’s name',
      't.yaml:13: topics.d.enforcement: It is one of off, warn, reject.',
    ])
      expect(
        problems.some((problem) => problem.startsWith(start)),
        start,
      ).toBe(true);
  });

  it.each([
    ['', 't.yaml:1: a catalogue has its topics'],
    ['topics: [a]', 't.yaml:1: a catalogue has its topics'],
    ['topics: {', 't.yaml:1: this is no valid YAML'],
    ['topics:\n  a:\n  a:\n', 't.yaml:2: this is no valid YAML: Map keys must be unique'],
    ['topics:\n  export: {}', 't.yaml:2: topics.export: A topic of the catalogue is not called'],
    ['topics:\n  a: { enforcement: warn }', 't.yaml:2: topics.a.enforcement: Without a schema'],
  ])('%j: %s', async (text, start) => {
    const [first] = await problemsOf(text);
    expect(first).toMatch(new RegExp(`^${RegExp.escape(start)}`));
  });
});
