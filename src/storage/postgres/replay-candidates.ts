/** The events that a replay may be made of, a slice at a time. */
import type { ReplaySelection } from '../../domain/replay.ts';
import type { CandidateQuery, ReplayCandidate } from '../replaying.ts';
import type { Storage } from '../storage.ts';
import type { Operation } from './operation.ts';
import { textOrNull } from './page.ts';
import type { Row, Session } from './session.ts';
import { STATUS_CODE, statusOf } from './statuses.ts';

// What a newer version has made pointless has not failed.
const HAS_FAILED = `
  (status IN (${STATUS_CODE.failed}, ${STATUS_CODE.canceled}) AND last_code IS DISTINCT FROM 'superseded')`;

/** Which deliveries a replay makes due again; columns of `deliveries`. */
export const SELECTED: Record<ReplaySelection, string> = {
  all: `status <> ${STATUS_CODE.pending}`,
  failed: HAS_FAILED,
  missed: 'FALSE',
};

const OF_DESTINATION = `
  deliveries.tenant_no = events.tenant_no AND event_seq = seq AND ($2::bigint IS NULL OR destination_no = $2)`;

/** Which events are looked at. */
const WANTED: Record<ReplaySelection, string> = {
  all: `NOT EXISTS (SELECT 1 FROM deliveries WHERE ${OF_DESTINATION} AND status = ${STATUS_CODE.pending})`,
  failed: `EXISTS (SELECT 1 FROM deliveries WHERE ${OF_DESTINATION} AND ${HAS_FAILED})`,
  missed: `NOT EXISTS (SELECT 1 FROM deliveries WHERE ${OF_DESTINATION})`,
};

const ORDER = {
  time: { after: '(time_ms, seq) > ($8, $7)', by: 'time_ms, seq' },
  number: { after: 'seq > $7', by: 'seq' },
} as const;

const DESTINATION =
  'SELECT no FROM destinations WHERE tenant_no = $1 AND id = $2 AND deleted_ms IS NULL';

/** Before all events. */
const START = -1;
const ALWAYS = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

export const replayCandidates: Operation<Storage['replayCandidates']> = async (session, query) => {
  const { tenantId, destinationId, time, order, after, limit, belowSeq } = query;
  const tenant = await session.row('SELECT no FROM tenants WHERE id = $1', tenantId);
  if (tenant === undefined) return [];
  const tenantNo = Number(tenant['no']);
  const rows = await session.rows(
    selectFor(query),
    tenantNo,
    destinationId === null ? null : await destinationNo(session, tenantNo, destinationId),
    time.fromMs ?? ALWAYS.fromMs,
    time.toMs ?? ALWAYS.toMs,
    belowSeq ?? Number.MAX_SAFE_INTEGER,
    limit,
    after?.at(-1) ?? START,
    ...(order === 'time' ? [after?.[0] ?? START] : []),
  );
  return rows.map((row) => candidate(row, order));
};

function selectFor({ select, order, withData }: CandidateQuery): string {
  return `
    SELECT seq, id, topic, time_ms, metadata, requested_destination_id, ${withData ? 'data' : 'NULL AS data'},
           (SELECT coalesce(json_agg(json_build_array(destinations.id, status) ORDER BY ordinal), '[]')::text
            FROM deliveries
            JOIN destinations ON destinations.tenant_no = deliveries.tenant_no AND destinations.no = destination_no
            WHERE ${OF_DESTINATION} AND deleted_ms IS NULL AND ${SELECTED[select]}) AS deliveries
    FROM events
    WHERE events.tenant_no = $1 AND time_ms >= $3 AND time_ms < $4 AND seq < $5 AND NOT test
      AND ${ORDER[order].after} AND ${WANTED[select]}
    ORDER BY ${ORDER[order].by} LIMIT $6`;
}

async function destinationNo(session: Session, tenantNo: number, id: string): Promise<number> {
  return Number((await session.row(DESTINATION, tenantNo, id))?.['no'] ?? -1);
}

function candidate(row: Row, order: CandidateQuery['order']): ReplayCandidate {
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
    deliveries: deliveries.map(([destinationId, code]) => ({
      destinationId,
      status: statusOf(code),
    })),
    position: order === 'time' ? [timeMs, seq] : [seq],
  };
}
