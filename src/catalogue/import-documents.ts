/**
 * Topics out of documents: an OpenAPI 3.1 document with `webhooks`, a JSON Schema, or a catalogue as its file has it.
 * What a document does not say of a topic that is there already stays.
 */
import type {
  JsonObject,
  JsonProblem,
  SchemaCompiler,
  TopicEntry,
} from '../domain/topic-catalogue.ts';
import { pointerTo } from '../domain/json-pointer.ts';
import type { Found, ImportDocument, ImportOptions } from './import-found.ts';
import { topicsOfJsonSchema } from './import-json-schema.ts';
import { topicsOfOpenapi } from './import-openapi.ts';
import { isJsonObject, parseTopicEntry } from './topic-entry.ts';

export interface ImportContext {
  readonly compiler: SchemaCompiler;
  get(name: string): TopicEntry | undefined;
}

export type Imported =
  | { readonly ok: true; readonly topics: readonly TopicEntry[] }
  /** Pointers are into the list of documents. */
  | { readonly ok: false; readonly problems: readonly JsonProblem[] };

export function importDocuments(
  documents: readonly ImportDocument[],
  options: ImportOptions,
  context: ImportContext,
): Imported {
  const problems: JsonProblem[] = [];
  const topics = new Map<string, TopicEntry>();
  documents.forEach((given, index) => {
    const place = `/${index}/document`;
    const found = topicsOf(given, options, context);
    const add = ({ pointer, ...rest }: JsonProblem, at = '') =>
      problems.push({ ...rest, pointer: `${place}${at}${pointer}` });
    for (const problem of found.problems) add(problem);
    if (found.topics.length === 0 && found.problems.length === 0)
      add({ pointer: '', code: 'empty', message: 'There are no topics in this document.' });
    for (const { name, pointer, entry } of found.topics) {
      const parsed = parseTopicEntry(name, entry, context.compiler);
      if (topics.has(name))
        add({ pointer, code: 'repeated', message: `The topic ${name} was in what comes before.` });
      else if (parsed.ok) topics.set(name, parsed.entry);
      else for (const problem of parsed.problems) add(ofTopic(name, problem), pointer);
    }
  });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, topics: [...topics.values()] };
}

function topicsOf(given: ImportDocument, options: ImportOptions, context: ImportContext): Found {
  const { document } = given;
  if ('openapi' in document || 'swagger' in document)
    return withWhatIsThere(topicsOfOpenapi(document, options), options, context);
  if (isJsonObject(document['topics'])) return topicsOfCatalogue(document['topics']);
  return withWhatIsThere(topicsOfJsonSchema(given), options, context);
}

function topicsOfCatalogue(topics: JsonObject): Found {
  return {
    topics: Object.entries(topics).map(([name, entry]) => ({
      name,
      pointer: pointerTo('/topics', name),
      entry: entry ?? {},
    })),
    problems: [],
  };
}

function withWhatIsThere(found: Found, { enforcement }: ImportOptions, context: ImportContext) {
  const topics = found.topics.map((topic) => {
    const { name: _name, ...before } = topicFields(context.get(topic.name));
    const asked = enforcement === null ? {} : { enforcement };
    return {
      ...topic,
      entry: isJsonObject(topic.entry) ? { ...before, ...topic.entry, ...asked } : topic.entry,
    };
  });
  return { ...found, topics };
}

/** Without what a storage adds. */
function topicFields(topic: TopicEntry | undefined): Partial<TopicEntry> {
  if (topic === undefined) return {};
  const { name, description, schema, sample, deprecated, enforcement } = topic;
  return { name, description, schema, sample, deprecated, enforcement };
}

/** A schema that was cut out has other places than the document: the message says where it is. */
function ofTopic(name: string, { pointer, code, message }: JsonProblem): JsonProblem {
  return {
    pointer: '',
    code,
    message: `${name}${pointer === '' ? '' : ` at ${pointer}`}: ${message}`,
  };
}
