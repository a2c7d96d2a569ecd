/**
 * Incarnations that may have deliveries in memory: our own, and every one whose lease is not over. Read on its own, and not
 * joined with rows of tenants: on Citus these lie on workers, and the leases on the coordinator.
 *
 * After the rows whose claims are asked about, where others may claim meanwhile: who began in between is among them then.
 */
import { FIRST_LINE, RETRY_LINE } from './lines.ts';
import type { Session } from './session.ts';

const HOLDERS =
  'SELECT incarnation FROM nodes WHERE incarnation = $1 OR lease_until > clock_timestamp()';

export async function readHolders(session: Session): Promise<ReadonlySet<number>> {
  const rows = await session.rows(HOLDERS, session.incarnation);
  return new Set(rows.map((row) => Number(row['incarnation'])));
}

/** Of these values of `claimed_by`: nothing is read where only we, or nobody, has something. */
export async function holdersAmong(
  session: Session,
  claims: readonly number[],
): Promise<ReadonlySet<number>> {
  const own = session.incarnation;
  const isOursOrNobodys = (claim: number) =>
    claim === FIRST_LINE || claim === RETRY_LINE || Math.abs(claim) === own;
  return claims.every(isOursOrNobodys) ? new Set([own]) : readHolders(session);
}
