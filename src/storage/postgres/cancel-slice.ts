/** Cancels, slice by slice, what deleted and disabled destinations were owed. */
import { ingestedAtMs } from '../../domain/event.ts';
import type { Storage } from '../storage.ts';
import type { Operation } from './operation.ts';
import type { WriteSession } from './write-session.ts';
import { STATUS_CODE } from './statuses.ts';

const CANCELING = `
  SELECT tenant_no, no, cancel_below_seq FROM destinations WHERE cancel_below_seq IS NOT NULL ORDER BY no LIMIT 1`;

// What somebody asked for again after that moment is not meant.
const CANCEL = `
  WITH owed AS MATERIALIZED (
    SELECT event_seq, ordinal FROM deliveries
    WHERE status = ${STATUS_CODE.pending} AND tenant_no = $2 AND destination_no = $3 AND event_seq >= $7 AND event_seq < $4
      AND NOT (asked_by <> 0 AND updated_ms >= $5)
    LIMIT $6 FOR UPDATE)
  UPDATE deliveries SET status = ${STATUS_CODE.canceled}, next_attempt_ms = NULL, updated_ms = $1
  FROM owed
  WHERE tenant_no = $2 AND deliveries.event_seq = owed.event_seq AND deliveries.ordinal = owed.ordinal
    AND deliveries.event_seq >= $7 AND deliveries.event_seq < $4`;

const DONE = 'UPDATE destinations SET cancel_below_seq = NULL WHERE tenant_no = $1 AND no = $2';

export const cancelSlice: Operation<Storage['cancelSlice'], WriteSession> = async (
  session,
  { limit, nowMs },
) => {
  const destination = await session.row(CANCELING);
  if (destination === undefined) return { canceled: 0, more: false };
  const key = [Number(destination['tenant_no']), Number(destination['no'])] as const;
  const below = Number(destination['cancel_below_seq']);
  const [openSeq] = await session.openSpan();
  const askedMs = ingestedAtMs(below);
  const canceled = await session.run(CANCEL, nowMs, ...key, below, askedMs, limit, openSeq);
  if (canceled < limit) await session.run(DONE, ...key);
  const more = canceled === limit || (await session.row(CANCELING)) !== undefined;
  return { canceled, more };
};
