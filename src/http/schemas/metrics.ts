/** Metrics and usage, as the API shows them. */
import { Time } from './fields.ts';
import {
  arrayOf,
  boolean,
  integer,
  nullable,
  number,
  object,
  optional,
  record,
  string,
} from './json-schema.ts';

export const MetricsSchema = object(
  {
    data: arrayOf(
      object({
        time_bucket: optional(Time),
        dimensions: record(string()),
        metrics: record(number()),
      }),
      { description: 'By dimensions, then by time; buckets without anything are zeros.' },
    ),
    metadata: object({
      granularity: optional(string()),
      query_time_ms: integer(),
      row_count: integer(),
      row_limit: integer(),
      truncated: boolean({ description: 'There were more rows.' }),
    }),
  },
  { $id: 'Metrics' },
);

export const UsageSchema = object(
  {
    day: string({ format: 'date', description: 'UTC.' }),
    tenant_id: string(),
    destination_id: optional(string()),
    destination_type: optional(string()),
    api_client: optional(nullable(string(), { description: 'urn; null: it belongs to none.' })),
    billable_attempts: integer({ description: 'Every attempt, whatever came of it.' }),
    failed_attempts: integer({ description: 'Those of them that failed.' }),
  },
  { $id: 'Usage' },
);
