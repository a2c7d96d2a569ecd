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

/** A column, of the relation that is named with it, if one is. */
interface Side {
  readonly alias: string | null;
  readonly column: string | null;
}

type Equality = readonly [Side, Side];

/** A statement, and the two sides of a UNION. */
const READS = new Set(['SelectStmt', 'larg', 'rarg']);

/** A value, or a column of something else. */
const GIVEN: Side = { alias: null, column: null };

/** It names tenants, and is not distributed: it is on every node. */
const TENANTS = 'tenants';
const KEYS_OF_TENANTS = new Set(['no', 'id']);

/** The tables, of those given, that the statement reads or writes without their tenant; empty: all is well. */
export function unboundTables(sql: string, distributed: ReadonlySet<string>): string[] {
  const found = new Set<string>();
  walk(parseSync(sql.replaceAll('?', '$1')), distributed, new Set(), found);
  return [...found].toSorted();
}

function walk(
  value: unknown,
  distributed: ReadonlySet<string>,
  outer: ReadonlySet<string>,
  found: Set<string>,
): void {
  if (Array.isArray(value)) {
    for (const each of value) walk(each, distributed, outer, found);
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
      const isOurs = (table: string) => distributed.has(table) && !known.has(table);
      if (READS.has(kind) || kind === 'UpdateStmt' || kind === 'DeleteStmt')
        for (const table of unboundOf(body, isOurs)) found.add(table);
      if (kind === 'InsertStmt') checkInsert(body, isOurs, found);
    }
    walk(body, distributed, known, found);
  }
}

function checkInsert(body: Tree, isOurs: (table: string) => boolean, found: Set<string>): void {
  const table = String(at(body, 'relation', 'relname'));
  const columns = treesOf(body['cols']).map((column) => at(column, 'ResTarget', 'name'));
  if (isOurs(table) && !columns.includes('tenant_no')) found.add(table);
}

/** Of one level: what is in a subquery has a level of its own. */
function unboundOf(body: Tree, isOurs: (table: string) => boolean): string[] {
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
              KEYS_OF_TENANTS.has(column) &&
              isNamed(each) &&
              (alias !== null || relations.length === 1),
          );
    const [only] = owners;
    return owners.length === 1 && only !== undefined ? only.alias : null;
  };
  const bound = new Set<string>();
  const pairs = equal.map(([one, other]) => [ownerOf(one), ownerOf(other)]);
  for (let before = -1; before !== bound.size;) {
    before = bound.size;
    for (const [one = null, other = null] of pairs) {
      if (one !== null && (other === null || bound.has(other))) bound.add(one);
      if (other !== null && (one === null || bound.has(one))) bound.add(other);
    }
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
      left === null ? GIVEN : { alias: left ?? null, column },
      right === null ? GIVEN : { alias: right ?? null, column },
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
  return second === undefined
    ? [{ alias: null, column: first }]
    : [{ alias: first, column: second }];
}
