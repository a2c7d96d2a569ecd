/** A transaction that writes. */
import { ingestedAtMs } from '../../domain/event.ts';
import { daysFromTo, MAKE_DAYS, readOpenSpan } from './days.ts';
import type { Span } from './days.ts';
import type { Line } from './line.ts';
import type { Memory } from './memory.ts';
import { Session } from './session.ts';
import type { Row, SessionParts } from './session.ts';

export class WriteSession extends Session {
  readonly memory: Memory;
  /** Where retries wait: see lines.ts. */
  readonly retryLine: number;
  readonly #line: Line;
  /** Taken with the beginning of the transaction, and not given out yet. */
  #numbers: number;
  #openSpan: Span | null = null;

  constructor(
    line: Line,
    parts: SessionParts & {
      readonly memory: Memory;
      readonly retryLine: number;
      readonly numbers: number | null;
    },
  ) {
    super(line, parts);
    this.memory = parts.memory;
    this.retryLine = parts.retryLine;
    this.#line = line;
    this.#numbers = parts.numbers ?? 0;
  }

  /**
   * The first of so many numbers in a row, of events, attempts, or moments between them: later than all before, over all
   * nodes. From here to its end the transaction is the only one that has taken any.
   */
  async takeSeqs(count: number): Promise<number> {
    const isTaken = this.#numbers >= count;
    const row = isTaken
      ? // Of the one statement that gives a row, of those that it began with.
        ((await this.#line.begun).find(({ rows }) => rows.length > 0)?.rows[0] as Row | undefined)
      : await this.row(TAKE_NUMBERS, count);
    const lastSeq = Number(row?.['last_seq']);
    this.#openSpan = daysFromTo(Number(row?.['open_seq']), lastSeq);
    if (!isTaken) return lastSeq - count + 1;
    const firstSeq = lastSeq - this.#numbers + 1;
    this.#numbers -= count;
    return firstSeq;
  }

  /** Partitions of all these days (since 1970), where they are not there. The transaction holds the numbers. */
  async makeDaysTo(first: number, last: number): Promise<void> {
    const { days } = this.memory;
    const from = Math.max(first, days.madeTo + 1);
    if (from > last) return;
    await this.rows(
      MAKE_DAYS,
      Array.from({ length: last - from + 1 }, (_, index) => from + index),
    );
    days.madeTo = last;
  }

  /** The events among which all lie that are owed, or hold their order key. */
  async openSpan(): Promise<Span> {
    this.#openSpan ??= await readOpenSpan(this);
    return this.#openSpan;
  }

  /** Before a delivery of an event with this number is made due again; the transaction holds the numbers. */
  async reopen(seq: number): Promise<void> {
    const [openSeq, lastSeq] = await this.openSpan();
    if (seq >= openSeq) return;
    await this.run(REOPEN, seq);
    this.#openSpan = daysFromTo(seq, lastSeq);
  }

  /**
   * A number that begins a millisecond of its own: milliseconds are enough to tell what was before from what comes after,
   * whatever the clock does. What a destination was owed up to then is canceled.
   */
  async takeBoundary(): Promise<number> {
    return Number((await this.row(TAKE_BOUNDARY))?.['last_seq']);
  }

  /**
   * The time of the next number, for what is asked for by hand or by a replay: to be compared with boundaries. Before any
   * other row is locked: those who record hold the numbers first.
   */
  async takeAskedMs(): Promise<number> {
    return ingestedAtMs(await this.takeSeqs(1));
  }
}

// A volatile function: it is asked again when the row was waited for.
export const takeNumbers = (count: number | '$1::bigint') => `
  UPDATE numbers
  SET last_seq = greatest(last_seq + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) + ${count} - 1
  RETURNING last_seq, open_seq`;
const TAKE_NUMBERS = takeNumbers('$1::bigint');

const REOPEN = 'UPDATE numbers SET open_seq = $1 WHERE open_seq > $1';

const TAKE_BOUNDARY = `
  UPDATE numbers
  SET last_seq = greatest(last_seq / 1000 + 1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) * 1000
  RETURNING last_seq`;
