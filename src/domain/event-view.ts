/** An event as filters see it: `{id, topic, time, metadata, data}`, read when it is first asked for. */
import { parseJson } from './json-value.ts';
import type { JsonObject, JsonValue, Wanted } from './json-value.ts';

export interface EventSource {
  /** `null`: the caller gave none. What is given in the commit does not exist yet while filters are asked. */
  readonly id: string | null;
  readonly topic: string;
  readonly timeMs: number;
  /** JSON of a map of strings; `null`: an empty one. */
  readonly metadata: string | null;
  /** The bytes of a JSON object. */
  readonly data: Uint8Array;
}

export class EventView {
  readonly #source: EventSource;
  #wanted: Wanted | null = null;
  #read: JsonObject = new Map();

  constructor(source: EventSource) {
    this.#source = source;
  }

  /** Parses once for the same wish. */
  read(wanted: Wanted): JsonObject {
    if (this.#wanted !== wanted) {
      this.#read = readEvent(this.#source, wanted);
      this.#wanted = wanted;
    }
    return this.#read;
  }
}

const decoder = new TextDecoder();

function readEvent(source: EventSource, wanted: Wanted): JsonObject {
  const event = new Map<string, JsonValue>();
  const add = (name: string, read: (wanted: Wanted) => JsonValue) => {
    const member = wanted.whole ? wanted : wanted.members.get(name);
    if (member !== undefined) event.set(name, read(member));
  };
  const { id } = source;
  if (id !== null) add('id', () => id);
  add('topic', () => source.topic);
  add('time', () => new Date(source.timeMs).toISOString());
  add('metadata', (member) => parseJson(source.metadata ?? '{}', member));
  add('data', (member) => parseJson(decoder.decode(source.data), member));
  return event;
}
