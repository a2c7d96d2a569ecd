/** Parts of schemas that several resources have. */
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
  union,
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

/** Query parameters for the OpenAPI document; they are read and checked by `Query`. */
export function queryParameters(parameters: Readonly<Record<string, string>>): JsonSchema {
  return object(
    Object.fromEntries(
      Object.entries(parameters).map(([name, description]) => [
        name,
        optional({ description, ...union(string(), arrayOf(string())) }),
      ]),
    ),
  );
}

export const PAGE_PARAMETERS = {
  limit: 'Rows of a page.',
  dir: '`asc` or `desc` (default).',
  next: 'Cursor of a page before.',
  prev: 'Cursor of a page after.',
};

export const TIME_PARAMETERS = {
  'time[gte]': 'From this moment on.',
  'time[gt]': 'After this moment.',
  'time[lte]': 'Up to this moment.',
  'time[lt]': 'Before this moment.',
};
