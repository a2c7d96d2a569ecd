/** Parts of schemas that several resources have. */
import { MAX_LIST } from '../query.ts';
import type { JsonSchema } from './json-schema.ts';
import {
  closedObject,
  integer,
  arrayOf,
  literal,
  nullable,
  object,
  oneOf,
  optional,
  record,
  ref,
  string,
} from './json-schema.ts';

export const Time = string({
  format: 'date-time',
  description: 'RFC 3339, UTC, milliseconds.',
});
export const TimeOrNull = nullable(Time);
const MAP_LIMITS = { maxProperties: 100, propertyNames: { maxLength: 255 } };

export const StringMap = record(string({ maxLength: 4096 }), MAP_LIMITS);
/** A map to merge: `null` removes the name (RFC 7396). */
export const StringMapPatch = record(nullable(string({ maxLength: 4096 })), MAP_LIMITS);

export const Resource = closedObject(
  {
    urn: string({ pattern: '^[\\x21-\\x7e]{1,1024}$' }),
    vector_clock: optional(
      record(integer({ minimum: 0 }), {
        maxProperties: 256,
        description: 'Counters by node: which version of the resource it is.',
      }),
    ),
    trigger_urn: optional(
      string({
        pattern: '^[\\x21-\\x7e]{1,1024}$',
        description: 'What caused the change; the idempotency key of messages that have one.',
      }),
    ),
  },
  { description: 'What the event is about.' },
);

export interface TenantParams {
  readonly tenant_id: string;
}

export const TenantParamsSchema = object({
  tenant_id: string({ description: 'Chosen by the operator.' }),
});
export interface DestinationParams extends TenantParams {
  readonly destination_id: string;
}

export const DestinationParamsSchema = object({
  tenant_id: string(),
  destination_id: string(),
});

export const Success = object({ success: literal(true) });

export function Listed(
  item: string,
  others: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema {
  return object({
    ...others,
    models: arrayOf(ref(item)),
    pagination: object({
      order_by: string(),
      dir: oneOf(['asc', 'desc']),
      limit: integer(),
      next: nullable(string(), {
        description: 'Cursor of the page that follows; null at the end.',
      }),
      prev: nullable(string(), {
        description: 'Cursor of the page before; null at the start.',
      }),
    }),
  });
}

/** What it is for, alone where it may be given several times with any text; else a schema. */
export type QueryParameter = string | JsonSchema;

/**
 * Query parameters for the OpenAPI document. At run time they are read and checked by `Query`, which tells all that is
 * wrong in its own words: what stands here has to be what it does. All may be left out, save those that are `required`.
 */
export function queryParameters(parameters: Readonly<Record<string, QueryParameter>>): JsonSchema {
  return object(
    Object.fromEntries(
      Object.entries(parameters).map(([name, given]) => {
        const { required: isRequired, ...schema } =
          typeof given === 'string' ? texts(given) : given;
        return [name, isRequired === true ? schema : optional(schema)];
      }),
    ),
  );
}

/** Any texts: `id=a&id=b`. */
function texts(description: string): JsonSchema {
  return arrayOf(string(), { maxItems: MAX_LIST, description });
}

/** One text. */
export function oneText(description: string, keywords: JsonSchema = {}): JsonSchema {
  return string({ ...keywords, description });
}

/** One of these. */
export function choice(values: readonly string[], description: string): JsonSchema {
  return oneOf(values, { description });
}

/** Some of these. */
export function choices(values: readonly string[], description: string): JsonSchema {
  return arrayOf(oneOf(values), { maxItems: MAX_LIST, description });
}

export function moment(description: string): JsonSchema {
  return string({ format: 'date-time', description });
}

export function required(parameter: JsonSchema): JsonSchema {
  return { ...parameter, required: true };
}

export function limitParameter(maximum: number, byDefault: number): JsonSchema {
  return integer({ minimum: 1, maximum, default: byDefault, description: 'Rows of a page.' });
}

export const PAGE_PARAMETERS = {
  limit: limitParameter(1000, 100),
  dir: choice(['asc', 'desc'], '`desc` by default.'),
  next: oneText('Cursor of a page before: its `next`.', { minLength: 1 }),
  prev: oneText('Cursor of a page after: its `prev`.', { minLength: 1 }),
};

export const TIME_PARAMETERS = {
  'time[gte]': moment('From this moment on.'),
  'time[gt]': moment('After this moment.'),
  'time[lte]': moment('Up to this moment.'),
  'time[lt]': moment('Before this moment.'),
};
