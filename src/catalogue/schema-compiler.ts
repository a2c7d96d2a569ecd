/**
 * JSON Schema 2020-12 and draft-07 by ajv. Each schema has an instance of its own, so that no `$id` of one is seen by
 * another. Nothing is loaded: a `$ref` that leads out of the schema does not compile. Formats are checked, in both
 * dialects.
 *
 * The patterns in a schema are regular expressions that run on what is published. Both are the operator's: a schema
 * never comes from a tenant.
 */
import { createRequire } from 'node:module';
import type * as AjvDraft07 from 'ajv';
import type * as Ajv2020 from 'ajv/dist/2020.js';
import type { FormatsPlugin } from 'ajv-formats';
import { nestsDeeperThan } from '../domain/json-depth.ts';
import { pointerTo } from '../domain/json-pointer.ts';
import type {
  CompiledSchema,
  JsonObject,
  JsonProblem,
  SchemaCompiler,
} from '../domain/topic-catalogue.ts';

const MAX_SCHEMA_BYTES = 256 * 1024;
const MAX_SCHEMA_DEPTH = 64;
/** Nobody reads more of them. */
const MAX_PROBLEMS = 100;

const DRAFT_2020_12 = /^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/;
const DRAFT_07 = /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/;

export type Dialect = '2020-12' | 'draft-07';

/** By its `$schema`; without one it is 2020-12. `undefined`: another. */
export function dialectOf({ $schema }: JsonObject): Dialect | undefined {
  if ($schema === undefined) return '2020-12';
  if (typeof $schema !== 'string') return undefined;
  if (DRAFT_2020_12.test($schema)) return '2020-12';
  return DRAFT_07.test($schema) ? 'draft-07' : undefined;
}

export function createSchemaCompiler(): SchemaCompiler {
  const instances = new Instances();
  return { compile: (schema) => compile(schema, instances) };
}

function compile(schema: JsonObject, instances: Instances): CompiledSchema {
  const dialect = dialectOf(schema);
  if (dialect === undefined)
    return wrong('/$schema', 'dialect', 'A schema is JSON Schema of 2020-12 or of draft-07.');
  if (nestsDeeperThan(schema, MAX_SCHEMA_DEPTH))
    return wrong('', 'too_deep', `A schema nests up to ${MAX_SCHEMA_DEPTH} levels.`);
  if (Buffer.byteLength(JSON.stringify(schema)) > MAX_SCHEMA_BYTES)
    return wrong('', 'too_large', `A schema has up to ${MAX_SCHEMA_BYTES} bytes.`);
  const meta = instances.meta(dialect);
  if (meta.validateSchema(schema) !== true)
    return { ok: false, problems: (meta.errors ?? []).slice(0, MAX_PROBLEMS).map(problemOf) };
  try {
    const validate = instances.own(dialect, false).compile(schema);
    let explain: typeof validate | undefined;
    return {
      ok: true,
      validator: {
        matches: (value) => validate(value),
        problems(value, howMany) {
          if (howMany === 'all') explain ??= instances.own(dialect, true).compile(schema);
          const used = howMany === 'all' && explain !== undefined ? explain : validate;
          return used(value) ? [] : (used.errors ?? []).slice(0, MAX_PROBLEMS).map(problemOf);
        },
      },
    };
  } catch (error) {
    // A `$ref` without a target, or a pattern that is no regular expression: there are no pointers to them.
    const reason = error instanceof Error ? error.message : String(error);
    return wrong(
      '',
      'schema',
      `The schema does not compile: ${reason}. References stay within it.`,
    );
  }
}

/** Makes ajv's instances. It is loaded with the first schema: who has none does without. */
class Instances {
  readonly #meta = new Map<Dialect, Ajv2020.Ajv2020>();

  /** It has the schema of schemas, which is compiled once. */
  meta(dialect: Dialect): Ajv2020.Ajv2020 {
    let meta = this.#meta.get(dialect);
    if (meta === undefined) {
      meta = make(dialect, { meta: true, allErrors: true });
      this.#meta.set(dialect, meta);
    }
    return meta;
  }

  /** For one schema: without the schema of schemas it is cheap. */
  own(dialect: Dialect, allErrors: boolean): Ajv2020.Ajv2020 {
    return make(dialect, { meta: false, allErrors });
  }
}

const require = createRequire(import.meta.url);

function make(dialect: Dialect, { meta, allErrors }: { meta: boolean; allErrors: boolean }) {
  const options = {
    // What a dialect does not know is a remark, as its specification says.
    strict: false,
    meta,
    validateSchema: meta,
    allErrors,
    ownProperties: true,
    unicodeRegExp: true,
    logger: false,
  } as const;
  // Names before `new`: compiled, `new (require(..) as ..).Ajv()` would lose its parentheses.
  const { Ajv } =
    dialect === '2020-12'
      ? { Ajv: (require('ajv/dist/2020.js') as typeof Ajv2020).Ajv2020 }
      : (require('ajv') as typeof AjvDraft07);
  const ajv = new Ajv(options);
  (require('ajv-formats') as { default: FormatsPlugin }).default(ajv);
  return ajv;
}

function problemOf({ instancePath, keyword, message, params }: Ajv2020.ErrorObject): JsonProblem {
  // Parameters of ajv's own keywords.
  const { missingProperty, additionalProperty, unevaluatedProperty, allowedValues } =
    params as Readonly<Record<string, unknown>>;
  if (typeof missingProperty === 'string') {
    return {
      pointer: pointerTo(instancePath, missingProperty),
      code: 'required',
      message: 'This field is required.',
    };
  }
  const unknown = additionalProperty ?? unevaluatedProperty;
  if (typeof unknown === 'string') {
    return {
      pointer: pointerTo(instancePath, unknown),
      code: 'unknown_field',
      message: 'There is no such field.',
    };
  }
  const allowed = Array.isArray(allowedValues)
    ? `: ${allowedValues
        .slice(0, 20)
        .map((value) => JSON.stringify(value))
        .join(', ')}`
    : '';
  return {
    pointer: instancePath,
    code: keyword,
    message: `It ${message ?? 'is wrong'}${allowed}.`,
  };
}

function wrong(pointer: string, code: string, message: string): CompiledSchema {
  return { ok: false, problems: [{ pointer, code, message }] };
}
