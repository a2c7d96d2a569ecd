/** Events, as the API shows them: `data` exactly as it was published. */
import type { EventRecord, StoredAttempt } from '../../storage/reading.ts';
import { formatTime } from '../time.ts';
import { Resource, StringMap, Time } from './fields.ts';
import {
  anything,
  boolean,
  integer,
  arrayOf,
  object,
  optional,
  record,
  string,
} from './json-schema.ts';

export const EventSchema = object(
  {
    id: string(),
    tenant_id: string(),
    topic: string(),
    time: Time,
    eligible_for_retry: boolean(),
    metadata: StringMap,
    resource: optional(Resource),
    order_key: optional(string()),
    test: boolean({ description: 'Sent to try a destination out.' }),
    data: record(anything),
    matched_destination_ids: arrayOf(string()),
    status: object(
      {
        pending: integer(),
        delivered: integer(),
        failed: integer(),
        canceled: integer(),
      },
      { description: 'How many of its deliveries are in each status.' },
    ),
  },
  { $id: 'Event' },
);

/** JSON text: the bytes of `data` are spliced in, so that no number is respelled. */
export function eventJsonText(event: EventRecord): string {
  const rest = JSON.stringify({
    matched_destination_ids: event.destinationIds,
    status: event.counts,
  });
  return `${summaryText(event).slice(0, -1)},"data":${text(event.data)},${rest.slice(1)}`;
}

/** The event of an attempt, with or without its data. */
export function eventSummaryText(
  event: NonNullable<StoredAttempt['event']>,
  withData: boolean,
): string {
  const summary = summaryText(event);
  return withData ? `${summary.slice(0, -1)},"data":${text(event.data)}}` : summary;
}

function summaryText(event: NonNullable<StoredAttempt['event']>): string {
  const head = JSON.stringify({
    id: event.id,
    tenant_id: event.tenantId,
    topic: event.topic,
    time: formatTime(event.timeMs),
    eligible_for_retry: event.eligibleForRetry,
    test: event.test,
  });
  const resource = event.resource === null ? '' : `,"resource":${event.resource}`;
  const key = event.orderKey === null ? '' : `,"order_key":${JSON.stringify(event.orderKey)}`;
  return `${head.slice(0, -1)},"metadata":${event.metadata ?? '{}'}${resource}${key}}`;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
