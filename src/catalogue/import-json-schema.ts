/** Topics of JSON Schemas: the schema of one topic's data, or a document with those of many under `$defs`, as it is exported. */
import { pointerTo } from '../domain/json-pointer.ts';
import type { JsonObject } from '../domain/topic-catalogue.ts';
import { TOPIC, TOPIC_ID_PREFIX } from './export-json-schema.ts';
import type { Found, ImportDocument } from './import-found.ts';
import { isJsonObject } from './topic-entry.ts';

/** A schema with nothing else says nothing itself: it holds others. */
const HOLDS_OTHERS = new Set(['$schema', '$id', '$comment', 'title', 'description', '$defs']);

export function topicsOfJsonSchema({ name, document }: ImportDocument): Found {
  const definitions = document['$defs'];
  if (isJsonObject(definitions) && Object.keys(document).every((key) => HOLDS_OTHERS.has(key))) {
    return {
      topics: Object.entries(definitions).map(([topic, schema]) => ({
        name: topic,
        pointer: pointerTo('/$defs', topic),
        entry: isJsonObject(schema) ? entryOf(schema) : schema,
      })),
      problems: [],
    };
  }
  if (name === null) {
    const message =
      'Which topic is this the schema of? Give its `name` beside the document. (It is no OpenAPI document and no catalogue.)';
    return { topics: [], problems: [{ pointer: '', code: 'name', message }] };
  }
  return { topics: [{ name, pointer: '', entry: entryOf(document) }], problems: [] };
}

/** What a schema says of itself is what the catalogue says of the topic; the schema stays as it is. */
function entryOf(schema: JsonObject): JsonObject {
  if (isJsonObject(schema[TOPIC])) return exportedEntry(schema, schema[TOPIC]);
  const { description, deprecated, examples } = schema;
  const example: unknown = Array.isArray(examples) ? examples[0] : undefined;
  return {
    ...(Object.keys(schema).length === 0 ? {} : { schema }),
    ...(typeof description === 'string' ? { description } : {}),
    ...(deprecated === true ? { deprecated } : {}),
    ...(isJsonObject(example) ? { sample: example } : {}),
  };
}

/** As it was before it was exported. */
function exportedEntry(schema: JsonObject, topic: JsonObject): JsonObject {
  const { description, deprecated, sample } = topic;
  const added = new Map<string, unknown>([
    ['description', description],
    ['deprecated', deprecated],
    ['examples', [sample]],
  ]);
  const own = Object.entries(schema).filter(([keyword, value]) => {
    if (keyword === TOPIC) return false;
    if (keyword === '$id') return !String(value).startsWith(TOPIC_ID_PREFIX);
    return !added.has(keyword) || JSON.stringify(added.get(keyword)) !== JSON.stringify(value);
  });
  const entries = Object.fromEntries(own);
  return { description, deprecated, sample, ...(own.length === 0 ? {} : { schema: entries }) };
}
