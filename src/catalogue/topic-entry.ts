/** An entry of the catalogue as it is written: in the API, in a file, in what is imported. All that is wrong comes at once. */
import { nestsDeeperThan } from '../domain/json-depth.ts';
import { pointerTo } from '../domain/json-pointer.ts';
import { isTopic } from '../domain/topic.ts';
import { ENFORCEMENTS, problemsAt } from '../domain/topic-catalogue.ts';
import type {
  JsonObject,
  JsonProblem,
  SchemaCompiler,
  TopicEntry,
} from '../domain/topic-catalogue.ts';

const MAX_DESCRIPTION = 4096;
const MAX_SAMPLE_BYTES = 256 * 1024;
const MAX_SAMPLE_DEPTH = 64;
const FIELDS = ['description', 'schema', 'sample', 'deprecated', 'enforcement'];

/** Paths of `/catalogue` that have another meaning, or that URLs do not have. */
const TAKEN = new Set(['import', 'export', '.', '..']);

export type ParsedEntry =
  | { readonly ok: true; readonly entry: TopicEntry }
  | { readonly ok: false; readonly problems: readonly JsonProblem[] };

/** Pointers are into `given`; `''` also where it is the name. */
export function parseTopicEntry(
  name: string,
  given: unknown,
  compiler: SchemaCompiler,
): ParsedEntry {
  const problems: JsonProblem[] = [];
  const wrong = (pointer: string, code: string, message: string) =>
    void problems.push({ pointer, code, message });
  if (!isTopic(name))
    wrong('', 'format', 'A topic’s name has 1 to 255 visible ASCII characters, none of them `*`.');
  if (TAKEN.has(name))
    wrong(
      '',
      'format',
      `A topic of the catalogue is not called ${name}: its path leads elsewhere.`,
    );
  if (!isJsonObject(given)) {
    wrong('', 'type', `A topic is an object with ${FIELDS.join(', ')}, all of them optional.`);
    return { ok: false, problems };
  }
  for (const field of Object.keys(given).filter((each) => !FIELDS.includes(each)))
    wrong(
      pointerTo('', field),
      'unknown_field',
      `There is no such field; there are ${FIELDS.join(', ')}.`,
    );

  const { description = '', schema = null, sample = null, deprecated = false } = given;
  if (typeof description !== 'string' || description.length > MAX_DESCRIPTION)
    wrong('/description', 'type', `A description is text of up to ${MAX_DESCRIPTION} characters.`);
  if (typeof deprecated !== 'boolean')
    wrong('/deprecated', 'type', '`deprecated` is true or false.');
  const enforcement = ENFORCEMENTS.find((each) => each === (given['enforcement'] ?? 'off'));
  if (enforcement === undefined)
    wrong('/enforcement', 'enum', `It is one of ${ENFORCEMENTS.join(', ')}.`);
  if (enforcement !== undefined && enforcement !== 'off' && schema === null)
    wrong('/enforcement', 'no_schema', 'Without a schema there is nothing to enforce.');
  if (sample !== null) problems.push(...checkSample(sample));
  if (schema !== null) {
    if (isJsonObject(schema)) problems.push(...checkSchema(schema, sample, compiler));
    else wrong('/schema', 'type', 'A schema is a JSON Schema, an object.');
  }

  if (
    problems.length > 0 ||
    typeof description !== 'string' ||
    typeof deprecated !== 'boolean' ||
    enforcement === undefined
  )
    return { ok: false, problems };
  return {
    ok: true,
    entry: {
      name,
      description,
      schema: isJsonObject(schema) ? schema : null,
      sample: isJsonObject(sample) ? sample : null,
      deprecated,
      enforcement,
    },
  };
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkSample(sample: unknown): JsonProblem[] {
  const pointer = '/sample';
  if (!isJsonObject(sample))
    return [
      { pointer, code: 'type', message: 'A sample is an object, as the data of an event are.' },
    ];
  if (nestsDeeperThan(sample, MAX_SAMPLE_DEPTH))
    return [
      { pointer, code: 'too_deep', message: `A sample nests up to ${MAX_SAMPLE_DEPTH} levels.` },
    ];
  if (Buffer.byteLength(JSON.stringify(sample)) > MAX_SAMPLE_BYTES)
    return [
      { pointer, code: 'too_large', message: `A sample has up to ${MAX_SAMPLE_BYTES} bytes.` },
    ];
  return [];
}

/** The schema, and the sample against it. */
function checkSchema(schema: JsonObject, sample: unknown, compiler: SchemaCompiler): JsonProblem[] {
  const compiled = compiler.compile(schema);
  if (!compiled.ok) return problemsAt('/schema', compiled.problems);
  if (!isJsonObject(sample) || nestsDeeperThan(sample, MAX_SAMPLE_DEPTH)) return [];
  return problemsAt('/sample', compiled.validator.problems(sample, 'all'));
}
