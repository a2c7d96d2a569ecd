/** Ids that were published before: as a caller's id, or as one that we gave. */
import type { NewEvent } from '../storage.ts';
import { bytesOf, textOrNull } from './page.ts';
import type { TenantNumbers } from './routes.ts';
import type { WriteSession } from './write-session.ts';

/** What a repeated id is compared by: all that was said, save the time. */
export interface Before extends Pick<
  NewEvent,
  'topic' | 'metadata' | 'resource' | 'orderKey' | 'requestedDestinationId' | 'data'
> {
  readonly destinationIds: readonly string[];
}

// Deliveries added by hand later (created_ms) were not part of the answer to the first publish.
const FIND = `
  SELECT wanted.tenant_no, wanted.id, topic, metadata, resource, order_key, requested_destination_id, data,
         ARRAY(SELECT destinations.id FROM deliveries
               JOIN destinations ON destinations.tenant_no = deliveries.tenant_no AND destinations.no = destination_no
               WHERE deliveries.tenant_no = events.tenant_no AND event_seq = events.seq AND deliveries.created_ms IS NULL
               ORDER BY ordinal) AS destination_ids
  FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS wanted (tenant_no, id, seq)
  CROSS JOIN LATERAL (
    SELECT * FROM events WHERE events.id = wanted.id AND events.tenant_no = wanted.tenant_no
    UNION ALL
    SELECT * FROM events WHERE events.tenant_no = wanted.tenant_no AND events.seq = wanted.seq AND events.id IS NULL) AS events`;

/** By the tenant's number and the id. */
export async function findBefore(
  session: WriteSession,
  events: readonly NewEvent[],
  tenants: ReadonlyMap<string, TenantNumbers>,
): Promise<Map<string, Before>> {
  const wanted = events.flatMap(({ id, tenantId }) => {
    const tenantNo = tenants.get(tenantId)?.no;
    if (id === null || tenantNo === undefined) return [];
    return [{ tenantNo, id, seq: session.ids.parseEventId(id) ?? -1 }];
  });
  if (wanted.length === 0) return new Map();
  const rows = await session.rows(
    FIND,
    wanted.map(({ tenantNo }) => tenantNo),
    wanted.map(({ id }) => id),
    wanted.map(({ seq }) => seq),
  );
  return new Map(
    rows.map((row) => [
      `${String(row['tenant_no'])} ${String(row['id'])}`,
      {
        topic: String(row['topic']),
        metadata: textOrNull(row['metadata']),
        resource: textOrNull(row['resource']),
        orderKey: textOrNull(row['order_key']),
        requestedDestinationId: textOrNull(row['requested_destination_id']),
        data: bytesOf(row['data']),
        // An array of text.
        destinationIds: row['destination_ids'] as string[],
      },
    ]),
  );
}

export function sameContent(before: Before, event: NewEvent): boolean {
  return (
    before.topic === event.topic &&
    before.metadata === event.metadata &&
    before.resource === event.resource &&
    before.orderKey === event.orderKey &&
    before.requestedDestinationId === event.requestedDestinationId &&
    Buffer.compare(before.data, event.data) === 0
  );
}
