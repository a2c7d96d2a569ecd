/**
 * Of which tenants a statement locks or writes rows, by its text and by the values that go with it: as Citus looks for the
 * shard. It finds one where `tenant_no` equals a value; of rows that are inserted, each has its own.
 */
import { parseSync } from 'libpg-query';

import { at, isTree, treesOf } from './sql-tree.ts';
import type { Tree } from './sql-tree.ts';

/** Where the tenant stands: in the value of that number, alone or in an array. `null`: nowhere. */
type Place = number | null;

/** One for each table that the statement locks or writes rows of. */
export function tenantPlaces(sql: string, distributed: ReadonlySet<string>): Place[] {
  const found: Place[] = [];
  walk(parseSync(sql), distributed, found);
  return found;
}

/** The tenants that are named there. */
export function tenantsAt(place: number, values: readonly unknown[]): number[] {
  const value = values[place - 1];
  if (value instanceof Uint8Array) return bigintsOf(Buffer.from(value));
  return (Array.isArray(value) ? value : [value]).map(Number);
}

function walk(value: unknown, distributed: ReadonlySet<string>, found: Place[]): void {
  if (Array.isArray(value)) {
    for (const each of value) walk(each, distributed, found);
    return;
  }
  if (!isTree(value)) return;
  for (const [kind, body] of Object.entries(value)) {
    if (isTree(body)) {
      const isOurs = distributed.has(String(at(body, 'relation', 'relname')));
      if ((kind === 'UpdateStmt' || kind === 'DeleteStmt') && isOurs)
        found.push(equalTo(body['whereClause']));
      if (kind === 'InsertStmt' && isOurs) found.push(insertedAt(body));
      if (treesOf(body['lockingClause']).length > 0 && locks(body['fromClause'], distributed))
        found.push(equalTo(body['whereClause']));
    }
    walk(body, distributed, found);
  }
}

function locks(from: unknown, distributed: ReadonlySet<string>): boolean {
  return treesOf(from).some(
    (each) =>
      distributed.has(String(at(each, 'RangeVar', 'relname'))) ||
      locks([at(each, 'JoinExpr', 'larg'), at(each, 'JoinExpr', 'rarg')], distributed),
  );
}

/** Among what all has to hold: `tenant_no = $1`, alone or in a row. */
function equalTo(condition: unknown): Place {
  const all = at(condition, 'BoolExpr');
  if (isTree(all))
    return all['boolop'] === 'AND_EXPR' ? firstOf(treesOf(all['args']).map(equalTo)) : null;
  const expression = at(condition, 'A_Expr');
  if (!isTree(expression) || expression['kind'] !== 'AEXPR_OP') return null;
  const sides = [expression['lexpr'], expression['rexpr']].map((side) => {
    const row = at(side, 'RowExpr', 'args');
    return row === undefined ? [side] : treesOf(row);
  });
  const [left = [], right = []] = sides;
  return firstOf(
    left.map((side, index) =>
      JSON.stringify(at(side, 'ColumnRef') ?? null).includes('"tenant_no"')
        ? parameterIn(right[index])
        : null,
    ),
  );
}

/** Of the column, among the values or in what is selected. */
function insertedAt(body: Tree): Place {
  const column = treesOf(body['cols']).findIndex(
    (each) => at(each, 'ResTarget', 'name') === 'tenant_no',
  );
  const select = at(body, 'selectStmt', 'SelectStmt');
  const values = treesOf(at(select, 'valuesLists', '0', 'List', 'items'));
  if (values.length > 0) return parameterIn(values[column]);
  const [from] = treesOf(at(select, 'fromClause'));
  const args = treesOf(
    at(from, 'RangeFunction', 'functions', '0', 'List', 'items', '0', 'FuncCall', 'args'),
  );
  // A star stands for all that the function gives.
  const targets = treesOf(at(select, 'targetList')).flatMap((target) => {
    const selected = at(target, 'ResTarget', 'val');
    return JSON.stringify(selected).includes('A_Star') ? args : [selected];
  });
  const target = targets[column];
  if (parameterIn(target) !== null) return parameterIn(target);
  const condition = equalTo(at(select, 'whereClause')) ?? equalTo(joined(at(select, 'fromClause')));
  if (condition !== null) return condition;
  const names = treesOf(at(from, 'RangeFunction', 'alias', 'colnames')).map((name) =>
    String(at(name, 'String', 'sval')),
  );
  const index = names.length === 0 ? column : names.findIndex((name) => name.startsWith('tenant'));
  return parameterIn(args[index]);
}

function joined(from: unknown): unknown {
  return at(treesOf(from)[0], 'JoinExpr', 'quals');
}

function parameterIn(value: unknown): Place {
  const cast = at(value, 'TypeCast', 'arg');
  if (cast !== undefined) return parameterIn(cast);
  const number = at(value, 'ParamRef', 'number');
  return typeof number === 'number' ? number : null;
}

function firstOf(places: readonly Place[]): Place {
  return places.find((place) => place !== null) ?? null;
}

/** PostgreSQL's binary format (src/storage/postgres/binary-array.ts). */
function bigintsOf(array: Buffer): number[] {
  const found: number[] = [];
  for (let offset = 20; offset < array.length; offset += 12)
    found.push(Number(array.readBigInt64BE(offset + 4)));
  return found;
}
