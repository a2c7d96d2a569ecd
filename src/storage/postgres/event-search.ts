/**
 * Events whose data hold a text. There is no index for it: rows are read in the order of the list, some at a time, as
 * far as the budget goes, and the next page goes on from there.
 */
import type { EventRecord, PageRequest, Position } from '../reading.ts';
import type { Storage } from '../storage.ts';
import { eventOrder, eventsOf } from './events.ts';
import type { Operation } from './operation.ts';
import { numbered } from './page.ts';
import { pageClauses } from '../page-clauses.ts';

const SCAN = `
  SELECT seq, time_ms, length(data) AS bytes, position(?::bytea IN data) > 0 AS found
  FROM events JOIN tenants ON tenants.no = events.tenant_no`;

/** Rows of one statement: what it reads past the budget is bounded. */
const STRIDE = 100;

export const eventSearch: Operation<Storage['eventSearch']> = async (session, query) => {
  const { page, text, maxRows, maxBytes } = query;
  const { orderBy, conditions } = await eventOrder(session, query);
  const byTime = orderBy.length > 1;
  const needle = new TextEncoder().encode(text);

  const seqs: number[] = [];
  let stoppedAt: Position | null = null;
  let [rowsLeft, bytesLeft] = [maxRows, maxBytes];
  let { from } = page;
  let more = false;
  for (let isMore = true; isMore && !more;) {
    const clauses = pageClauses({ page: { ...page, from }, orderBy, conditions });
    const sql = numbered(`${SCAN} ${clauses.sql} LIMIT ${STRIDE}`);
    const rows = await session.rows(sql, needle, ...clauses.values);
    for (const row of rows) {
      if (seqs.length === page.limit || rowsLeft === 0 || bytesLeft <= 0) {
        more = true;
        break;
      }
      rowsLeft--;
      bytesLeft -= Number(row['bytes']);
      const seq = Number(row['seq']);
      if (row['found'] === true) seqs.push(seq);
      stoppedAt = byTime ? [Number(row['time_ms']), seq] : [seq];
    }
    isMore = rows.length === STRIDE;
    if (stoppedAt !== null) from = { side: sideOf(page), position: stoppedAt };
  }
  const found = inOrder(await eventsOf(session, seqs, byTime), seqs);
  return {
    rows: sideOf(page) === 'before' ? found.toReversed() : found,
    more,
    stoppedAt: more ? stoppedAt : null,
  };
};

function sideOf({ from }: PageRequest): 'after' | 'before' {
  return from?.side ?? 'after';
}

function inOrder(events: readonly EventRecord[], seqs: readonly number[]): EventRecord[] {
  const bySeq = new Map(events.map((event) => [event.seq, event]));
  return seqs.flatMap((seq) => bySeq.get(seq) ?? []);
}
