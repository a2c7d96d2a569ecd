/** Events, as the API shows them: `data` exactly as it was published. */
import { Type } from 'typebox';
import type { EventRecord, StoredAttempt } from '../../storage/storage.ts';
import { formatTime } from '../time.ts';
import { StringMap, Time } from './fields.ts';

export const EventSchema = Type.Object(
  {
    id: Type.String(),
    tenant_id: Type.String(),
    topic: Type.String(),
    time: Time,
    eligible_for_retry: Type.Boolean(),
    metadata: StringMap,
    data: Type.Record(Type.String(), Type.Unknown()),
    matched_destination_ids: Type.Array(Type.String()),
    status: Type.Object(
      {
        pending: Type.Integer(),
        delivered: Type.Integer(),
        failed: Type.Integer(),
        canceled: Type.Integer(),
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
  });
  return `${head.slice(0, -1)},"metadata":${event.metadata ?? '{}'}}`;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
