/**
 * Moving the log into the database file, scheduled instead of inside some commit.
 *
 * The reader's thread does the bulk (`checkpoint`): a passive checkpoint runs beside a writer. But while commits go on
 * there is always a frame more, so the log would never start over; the writer does what little was added meanwhile
 * between two commits (`finishCheckpoint`), and its next commit starts at the head of the log.
 *
 * What counts is the length of the log, not what was written by whom: one row may be a megabyte, and retention writes
 * as well as a publish.
 */
import type { DatabaseSync } from 'node:sqlite';
import { explainRefusal } from './transaction.ts';

export interface CheckpointState {
  readonly logFrames: number;
  readonly movedFrames: number;
}

/** A shorter log is left as it is (frames of a page each: 32 MiB). */
const WORTH_FRAMES = 8192;
/** The writer finishes when there are no more frames than this left to move. */
const FINISH_FRAMES = 1024;
/** Each round has only to move what was added during the one before. */
const MAX_ROUNDS = 4;

export function checkpoint(db: DatabaseSync): CheckpointState {
  let state = run(db, 'NOOP');
  if (state.logFrames < WORTH_FRAMES) return state;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    state = run(db, 'PASSIVE');
    if (mayFinish(state)) break;
  }
  return state;
}

/** Only where little is left: what is left costs the writer's time. */
export function mayFinish({ logFrames, movedFrames }: CheckpointState): boolean {
  return logFrames >= WORTH_FRAMES && logFrames - movedFrames <= FINISH_FRAMES;
}

export function finishCheckpoint(db: DatabaseSync): CheckpointState {
  // A reader that is still at an old snapshot is not waited for: commits would wait with it. The next round comes.
  const timeoutMs = Number(db.prepare('PRAGMA busy_timeout').get()?.['timeout']);
  db.exec('PRAGMA busy_timeout = 0');
  try {
    return run(db, 'RESTART');
  } finally {
    db.exec(`PRAGMA busy_timeout = ${timeoutMs}`);
  }
}

function run(db: DatabaseSync, mode: 'NOOP' | 'PASSIVE' | 'RESTART'): CheckpointState {
  try {
    const row = db.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
    return {
      logFrames: Number(row?.['log'] ?? 0),
      movedFrames: Number(row?.['checkpointed'] ?? 0),
    };
  } catch (error) {
    throw explainRefusal(error);
  }
}
