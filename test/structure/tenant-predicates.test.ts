/**
 * Citus finds the shard of a statement by the tenant in its predicate. Every statement of the PostgreSQL driver is read with
 * PostgreSQL's own parser, and has it for every distributed table; those that have not are listed, with the reason.
 */
import { fileURLToPath } from 'node:url';
import { loadModule } from 'libpg-query';
import { beforeAll, describe, expect, it } from 'vitest';

import { DISTRIBUTED_TABLES } from '../../src/storage/postgres/distribution.ts';
import { statementsOf } from '../support/sql-statements.ts';
import type { Statement } from '../support/sql-statements.ts';
import { unboundTables } from '../support/sql-tenants.ts';
import { MADE_AT_RUN_TIME, OVER_TENANTS } from './tenant-exceptions.ts';

const FOLDER = fileURLToPath(new URL('../../src/storage/postgres/', import.meta.url));
const DISTRIBUTED = new Set(DISTRIBUTED_TABLES);
const ADVICE =
  'Give the statement the tenant of each table (tenant_no = ...), or say in test/structure/tenant-exceptions.ts why it has none.';

beforeAll(() => loadModule());

/** By what the parser says of them. */
function judged(statements: readonly Statement[]) {
  const found = { unbound: new Set<string>(), unreadable: new Set<string>(), bound: 0 };
  for (const { name, sql } of statements) {
    try {
      if (unboundTables(sql, DISTRIBUTED).length === 0) found.bound++;
      else found.unbound.add(name);
    } catch {
      found.unreadable.add(name);
    }
  }
  return found;
}

it('every statement names the tenant, but those that are listed', () => {
  const { unbound, unreadable, bound } = judged(statementsOf(FOLDER));
  expect([...unbound].toSorted(), ADVICE).toEqual(Object.keys(OVER_TENANTS).toSorted());
  expect([...unreadable].toSorted(), ADVICE).toEqual(Object.keys(MADE_AT_RUN_TIME).toSorted());
  expect(bound).toBeGreaterThan(100);
});

describe('a table is bound', () => {
  it.each([
    ['by a parameter', 'SELECT 1 FROM events WHERE tenant_no = $1 AND seq = $2'],
    ['by a list', 'DELETE FROM events WHERE tenant_no = ANY($1)'],
    ['by a row', 'SELECT 1 FROM events WHERE (tenant_no, seq) = ($1, $2)'],
    [
      'by another table that is',
      'SELECT 1 FROM events JOIN deliveries ON deliveries.tenant_no = events.tenant_no WHERE events.tenant_no = $1',
    ],
    [
      'by a tenant that is named',
      'SELECT 1 FROM events JOIN tenants ON tenants.no = events.tenant_no WHERE tenants.id = $1',
    ],
    [
      'by a list of rows that is handed over',
      'UPDATE deliveries SET status = 0 FROM unnest($1::bigint[]) AS given (tenant) WHERE tenant_no = tenant',
    ],
    ['by the columns of an insert', 'INSERT INTO events (tenant_no, seq) VALUES ($1, $2)'],
  ])('%s', (_how, sql) => expect(unboundTables(sql, DISTRIBUTED)).toEqual([]));
});

describe('a table is not bound', () => {
  it.each([
    ['without a predicate', 'SELECT 1 FROM events', ['events']],
    ['by a number alone', 'SELECT 1 FROM events WHERE seq = $1', ['events']],
    ['by a range of tenants', 'SELECT 1 FROM events WHERE tenant_no > $1', ['events']],
    ['by one of two ways', 'SELECT 1 FROM events WHERE tenant_no = $1 OR seq = $2', ['events']],
    [
      'by another table that is not',
      'SELECT 1 FROM events JOIN deliveries ON deliveries.tenant_no = events.tenant_no WHERE seq = $1',
      ['deliveries', 'events'],
    ],
    [
      'by a tenant that nobody names',
      'SELECT 1 FROM events JOIN tenants ON tenants.no = events.tenant_no',
      ['events'],
    ],
    [
      'in a part of the statement',
      'SELECT 1 FROM events WHERE tenant_no = $1 AND EXISTS (SELECT 1 FROM attempts WHERE attempts.seq = events.seq)',
      ['attempts'],
    ],
    [
      'on one side of a union',
      'SELECT 1 FROM events WHERE tenant_no = $1 UNION (SELECT 1 FROM attempts WHERE seq = $2)',
      ['attempts'],
    ],
    ['by an insert without it', 'INSERT INTO events (seq) SELECT $1', ['events']],
  ])('%s', (_how, sql, tables) => expect(unboundTables(sql, DISTRIBUTED)).toEqual(tables));
});
