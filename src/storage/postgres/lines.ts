/**
 * In which line of its lane a delivery stands that nobody has in memory, as `claimed_by` says: retries in one of their own,
 * first attempts and replays in the other (docs/decisions/043-two-lines.md). The index of what is pending has it before the
 * time, so that the first of each is found whatever waits in the other.
 */
import { ASKED_BY } from '../../domain/delivery.ts';

/** Also retries that were put there by, or beside, a server that does not know the other line, until their next attempt. */
export const FIRST_LINE = 0;
/** No incarnation has this number, nor its negative. */
export const RETRY_LINE = Number.MIN_SAFE_INTEGER;

export const IS_RETRY = `(attempts > 0 AND asked_by <> ${ASKED_BY.indexOf('replay')})`;

/** `retryLine`: the parameter with `WriteSession.retryLine`. */
export const lineOf = (retryLine: string) =>
  `CASE WHEN ${IS_RETRY} THEN ${retryLine}::bigint ELSE ${FIRST_LINE} END`;
