/** A transaction that writes. */
import { ingestedAtMs } from '../../domain/event.ts';
import type { Line } from './line.ts';
import type { Memory } from './memory.ts';
import { Session } from './session.ts';
import type { SessionParts } from './session.ts';

export class WriteSession extends Session {
  readonly memory: Memory;
  readonly #line: Line;
  /** Taken with the beginning of the transaction, and not given out yet. */
  #numbers: number;

  constructor(
    line: Line,
    parts: SessionParts & { readonly memory: Memory; readonly numbers: number | null },
  ) {
    super(line, parts);
    this.memory = parts.memory;
    this.#line = line;
    this.#numbers = parts.numbers ?? 0;
  }

  /**
   * The first of so many numbers in a row, of events, attempts, or moments between them: later than all before, over all
   * nodes. From here to its end the transaction is the only one that has taken any.
   */
  async takeSeqs(count: number): Promise<number> {
    if (this.#numbers < count) {
      const row = await this.row(TAKE_NUMBERS, count);
      return Number(row?.['last_seq']) - count + 1;
    }
    const firstSeq = (await this.#lastTaken()) - this.#numbers + 1;
    this.#numbers -= count;
    return firstSeq;
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

  async #lastTaken(): Promise<number> {
    const row = (await this.#line.begun).at(-1)?.rows[0] as { last_seq: number } | undefined;
    return Number(row?.last_seq);
  }
}

// A volatile function: it is asked again when the row was waited for.
export const takeNumbers = (count: number | '$1::bigint') => `
  UPDATE numbers
  SET last_seq = greatest(last_seq + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) + ${count} - 1
  RETURNING last_seq`;
const TAKE_NUMBERS = takeNumbers('$1::bigint');

const TAKE_BOUNDARY = `
  UPDATE numbers
  SET last_seq = greatest(last_seq / 1000 + 1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) * 1000
  RETURNING last_seq`;
