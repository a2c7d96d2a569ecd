/**
 * Which tables of a statement are not bound to a tenant: by PostgreSQL's own parser, table by table, in every part of the
 * statement. A table is bound where its `tenant_no` equals something that is given, or the one of a table that is bound.
 * So Citus finds the shard, and joins stay on it.
 */
import { parseSync } from 'libpg-query';

import { at, isTree, treesOf } from './sql-tree.ts';
import type { Tree } from './sql-tree.ts';

interface Relation {
  readonly alias: string;
  readonly table: string;
}

/** A column, of the relation that is named with it, if one is; or a value that goes with the statement. */
interface Side {
  readonly alias: string | null;
  readonly column: string | null;
  /** Its number. */
  readonly value: number | null;
}

type Equality = readonly [Side, Side];

/** A statement, and the two sides of a UNION. */
const READS = new Set(['SelectStmt', 'larg', 'rarg']);

/** A value, or a column of something else. */
const GIVEN: Side = { alias: null, column: null, value: null };

/** It names tenants, and is not distributed: it is on every node. */
const TENANTS = 'tenants';
const NUMBER = new Set(['no']);
const NUMBER_OR_ID = new Set(['no', 'id']);

/** The tables, of those given, that the statement reads or writes without their tenant; empty: all is well. */
export function unboundTables(sql: string, distributed: ReadonlySet<string>): string[] {
  const found = new Set<string>();
  const wanted = { distributed, isGiven: () => true, keysOfTenants: NUMBER_OR_ID };
  walk(parseSync(sql.replaceAll('?', '$1')), wanted, new Set(), found);
  return [...found].toSorted();
}

/**
 * Every table that is read or changed has the tenant that is the same one value of all of them: not a list, nor what a function
 * or another table gives. Rows that are inserted have each its own.
 */
export function isOfOneTenant(sql: string, distributed: ReadonlySet<string>): boolean {
  const found = new Set<string>();
  const values = new Set<number>();
  const isGiven = ({ value }: Side) => {
    if (value !== null) values.add(value);
    return value !== null;
  };
  const tree = parseSync(sql.replaceAll('?', '$1'));
  const wanted = { distributed, isGiven, keysOfTenants: NUMBER, ignoresInserted: true };
  walk(tree, wanted, new Set(), found);
  return found.size === 0 && values.size <= 1;
}

interface Wanted {
  readonly distributed: ReadonlySet<string>;
  /** Whether what is no column of these tables says which tenant it is; asked of what equals a `tenant_no`. */
  readonly isGiven: (side: Side) => boolean;
  /** By which of its columns a row of `tenants` says which tenant it is. */
  readonly keysOfTenants: ReadonlySet<string>;
  readonly ignoresInserted?: boolean;
}

function walk(
  value: unknown,
  wanted: Wanted,
  outer: ReadonlySet<string>,
  found: Set<string>,
): void {
  if (Array.isArray(value)) {
    for (const each of value) walk(each, wanted, outer, found);
    return;
  }
  if (!isTree(value)) return;
  for (const [kind, body] of Object.entries(value)) {
    let known = outer;
    if (isTree(body)) {
      const own = treesOf(at(body, 'withClause', 'ctes')).map((each) =>
        String(at(each, 'CommonTableExpr', 'ctename')),
      );
      if (own.length > 0) known = new Set([...outer, ...own]);
      const isOurs = (table: string) => wanted.distributed.has(table) && !known.has(table);
      if (READS.has(kind) || kind === 'UpdateStmt' || kind === 'DeleteStmt')
        for (const table of unboundOf(body, isOurs, wanted)) found.add(table);
      if (kind === 'InsertStmt' && wanted.ignoresInserted !== true)
        checkInsert(body, isOurs, found);
    }
    walk(body, wanted, known, found);
  }
}

function checkInsert(body: Tree, isOurs: (table: string) => boolean, found: Set<string>): void {
  const table = String(at(body, 'relation', 'relname'));
  const columns = treesOf(body['cols']).map((column) => at(column, 'ResTarget', 'name'));
  if (isOurs(table) && !columns.includes('tenant_no')) found.add(table);
}

/** Of one level: what is in a subquery has a level of its own. */
function unboundOf(
  body: Tree,
  isOurs: (table: string) => boolean,
  { isGiven, keysOfTenants }: Wanted,
): string[] {
  const relations: Relation[] = [];
  const equal: Equality[] = [];
  const own = body['relation'];
  if (isTree(own)) addFrom({ RangeVar: own }, relations, equal);
  for (const from of [...treesOf(body['fromClause']), ...treesOf(body['usingClause'])])
    addFrom(from, relations, equal);
  if (isTree(body['whereClause'])) addConditions(body['whereClause'], equal);

  const ours = relations.filter(({ table }) => isOurs(table));
  // A name alone is that of the one table which has it.
  const ownerOf = ({ alias, column }: Side): string | null => {
    if (column === null) return null;
    const isNamed = (relation: Relation) => alias === null || relation.alias === alias;
    const owners =
      column === 'tenant_no'
        ? ours.filter(isNamed)
        : relations.filter(
            (each) =>
              each.table === TENANTS &&
              keysOfTenants.has(column) &&
              isNamed(each) &&
              (alias !== null || relations.length === 1),
          );
    const [only] = owners;
    return owners.length === 1 && only !== undefined ? only.alias : null;
  };
  const bound = new Set<string>();
  const pairs = equal.flatMap(([one, other]) => [
    { owner: ownerOf(one), by: other, byOwner: ownerOf(other) },
    { owner: ownerOf(other), by: one, byOwner: ownerOf(one) },
  ]);
  for (let before = -1; before !== bound.size;) {
    before = bound.size;
    for (const { owner, by, byOwner } of pairs)
      if (owner !== null && (byOwner === null ? isGiven(by) : bound.has(byOwner))) bound.add(owner);
  }
  return ours.filter(({ alias }) => !bound.has(alias)).map(({ table }) => table);
}

function addFrom(from: Tree, relations: Relation[], equal: Equality[]): void {
  const { RangeVar: table, JoinExpr: join } = from;
  if (isTree(table)) {
    const name = String(table['relname']);
    relations.push({ table: name, alias: aliasOf(from) ?? name });
  }
  if (!isTree(join)) return;
  for (const side of [join['larg'], join['rarg']])
    if (isTree(side)) addFrom(side, relations, equal);
  if (isTree(join['quals'])) addConditions(join['quals'], equal);
  const [left, right] = [join['larg'], join['rarg']].map(aliasOf);
  for (const column of treesOf(join['usingClause']).map((name) =>
    String(at(name, 'String', 'sval')),
  ))
    equal.push([
      left === null ? GIVEN : { ...GIVEN, alias: left ?? null, column },
      right === null ? GIVEN : { ...GIVEN, alias: right ?? null, column },
    ]);
}

/** Of a table; `null`: it is none. */
function aliasOf(from: unknown): string | null {
  const table = at(from, 'RangeVar', 'relname');
  const alias = at(from, 'RangeVar', 'alias', 'aliasname') ?? table;
  return typeof alias === 'string' ? alias : null;
}

/** What all has to hold. */
function addConditions(condition: Tree, equal: Equality[]): void {
  const { BoolExpr: all } = condition;
  if (isTree(all) && all['boolop'] === 'AND_EXPR')
    for (const each of treesOf(all['args'])) addConditions(each, equal);
  else equal.push(...equalities(condition));
}

function equalities(condition: Tree): Equality[] {
  const { A_Expr: expression, SubLink: link } = condition;
  if (isTree(link) && link['subLinkType'] === 'ANY_SUBLINK')
    return columnsIn(link['testexpr']).map((column) => [column, GIVEN]);
  if (!isTree(expression) || at(expression, 'name', '0', 'String', 'sval') !== '=') return [];
  if (expression['kind'] !== 'AEXPR_OP')
    return columnsIn(expression['lexpr']).map((column) => [column, GIVEN]);
  const left = columnsIn(expression['lexpr']);
  const right = columnsIn(expression['rexpr']);
  return left.map((side, index) => [side, right[index] ?? GIVEN]);
}

/** Of a column, or of each place of a row. */
function columnsIn(value: unknown): Side[] {
  const row = at(value, 'RowExpr', 'args');
  if (row !== undefined) return treesOf(row).flatMap(columnsIn);
  const fields = treesOf(at(value, 'ColumnRef', 'fields')).map((field) =>
    String(at(field, 'String', 'sval')),
  );
  const [first = null, second] = fields;
  return [
    second === undefined
      ? { alias: null, column: first, value: valueIn(value) }
      : { alias: first, column: second, value: null },
  ];
}

function valueIn(value: unknown): number | null {
  const number = at(at(value, 'TypeCast', 'arg') ?? value, 'ParamRef', 'number');
  return typeof number === 'number' ? number : null;
}
