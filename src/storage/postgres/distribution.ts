/**
 * How the tables lie on Citus: rows of a tenant together, by `tenant_no`; what they are joined with on every worker; the rest
 * on the coordinator. Every table is in one of the lists of erase.ts, which say whose its rows are.
 */
import { COUNTED_TABLES, OTHER_TABLES, TENANT_TABLES } from './erase.ts';

export const DISTRIBUTION_COLUMN = 'tenant_no';

/** One row a tenant that is being erased: read over all tenants, beside the hot way. */
const LOCAL_THOUGH_COUNTED: ReadonlySet<string> = new Set(['rollup_erasures']);

export const DISTRIBUTED_TABLES: readonly string[] = [
  ...Object.keys(TENANT_TABLES),
  ...COUNTED_TABLES.filter((table) => !LOCAL_THOUGH_COUNTED.has(table)),
].toSorted();

/** Joined with tenants' rows in statements of one tenant: names by numbers. */
const REFERENCE: ReadonlySet<string> = new Set(['tenants', 'rollup_topics']);

export const REFERENCE_TABLES: readonly string[] = OTHER_TABLES.filter((table) =>
  REFERENCE.has(table),
);

/** Leases, numbers and versions are what nodes agree by: one place, one clock. `lanes` goes with the leases. */
export const LOCAL_TABLES: readonly string[] = [
  ...OTHER_TABLES.filter((table) => !REFERENCE.has(table)),
  ...LOCAL_THOUGH_COUNTED,
].toSorted();

/** A statement for each table, in their order. `done`: tables that lie so already. */
export function distributionSql(done: ReadonlySet<string> = new Set()): string[] {
  const [first] = DISTRIBUTED_TABLES;
  return [
    ...REFERENCE_TABLES.filter((table) => !done.has(table)).map(
      (table) => `SELECT create_reference_table('${table}')`,
    ),
    ...DISTRIBUTED_TABLES.filter((table) => !done.has(table)).map((table) =>
      table === first
        ? `SELECT create_distributed_table('${table}', '${DISTRIBUTION_COLUMN}')`
        : `SELECT create_distributed_table('${table}', '${DISTRIBUTION_COLUMN}', colocate_with => '${first}')`,
    ),
  ];
}
