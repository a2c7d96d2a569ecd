/** Retention: events that came in long ago and owe nothing go, with their deliveries and attempts. */
import { seqAtMs } from '../../domain/event.ts';
import type { Storage } from '../storage.ts';
import { STATUS_CODE } from './context.ts';
import type { WriteContext } from './context.ts';
import type { Operation } from './operation.ts';

// Numbers grow, so the oldest are at the start of the tree. Those that still owe something, hold their key until somebody
// lets it go, or have attempts that the roll-ups have not counted yet, stay, and are passed over.
const OLD_EVENTS = `
  SELECT seq FROM events
  WHERE seq >= ?1 AND seq < min(?2, ?3 + 1)
    AND NOT EXISTS (
      SELECT 1 FROM deliveries
      WHERE event_seq = seq
        AND (status = ${STATUS_CODE.pending} OR last_attempt_seq > ?3
          OR (holds = 1 AND EXISTS (SELECT 1 FROM destinations WHERE no = destination_no AND deleted_ms IS NULL))))
  ORDER BY seq LIMIT ?4`;
const COUNTED = 'SELECT from_seq FROM rollup_progress';

// What is held for destinations that stay disabled ends with retention.
const DISABLED = `
  SELECT no FROM destinations INDEXED BY destinations_disabled
  WHERE disabled_ms IS NOT NULL AND deleted_ms IS NULL AND cancel_below_seq IS NULL`;
const CANCEL_HELD = `
  UPDATE deliveries SET status = ${STATUS_CODE.canceled}, next_attempt_ms = NULL, updated_ms = ?
  WHERE (event_seq, ordinal) IN (
    SELECT event_seq, ordinal FROM deliveries INDEXED BY deliveries_pending
    WHERE status = ${STATUS_CODE.pending} AND destination_no = ? AND claimed_by = ? AND next_attempt_ms < ? LIMIT ?)`;

const DELETE_ATTEMPTS = `
  WITH RECURSIVE chain (seq) AS (
    SELECT last_attempt_seq FROM deliveries WHERE event_seq = ? AND last_attempt_seq IS NOT NULL
    UNION ALL
    SELECT previous_seq FROM attempts JOIN chain USING (seq) WHERE previous_seq IS NOT NULL)
  DELETE FROM attempts WHERE seq IN (SELECT seq FROM chain)`;

const DELETE_DELIVERIES = 'DELETE FROM deliveries WHERE event_seq = ?';
const DELETE_EVENT = 'DELETE FROM events WHERE seq = ?';

// The oldest attempt tells how far back they are in use. Numbers are microseconds.
const DELETE_SHAPES = `
  DELETE FROM request_shapes
  WHERE day < ifnull((SELECT min(seq) FROM attempts), ?) / 86400000000 - 1`;

const DELETE_REPLAYS = 'DELETE FROM replays WHERE ended_ms < ?';

/** Free pages that one slice gives back to the file system. */
export const VACUUM = 'PRAGMA incremental_vacuum(200)';

export function pruneSlice(context: WriteContext): Operation<Storage['pruneSlice']> {
  // Where the last slice ended: what it passed over, because it still owed something, is not read again in this round.
  let fromSeq = 0;
  return ({ beforeMs, limit }) => {
    const countedSeq = Number(context.statement(COUNTED).get()?.['from_seq']);
    const old = context.statement(OLD_EVENTS).all(fromSeq, seqAtMs(beforeMs), countedSeq, limit);
    for (const row of old) {
      const seq = Number(row['seq']);
      context.statement(DELETE_ATTEMPTS).run(seq);
      context.statement(DELETE_DELIVERIES).run(seq);
      context.statement(DELETE_EVENT).run(seq);
      fromSeq = seq + 1;
    }
    const held = cancelHeld(beforeMs, limit);
    const more = old.length === limit || held === limit;
    if (!more) {
      fromSeq = 0;
      context.statement(DELETE_REPLAYS).run(beforeMs);
      context.statement(DELETE_SHAPES).run(seqAtMs(context.clock.nowMs()));
    }
    if (old.length > 0) context.db.exec(VACUUM);
    return { events: old.length, more };
  };

  function cancelHeld(beforeMs: number, limit: number): number {
    let canceled = 0;
    for (const { no } of context.statement(DISABLED).all()) {
      for (const claimant of context.claimants) {
        if (canceled >= limit) return canceled;
        const { changes } = context
          .statement(CANCEL_HELD)
          .run(context.clock.nowMs(), Number(no), claimant, beforeMs, limit - canceled);
        canceled += Number(changes);
      }
    }
    return canceled;
  }
}
