/** One page of a list, by key: rows after or before a position, never by counting rows off. */
import { pageClauses } from '../page-clauses.ts';
import type { Condition as SharedCondition, PagePlace } from '../page-clauses.ts';
import type { Page } from '../reading.ts';
import type { ReadContext } from './context.ts';

export type Condition = SharedCondition<string | number>;

export interface PageQuery<Row> extends PagePlace<string | number> {
  readonly select: string;
  readonly read: (row: Record<string, unknown>) => Row;
}

export function listPage<Row>(context: ReadContext, query: PageQuery<Row>): Page<Row> {
  const { page } = query;
  const { sql, values, backwards } = pageClauses(query);
  const rows = context.statement(`${query.select} ${sql} LIMIT ?`).all(...values, page.limit + 1);
  const found = rows.slice(0, page.limit).map(query.read);
  return { rows: backwards ? found.toReversed() : found, more: rows.length > page.limit };
}

/**
 * `column IN (...)` with one parameter, whatever the number of values; nothing where the list is empty. One value is
 * `=`: only then does an index give its rows in the list's order, instead of all of them being sorted for each page.
 */
export function isOneOf(expression: string, values: readonly (string | number)[]): Condition[] {
  const [only] = values;
  if (only === undefined) return [];
  if (values.length === 1) return equals(expression, only);
  return [
    { sql: `${expression} IN (SELECT value FROM json_each(?))`, values: [JSON.stringify(values)] },
  ];
}

export function equals(expression: string, value: string | number | null): Condition[] {
  return value === null ? [] : [{ sql: `${expression} = ?`, values: [value] }];
}

export function within(
  expression: string,
  range: { fromMs: number | null; toMs: number | null },
): Condition[] {
  const conditions: Condition[] = [];
  if (range.fromMs !== null) conditions.push({ sql: `${expression} >= ?`, values: [range.fromMs] });
  if (range.toMs !== null) conditions.push({ sql: `${expression} < ?`, values: [range.toMs] });
  return conditions;
}

export function textOrNull(value: unknown): string | null {
  return value === null ? null : String(value);
}

export function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
