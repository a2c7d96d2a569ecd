/** Pages of a list that is in memory, by name: a cursor is a name, and may be that of a row that is gone. */
import type { Pagination } from './paging.ts';
import type { Query } from './query.ts';

export interface NamePage<Row> {
  readonly models: readonly Row[];
  readonly pagination: Pagination;
}

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/**
 * The parameters `limit`, `dir` (`asc` by default), `next` and `prev`: call `query.done()` after it; then the page of
 * `rows`, which are sorted by name. `orderBy`: what they are said to be ordered by.
 */
export function nameParameters(
  query: Query,
  orderBy = 'name',
  defaultDir: 'asc' | 'desc' = 'asc',
): <Row extends { readonly name: string }>(rows: readonly Row[]) => NamePage<Row> {
  const dir = query.oneOf('dir', ['asc', 'desc']) ?? defaultDir;
  const limit = query.integer('limit', 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
  const next = query.text('next');
  const prev = query.text('prev');
  if (next !== null && prev !== null)
    query.wrong('prev', 'exclusive', 'Give `next` or `prev`, not both.');
  const after = next === null ? null : decoded(query, 'next', next);
  const before = prev === null ? null : decoded(query, 'prev', prev);
  return (rows) => {
    const ordered = dir === 'asc' ? rows : rows.toReversed();
    const isBehind = (name: string, mark: string) => (dir === 'asc' ? name > mark : name < mark);
    const isAhead = (name: string, mark: string) => (dir === 'asc' ? name < mark : name > mark);
    const left = ordered.filter(
      ({ name }) =>
        (after === null || isBehind(name, after)) && (before === null || isAhead(name, before)),
    );
    const models = before === null ? left.slice(0, limit) : left.slice(-limit);
    const hasMore = left.length > models.length;
    const first = models.at(0);
    const last = models.at(-1);
    const hasNext = before === null ? hasMore : true;
    const hasPrev = before === null ? after !== null : hasMore;
    const pagination: Pagination = {
      order_by: orderBy,
      dir,
      limit,
      next: hasNext && last !== undefined ? encoded(last.name) : null,
      prev: hasPrev && first !== undefined ? encoded(first.name) : null,
    };
    return { models, pagination };
  };
}

function encoded(name: string): string {
  return Buffer.from(name).toString('base64url');
}

function decoded(query: Query, parameter: string, cursor: string): string | null {
  const name = Buffer.from(cursor, 'base64url').toString('utf8');
  if (name !== '' && encoded(name) === cursor) return name;
  const message = 'This is not a cursor of this list: use one that a page of it gave.';
  query.wrong(parameter, 'cursor', message);
  return null;
}
