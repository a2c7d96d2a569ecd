/**
 * The first half of a roll-up, done beside the writer: which rows the next slice adds to the tables. What was counted of
 * a range is kept until all of it is written.
 */
import { FlatWriter } from './flat.ts';
import type { Flat } from './flat.ts';
import type { ReadContext } from './context.ts';
import { readBatch } from './rollup-batch.ts';
import type { AttemptRollup, EventRollup } from '../rollup-count.ts';

/** Events or attempts that are counted at once: the more, the fewer rows are written for each. */
const BATCH = 10_000;

const PROGRESS = 'SELECT from_seq, to_seq, after_key FROM rollup_progress';

// The end of a batch: neither more events nor more attempts than so many lie before it.
const END = `
  SELECT min(ifnull((SELECT seq FROM events WHERE seq > ?1 ORDER BY seq LIMIT 1 OFFSET ?2), ?3),
             ifnull((SELECT seq FROM attempts WHERE seq > ?1 ORDER BY seq LIMIT 1 OFFSET ?2), ?3)) AS seq`;
const LAST = `
  SELECT max((SELECT ifnull(max(seq), 0) FROM events), (SELECT ifnull(max(seq), 0) FROM attempts)) AS seq`;

/** Events come first, then attempts; a key tells which. */
interface KeyedRow {
  readonly key: string;
  readonly event: EventRollup | null;
  readonly attempt: AttemptRollup | null;
}

/** The next rows, at most `limit`, as `rollUpApply` takes them; `null`: everything is counted. */
export function rollUpRead(context: ReadContext): (query: { limit: number }) => Flat | null {
  let known: { fromSeq: number; toSeq: number; rows: readonly KeyedRow[] } | null = null;
  return ({ limit }) => {
    const progress = context.statement(PROGRESS).get();
    const fromSeq = Number(progress?.['from_seq']);
    const begunSeq = Number(progress?.['to_seq']);
    const afterKey = String(progress?.['after_key']);
    const toSeq = begunSeq > fromSeq ? begunSeq : endOf(context, fromSeq);
    if (toSeq <= fromSeq) return null;
    if (known?.fromSeq !== fromSeq || known.toSeq !== toSeq)
      known = { fromSeq, toSeq, rows: rowsOf(context, fromSeq, toSeq) };

    const start = firstAfter(known.rows, afterKey);
    const rows = known.rows.slice(start, start + limit);
    const isLast = start + limit >= known.rows.length;
    if (isLast) known = null;
    const write = new FlatWriter();
    write.number(fromSeq);
    write.number(toSeq);
    write.text(afterKey);
    write.text(rows.at(-1)?.key ?? afterKey);
    write.flag(isLast);
    write.number(rows.length);
    for (const row of rows) writeRow(write, row);
    return write.finish();
  };
}

function endOf(context: ReadContext, fromSeq: number): number {
  const last = Number(context.statement(LAST).get()?.['seq']);
  return Number(context.statement(END).get(fromSeq, BATCH - 1, last)?.['seq']);
}

function rowsOf(context: ReadContext, fromSeq: number, toSeq: number): KeyedRow[] {
  const { events, attempts } = readBatch(context, fromSeq, toSeq);
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

function writeRow(write: FlatWriter, { event, attempt }: KeyedRow): void {
  write.flag(attempt !== null);
  if (event !== null) {
    for (const value of [event.widthS, event.startS, event.tenantNo, event.destinationNo])
      write.number(value);
    write.text(event.topic);
    write.number(event.count);
  } else if (attempt !== null) {
    const { widthS, cube, startS, tenantNo, destinationNo } = attempt;
    for (const value of [widthS, cube, startS, tenantNo, destinationNo]) write.number(value);
    write.text(attempt.topic);
    write.text(attempt.code);
    for (const value of [attempt.failed, attempt.manual, attempt.number]) write.number(value);
    for (const value of [attempt.count, attempt.failedCount, attempt.firstCount])
      write.number(value);
    write.number(attempt.manualCount);
    write.number(attempt.numberSum);
    write.bytes(attempt.latency);
  }
}
