/** What `meta` says of a copy from another engine to this database (copy-target.ts). */
import type { ClientBase, Pool } from 'pg';
import type { CopyTable } from '../copy-tables.ts';
import type { CopyIdentity, TableProgress } from '../copying.ts';
import { StorageOpenError } from '../storage.ts';

export interface CopyMark extends CopyIdentity {
  readonly isDone: boolean;
  readonly tables: Readonly<Partial<Record<CopyTable, TableProgress>>>;
}

const READ = "SELECT value FROM meta WHERE name = 'copy'";

/** As it is written; `null`: nothing was ever copied to this database. */
export async function readCopyMark(on: ClientBase | Pool): Promise<string | null> {
  const { rows } = await on.query<{ value: string }>(READ);
  return rows[0]?.value ?? null;
}

export function parseCopyMark(text: string): CopyMark {
  // Written by this driver.
  return JSON.parse(text) as CopyMark;
}

/** A server on half of the data would take the other half for lost. Throws `StorageOpenError`. */
export async function refuseHalfACopy(on: ClientBase | Pool): Promise<void> {
  const mark = await readCopyMark(on);
  if (mark === null || parseCopyMark(mark).isDone) return;
  throw new StorageOpenError(
    'unreachable',
    'data are being copied to this database, and not all are there: run angarium migrate data to its end first',
  );
}
