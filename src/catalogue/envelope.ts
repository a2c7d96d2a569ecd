/**
 * What a payload format makes of an event's data, as a schema: an event is rendered, and its data looked for in what comes
 * out. So every format is described, also one that is written tomorrow.
 */
import { pointerTo } from '../domain/json-pointer.ts';
import { isShape, renderShape } from '../domain/payload.ts';
import type { Payload } from '../domain/payload.ts';
import type { JsonObject } from '../domain/topic-catalogue.ts';
import { isJsonObject } from './topic-entry.ts';

export interface Envelope {
  /** Where in the body the data are, alone; `null`: they are not sent, or their members stand among others. */
  readonly dataPointer: string | null;
  /** The schema of a topic's body, around that of its data. */
  schema(topic: string, data: JsonObject): JsonObject;
  /** A topic's body, with these data; `null`: nothing can be said of it. */
  example(topic: string, data: JsonObject): unknown;
}

const MARK = 'here-are-the-data';
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;
const EXAMPLE_TIME_MS = Date.UTC(2026, 0, 18, 10);

export function envelopeOf(payload: Payload): Envelope {
  const example = (topic: string, data: JsonObject) => render(payload, topic, data);
  const marked = (topic: string) => example(topic, { [MARK]: true });
  return {
    dataPointer: pointerToMark(marked('topic'), ''),
    schema: (topic, data) => schemaOf(marked(topic), topic, data),
    example,
  };
}

/** `null` where it is an expression: what that makes of an event, no schema of its data says. */
function render(payload: Payload, topic: string, data: JsonObject): unknown {
  if (!isShape(payload)) return null;
  const event = {
    seq: EXAMPLE_TIME_MS * 1000,
    id: 'evt_example',
    tenantId: 'tenant',
    topic,
    timeMs: EXAMPLE_TIME_MS,
    eligibleForRetry: true,
    metadata: null,
    resource: null,
    data: new TextEncoder().encode(JSON.stringify(data)),
    test: false,
  };
  return JSON.parse(new TextDecoder().decode(renderShape(payload, event)));
}

function isMark(value: unknown): boolean {
  return isJsonObject(value) && Object.keys(value).length === 1 && MARK in value;
}

function pointerToMark(value: unknown, pointer: string): string | null {
  if (isMark(value)) return pointer;
  if (typeof value !== 'object' || value === null) return null;
  for (const [name, each] of Object.entries(value)) {
    const found = pointerToMark(each, pointerTo(pointer, name));
    if (found !== null) return found;
  }
  return null;
}

function schemaOf(value: unknown, topic: string, data: JsonObject): JsonObject {
  if (isMark(value)) return data;
  if (isJsonObject(value) && MARK in value) {
    const { [MARK]: _mark, ...beside } = value;
    return { allOf: [schemaOf(beside, topic, data), data] };
  }
  if (value === topic) return { const: topic };
  if (typeof value === 'string')
    return RFC_3339.test(value) ? { type: 'string', format: 'date-time' } : { type: 'string' };
  if (typeof value === 'number') return { type: Number.isInteger(value) ? 'integer' : 'number' };
  if (typeof value === 'boolean') return { type: 'boolean' };
  if (Array.isArray(value)) return { type: 'array' };
  if (!isJsonObject(value)) return {};
  const members = Object.entries(value).map(
    ([name, each]) => [name, schemaOf(each, topic, data)] as const,
  );
  return {
    type: 'object',
    required: members.map(([name]) => name),
    properties: Object.fromEntries(members),
  };
}
