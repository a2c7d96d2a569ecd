/**
 * A whole list as a stream, page by page: each page is a short read of its own, the next one is read when the caller has
 * taken the one before, and no more than a page is in memory. Rows that come in meanwhile may be among them or not.
 */
import { Readable } from 'node:stream';
import type { Page, PageRequest, Position } from '../storage/reading.ts';

/** A page is made about so large, whatever its rows are. */
const PAGE_BYTES = 1024 * 1024;
const FIRST_ROWS = 20;
const MAX_ROWS = 500;

interface Listed {
  readonly position: Position;
}

/** `read`: a page in ascending order. `write`: its rows as text. */
export function rowStream<Row extends Listed>(
  read: (page: PageRequest) => Promise<Page<Row>>,
  write: (rows: readonly Row[]) => string | Promise<string>,
  head = '',
): Readable {
  return Readable.from(pages(read, write, head), { objectMode: false });
}

async function* pages<Row extends Listed>(
  read: (page: PageRequest) => Promise<Page<Row>>,
  write: (rows: readonly Row[]) => string | Promise<string>,
  head: string,
): AsyncGenerator<string> {
  if (head !== '') yield head;
  let limit = FIRST_ROWS;
  let from: PageRequest['from'] = null;
  for (;;) {
    const { rows, more } = await read({ limit, order: 'asc', from });
    const last = rows.at(-1);
    if (last === undefined) return;
    const text = await write(rows);
    yield text;
    if (!more) return;
    from = { side: 'after', position: last.position };
    const rowsOfPageBytes = Math.floor((PAGE_BYTES * rows.length) / Math.max(1, text.length));
    limit = Math.max(1, Math.min(MAX_ROWS, rowsOfPageBytes));
  }
}
