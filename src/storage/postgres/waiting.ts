/** Which lanes have something waiting that this node may claim, or has been given. */
import type { WaitingLane } from '../claiming.ts';
import { CLAIMANTS, claimantsIn, LAST_MS, readClaimants } from './claimants.ts';
import { readOpenSpan } from './days.ts';
import type { Span } from './days.ts';
import { firstOf } from './due.ts';
import type { Row, Session } from './session.ts';
import { STATUS_CODE } from './statuses.ts';

const ofWaiting = (one: string) => `
  status = ${STATUS_CODE.pending} AND deliveries.tenant_no = lanes.tenant_no
  AND deliveries.destination_no = lanes.destination_no AND claimed_by = claimant
  AND event_seq BETWEEN $3 AND $4 ${one}`;
// Leaps from lane to lane instead of reading every waiting delivery.
const waitingSql = (claimants: string, lastMs: string, one: string, ofDestinations: string) => `
  WITH RECURSIVE claimants AS (${claimants}), lanes (tenant_no, destination_no) AS (
    (SELECT tenant_no, destination_no FROM deliveries
     WHERE status = ${STATUS_CODE.pending} AND event_seq BETWEEN $3 AND $4 ${one}
     ORDER BY tenant_no, destination_no LIMIT 1)
    UNION ALL
    SELECT next.tenant_no, next.destination_no FROM lanes CROSS JOIN LATERAL (
      SELECT tenant_no, destination_no FROM deliveries
      WHERE status = ${STATUS_CODE.pending}
        AND (deliveries.tenant_no, deliveries.destination_no) > (lanes.tenant_no, lanes.destination_no)
        AND event_seq BETWEEN $3 AND $4 ${one}
      ORDER BY tenant_no, destination_no LIMIT 1) AS next)
  SELECT tenants.id AS tenant_id, destinations.id, min(first.due_ms) AS due_ms
  FROM lanes
  JOIN tenants ON tenants.no = lanes.tenant_no
  JOIN destinations ON destinations.tenant_no = lanes.tenant_no AND destinations.no = lanes.destination_no
                   AND deleted_ms IS NULL ${ofDestinations}
  CROSS JOIN claimants
  CROSS JOIN LATERAL (${firstOf(ofWaiting(one), '$2', lastMs)}) AS first
  GROUP BY lanes.tenant_no, lanes.destination_no, tenants.id, destinations.id`;
const WAITING = waitingSql(`${CLAIMANTS} UNION ALL SELECT -$1::bigint, true`, LAST_MS, '', '');
// Of one tenant, on Citus.
const WAITING_OF_ONE = waitingSql(
  claimantsIn('$1', '$5'),
  '$6',
  'AND deliveries.tenant_no = $7',
  'AND destinations.tenant_no = $7',
);
const WAITING_TENANTS = `
  SELECT DISTINCT tenant_no FROM deliveries WHERE status = ${STATUS_CODE.pending} AND event_seq BETWEEN $1 AND $2`;

export async function waitingLanes(session: Session): Promise<WaitingLane[]> {
  const open = await readOpenSpan(session);
  const { incarnation } = session;
  const nowMs = session.clock.nowMs();
  const rows = session.isDistributed
    ? await waitingByTenant(session, nowMs, open)
    : await session.rows(WAITING, incarnation, nowMs, ...open);
  return rows.map((row) => ({
    tenantId: String(row['tenant_id']),
    destinationId: String(row['id']),
    firstDueAtMs: Number(row['due_ms']),
  }));
}

async function waitingByTenant(session: Session, nowMs: number, open: Span): Promise<Row[]> {
  const { claimants, areAlive, lastMs } = await readClaimants(session);
  // What this node was given is to be read.
  const values = [
    [...claimants, -session.incarnation],
    nowMs,
    ...open,
    [...areAlive, true],
    lastMs,
  ];
  const found: Row[] = [];
  for (const tenant of await session.rows(WAITING_TENANTS, ...open))
    found.push(...(await session.rows(WAITING_OF_ONE, ...values, Number(tenant['tenant_no']))));
  return found;
}
