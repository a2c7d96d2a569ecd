/**
 * What of a migration the servers of the version before would stumble over, or wait for, by PostgreSQL's own parser: while
 * a new version is rolled out both run over one schema, so that a migration only adds (docs/operations/postgres.md, "New
 * versions").
 */
import { parseSync } from 'libpg-query';

/** `CREATE` makes what nobody uses yet; of it all may be said. */
const ADDING_ALTERS = new Set([
  'AT_AddColumn',
  'AT_SetRelOptions',
  'AT_ColumnDefault',
  'AT_DropNotNull',
  'AT_AttachPartition',
]);
const ADDING = new Set([
  'CreateStmt',
  'CreateFunctionStmt',
  'CreateSeqStmt',
  'CreateStatsStmt',
  'CommentStmt',
  'InsertStmt',
  'AlterTableStmt',
  'IndexStmt',
]);

/** A sentence for each statement that does more than add; `large`: tables that no statement may hold up. */
export function contractions(sql: string, large: ReadonlySet<string>): string[] {
  const made = new Set<string>();
  return statementsOf(sql).flatMap(([kind, body]) => {
    const relation = (body['relation'] as { relname?: string } | undefined)?.relname ?? '';
    if (kind === 'CreateStmt') made.add(relation);
    if (!ADDING.has(kind)) return [`${kind}: it does not only add`];
    if (made.has(relation)) return [];
    if (kind === 'IndexStmt' && large.has(relation))
      return [`an index on ${relation}: whoever writes there would wait until it is made`];
    return kind === 'AlterTableStmt' ? ofAlter(relation, body) : [];
  });
}

function ofAlter(relation: string, { cmds }: Record<string, unknown>): string[] {
  // Of the parser's tree.
  const commands = cmds as { AlterTableCmd: { subtype: string; def?: { ColumnDef?: Column } } }[];
  return commands.flatMap(({ AlterTableCmd: { subtype, def } }) => {
    if (!ADDING_ALTERS.has(subtype))
      return [`ALTER TABLE ${relation}: ${subtype} does not only add`];
    const problem = subtype === 'AT_AddColumn' ? ofColumn(def?.ColumnDef ?? {}) : null;
    return problem === null ? [] : [`ALTER TABLE ${relation}: ${problem}`];
  });
}

/** What adding it does to the rows that are there, and to the servers that write them. */
function ofColumn({ typeName, constraints = [] }: Column): string | null {
  const kinds = new Set(constraints.map(({ Constraint: { contype } }) => contype));
  const others = [...kinds].filter((kind) => !PLAIN.has(kind));
  if (others.length > 0) return `${others.join()} reads or rewrites all rows`;
  if (typeName?.names?.some(({ String: { sval } }) => sval.endsWith('serial')) === true)
    return 'a serial rewrites all rows';
  const given = constraints.find(({ Constraint: { contype } }) => contype === 'CONSTR_DEFAULT');
  if (given !== undefined && !isConstant(given.Constraint.raw_expr))
    return 'a default that is no constant may rewrite all rows';
  return kinds.has('CONSTR_NOTNULL') && given === undefined
    ? 'servers of before do not fill the column'
    : null;
}

const PLAIN: ReadonlySet<string> = new Set(['CONSTR_NULL', 'CONSTR_NOTNULL', 'CONSTR_DEFAULT']);

interface Column {
  readonly typeName?: { readonly names?: readonly { readonly String: { sval: string } }[] };
  readonly constraints?: readonly { readonly Constraint: Constraint }[];
}

interface Constraint {
  readonly contype: string;
  readonly raw_expr?: Expression;
}

interface Expression {
  readonly A_Const?: object;
  readonly TypeCast?: { readonly arg: Expression };
}

function isConstant(expression: Expression | undefined): boolean {
  if (expression?.A_Const !== undefined) return true;
  return expression?.TypeCast !== undefined && isConstant(expression.TypeCast.arg);
}

function statementsOf(sql: string): [kind: string, body: Record<string, unknown>][] {
  // Each statement of the parser's tree is an object of one member, its kind.
  const { stmts } = parseSync(sql) as unknown as {
    stmts: { stmt: Record<string, Record<string, unknown>> }[];
  };
  return stmts.flatMap(({ stmt }) => Object.entries(stmt));
}
