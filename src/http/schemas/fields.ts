/** Parts of schemas that several resources have. */
import { Type } from 'typebox';

export const Time = Type.String({
  format: 'date-time',
  description: 'RFC 3339, UTC, milliseconds.',
});
export const TimeOrNull = Type.Union([Time, Type.Null()]);
export const StringMap = Type.Record(
  Type.String({ maxLength: 255 }),
  Type.String({ maxLength: 4096 }),
  { maxProperties: 100 },
);
/** A map to merge: `null` removes the name (RFC 7396). */
export const StringMapPatch = Type.Record(
  Type.String({ maxLength: 255 }),
  Type.Union([Type.String({ maxLength: 4096 }), Type.Null()]),
  { maxProperties: 100 },
);

export const TenantParams = Type.Object({
  tenant_id: Type.String({ description: 'Chosen by the operator.' }),
});
export const DestinationParams = Type.Object({
  tenant_id: Type.String(),
  destination_id: Type.String(),
});

export const Success = Type.Object({ success: Type.Literal(true) });

export function Listed(item: string) {
  return Type.Object({
    models: Type.Array(Type.Ref(item)),
    pagination: Type.Object({
      order_by: Type.String(),
      dir: Type.Enum(['asc', 'desc']),
      limit: Type.Integer(),
      next: Type.Union([Type.String(), Type.Null()], {
        description: 'Cursor of the page that follows; null at the end.',
      }),
      prev: Type.Union([Type.String(), Type.Null()], {
        description: 'Cursor of the page before; null at the start.',
      }),
    }),
  });
}

/** Query parameters for the OpenAPI document; they are read and checked by `Query`. */
export function queryParameters(parameters: Readonly<Record<string, string>>) {
  return Type.Object(
    Object.fromEntries(
      Object.entries(parameters).map(([name, description]) => [
        name,
        Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { description })),
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
