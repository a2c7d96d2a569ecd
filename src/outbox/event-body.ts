/** A waiting event as the body of a publish: the API's own parser judges it, and cuts the data out as they are. */
import type { WaitingEvent } from './outbox-database.ts';

/** `data`: JSON, whose bytes are kept. */
export function eventBody(event: WaitingEvent, data: string): Buffer {
  const { metadata, resource, orderKey, destinationId, deliverAt } = event;
  const known = JSON.stringify({
    id: event.eventId,
    tenant_id: event.tenantId,
    topic: event.topic,
    time: event.time,
    eligible_for_retry: event.eligibleForRetry,
    ...(orderKey === null ? {} : { order_key: orderKey }),
    ...(destinationId === null ? {} : { destination_id: destinationId }),
    ...(deliverAt === null ? {} : { deliver_at: deliverAt }),
  });
  const members = [
    known.slice(1, -1),
    ...(metadata === null ? [] : [`"metadata":${metadata}`]),
    ...(resource === null ? [] : [`"resource":${resource}`]),
    `"data":${data}`,
  ];
  return Buffer.from(`{${members.join(',')}}`);
}
