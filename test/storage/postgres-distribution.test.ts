/**
 * How the tables lie on Citus, held against the catalogue of a real schema: what Citus asks of a table that it distributes
 * (its documentation, "Determining Application Type" and "create_distributed_table").
 */
import { loadModule, parseSync } from 'libpg-query';
import { beforeAll, describe, expect, it } from 'vitest';

import {
  DISTRIBUTED_TABLES,
  DISTRIBUTION_COLUMN,
  distributionSql,
  LOCAL_TABLES,
  REFERENCE_TABLES,
} from '../../src/storage/postgres/distribution.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { schemaOf, usePostgresServer, whyNoPostgres } from '../support/postgres-server.ts';

/** Keys in which the tenant is not the first column, and why. */
const NOT_FIRST: Readonly<Record<string, string>> = {
  api_clients_by_urn:
    'looked for by the urn of a token, which names no tenant, at each of its calls',
  replays_by_id: 'looked for by an id of ours, which names no tenant, with each slice',
};

const reason = await whyNoPostgres();

describe.skipIf(reason !== null)('the tables on Citus', () => {
  const server = usePostgresServer();
  let schema = '';
  beforeAll(async () => {
    const url = await server.createSchema();
    schema = schemaOf(url);
    await (await openPostgresStorage({ url })).close();
  });

  const namesOf = async (sql: string) =>
    (await server.query(sql.replaceAll('{schema}', `'${schema}'`))).map(({ name }) => String(name));
  const isDistributed = (name: string) => DISTRIBUTED_TABLES.includes(name);

  it('are each in one of the lists', async () => {
    // Partitions lie as their tables do.
    const tables = await namesOf(`
      SELECT relname AS name FROM pg_class
      WHERE relnamespace = {schema}::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`);
    const listed = [...DISTRIBUTED_TABLES, ...REFERENCE_TABLES, ...LOCAL_TABLES];
    expect(listed.toSorted()).toEqual(tables.toSorted());
    expect(DISTRIBUTED_TABLES.length).toBeGreaterThan(8);
    expect(REFERENCE_TABLES).toContain('tenants');
  });

  it('that are distributed have the tenant, and never none', async () => {
    const found = await namesOf(`
      SELECT relname AS name FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
      WHERE relnamespace = {schema}::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
        AND attname = '${DISTRIBUTION_COLUMN}' AND atttypid = 'bigint'::regtype AND attnotnull`);
    expect(found).toEqual(expect.arrayContaining([...DISTRIBUTED_TABLES]));
  });

  it('that are distributed have it in every primary key and unique index, and first but where it is listed', async () => {
    const keys = await server.query(`
      SELECT tables.relname AS "table", indexes.relname AS name, array_position(indkey::smallint[], attnum) AS place
      FROM pg_index JOIN pg_class AS tables ON tables.oid = indrelid JOIN pg_class AS indexes ON indexes.oid = indexrelid
      LEFT JOIN pg_attribute ON attrelid = indrelid AND attname = '${DISTRIBUTION_COLUMN}'
      WHERE tables.relnamespace = '${schema}'::regnamespace AND indisunique AND NOT tables.relispartition`);
    // The first place of such a vector is 0.
    const leading = keys.filter(({ place }) => Number(place ?? -1) === 0);
    const others = keys.filter((key) => !leading.includes(key));
    const ofDistributed = others.filter((key) => isDistributed(String(key['table'])));
    expect(ofDistributed.map(({ name }) => String(name)).toSorted()).toEqual(
      Object.keys(NOT_FIRST),
    );
    // They have it in another place.
    expect(ofDistributed.filter(({ place }) => place === null)).toEqual([]);
    expect(leading.length).toBeGreaterThan(10);
    // Those of the operator.
    expect(others.length).toBeGreaterThan(5);
  });

  it('that are distributed have a primary key', async () => {
    const keyed = await namesOf(`
      SELECT relname AS name FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
      WHERE relnamespace = {schema}::regnamespace AND indisprimary`);
    expect(keyed).toEqual(expect.arrayContaining([...DISTRIBUTED_TABLES]));
  });

  it('have no foreign keys, and those that are distributed no triggers', async () => {
    const keys = await namesOf(`
      SELECT conname AS name FROM pg_constraint
      WHERE connamespace = {schema}::regnamespace AND contype = 'f'`);
    expect(keys).toEqual([]);
    const triggered = await namesOf(`
      SELECT relname AS name FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
      WHERE relnamespace = {schema}::regnamespace AND NOT tgisinternal`);
    expect(triggered.filter(isDistributed)).toEqual([]);
  });

  it('number rows by columns of 64 bits, where they do', async () => {
    const narrow = await namesOf(`
      SELECT relname AS name FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
      WHERE relnamespace = {schema}::regnamespace AND attidentity <> '' AND atttypid <> 'bigint'::regtype`);
    expect(narrow).toEqual([]);
  });

  it('are distributed by a statement each, all beside the first', async () => {
    await loadModule();
    const all = distributionSql();
    expect(all).toHaveLength(REFERENCE_TABLES.length + DISTRIBUTED_TABLES.length);
    for (const sql of all) expect(() => parseSync(sql)).not.toThrow();
    const [first = ''] = DISTRIBUTED_TABLES;
    const distributing = all.filter((sql) => sql.includes('create_distributed_table'));
    expect(distributing[0]).toContain(`('${first}', 'tenant_no')`);
    for (const sql of distributing.slice(1)) expect(sql).toContain(`colocate_with => '${first}'`);
    const rest = distributionSql(new Set([...REFERENCE_TABLES, first]));
    expect(rest).toEqual(distributing.slice(1));
  });
});
