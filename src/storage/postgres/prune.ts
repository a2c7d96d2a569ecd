/** Retention: events that came in long ago and owe nothing go, with their deliveries and attempts. */
import { seqAtMs } from '../../domain/event.ts';
import type { Storage } from '../storage.ts';
import { about, byTenant } from './by-tenant.ts';
import { DAY_US, dayOf, listDays } from './days.ts';
import { readHolders } from './holders.ts';
import type { Operation } from './operation.ts';
import { endDays, pruneEvents } from './prune-days.ts';
import type { Cut } from './prune-days.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE } from './statuses.ts';

const COUNTED = 'SELECT from_seq FROM rollup_progress';

// What is held for destinations that stay disabled ends with retention.
const CANCEL_HELD = `
  WITH held AS MATERIALIZED (
    SELECT owed.* FROM destinations CROSS JOIN LATERAL (
      SELECT tenant_no, event_seq, ordinal FROM deliveries
      WHERE status = ${STATUS_CODE.pending} AND deliveries.tenant_no = destinations.tenant_no
        AND destination_no = destinations.no AND next_attempt_ms < $3 AND event_seq BETWEEN $5 AND $6
        AND NOT EXISTS (SELECT 1 FROM nodes
                        WHERE incarnation = claimed_by AND (incarnation = $2 OR lease_until > clock_timestamp()))
      LIMIT $4 FOR UPDATE) AS owed
    WHERE disabled_ms IS NOT NULL AND deleted_ms IS NULL AND cancel_below_seq IS NULL
    LIMIT $4)
  UPDATE deliveries SET status = ${STATUS_CODE.canceled}, next_attempt_ms = NULL, updated_ms = $1
  FROM held
  WHERE deliveries.tenant_no = held.tenant_no AND deliveries.event_seq = held.event_seq
    AND deliveries.ordinal = held.ordinal AND deliveries.event_seq BETWEEN $5 AND $6`;

// The same, destination by destination.
const STAYING_DISABLED = `
  SELECT tenant_no, no FROM destinations
  WHERE disabled_ms IS NOT NULL AND deleted_ms IS NULL AND cancel_below_seq IS NULL`;
const CANCEL_HELD_OF_ONE = `
  WITH held AS MATERIALIZED (
    SELECT event_seq, ordinal FROM deliveries
    WHERE status = ${STATUS_CODE.pending} AND tenant_no = $2 AND destination_no = $3 AND next_attempt_ms < $4
      AND event_seq BETWEEN $6 AND $7 AND NOT claimed_by = ANY($8::bigint[])
    LIMIT $5 FOR UPDATE)
  UPDATE deliveries SET status = ${STATUS_CODE.canceled}, next_attempt_ms = NULL, updated_ms = $1
  FROM held
  WHERE deliveries.tenant_no = $2 AND deliveries.event_seq = held.event_seq AND deliveries.ordinal = held.ordinal
    AND deliveries.event_seq BETWEEN $6 AND $7`;

// What days that were dropped have left. There are no partitions of those days any more to look into.
const OLD_KEYS = `
  SELECT tenant_no, id, seq FROM event_keys
  WHERE seq >= $1 AND seq < $2
    AND NOT EXISTS (
      SELECT 1 FROM events WHERE events.tenant_no = event_keys.tenant_no AND events.seq = event_keys.seq
        AND events.seq >= $1 AND events.seq < $2)
  ORDER BY seq LIMIT $3`;
const deleteKeysSql = (one: string) => `
  DELETE FROM event_keys USING unnest($1::bigint[], $2::text[]) AS old (tenant, key) WHERE tenant_no = tenant AND id = key ${one}`;
const DELETE_KEYS = deleteKeysSql('');
const KEYS_OF_ONE = deleteKeysSql('AND tenant_no = $3');

const DELETE_REPLAYS = 'DELETE FROM replays WHERE ended_ms < $1';

// The oldest attempt tells how far back they are in use. Numbers are microseconds.
const DELETE_SHAPES = `
  DELETE FROM request_shapes
  WHERE day < coalesce((SELECT min(seq) FROM attempts), $1::bigint) / 86400000000 - 1`;

export const pruneSlice: Operation<Storage['pruneSlice'], WriteSession> = async (
  session,
  { beforeMs, limit, wholeDays = false },
) => {
  const { retention } = session.memory;
  const countedSeq = Number((await session.row(COUNTED))?.['from_seq']);
  const askedSeq = seqAtMs(beforeMs);
  const beforeSeq = wholeDays ? dayOf(askedSeq) * DAY_US : askedSeq;
  const cut = { beforeSeq, countedSeq, limit };
  const pruned = await pruneDays(session, cut);
  if (pruned.more) return pruned;
  const held = await cancelHeld(session, beforeMs, limit);
  const hasMoreKeys = await pruneKeys(session, cut);
  const more = held === limit || hasMoreKeys;
  if (!more) {
    retention.fromSeq = 0;
    retention.keysFromSeq = 0;
    await session.run(DELETE_REPLAYS, beforeMs);
    await session.run(DELETE_SHAPES, seqAtMs(session.clock.nowMs()));
  }
  return { events: pruned.events, more };
};

/** How many were; as many as the limit: there may be more. */
async function cancelHeld(session: WriteSession, beforeMs: number, limit: number): Promise<number> {
  const nowMs = session.clock.nowMs();
  const span = await session.openSpan();
  const { incarnation } = session;
  if (!session.isDistributed)
    return session.run(CANCEL_HELD, nowMs, incarnation, beforeMs, limit, ...span);
  const incarnations = [...(await readHolders(session))];
  let left = limit;
  for (const row of await session.rows(STAYING_DISABLED)) {
    const key = [Number(row['tenant_no']), Number(row['no'])] as const;
    const values = [nowMs, ...key, beforeMs, left, ...span, incarnations] as const;
    left -= await session.run(CANCEL_HELD_OF_ONE, ...values);
    if (left === 0) break;
  }
  return limit - left;
}

/** Whole days at once where little of them stays, others event by event; from where the last slice ended. */
async function pruneDays(
  session: WriteSession,
  cut: Cut,
): Promise<{ events: number; more: boolean }> {
  const { retention } = session.memory;
  let events = 0;
  for (const days of await listDays(session)) {
    if (days.belowSeq <= retention.fromSeq || days.fromSeq >= cut.beforeSeq) continue;
    if (days.belowSeq <= cut.beforeSeq) {
      const ended = await endDays(session, days, cut);
      // The others would have to wait as long: in the next round.
      if (ended.kind === 'busy') return { events, more: false };
      if (ended.kind !== 'crowded') retention.fromSeq = days.belowSeq;
      if (ended.kind === 'dropped') return { events: events + ended.events, more: true };
      if (ended.kind === 'kept') continue;
    }
    const fromSeq = Math.max(days.fromSeq, retention.fromSeq);
    const pruned = await pruneEvents(session, days, fromSeq, cut);
    events += pruned.events;
    retention.fromSeq = pruned.more ? pruned.toSeq + 1 : days.belowSeq;
    if (pruned.more) return { events, more: true };
  }
  return { events, more: false };
}

/** Whether there may be more of them. */
async function pruneKeys(session: WriteSession, { beforeSeq, limit }: Cut): Promise<boolean> {
  const { retention } = session.memory;
  const old = await session.rows(OLD_KEYS, retention.keysFromSeq, beforeSeq, limit);
  for (const part of byTenant(session, old, (row) => Number(row['tenant_no']))) {
    const tenantNos = part.map((row) => Number(row['tenant_no']));
    const ids = part.map((row) => String(row['id']));
    await session.run(...about(session, [DELETE_KEYS, KEYS_OF_ONE], tenantNos[0], tenantNos, ids));
  }
  retention.keysFromSeq = Number(old.at(-1)?.['seq'] ?? retention.keysFromSeq);
  return old.length === limit;
}
