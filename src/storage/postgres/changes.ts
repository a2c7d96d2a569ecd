/** What nodes learn of each other's changes: routing by its versions, which are numbers of the one row; the rest by counters. */
import type { Pool } from 'pg';
import type { Changes } from '../node-storage.ts';
import type { Row } from './session.ts';

// One statement, one snapshot: all versions up to the number are in it, since both are committed in one order.
const CHANGES = `
  SELECT 'seq' AS kind, NULL AS id, last_seq AS version FROM numbers
  UNION ALL
  SELECT 'changed', id, routing_version FROM tenants WHERE routing_version > $1
  UNION ALL
  SELECT 'gone', tenant_id, seq FROM routing_ends WHERE seq > $1
  UNION ALL
  SELECT name, NULL, value::bigint FROM meta WHERE name IN ('keys_version', 'clients_version', 'catalogue_version')`;

export async function changes(pool: Pool, { afterSeq }: { afterSeq: number }): Promise<Changes> {
  const { rows } = await pool.query<Row>(CHANGES, [afterSeq]);
  const numberOf = (kind: string) =>
    Number(rows.find((row) => row['kind'] === kind)?.['version'] ?? 0);
  const changed = new Map<string, number | null>();
  // One that was made anew under its id comes after.
  for (const row of rows) if (row['kind'] === 'gone') changed.set(String(row['id']), null);
  for (const row of rows)
    if (row['kind'] === 'changed') changed.set(String(row['id']), Number(row['version']));
  return {
    seq: numberOf('seq'),
    tenants: Array.from(changed, ([id, version]) => ({ id, version })),
    keys: numberOf('keys_version'),
    clients: numberOf('clients_version'),
    catalogue: numberOf('catalogue_version'),
  };
}
