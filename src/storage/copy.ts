/**
 * Copies everything from one engine to another, table by table in batches, and reads it all again to verify it. It may be
 * killed at any moment: what is written and how far that is are one transaction of the target.
 */
import { CopyChecksum, digestOfBytes } from './copy-checksum.ts';
import { COPY_TABLE_NAMES } from './copy-tables.ts';
import type { CopyTable } from './copy-tables.ts';
import type { CopyPosition, CopySource, CopyState, CopyTarget, TableDigest } from './copying.ts';
import { CopyRefusedError } from './copying.ts';

export interface CopyStep {
  readonly kind: 'copied' | 'verified';
  readonly table: CopyTable;
  /** Of the table, so far. */
  readonly rows: number;
  readonly total: number;
}

/** `false`: it was done before, and is as it was. Throws `CopyRefusedError`, and what the engines throw. */
export async function copyAll(
  source: CopySource,
  target: CopyTarget,
  onStep: (step: CopyStep) => void,
): Promise<boolean> {
  const state = await target.look(source.identity);
  if (state.kind === 'done') return false;
  if (state.kind === 'empty') await target.begin(source.identity);
  for (const table of COPY_TABLE_NAMES) await copyTable(source, target, table, state, onStep);
  for (const table of COPY_TABLE_NAMES) await verifyTable(source, target, table, onStep);
  await target.finish(source);
  return true;
}

async function copyTable(
  source: CopySource,
  target: CopyTarget,
  table: CopyTable,
  state: CopyState,
  onStep: (step: CopyStep) => void,
): Promise<void> {
  const before = state.kind === 'begun' ? state.tables.get(table) : undefined;
  const total = source.count(table);
  let copied = before?.rows ?? 0;
  let after: CopyPosition | null = before?.after ?? null;
  for (let isWhole = before?.isWhole ?? false; !isWhole;) {
    const batch = source.read(table, after);
    isWhole = batch.position === null;
    after = batch.position ?? after;
    await target.write(table, batch.rows, { after, isWhole });
    copied += batch.rows.length;
    if (batch.rows.length > 0) onStep({ kind: 'copied', table, rows: copied, total });
  }
}

async function verifyTable(
  source: CopySource,
  target: CopyTarget,
  table: CopyTable,
  onStep: (step: CopyStep) => void,
): Promise<void> {
  const wanted = digestOf(source, table);
  const found = await target.digest(table);
  if (wanted.rows !== found.rows || wanted.checksum !== found.checksum) {
    throw new CopyRefusedError(
      `the copy of ${table} is not what it was copied from (${found.rows} rows of ${wanted.rows}, checksum ${found.checksum.slice(0, 12)} instead of ${wanted.checksum.slice(0, 12)}): something else has written to the target; empty its schema and copy again`,
    );
  }
  onStep({ kind: 'verified', table, rows: found.rows, total: wanted.rows });
}

function digestOf(source: CopySource, table: CopyTable): TableDigest {
  const checksum = new CopyChecksum();
  for (let after: CopyPosition | null = null; ;) {
    const batch = source.read(table, after);
    for (const row of batch.rows)
      checksum.add(row.map((cell) => (cell instanceof Uint8Array ? digestOfBytes(cell) : cell)));
    if (batch.position === null) return checksum.digest();
    after = batch.position;
  }
}
