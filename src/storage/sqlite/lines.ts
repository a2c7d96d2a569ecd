/**
 * In which line of its lane a delivery stands that nobody has in memory, as `claimed_by` says: retries in one of their own,
 * first attempts and replays in the other (docs/decisions/043-two-lines.md). The index of what is pending begins with it, so
 * that the first of each is found whatever waits in the other.
 */
import { ASKED_BY } from '../../domain/delivery.ts';

/** Also retries that a server of before 043 has put there, until their next attempt. */
export const FIRST_LINE = 0;
export const RETRY_LINE = -1;

const REPLAY = ASKED_BY.indexOf('replay');

export const IS_RETRY = `(attempts > 0 AND manual <> ${REPLAY})`;
export const LINE = `CASE WHEN ${IS_RETRY} THEN ${RETRY_LINE} ELSE ${FIRST_LINE} END`;

/** Of a row with `attempts` and `manual`. */
export function isRetry(row: Record<string, unknown>): boolean {
  return Number(row['attempts']) > 0 && row['manual'] !== REPLAY;
}
