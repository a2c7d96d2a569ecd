/** The references (`$ref`) in a JSON Schema: written anew where a schema moves, and followed where one is cut out of a document. */
import { pointerTokens, valueAt } from '../domain/json-pointer.ts';
import type { JsonObject, JsonProblem } from '../domain/topic-catalogue.ts';
import { isJsonObject } from './topic-entry.ts';

/** Their members are schemas, by any name. */
const MAPS_OF_SCHEMAS = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
  'dependencies',
]);
/** They hold values, not schemas: a `$ref` in them means nothing. */
const VALUES = new Set(['const', 'enum', 'default', 'example', 'examples']);

/** The same schema, its `$ref`s as `map` gives them. Parts with an `$id` of their own stay: theirs lead within. */
function withReferences<Schema>(schema: Schema, map: (reference: string) => string): Schema {
  // Of the same shape: only texts of references are others.
  return copy(schema, map) as Schema;
}

function copy(schema: unknown, map: (reference: string) => string): unknown {
  if (Array.isArray(schema)) return schema.map((each: unknown) => copy(each, map));
  if (!isJsonObject(schema) || '$id' in schema) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (keyword === '$ref' && typeof value === 'string') return [keyword, map(value)];
      if (VALUES.has(keyword)) return [keyword, value];
      if (!MAPS_OF_SCHEMAS.has(keyword) || !isJsonObject(value)) return [keyword, copy(value, map)];
      const parts = Object.entries(value).map(([name, part]) => [name, copy(part, map)] as const);
      return [keyword, Object.fromEntries(parts)];
    }),
  );
}

/** A schema that stood alone and now stands at `place` (a pointer with `#`): its references lead to the same as before. */
export function movedTo<Schema>(schema: Schema, place: string): Schema {
  return withReferences(schema, (reference) =>
    reference === '#' || reference.startsWith('#/') ? `${place}${reference.slice(1)}` : reference,
  );
}

/** What a reference within the document leads to; `undefined` where it leads out of it or nowhere. */
export function follow(document: unknown, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined;
  const tokens = pointerTokens(decoded(reference.slice(1)));
  return tokens === undefined ? undefined : valueAt(document, tokens);
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

export interface CutOut {
  readonly schema: JsonObject;
  readonly problems: readonly JsonProblem[];
}

/**
 * A schema cut out of a document, where it stood at `place` (a pointer with `#`): what it refers to elsewhere in it
 * comes along as `$defs`. References that lead nowhere, or out of the document, are problems.
 */
export function cutOut(document: unknown, schema: JsonObject, place: string): CutOut {
  const names = new Map<string, string>();
  const taken = new Set(Object.keys(isJsonObject(schema['$defs']) ? schema['$defs'] : {}));
  const definitions: [name: string, schema: unknown][] = [];
  const problems: JsonProblem[] = [];
  const waiting: [name: string, reference: string][] = [];

  const map = (reference: string): string => {
    if (reference === place || reference.startsWith(`${place}/`))
      return `#${reference.slice(place.length)}`;
    let name = names.get(reference);
    if (name === undefined) {
      name = freeName(reference.split('/').at(-1) ?? '', taken);
      names.set(reference, name);
      waiting.push([name, reference]);
    }
    return `#/$defs/${name}`;
  };
  const moved = withReferences(schema, map);
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [name, reference] = next;
    const found = follow(document, reference);
    if (found === undefined) {
      problems.push({
        pointer: '',
        code: 'reference',
        message: `The reference ${reference} leads to nothing in this document; references to others are not followed.`,
      });
    } else definitions.push([name, withReferences(found, map)]);
  }
  if (definitions.length === 0) return { schema: moved, problems };
  const $defs = { ...(isJsonObject(moved['$defs']) ? moved['$defs'] : {}) };
  return {
    schema: { ...moved, $defs: { ...$defs, ...Object.fromEntries(definitions) } },
    problems,
  };
}

/** A name of letters that need no escapes, which nobody has yet; from now on somebody has it. */
export function freeName(wanted: string, taken: Set<string>): string {
  const plain = wanted.replaceAll(/[^A-Za-z0-9._-]/g, '_') || '_';
  let name = plain;
  for (let number = 2; taken.has(name); number++) name = `${plain}_${number}`;
  taken.add(name);
  return name;
}
