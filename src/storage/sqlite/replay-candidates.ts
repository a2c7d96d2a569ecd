/** The events that a replay may be made of, a slice at a time. */
import type { ReplaySelection } from '../../domain/replay.ts';
import type { CandidateQuery, ReplayCandidate } from '../replaying.ts';
import type { Storage } from '../storage.ts';
import { STATUS_CODE, STATUS_OF_CODE } from './context.ts';
import type { ReadContext } from './context.ts';
import { tenantNo } from './events.ts';
import type { Operation } from './operation.ts';
import { textOrNull } from './page.ts';

// What a newer version has made pointless has not failed.
const HAS_FAILED = `
  (status IN (${STATUS_CODE.failed}, ${STATUS_CODE.canceled}) AND last_code IS NOT 'superseded')`;

/** Which deliveries a replay makes due again; columns of `deliveries`. */
export const SELECTED: Record<ReplaySelection, string> = {
  all: `status <> ${STATUS_CODE.pending}`,
  failed: HAS_FAILED,
  missed: 'FALSE',
};

const OF_DESTINATION = 'event_seq = seq AND destination_no = ifnull($destination, destination_no)';

/** Which events are looked at. */
const WANTED: Record<ReplaySelection, string> = {
  all: `NOT EXISTS (SELECT 1 FROM deliveries WHERE ${OF_DESTINATION} AND status = ${STATUS_CODE.pending})`,
  failed: `EXISTS (SELECT 1 FROM deliveries WHERE ${OF_DESTINATION} AND ${HAS_FAILED})`,
  missed: `NOT EXISTS (SELECT 1 FROM deliveries WHERE ${OF_DESTINATION})`,
};

const ORDER = {
  time: { after: '(time_ms, seq) > ($afterTime, $afterSeq)', by: 'time_ms, seq' },
  number: { after: 'seq > $afterSeq', by: 'seq' },
} as const;

/** Before all events. */
const START = -1;
const ALWAYS = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

export function replayCandidates(context: ReadContext): Operation<Storage['replayCandidates']> {
  return (query) => {
    const { destinationId, time, order, after, limit } = query;
    const tenant = tenantNo(context, query.tenantId);
    const rows = context.statement(selectFor(query)).all({
      $tenant: tenant,
      $destination: destinationId === null ? null : destinationNo(context, tenant, destinationId),
      $from: time.fromMs ?? ALWAYS.fromMs,
      $to: time.toMs ?? ALWAYS.toMs,
      $below: query.belowSeq ?? Number.MAX_SAFE_INTEGER,
      ...(order === 'time' ? { $afterTime: after?.[0] ?? START } : {}),
      $afterSeq: after?.at(-1) ?? START,
      $limit: limit,
    });
    return rows.map((row) => candidate(row, order));
  };
}

// By tenant and time in any case: where they are wanted by number, the numbers of that range are sorted. Without the
// hint the tree of all tenants' events might be read instead.
function selectFor({ select, order, withData }: CandidateQuery): string {
  return `
    SELECT seq, id, topic, time_ms, metadata, requested_destination_id, ${withData ? 'data' : 'NULL AS data'},
           (SELECT json_group_array(json_array(destinations.id, status) ORDER BY ordinal)
            FROM deliveries JOIN destinations ON destinations.no = destination_no
            WHERE ${OF_DESTINATION} AND deleted_ms IS NULL AND ${SELECTED[select]}) AS deliveries
    FROM events INDEXED BY events_by_time
    WHERE events.tenant_no = $tenant AND time_ms >= $from AND time_ms < $to AND seq < $below AND test = 0
      AND ${ORDER[order].after} AND ${WANTED[select]}
    ORDER BY ${ORDER[order].by} LIMIT $limit`;
}

function destinationNo(context: ReadContext, tenant: number, id: string): number {
  const row = context
    .statement('SELECT no FROM destinations WHERE tenant_no = ? AND id = ? AND deleted_ms IS NULL')
    .get(tenant, id);
  return Number(row?.['no'] ?? -1);
}

function candidate(row: Record<string, unknown>, order: CandidateQuery['order']): ReplayCandidate {
  const seq = Number(row['seq']);
  const timeMs = Number(row['time_ms']);
  // JSON that the statement above has made.
  const deliveries = JSON.parse(String(row['deliveries'])) as [id: string, status: number][];
  return {
    seq,
    id: textOrNull(row['id']),
    topic: String(row['topic']),
    timeMs,
    metadata: textOrNull(row['metadata']),
    data: row['data'] instanceof Uint8Array ? row['data'] : null,
    requestedDestinationId: textOrNull(row['requested_destination_id']),
    deliveries: deliveries.map(([destinationId, code]) => {
      const status = STATUS_OF_CODE[code];
      if (status === undefined) throw new Error(`no delivery status has the code ${code}`);
      return { destinationId, status };
    }),
    position: order === 'time' ? [timeMs, seq] : [seq],
  };
}
