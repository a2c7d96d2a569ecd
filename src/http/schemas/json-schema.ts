/**
 * JSON Schema (2020-12), written short. Plain objects: what a library of schema builders would load at each start costs
 * more than all the schemas together (docs/decisions/008-libraries.md).
 */

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

const OPTIONAL: unique symbol = Symbol('optional');

interface OptionalSchema {
  readonly [OPTIONAL]: JsonSchema;
}

/** A member that may be left out. */
export function optional(schema: JsonSchema): OptionalSchema {
  return { [OPTIONAL]: schema };
}

/** Members are required, unless they are `optional`. */
export function object(
  members: Readonly<Record<string, JsonSchema | OptionalSchema>>,
  keywords: JsonSchema = {},
): JsonSchema & { readonly properties: Readonly<Record<string, JsonSchema>> } {
  const entries = Object.entries(members);
  const required = entries.filter(([, schema]) => !isOptional(schema)).map(([name]) => name);
  const properties = Object.fromEntries(
    entries.map(([name, schema]) => [name, isOptional(schema) ? schema[OPTIONAL] : schema]),
  );
  return {
    type: 'object',
    ...(required.length === 0 ? {} : { required }),
    properties,
    ...keywords,
  };
}

/** An object that has no other members. */
export function closedObject(members: Parameters<typeof object>[0], keywords: JsonSchema = {}) {
  return object(members, { additionalProperties: false, ...keywords });
}

/** Any names, values of one kind. */
export function record(value: JsonSchema, keywords: JsonSchema = {}): JsonSchema {
  return { type: 'object', additionalProperties: value, ...keywords };
}

export function arrayOf(items: JsonSchema, keywords: JsonSchema = {}): JsonSchema {
  return { type: 'array', items, ...keywords };
}

export function string(keywords: JsonSchema = {}): JsonSchema {
  return { type: 'string', ...keywords };
}

export function integer(keywords: JsonSchema = {}): JsonSchema {
  return { type: 'integer', ...keywords };
}

export function number(keywords: JsonSchema = {}): JsonSchema {
  return { type: 'number', ...keywords };
}

export function boolean(keywords: JsonSchema = {}): JsonSchema {
  return { type: 'boolean', ...keywords };
}

export function oneOf(values: readonly string[], keywords: JsonSchema = {}): JsonSchema {
  return { type: 'string', enum: [...values], ...keywords };
}

export function literal(value: string | boolean): JsonSchema {
  return { type: typeof value, const: value };
}

export function union(...schemas: readonly JsonSchema[]): JsonSchema {
  return { anyOf: schemas };
}

export function nullable(schema: JsonSchema, keywords: JsonSchema = {}): JsonSchema {
  return { anyOf: [schema, { type: 'null' }], ...keywords };
}

/** A schema of the document's components. */
export function ref(name: string): JsonSchema {
  return { $ref: `${name}#` };
}

export const anything: JsonSchema = {};

function isOptional(schema: JsonSchema | OptionalSchema): schema is OptionalSchema {
  return OPTIONAL in schema;
}
