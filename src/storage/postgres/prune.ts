/** Retention: events that came in long ago and owe nothing go, with their deliveries and attempts. */
import { seqAtMs } from '../../domain/event.ts';
import type { Storage } from '../storage.ts';
import type { Operation } from './operation.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE } from './statuses.ts';

// Those that still owe something, hold their key until somebody lets it go, or have attempts that the roll-ups have not
// counted yet, stay, and are passed over.
const OLD_EVENTS = `
  SELECT tenant_no, seq FROM events
  WHERE seq >= $1 AND seq < least($2::bigint, $3::bigint + 1)
    AND NOT EXISTS (
      SELECT 1 FROM deliveries
      WHERE deliveries.tenant_no = events.tenant_no AND event_seq = seq
        AND (status = ${STATUS_CODE.pending} OR last_attempt_seq > $3
          OR (holds AND EXISTS (
            SELECT 1 FROM destinations
            WHERE destinations.tenant_no = events.tenant_no AND no = destination_no AND deleted_ms IS NULL))))
  ORDER BY seq LIMIT $4`;
const COUNTED = 'SELECT from_seq FROM rollup_progress';

// What is held for destinations that stay disabled ends with retention.
const CANCEL_HELD = `
  WITH held AS MATERIALIZED (
    SELECT owed.* FROM destinations CROSS JOIN LATERAL (
      SELECT tenant_no, event_seq, ordinal FROM deliveries
      WHERE status = ${STATUS_CODE.pending} AND deliveries.tenant_no = destinations.tenant_no
        AND destination_no = destinations.no AND next_attempt_ms < $3
        AND NOT EXISTS (SELECT 1 FROM nodes
                        WHERE incarnation = claimed_by AND (incarnation = $2 OR lease_until > clock_timestamp()))
      LIMIT $4 FOR UPDATE) AS owed
    WHERE disabled_ms IS NOT NULL AND deleted_ms IS NULL AND cancel_below_seq IS NULL
    LIMIT $4)
  UPDATE deliveries SET status = ${STATUS_CODE.canceled}, next_attempt_ms = NULL, updated_ms = $1
  FROM held
  WHERE deliveries.tenant_no = held.tenant_no AND deliveries.event_seq = held.event_seq
    AND deliveries.ordinal = held.ordinal`;

const OLD = 'unnest($1::bigint[], $2::bigint[]) AS old (tenant, event)';

const DELETE_ATTEMPTS = `
  WITH RECURSIVE chain (tenant_no, seq) AS (
    SELECT tenant_no, last_attempt_seq FROM deliveries JOIN ${OLD} ON tenant_no = tenant AND event_seq = event
    WHERE last_attempt_seq IS NOT NULL
    UNION ALL
    SELECT attempts.tenant_no, previous_seq FROM attempts JOIN chain USING (tenant_no, seq) WHERE previous_seq IS NOT NULL)
  DELETE FROM attempts USING chain WHERE attempts.tenant_no = chain.tenant_no AND attempts.seq = chain.seq`;

const DELETE_DELIVERIES = `DELETE FROM deliveries USING ${OLD} WHERE tenant_no = tenant AND event_seq = event`;
const DELETE_EVENTS = `DELETE FROM events USING ${OLD} WHERE tenant_no = tenant AND seq = event`;

const DELETE_REPLAYS = 'DELETE FROM replays WHERE ended_ms < $1';

// The oldest attempt tells how far back they are in use. Numbers are microseconds.
const DELETE_SHAPES = `
  DELETE FROM request_shapes
  WHERE day < coalesce((SELECT min(seq) FROM attempts), $1::bigint) / 86400000000 - 1`;

export const pruneSlice: Operation<Storage['pruneSlice'], WriteSession> = async (
  session,
  { beforeMs, limit },
) => {
  const { retention } = session.memory;
  const countedSeq = Number((await session.row(COUNTED))?.['from_seq']);
  const beforeSeq = seqAtMs(beforeMs);
  const old = await session.rows(OLD_EVENTS, retention.fromSeq, beforeSeq, countedSeq, limit);
  if (old.length > 0) {
    const tenants = old.map((row) => Number(row['tenant_no']));
    const seqs = old.map((row) => Number(row['seq']));
    await session.run(DELETE_ATTEMPTS, tenants, seqs);
    await session.run(DELETE_DELIVERIES, tenants, seqs);
    await session.run(DELETE_EVENTS, tenants, seqs);
    retention.fromSeq = (seqs.at(-1) ?? 0) + 1;
  }
  const values = [session.clock.nowMs(), session.incarnation, beforeMs, limit] as const;
  const held = await session.run(CANCEL_HELD, ...values);
  const more = old.length === limit || held === limit;
  if (!more) {
    retention.fromSeq = 0;
    await session.run(DELETE_REPLAYS, beforeMs);
    await session.run(DELETE_SHAPES, seqAtMs(session.clock.nowMs()));
  }
  return { events: old.length, more };
};
