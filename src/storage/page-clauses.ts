/** Where a page of a list lies, in the SQL that the drivers have in common: after or before a position, never by counting rows off. */
import type { PageRequest } from './reading.ts';

/** `?` stands for each value. */
export interface Condition<Value> {
  readonly sql: string;
  readonly values: readonly Value[];
}

export interface PagePlace<Value> {
  readonly conditions: readonly Condition<Value>[];
  /** Columns that the list is ordered by; together they are unique, and an index has them. */
  readonly orderBy: readonly string[];
  /** Expressions; rows that are alike in them are one. */
  readonly groupBy?: string;
  readonly page: PageRequest;
}

/** `WHERE` and `ORDER BY` of what lies on the wished side of a page's position; `backwards`: in the other order. */
export function pageClauses<Value>({
  page,
  orderBy,
  conditions: given,
  groupBy,
}: PagePlace<Value>) {
  const backwards = page.from?.side === 'before';
  const ascending = (page.order === 'asc') !== backwards;
  const conditions: Condition<Value | number>[] = [...given];
  if (page.from !== null) {
    const places = page.from.position.map(() => '?').join(', ');
    const sql = `(${orderBy.join(', ')}) ${ascending ? '>' : '<'} (${places})`;
    conditions.push({ sql, values: page.from.position });
  }
  const where =
    conditions.length === 0 ? '' : `WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}`;
  const order = orderBy.map((column) => `${column} ${ascending ? 'ASC' : 'DESC'}`).join(', ');
  return {
    sql: `${where} ${groupBy === undefined ? '' : `GROUP BY ${groupBy} `}ORDER BY ${order}`,
    values: conditions.flatMap(({ values }) => values),
    backwards,
  };
}
