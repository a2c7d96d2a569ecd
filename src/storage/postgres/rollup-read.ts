/**
 * Which rows the next slice of a roll-up adds to the tables. What was counted of a range is kept until all of it is
 * written. Numbers become visible in their order (migrations, `numbers`): up to the last one that is seen nothing is
 * missing.
 */
import { readBatch } from './rollup-batch.ts';
import type { RollupBatch } from './rollup-batch.ts';
import type { AttemptRollup, EventRollup } from '../rollup-count.ts';
import type { Row, Session } from './session.ts';

/** Events or attempts that are counted at once: the more, the fewer rows are written for each. */
const BATCH = 10_000;

// The end of a batch: neither more events nor more attempts than so many lie before it.
const END = `
  SELECT least(coalesce((SELECT seq FROM events WHERE seq > $1 ORDER BY seq LIMIT 1 OFFSET $2), $3::bigint),
               coalesce((SELECT seq FROM attempts WHERE seq > $1 ORDER BY seq LIMIT 1 OFFSET $2), $3::bigint)) AS seq`;
const LAST = `
  SELECT greatest((SELECT coalesce(max(seq), 0) FROM events), (SELECT coalesce(max(seq), 0) FROM attempts)) AS seq`;

/** Events come first, then attempts; a key tells which. */
export interface KeyedRow {
  readonly key: string;
  readonly event: EventRollup | null;
  readonly attempt: AttemptRollup | null;
}

export interface RollupSlice {
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly rows: readonly KeyedRow[];
  readonly lastKey: string;
  readonly isLast: boolean;
}

export class RollupSlices {
  #known: { fromSeq: number; toSeq: number; rows: readonly KeyedRow[] } | null = null;

  /** The next rows, at most `limit`, after how far it has come (`progress`); `null`: everything is counted. */
  async next(session: Session, progress: Row, limit: number): Promise<RollupSlice | null> {
    const fromSeq = Number(progress['from_seq']);
    const begunSeq = Number(progress['to_seq']);
    const afterKey = String(progress['after_key']);
    const toSeq = begunSeq > fromSeq ? begunSeq : await endOf(session, fromSeq);
    if (toSeq <= fromSeq) return null;
    if (this.#known?.fromSeq !== fromSeq || this.#known.toSeq !== toSeq) {
      const batch = await readBatch(session, fromSeq, toSeq);
      this.#known = { fromSeq, toSeq, rows: rowsOf(batch) };
    }
    const known = this.#known.rows;
    const start = firstAfter(known, afterKey);
    const rows = known.slice(start, start + limit);
    const isLast = start + limit >= known.length;
    if (isLast) this.#known = null;
    return { fromSeq, toSeq, rows, lastKey: rows.at(-1)?.key ?? afterKey, isLast };
  }
}

async function endOf(session: Session, fromSeq: number): Promise<number> {
  const last = Number((await session.row(LAST))?.['seq']);
  return Number((await session.row(END, fromSeq, BATCH - 1, last))?.['seq']);
}

function rowsOf({ events, attempts }: RollupBatch): KeyedRow[] {
  return [
    ...events.map((event) => ({ key: `0 ${event.key}`, event, attempt: null })),
    ...attempts.map((attempt) => ({ key: `1 ${attempt.key}`, event: null, attempt })),
  ];
}

/** By halves: the rows are sorted by key. */
function firstAfter(rows: readonly KeyedRow[], key: string): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.key ?? '') <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}
