/**
 * Citus refuses to lock rows (`FOR UPDATE`) where a statement is about several shards. Those of the driver that do so are
 * listed: they are what has to change before a server can run there.
 */
import { fileURLToPath } from 'node:url';
import { loadModule } from 'libpg-query';
import { beforeAll, expect, it } from 'vitest';

import { DISTRIBUTED_TABLES } from '../../src/storage/postgres/distribution.ts';
import { lockedOverTenants } from '../support/sql-locks.ts';
import { statementsOf } from '../support/sql-statements.ts';
import { LOCKS_OVER_TENANTS } from './tenant-exceptions.ts';

const FOLDER = fileURLToPath(new URL('../../src/storage/postgres/', import.meta.url));
const DISTRIBUTED = new Set(DISTRIBUTED_TABLES);

beforeAll(() => loadModule());

it('rows are locked of one tenant, but by those statements that are listed', () => {
  const found = new Set<string>();
  let locking = 0;
  for (const { name, sql } of statementsOf(FOLDER)) {
    if (!sql.includes('FOR UPDATE')) continue;
    locking++;
    if (lockedOverTenants(sql, DISTRIBUTED).length > 0) found.add(name);
  }
  expect([...found].toSorted()).toEqual(Object.keys(LOCKS_OVER_TENANTS).toSorted());
  expect(locking).toBeGreaterThan(5);
});

it.each([
  ['SELECT 1 FROM events WHERE tenant_no = $1 FOR UPDATE', []],
  ['SELECT 1 FROM events WHERE seq = $1 AND events.tenant_no = $2 FOR UPDATE OF events', []],
  ['SELECT 1 FROM events WHERE seq = $1', []],
  ['SELECT 1 FROM numbers FOR UPDATE', []],
  ['SELECT 1 FROM events WHERE seq = $1 FOR UPDATE', ['events']],
  ['SELECT 1 FROM events WHERE tenant_no = ANY($1) FOR UPDATE', ['events']],
  [
    'SELECT 1 FROM events JOIN unnest($1::bigint[]) AS x (t) ON tenant_no = t FOR UPDATE',
    ['events'],
  ],
  ['WITH a AS (SELECT 1 FROM events WHERE tenant_no = t LIMIT 1 FOR UPDATE) SELECT 1', ['events']],
])('%s: %j', (sql, tables) => expect(lockedOverTenants(sql, DISTRIBUTED)).toEqual(tables));
