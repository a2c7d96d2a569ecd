/**
 * The topic catalogue: what the operator says of the topics that he publishes. One for the whole instance. The schema
 * and the sample are those of an event's `data`, whatever a profile makes of them on the wire.
 */
import { topicMatches } from './topic.ts';

/** What happens to a publish whose data are not of the topic's schema: nothing, a warning to the operator, or a 422. */
export const ENFORCEMENTS = ['off', 'warn', 'reject'] as const;
export type Enforcement = (typeof ENFORCEMENTS)[number];

/** What becomes of an event of a topic that is not in the catalogue. */
export const UNKNOWN_TOPICS = ['accept', 'reject'] as const;
export type UnknownTopics = (typeof UNKNOWN_TOPICS)[number];

export type JsonObject = Readonly<Record<string, unknown>>;

export interface TopicEntry {
  readonly name: string;
  /** Empty where there is none. */
  readonly description: string;
  /** JSON Schema of 2020-12 or, where `$schema` says so, draft-07. */
  readonly schema: JsonObject | null;
  /** Of the schema, where there is one. */
  readonly sample: JsonObject | null;
  readonly deprecated: boolean;
  readonly enforcement: Enforcement;
}

/** Topics of one catalogue, at most. */
export const MAX_TOPICS = 5000;

/** One thing that is wrong. `pointer`: a JSON pointer into what was looked at. */
export interface JsonProblem {
  readonly pointer: string;
  readonly code: string;
  /** What is wrong and what is right; a whole sentence. */
  readonly message: string;
}

/** The same problems, of what stands at `place` in something larger. */
export function problemsAt(place: string, problems: readonly JsonProblem[]): JsonProblem[] {
  return problems.map(({ pointer, code, message }) => ({
    pointer: `${place}${pointer}`,
    code,
    message,
  }));
}

/**
 * Makes validators of JSON Schemas. It asks nothing of the network: a `$ref` that leads out of the schema is a problem
 * of the schema.
 */
export interface SchemaCompiler {
  compile(schema: JsonObject): CompiledSchema;
}

export type CompiledSchema =
  | { readonly ok: true; readonly validator: SchemaValidator }
  | { readonly ok: false; readonly problems: readonly JsonProblem[] };

export interface SchemaValidator {
  matches(value: unknown): boolean;
  /** What keeps the value from matching: `all` of it, up to a bound, or only what is found first, which is cheap. */
  problems(value: unknown, howMany: 'all' | 'first'): readonly JsonProblem[];
}

/** Whether both say the same of their topic; the order of names counts, as it does to those who read it. */
export function sameEntry(left: TopicEntry, right: TopicEntry): boolean {
  return entryText(left) === entryText(right);
}

/** All that is said, as one text: equal texts are equal entries. */
export function entryText(entry: TopicEntry): string {
  const { description, schema, sample, deprecated, enforcement } = entry;
  return JSON.stringify({ description, schema, sample, deprecated, enforcement });
}

/** Sorted as the catalogue is shown: by name, by code unit. */
export function byName(left: { readonly name: string }, right: { readonly name: string }): number {
  return left.name < right.name ? -1 : Number(left.name > right.name);
}

/**
 * The topic that a test event of a destination has where none was asked for: the first of the catalogue that the
 * destination takes and that has a sample, else a topic that it names, else `test`.
 */
export function topicToTest(
  patterns: readonly string[],
  sortedEntries: Iterable<TopicEntry>,
): string {
  for (const { name, sample } of sortedEntries)
    if (sample !== null && patterns.some((pattern) => topicMatches(pattern, name))) return name;
  return patterns.find((pattern) => !pattern.includes('*')) ?? 'test';
}
