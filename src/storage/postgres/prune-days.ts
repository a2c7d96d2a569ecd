/**
 * How the events of a day end. Of a day that retention has left behind, the partitions are dropped: no row is deleted. What
 * is not over by then (it is owed, holds its order key until somebody lets it go, or is not counted by the roll-ups) is
 * moved to new partitions of that day first. Where that is too much, rows are deleted around it, in slices.
 */
import { about, byTenant } from './by-tenant.ts';
import type { Days } from './days.ts';
import { STATUS_CODE } from './statuses.ts';
import type { WriteSession } from './write-session.ts';

export interface Cut {
  /** Events that came in before are old. */
  readonly beforeSeq: number;
  /** Events and attempts up to it are counted. */
  readonly countedSeq: number;
  readonly limit: number;
}

/** Events that are moved at once: some milliseconds, during which nobody publishes. */
const MAX_MOVED = 1000;

const HELD_BY_KEY = `
  holds AND EXISTS (SELECT 1 FROM destinations
                    WHERE destinations.tenant_no = deliveries.tenant_no AND no = destination_no AND deleted_ms IS NULL)`;

// Each in the order of an index that is small: a plan for stale statistics would read the day through.
const STAYING = `
  SELECT tenant_no, seq FROM (
    (SELECT tenant_no, event_seq AS seq FROM deliveries
     WHERE event_seq >= $1 AND event_seq < $2 AND status = ${STATUS_CODE.pending}
     ORDER BY tenant_no, destination_no, claimed_by, next_attempt_ms LIMIT $4)
    UNION
    (SELECT tenant_no, event_seq FROM deliveries
     WHERE event_seq >= $1 AND event_seq < $2 AND order_key IS NOT NULL AND (status = ${STATUS_CODE.pending} OR holds)
       AND ${HELD_BY_KEY}
     ORDER BY tenant_no, destination_no, order_key LIMIT $4)
    UNION
    (SELECT tenant_no, event_seq FROM attempts WHERE event_seq >= $1 AND event_seq < $2 AND seq > $3
     ORDER BY seq LIMIT $4)
    UNION
    (SELECT tenant_no, seq FROM events WHERE seq >= $1 AND seq < $2 AND seq > $3 ORDER BY seq LIMIT $4)) AS staying`;

const HAS_OTHERS = `
  SELECT 1 FROM events
  WHERE seq >= $1 AND seq < $2 AND NOT EXISTS (
    SELECT 1 FROM unnest($3::bigint[], $4::bigint[]) AS staying (tenant, event) WHERE tenant = tenant_no AND event = seq)
  LIMIT 1`;

const COUNT = `
  SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint AS events FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
  WHERE inhparent = to_regclass(quote_ident(current_schema) || '.events')
    AND pg_get_expr(relpartbound, pg_class.oid) LIKE 'FOR VALUES FROM (''' || $1::bigint || ''')%'`;
const END = 'SELECT end_days($1, $2, $3) AS is_ended';

/** `kept`: nothing but what stays is there. `busy`: others read for too long. `crowded`: too much of it stays. */
export type Ended =
  | { readonly kind: 'dropped'; readonly events: number }
  | { readonly kind: 'kept' | 'busy' | 'crowded' };

export async function endDays(
  session: WriteSession,
  { fromSeq, belowSeq }: Days,
  { countedSeq }: Cut,
): Promise<Ended> {
  const staying = await session.rows(STAYING, fromSeq, belowSeq, countedSeq, MAX_MOVED + 1);
  if (staying.length > MAX_MOVED) return { kind: 'crowded' };
  const tenants = staying.map((row) => Number(row['tenant_no']));
  const seqs = staying.map((row) => Number(row['seq']));
  const others = await session.row(HAS_OTHERS, fromSeq, belowSeq, tenants, seqs);
  if (staying.length > 0 && others === undefined) return { kind: 'kept' };
  const events = Number((await session.row(COUNT, fromSeq))?.['events']);
  const isEnded = (await session.row(END, fromSeq, tenants, seqs))?.['is_ended'] === true;
  return isEnded ? { kind: 'dropped', events } : { kind: 'busy' };
}

const OLD_EVENTS = `
  SELECT tenant_no, seq FROM events
  WHERE seq >= $1 AND seq < $2
    AND NOT EXISTS (
      SELECT 1 FROM deliveries
      WHERE deliveries.tenant_no = events.tenant_no AND event_seq = seq AND event_seq >= $5 AND event_seq < $6
        AND (status = ${STATUS_CODE.pending} OR last_attempt_seq > $3 OR (${HELD_BY_KEY})))
  ORDER BY seq LIMIT $4`;

const OLD = 'unnest($1::bigint[], $2::bigint[]) AS old (tenant, event)';

const chainOf = (first: string, next: string) => `
  WITH RECURSIVE chain (tenant_no, event_seq, seq) AS (
    SELECT tenant_no, event_seq, last_attempt_seq FROM deliveries JOIN ${OLD} ON tenant_no = tenant AND event_seq = event
    WHERE last_attempt_seq IS NOT NULL AND event_seq >= $3 AND event_seq < $4 ${first}
    UNION ALL
    SELECT attempts.tenant_no, attempts.event_seq, previous_seq FROM attempts JOIN chain USING (tenant_no, event_seq, seq)
    WHERE previous_seq IS NOT NULL AND attempts.event_seq >= $3 AND attempts.event_seq < $4 ${next})`;
const DELETE_ATTEMPTS = `
  ${chainOf('', '')}
  DELETE FROM attempts USING chain
  WHERE attempts.tenant_no = chain.tenant_no AND attempts.seq = chain.seq AND attempts.event_seq = chain.event_seq
    AND attempts.event_seq >= $3 AND attempts.event_seq < $4`;
// Of one tenant, in two steps: that Citus changes rows by a recursive part, nothing says.
const ATTEMPTS_OF_ONE = `
  ${chainOf('AND tenant_no = $5', 'AND attempts.tenant_no = $5')} SELECT event_seq, seq FROM chain`;
const DELETE_ATTEMPTS_OF_ONE = `
  DELETE FROM attempts USING unnest($1::bigint[], $2::bigint[]) AS chain (event, attempt)
  WHERE event_seq = event AND seq = attempt AND event_seq >= $3 AND event_seq < $4 AND tenant_no = $5`;
const deleteDeliveriesSql = (one: string) => `
  DELETE FROM deliveries USING ${OLD}
  WHERE tenant_no = tenant AND event_seq = event AND event_seq >= $3 AND event_seq < $4 ${one}`;
const DELETE_DELIVERIES = deleteDeliveriesSql('');
const DELIVERIES_OF_ONE = deleteDeliveriesSql('AND tenant_no = $5');
const deleteEventsSql = (one: string) => `
  DELETE FROM events USING ${OLD} WHERE tenant_no = tenant AND seq = event AND seq >= $3 AND seq < $4 ${one}`;
const DELETE_EVENTS = deleteEventsSql('');
const EVENTS_OF_ONE = deleteEventsSql('AND tenant_no = $5');

/** Those from that number on that are old and owe nothing, one by one; what has to stay is passed over. */
export async function pruneEvents(
  session: WriteSession,
  days: Days,
  fromSeq: number,
  { beforeSeq, countedSeq, limit }: Cut,
): Promise<{ events: number; toSeq: number; more: boolean }> {
  const belowSeq = Math.min(days.belowSeq, beforeSeq, countedSeq + 1);
  const all = [days.fromSeq, days.belowSeq] as const;
  const old = await session.rows(OLD_EVENTS, fromSeq, belowSeq, countedSeq, limit, ...all);
  for (const rows of byTenant(session, old, (row) => Number(row['tenant_no']))) {
    const tenants = rows.map((row) => Number(row['tenant_no']));
    const seqs = rows.map((row) => Number(row['seq']));
    const [tenantNo] = tenants;
    const values = [tenants, seqs, ...all] as const;
    if (session.isDistributed) await deleteAttemptsOfOne(session, tenantNo, ...values);
    else await session.run(DELETE_ATTEMPTS, ...values);
    await session.run(
      ...about(session, [DELETE_DELIVERIES, DELIVERIES_OF_ONE], tenantNo, ...values),
    );
    await session.run(...about(session, [DELETE_EVENTS, EVENTS_OF_ONE], tenantNo, ...values));
  }
  const toSeq = Number(old.at(-1)?.['seq'] ?? fromSeq);
  return { events: old.length, toSeq, more: old.length === limit };
}

async function deleteAttemptsOfOne(
  session: WriteSession,
  tenantNo: number | undefined,
  tenants: readonly number[],
  events: readonly number[],
  fromSeq: number,
  belowSeq: number,
): Promise<void> {
  const own = [fromSeq, belowSeq, tenantNo ?? null] as const;
  const chain = await session.rows(ATTEMPTS_OF_ONE, tenants, events, ...own);
  const [eventSeqs, seqs] = ['event_seq', 'seq'].map((name) =>
    chain.map((row) => Number(row[name])),
  );
  await session.run(DELETE_ATTEMPTS_OF_ONE, eventSeqs ?? [], seqs ?? [], ...own);
}
