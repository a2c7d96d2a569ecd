/** Which tables a statement locks rows of without naming one tenant by a value: Citus refuses to lock over several shards. */
import { parseSync } from 'libpg-query';

type Tree = Readonly<Record<string, unknown>>;

/** The tables, of those given. A list of tenants is not one tenant. */
export function lockedOverTenants(sql: string, distributed: ReadonlySet<string>): string[] {
  const found = new Set<string>();
  walk(parseSync(sql.replaceAll('?', '$1')), distributed, found);
  return [...found].toSorted();
}

function walk(value: unknown, distributed: ReadonlySet<string>, found: Set<string>): void {
  if (Array.isArray(value)) {
    for (const each of value) walk(each, distributed, found);
    return;
  }
  if (!isTree(value)) return;
  if (treesOf(value['lockingClause']).length > 0 && !namesOneTenant(value['whereClause']))
    for (const table of tablesIn(value['fromClause'])) if (distributed.has(table)) found.add(table);
  for (const each of Object.values(value)) walk(each, distributed, found);
}

/** What is joined; not what is in a subquery. */
function tablesIn(from: unknown): string[] {
  return treesOf(from).flatMap((each) => {
    const { RangeVar: table, JoinExpr: join } = each;
    if (isTree(table)) return [String(table['relname'])];
    return isTree(join) ? tablesIn([join['larg'], join['rarg']]) : [];
  });
}

/** Among what all has to hold: `tenant_no = $1`. */
function namesOneTenant(condition: unknown): boolean {
  if (!isTree(condition)) return false;
  const { BoolExpr: all, A_Expr: expression } = condition;
  if (isTree(all)) return all['boolop'] === 'AND_EXPR' && treesOf(all['args']).some(namesOneTenant);
  if (!isTree(expression) || expression['kind'] !== 'AEXPR_OP') return false;
  const { lexpr: left, rexpr: right } = expression;
  return (
    isTree(left) &&
    JSON.stringify(left['ColumnRef'] ?? null).includes('"tenant_no"') &&
    isTree(right) &&
    'ParamRef' in right
  );
}

function treesOf(value: unknown): Tree[] {
  return Array.isArray(value) ? value.filter(isTree) : [];
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
