/**
 * Whose deliveries may be claimed: nobody's, of both lines, those of every incarnation but our own whose lease is over, and what
 * another one was given (given.ts). What a live one was given it may still have in memory, unless the lane is ours.
 */
import { FIRST_LINE, RETRY_LINE } from './lines.ts';
import type { Row, Session, Value } from './session.ts';

/** `$1`: our own incarnation. */
export const CLAIMANTS = `
  SELECT line AS claimant, false AS is_alive FROM (VALUES (${FIRST_LINE}::bigint), (${RETRY_LINE})) AS lines (line)
  UNION ALL
  SELECT incarnation, false FROM nodes WHERE incarnation <> $1 AND lease_until <= clock_timestamp()
  UNION ALL
  SELECT -incarnation, lease_until > clock_timestamp() FROM nodes WHERE incarnation <> $1`;

/** The same as two values: on Citus leases and numbers lie on the coordinator, and are not joined with rows of tenants. */
export const claimantsIn = (claimants: string, areAlive: string) => `
  SELECT claimant, is_alive FROM unnest(${claimants}::bigint[], ${areAlive}::boolean[]) AS read_before (claimant, is_alive)`;

/** The milliseconds of the last number; of `Claimants` it is a value. */
export const LAST_MS = '(SELECT last_seq / 1000 FROM numbers)';

const READ = `
  SELECT claimant, is_alive, ${LAST_MS} AS last_ms FROM (${CLAIMANTS}) AS claimants`;

export interface Claimants {
  readonly claimants: readonly number[];
  readonly areAlive: readonly boolean[];
  readonly lastMs: number;
}

export async function readClaimants(session: Session): Promise<Claimants> {
  const rows = await session.rows(READ, session.incarnation);
  return {
    claimants: rows.map((row) => Number(row['claimant'])),
    areAlive: rows.map((row) => row['is_alive'] === true),
    lastMs: Number(rows[0]?.['last_ms']),
  };
}

/** Of one tenant: joined with them, or with what was read of them as the first and the last value. */
export async function byClaimants(
  session: Session,
  [joined, ofRead]: readonly [joined: string, ofRead: string],
  ...values: readonly Value[]
): Promise<Row[]> {
  if (!session.isDistributed) return session.rows(joined, session.incarnation, ...values);
  const { claimants, areAlive } = await readClaimants(session);
  return session.rows(ofRead, claimants, ...values, areAlive);
}
