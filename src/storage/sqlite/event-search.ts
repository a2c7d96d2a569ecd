/**
 * Events whose data hold a text. There is no index for it: rows are read in the order of the list, as far as the budget
 * goes, and the next page goes on from there.
 */
import type { EventRecord, Position } from '../reading.ts';
import type { Storage } from '../storage.ts';
import type { ReadContext } from './context.ts';
import { eventOrder, eventsOf } from './events.ts';
import type { Operation } from './operation.ts';
import { pageClauses } from '../page-clauses.ts';

const SCAN = `
  SELECT seq, time_ms, length(data) AS bytes, instr(data, ?) > 0 AS found
  FROM events JOIN tenants ON tenants.no = tenant_no`;

export function eventSearch(context: ReadContext): Operation<Storage['eventSearch']> {
  return (query) => {
    const { page, text, maxRows, maxBytes } = query;
    const { orderBy, conditions } = eventOrder(context, query);
    const byTime = orderBy.length > 1;
    const { sql, values, backwards } = pageClauses({ page, orderBy, conditions });
    const rows = context.statement(`${SCAN} ${sql}`).iterate(Buffer.from(text), ...values);

    const seqs: number[] = [];
    let more = false;
    let stoppedAt: Position | null = null;
    let [rowsLeft, bytesLeft] = [maxRows, maxBytes];
    for (const row of rows) {
      if (seqs.length === page.limit || rowsLeft === 0 || bytesLeft <= 0) {
        more = true;
        break;
      }
      rowsLeft--;
      bytesLeft -= Number(row['bytes']);
      const seq = Number(row['seq']);
      if (row['found'] === 1) seqs.push(seq);
      stoppedAt = byTime ? [Number(row['time_ms']), seq] : [seq];
    }
    const found = inOrder(eventsOf(context, seqs, byTime), seqs);
    return {
      rows: backwards ? found.toReversed() : found,
      more,
      stoppedAt: more ? stoppedAt : null,
    };
  };
}

function inOrder(events: readonly EventRecord[], seqs: readonly number[]): EventRecord[] {
  const bySeq = new Map(events.map((event) => [event.seq, event]));
  return seqs.flatMap((seq) => bySeq.get(seq) ?? []);
}
