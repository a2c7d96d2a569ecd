/** One page of a list, by key: rows after or before a position, never by counting rows off. */
import { pageClauses } from '../page-clauses.ts';
import type { Condition as SharedCondition, PagePlace } from '../page-clauses.ts';
import type { Page } from '../reading.ts';
import type { Row, Session, Value } from './session.ts';

export type Condition = SharedCondition<Value>;

export interface PageQuery<Found> extends PagePlace<Value> {
  readonly select: string;
  readonly read: (row: Row) => Found;
}

export async function listPage<Found>(
  session: Session,
  query: PageQuery<Found>,
): Promise<Page<Found>> {
  const { page } = query;
  const { sql, values, backwards } = pageClauses(query);
  const text = numbered(`${query.select} ${sql} LIMIT ?`);
  const rows = await session.rows(text, ...values, page.limit + 1);
  const found = rows.slice(0, page.limit).map(query.read);
  return { rows: backwards ? found.toReversed() : found, more: rows.length > page.limit };
}

/** `?` as `$1`, `$2` and so on. */
export function numbered(sql: string): string {
  let number = 0;
  return sql.replaceAll('?', () => `$${++number}`);
}

/** Nothing where the list is empty. One value is `=`: then an index gives its rows in the list's order. */
export function isOneOf(expression: string, values: readonly (string | number)[]): Condition[] {
  const [only] = values;
  if (only === undefined) return [];
  if (values.length === 1) return equals(expression, only);
  return [{ sql: `${expression} = ANY(?)`, values: [values] }];
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

export function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}
