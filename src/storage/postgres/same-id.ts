/** Ids that were published before: as a caller's id, or as one that we gave. */
import type { NewEvent } from '../storage.ts';
import { about, byTenant } from './by-tenant.ts';
import { spanOf } from './days.ts';
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

const keysSql = (one: string) => `
  SELECT event_keys.tenant_no, event_keys.id, event_keys.seq
  FROM unnest($1::bigint[], $2::text[]) AS wanted (tenant_no, id)
  JOIN event_keys ON event_keys.tenant_no = wanted.tenant_no AND event_keys.id = wanted.id ${one}`;
const KEYS = keysSql('');
const KEYS_OF_ONE = keysSql('AND event_keys.tenant_no = $3');

// Deliveries added by hand later (created_ms) were not part of the answer to the first publish.
const findSql = (one: string) => `
  SELECT wanted.tenant_no, wanted.id, topic, metadata, resource, order_key, requested_destination_id, data,
         ARRAY(SELECT destinations.id FROM deliveries
               JOIN destinations ON destinations.tenant_no = deliveries.tenant_no AND destinations.no = destination_no
               WHERE deliveries.tenant_no = events.tenant_no AND event_seq = events.seq AND deliveries.created_ms IS NULL
                 AND event_seq BETWEEN $4 AND $5
               ORDER BY ordinal) AS destination_ids
  FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS wanted (tenant_no, id, seq)
  JOIN events ON events.tenant_no = wanted.tenant_no AND events.seq = wanted.seq
             AND (events.id IS NULL OR events.id = wanted.id)
  WHERE events.seq BETWEEN $4 AND $5 ${one}`;
const FIND = findSql('');
const FIND_OF_ONE = findSql('AND events.tenant_no = $6');

interface Wanted {
  readonly tenantNo: number;
  readonly id: string;
  /** Of the event that may have it. */
  readonly seq: number | null;
}

/** By the tenant's number and the id. */
export async function findBefore(
  session: WriteSession,
  events: readonly NewEvent[],
  tenants: ReadonlyMap<string, TenantNumbers>,
): Promise<Map<string, Before>> {
  const wanted = events.flatMap(({ id, tenantId }): Wanted[] => {
    const tenantNo = tenants.get(tenantId)?.no;
    if (id === null || tenantNo === undefined) return [];
    return [{ tenantNo, id, seq: session.ids.parseEventId(id) ?? null }];
  });
  const found = new Map<string, Before>();
  for (const part of byTenant(session, wanted, ({ tenantNo }) => tenantNo))
    for (const [key, before] of await findThose(session, part)) found.set(key, before);
  return found;
}

async function findThose(
  session: WriteSession,
  wanted: readonly Wanted[],
): Promise<[string, Before][]> {
  const found = [...wanted, ...(await findKeys(session, wanted))].flatMap((each) =>
    each.seq === null ? [] : [{ ...each, seq: each.seq }],
  );
  const [first] = found;
  if (first === undefined) return [];
  const seqs = found.map(({ seq }) => seq);
  const values = [
    found.map(({ tenantNo }) => tenantNo),
    found.map(({ id }) => id),
    seqs,
    ...spanOf(seqs),
  ];
  const { tenantNo } = first;
  const rows = await session.rows(...about(session, [FIND, FIND_OF_ONE], tenantNo, ...values));
  return rows.map((row) => [
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
  ]);
}

/** Where callers gave the ids, the numbers of their events, which may be gone. */
async function findKeys(session: WriteSession, wanted: readonly Wanted[]): Promise<Wanted[]> {
  const tenantNos = wanted.map(({ tenantNo }) => tenantNo);
  const ids = wanted.map(({ id }) => id);
  const rows = await session.rows(
    ...about(session, [KEYS, KEYS_OF_ONE], tenantNos[0], tenantNos, ids),
  );
  return rows.map((row) => ({
    tenantNo: Number(row['tenant_no']),
    id: String(row['id']),
    seq: Number(row['seq']),
  }));
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
