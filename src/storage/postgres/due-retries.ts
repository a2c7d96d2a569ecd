/** What is due of a lane's retries, as `LaneClaim.retriesFromMs` says: claiming.ts. */
import { ASKED_BY } from '../../domain/delivery.ts';
import { byClaimants, CLAIMANTS, claimantsIn } from './claimants.ts';
import { keyOf } from './due.ts';
import type { Due, LaneOfDue } from './due.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE } from './statuses.ts';

/** Deliveries that are looked through for retries at a time, of each claimant. */
const MAX_LOOKED_AT = 1000;

// As in due.ts: nothing is locked, who takes what is found looks again whose it is.
const retriesOf = (claimants: string) => `
  WITH claimants AS MATERIALIZED (${claimants}), looked AS MATERIALIZED (
    SELECT claimant, part.* FROM claimants CROSS JOIN LATERAL (
      SELECT event_seq, ordinal, next_attempt_ms, attempts, asked_by FROM deliveries
      WHERE status = ${STATUS_CODE.pending} AND tenant_no = $2 AND destination_no = $3 AND claimed_by = claimant
        AND next_attempt_ms >= $4 AND event_seq BETWEEN $6 AND $7
      ORDER BY next_attempt_ms, event_seq, ordinal LIMIT ${MAX_LOOKED_AT}) AS part
    WHERE $8::boolean OR NOT is_alive)
  (SELECT claimant, event_seq, ordinal, next_attempt_ms, NULL AS look_on_ms FROM looked
   WHERE attempts > 0 AND asked_by <> ${ASKED_BY.indexOf('replay')}
   ORDER BY next_attempt_ms, event_seq, ordinal LIMIT $5)
  UNION ALL
  (SELECT NULL, NULL, NULL, NULL, min(last_ms) FROM (
     SELECT max(next_attempt_ms) AS last_ms FROM looked
     GROUP BY claimant HAVING count(*) = ${MAX_LOOKED_AT}) AS full_parts)`;
const RETRIES = retriesOf(CLAIMANTS);
// On Citus.
const RETRIES_OF_READ = retriesOf(claimantsIn('$1', '$9'));

export async function dueRetries(
  session: WriteSession,
  { tenantNo, destinationNo, openSpan, isOwned, limit }: LaneOfDue,
  fromMs: number,
  dueBeforeMs: number,
): Promise<{ readonly due: readonly Due[]; readonly nextDueAtMs: number | null }> {
  const values = [tenantNo, destinationNo, fromMs, limit + 1, ...openSpan, isOwned] as const;
  const rows = await byClaimants(session, [RETRIES, RETRIES_OF_READ], ...values);
  const retries: Due[] = [];
  let lookOnMs = Infinity;
  for (const row of rows) {
    const dueAtMs = Number(row['next_attempt_ms']);
    if (row['event_seq'] !== null)
      retries.push({ key: keyOf(row), dueAtMs, claimant: Number(row['claimant']) });
    // Also past more that came due at the same moment: all are claimed in their turn.
    else if (row['look_on_ms'] !== null) lookOnMs = Math.max(Number(row['look_on_ms']), fromMs + 1);
  }
  const due = retries.filter(({ dueAtMs }) => dueAtMs <= dueBeforeMs).slice(0, limit);
  const nextDueAtMs = Math.min(retries[due.length]?.dueAtMs ?? Infinity, lookOnMs);
  return { due, nextDueAtMs: nextDueAtMs === Infinity ? null : nextDueAtMs };
}
