/**
 * Statements about rows of several tenants at once, and what becomes of them on Citus. There a statement that locks rows, or
 * that updates or deletes them with others joined, is refused unless it is about one shard (docs/operations/postgres.md#citus);
 * the shard is found by a tenant that is named by its value. So there it is run once for each tenant, in a form that names it.
 * Everywhere else all rows of a transaction go with one statement.
 */
import type { Pool } from 'pg';
import type { Row, Session, Value } from './session.ts';

/** The same of all, and of one tenant, whose number is the last value. */
type Statement = readonly [all: string, ofOne: string];

/** The items of each tenant, or all of them. */
export function byTenant<Item>(
  { isDistributed }: Session,
  items: readonly Item[],
  tenantNoOf: (item: Item) => number,
): (readonly Item[])[] {
  if (items.length === 0) return [];
  return isDistributed ? [...Map.groupBy(items, tenantNoOf).values()] : [items];
}

/** The statement, and its values; the items are one of the groups of `byTenant`. */
export function about(
  { isDistributed }: Session,
  [all, ofOne]: Statement,
  tenantNo: number | undefined,
  ...values: readonly Value[]
): [string, ...Value[]] {
  return isDistributed ? [ofOne, ...values, tenantNo ?? null] : [all, ...values];
}

/** Rows with the `place` of their item, which counts from 1: read for the items of each tenant, or for all of them. */
export async function rowsByTenant<Item extends { readonly tenantNo: number }>(
  session: Session,
  items: readonly Item[],
  read: (items: readonly Item[]) => Promise<Row[]>,
): Promise<Row[]> {
  if (!session.isDistributed) return read(items);
  const places = new Map(items.map((item, index) => [item, index + 1]));
  const found: Row[] = [];
  for (const part of byTenant(session, items, ({ tenantNo }) => tenantNo))
    for (const row of await read(part)) {
      const item = part[Number(row['place']) - 1];
      if (item !== undefined) found.push({ ...row, place: places.get(item) });
    }
  return found;
}

/** Whether the tables lie on Citus (`angarium migrate citus`). */
export async function liesOnCitus(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ is_there: boolean }>(
    "SELECT to_regclass('pg_dist_partition') IS NOT NULL AS is_there",
  );
  if (rows[0]?.is_there !== true) return false;
  const found = await pool.query(
    "SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass('deliveries')",
  );
  return found.rowCount !== 0;
}
