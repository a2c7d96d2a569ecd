/**
 * The topic catalogue in memory, so that a publish asks the storage nothing. Schemas are compiled when they are first
 * needed, and once: what is enforced is all that a start would have to compile, and most of it is not published at once.
 *
 * It is read again after each change of this node; the version in the storage tells whether another node has made one.
 */
import { byName, problemsAt } from '../domain/topic-catalogue.ts';
import type {
  JsonObject,
  JsonProblem,
  SchemaCompiler,
  SchemaValidator,
  UnknownTopics,
} from '../domain/topic-catalogue.ts';
import type { Clock } from '../domain/clock.ts';
import { isTopicPattern } from '../domain/topic.ts';
import type { Storage } from '../storage/storage.ts';
import type { StoredTopic } from '../storage/topic-storage.ts';
import type { EngineLog } from './engine-log.ts';

export interface CatalogueParts {
  readonly storage: Storage;
  readonly compiler: SchemaCompiler;
  readonly unknownTopics: UnknownTopics;
  readonly clock: Clock;
  readonly log: EngineLog;
}

/** A topic that publishers get wrong is said so often; what came between is counted. */
const WARNING_EVERY_MS = 60_000;
/** Of a larger event only the first problem is looked for: each problem costs more than the byte that caused it. */
const MAX_EXPLAINED_BYTES = 64 * 1024;

interface KnownTopic {
  readonly topic: StoredTopic;
  /** Compiled; `undefined`: not yet, or there is nothing to enforce. */
  validator: SchemaValidator | undefined;
}

interface Violations {
  count: number;
  warnedCount: number;
  warnedAtMs: number;
}

export class Catalogue {
  readonly #parts: CatalogueParts;
  #version: number | null = null;
  #topics: ReadonlyMap<string, KnownTopic> = new Map();
  #isJudging = false;
  readonly #violations = new Map<string, Violations>();
  #reading: Promise<void> = Promise.resolve();

  constructor(parts: CatalogueParts) {
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#topics.size === 0;
  }

  /** Whether any event could be found wrong: while not, `judge` need not be asked. */
  get isJudging(): boolean {
    return this.#isJudging;
  }

  get compiler(): SchemaCompiler {
    return this.#parts.compiler;
  }

  get(name: string): StoredTopic | undefined {
    return this.#topics.get(name)?.topic;
  }

  /** By name. */
  list(): StoredTopic[] {
    return [...this.#topics.values()].map(({ topic }) => topic);
  }

  /** Events that were not of the topic's schema, and were warned of or refused, since this process started. */
  violations(name: string): number {
    return this.#violations.get(name)?.count ?? 0;
  }

  /** Reads it as it is now. Calls come one after the other: each sees what was there when it was made. */
  refresh(): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(() => this.#read());
    return this.#reading;
  }

  /** Whether a destination may name it: a pattern always, and anything while the catalogue is empty. */
  isNameable(pattern: string): boolean {
    return (
      this.isEmpty ||
      this.#topics.has(pattern) ||
      (isTopicPattern(pattern) && pattern.includes('*'))
    );
  }

  /** Whether an event of it would be refused for not being in the catalogue. An event without a topic never is. */
  refuses(topic: string): boolean {
    return (
      this.#parts.unknownTopics === 'reject' &&
      topic !== '' &&
      !this.isEmpty &&
      !this.#topics.has(topic)
    );
  }

  /**
   * What is wrong with an event that is published, with pointers into the publish; empty: it is accepted. What is only
   * to be warned of is logged and counted here. `bytes`: of the data.
   */
  judge(topic: string, data: JsonObject, bytes: number): readonly JsonProblem[] {
    if (this.refuses(topic))
      return [
        {
          pointer: '/topic',
          code: 'unknown_topic',
          message: `There is no topic ${topic} in the catalogue.`,
        },
      ];
    const known = this.#topics.get(topic);
    if (known === undefined || known.topic.enforcement === 'off') return [];
    const validator = this.#validatorOf(known);
    if (validator === undefined || validator.matches(data)) return [];
    const { enforcement } = known.topic;
    const isExplained = enforcement === 'reject' && bytes <= MAX_EXPLAINED_BYTES;
    const found = validator.problems(data, isExplained ? 'all' : 'first');
    const problems = problemsAt('/data', found);
    this.#count(topic, enforcement === 'warn' ? problems[0] : undefined);
    return enforcement === 'reject' ? problems : [];
  }

  async #read(): Promise<void> {
    const found = await this.#parts.storage.topicList({ unlessVersion: this.#version });
    if (found === null) return;
    const sorted = found.topics.toSorted(byName);
    this.#version = found.version;
    this.#topics = new Map(
      sorted.map((topic) => [topic.name, { topic, validator: undefined }] as const),
    );
    this.#isJudging =
      (this.#parts.unknownTopics === 'reject' && sorted.length > 0) ||
      sorted.some(({ schema, enforcement }) => schema !== null && enforcement !== 'off');
    for (const name of this.#violations.keys())
      if (!this.#topics.has(name)) this.#violations.delete(name);
  }

  #validatorOf(known: KnownTopic): SchemaValidator | undefined {
    const { schema, name } = known.topic;
    if (known.validator !== undefined || schema === null) return known.validator;
    const compiled = this.#parts.compiler.compile(schema);
    // It compiled when it was written: by a version that took more, perhaps.
    if (compiled.ok) known.validator = compiled.validator;
    else this.#parts.log.schemaUnusable(name, compiled.problems[0]?.message ?? '');
    return known.validator;
  }

  #count(topic: string, warning: JsonProblem | undefined): void {
    const before = this.#violations.get(topic);
    const violations = before ?? { count: 0, warnedCount: 0, warnedAtMs: -Infinity };
    if (before === undefined) this.#violations.set(topic, violations);
    violations.count++;
    const nowMs = this.#parts.clock.monotonicMs();
    if (warning === undefined || nowMs - violations.warnedAtMs < WARNING_EVERY_MS) return;
    this.#parts.log.schemaViolated(topic, violations.count - violations.warnedCount, warning);
    violations.warnedAtMs = nowMs;
    violations.warnedCount = violations.count;
  }
}
