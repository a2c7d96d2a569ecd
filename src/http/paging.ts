/** Cursors: where a page ended, opaque to callers; and the envelope of lists as Outpost has it. */
import type { Page, PageRequest, Position } from '../storage/reading.ts';
import type { Query } from './query.ts';

export interface Pagination {
  readonly order_by: string;
  readonly dir: 'asc' | 'desc';
  readonly limit: number;
  readonly next: string | null;
  readonly prev: string | null;
}

export interface PagingOptions {
  readonly defaultLimit: number;
  readonly maxLimit: number;
  /** How many numbers make a position in this list. */
  readonly positionLength: number;
}

/** The parameters `limit`, `dir`, `next` and `prev`. Call `query.done()` after it. */
export function pageRequest(
  query: Query,
  { defaultLimit, maxLimit, positionLength }: PagingOptions,
): PageRequest {
  const order = query.oneOf('dir', ['asc', 'desc']) ?? 'desc';
  const limit = query.integer('limit', 1, maxLimit) ?? defaultLimit;
  const next = query.text('next');
  const prev = query.text('prev');
  if (next !== null && prev !== null)
    query.wrong('prev', 'exclusive', 'Give `next` or `prev`, not both.');
  const cursor = next ?? prev;
  if (cursor === null) return { limit, order, from: null };
  const position = decodeCursor(cursor);
  if (position === undefined || position.length !== positionLength) {
    const message =
      'This is not a cursor of this list: use one that a page of it gave, with the same filters.';
    query.wrong(next === null ? 'prev' : 'next', 'cursor', message);
    return { limit, order, from: null };
  }
  return { limit, order, from: { side: next === null ? 'before' : 'after', position } };
}

/** `stoppedAt`: where a search stopped looking before it had a whole page. */
export function pagination(
  request: PageRequest,
  page: Page<{ readonly position: Position }>,
  orderBy: string,
  stoppedAt: Position | null = null,
): Pagination {
  const backwards = request.from?.side === 'before';
  const first = (backwards ? stoppedAt : null) ?? page.rows.at(0)?.position;
  const last = (backwards ? null : stoppedAt) ?? page.rows.at(-1)?.position;
  // Looking backwards, there is something after this page: the one that was come from.
  const hasNext = backwards || page.more;
  const hasPrev = backwards ? page.more : request.from !== null;
  return {
    order_by: orderBy,
    dir: request.order,
    limit: request.limit,
    next: hasNext && last !== undefined ? encodeCursor(last) : null,
    prev: hasPrev && first !== undefined ? encodeCursor(first) : null,
  };
}

export function encodeCursor(position: Position): string {
  return Buffer.from(position.join(',')).toString('base64url');
}

export function decodeCursor(cursor: string): Position | undefined {
  const numbers = Buffer.from(cursor, 'base64url').toString('latin1').split(',').map(Number);
  // Only as it is written here: much else decodes to numbers, the empty text for one.
  return numbers.every(Number.isSafeInteger) && encodeCursor(numbers) === cursor
    ? numbers
    : undefined;
}
