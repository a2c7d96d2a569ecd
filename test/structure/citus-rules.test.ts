/**
 * What a server sends to Citus has to be what Citus takes. Every statement of the PostgreSQL driver is read by the rules of
 * test/support/sql-citus.ts; those that break one are listed, with the reason why they may. What is sent where tables are
 * distributed is looked at by test/storage/postgres-by-tenant.test.ts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadModule, parseSync } from 'libpg-query';
import { beforeAll, describe, expect, it } from 'vitest';

import { LAY, refusalsOf } from '../support/sql-citus.ts';
import type { Refusal } from '../support/sql-citus.ts';
import { statementsOf } from '../support/sql-statements.ts';
import { at, treesOf } from '../support/sql-tree.ts';
import { FUNCTIONS, NOT_SENT, SENT_ALL_THE_SAME } from './citus-exceptions.ts';
import { MADE_AT_RUN_TIME } from './tenant-exceptions.ts';

const FOLDER = fileURLToPath(new URL('../../src/storage/postgres/', import.meta.url));
const MIGRATIONS = new URL('../../src/storage/postgres/migrations/', import.meta.url);
const ADVICE =
  'Give the statement a form of one tenant, without tables of the coordinator (by-tenant.ts, holders.ts), or say in test/structure/citus-exceptions.ts why it may stay.';

beforeAll(() => loadModule());

it('what Citus refuses is listed, with the reason', () => {
  const statements = statementsOf(FOLDER).filter(({ name }) => !(name in MADE_AT_RUN_TIME));
  const found: Record<string, readonly Refusal[]> = {};
  for (const { name, sql } of statements) {
    const refusals = new Set([...(found[name] ?? []), ...refusalsOf(sql, LAY)]);
    if (refusals.size > 0) found[name] = [...refusals];
  }
  const listed = Object.entries({ ...NOT_SENT, ...SENT_ALL_THE_SAME });
  expect(found, ADVICE).toEqual(
    Object.fromEntries(listed.map(([name, [refusals]]) => [name, refusals])),
  );
  expect(statements.length).toBeGreaterThan(250);
});

it('what is sent instead is there', () => {
  const names = new Set(statementsOf(FOLDER).map(({ name }) => name));
  for (const [name, [, instead]] of Object.entries(NOT_SENT)) {
    const [own = ''] = name.split(' ');
    const file = /\((\S+\.ts)\)/.exec(instead)?.[1] ?? own;
    const named = instead.match(/\b[A-Z][A-Z_]+\b/g) ?? [];
    expect(named.length, name).toBeGreaterThan(0);
    for (const each of named) expect([...names], name).toContain(`${file} ${each}`);
  }
});

it('functions of the schema, which the parser does not look into, are listed', () => {
  const made = readdirSync(MIGRATIONS)
    .filter((file) => file.endsWith('.sql'))
    .flatMap((file) => {
      const { stmts } = parseSync(readFileSync(new URL(file, MIGRATIONS), 'utf8')) as {
        stmts?: unknown;
      };
      return treesOf(stmts).flatMap((statement) => {
        const name = treesOf(at(statement, 'stmt', 'CreateFunctionStmt', 'funcname')).at(-1);
        return name === undefined ? [] : [String(at(name, 'String', 'sval'))];
      });
    });
  expect(made.toSorted()).toEqual(Object.keys(FUNCTIONS));
});

describe('of a statement', () => {
  it.each<[sql: string, refusals: readonly Refusal[]]>([
    ['SELECT 1 FROM events WHERE tenant_no = $1', []],
    ['SELECT 1 FROM nodes JOIN lanes ON owner = incarnation', []],
    ['SELECT 1 FROM events JOIN tenants ON tenants.no = tenant_no', []],
    ['SELECT 1 FROM events, numbers WHERE tenant_no = $1', ['local']],
    [
      'SELECT EXISTS (SELECT 1 FROM nodes WHERE incarnation = claimed_by) FROM deliveries WHERE tenant_no = $1',
      ['local'],
    ],
    ['WITH lanes AS (SELECT 1) SELECT 1 FROM lanes, events WHERE tenant_no = $1', []],
    ['INSERT INTO events (tenant_no, seq) SELECT owner, $1 FROM lanes', []],
    ['INSERT INTO lanes (tenant_no) SELECT tenant_no FROM events WHERE tenant_no = $1', ['local']],
    ['UPDATE tenants SET no = 1 FROM numbers', ['local']],
    ['SELECT 1 FROM tenants, numbers', []],
    ['SELECT 1 FROM events WHERE tenant_no = $1 FOR UPDATE', []],
    ['SELECT 1 FROM events WHERE tenant_no = ANY($1) FOR UPDATE', ['locks']],
    ['UPDATE events SET test = true WHERE tenant_no = $1::bigint', []],
    [
      'UPDATE events SET test = true FROM unnest($1::bigint[]) AS x (t) WHERE tenant_no = t',
      ['changes'],
    ],
    [
      'DELETE FROM events USING deliveries AS d WHERE events.tenant_no = $1 AND d.tenant_no = events.tenant_no',
      [],
    ],
    [
      'DELETE FROM events USING deliveries AS d WHERE events.tenant_no = $1 AND d.tenant_no = $2',
      ['changes'],
    ],
    [
      'DELETE FROM events USING tenants WHERE tenant_no = tenants.no AND tenants.id = $1',
      ['changes'],
    ],
    [
      'DELETE FROM events WHERE tenant_no = $1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_seq = seq)',
      ['changes'],
    ],
    [
      'WITH RECURSIVE a (n) AS (SELECT seq FROM events WHERE tenant_no = $1 UNION ALL SELECT n FROM a) SELECT n FROM a',
      [],
    ],
    [
      'WITH RECURSIVE a (n) AS (SELECT seq FROM events WHERE tenant_no > $1 UNION ALL SELECT n FROM a) SELECT n FROM a',
      ['recursive'],
    ],
    [
      'SELECT 1 FROM unnest($1::bigint[]) AS x (t), LATERAL (SELECT 1 FROM events WHERE tenant_no = t) AS e',
      ['lateral'],
    ],
    [
      'SELECT 1 FROM unnest($1::bigint[]) AS x (n), LATERAL (SELECT 1 FROM events WHERE tenant_no = $2 AND seq = n) AS e',
      [],
    ],
    ['DELETE FROM events WHERE tenant_no = $1 AND time_ms < random()', ['function']],
    ['UPDATE events SET time_ms = current_timestamp WHERE tenant_no = $1', ['function']],
    ['SELECT clock_timestamp() FROM events WHERE tenant_no = $1', []],
    [
      'DELETE FROM events WHERE tenant_no = $1 AND ctid = ANY(ARRAY(SELECT ctid FROM events WHERE tenant_no = $1))',
      ['place'],
    ],
    [
      'WITH a AS (INSERT INTO events (tenant_no) VALUES ($1) RETURNING seq) INSERT INTO attempts (tenant_no, seq) SELECT $1, seq FROM a',
      ['writes twice'],
    ],
  ])('%s: %j', (sql, refusals) => expect(refusalsOf(sql, LAY)).toEqual(refusals));
});
