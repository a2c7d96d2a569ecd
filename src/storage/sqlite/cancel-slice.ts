/** Cancels, slice by slice, what deleted and disabled destinations were owed. */
import { ingestedAtMs } from '../../domain/event.ts';
import type { Storage } from '../storage.ts';
import { STATUS_CODE } from './context.ts';
import type { WriteContext } from './context.ts';
import type { Operation } from './operation.ts';

const CANCELING = `
  SELECT no, cancel_below_seq FROM destinations INDEXED BY destinations_canceling
  WHERE cancel_below_seq IS NOT NULL LIMIT 1`;

// What somebody asked for again after that moment is not meant.
const CANCEL = `
  UPDATE deliveries SET status = ${STATUS_CODE.canceled}, next_attempt_ms = NULL, updated_ms = ?
  WHERE (event_seq, ordinal) IN (
    SELECT event_seq, ordinal FROM deliveries INDEXED BY deliveries_pending
    WHERE status = ${STATUS_CODE.pending} AND destination_no = ? AND event_seq < ?
      AND NOT (manual <> 0 AND updated_ms >= ?)
    LIMIT ?)`;

const DONE = 'UPDATE destinations SET cancel_below_seq = NULL WHERE no = ?';

export function cancelSlice(context: WriteContext): Operation<Storage['cancelSlice']> {
  const canceling = context.statement(CANCELING);
  return ({ limit, nowMs }) => {
    const destination = canceling.get();
    if (destination === undefined) return { canceled: 0, more: false };
    const no = Number(destination['no']);
    const below = Number(destination['cancel_below_seq']);
    const { changes } = context.statement(CANCEL).run(nowMs, no, below, ingestedAtMs(below), limit);
    const canceled = Number(changes);
    if (canceled < limit) context.statement(DONE).run(no);
    return { canceled, more: canceled === limit || canceling.get() !== undefined };
  };
}
