/** One transaction around some operations; a refusal of the medium becomes `StorageUnavailableError`. */
import type { DatabaseSync } from 'node:sqlite';
import { StorageUnavailableError } from '../storage.ts';
import type { WriteContext } from './context.ts';
import { isUnavailable } from './open.ts';

export function inTransaction<Result>(context: WriteContext, work: () => Result): Result {
  try {
    context.db.exec('BEGIN IMMEDIATE');
    const result = work();
    context.db.exec('COMMIT');
    return result;
  } catch (error) {
    if (context.db.isTransaction) context.db.exec('ROLLBACK');
    context.forget();
    throw explainRefusal(error);
  }
}

/** One snapshot for all that one query reads. */
export function inSnapshot<Result>(db: DatabaseSync, work: () => Result): Result {
  try {
    db.exec('BEGIN');
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw explainRefusal(error);
  }
}

/** What the medium refuses, as `StorageUnavailableError`; anything else as it is. */
export function explainRefusal(error: unknown): unknown {
  return isUnavailable(error)
    ? new StorageUnavailableError(error.message, { cause: error })
    : error;
}
