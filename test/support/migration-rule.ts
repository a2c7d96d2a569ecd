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
      return [`an index on ${relation}: publishes would wait until it is made`];
    return kind === 'AlterTableStmt' ? ofAlter(relation, body) : [];
  });
}

function ofAlter(relation: string, { cmds }: Record<string, unknown>): string[] {
  // Of the parser's tree.
  const commands = cmds as { AlterTableCmd: { subtype: string; def?: { ColumnDef?: Column } } }[];
  return commands.flatMap(({ AlterTableCmd: { subtype, def } }) => {
    if (!ADDING_ALTERS.has(subtype))
      return [`ALTER TABLE ${relation}: ${subtype} does not only add`];
    const constraints = new Set(
      def?.ColumnDef?.constraints?.map(({ Constraint: { contype } }) => contype),
    );
    return subtype === 'AT_AddColumn' &&
      constraints.has('CONSTR_NOTNULL') &&
      !constraints.has('CONSTR_DEFAULT')
      ? [`ALTER TABLE ${relation}: servers of before do not fill the column`]
      : [];
  });
}

interface Column {
  readonly constraints?: readonly { readonly Constraint: { readonly contype: string } }[];
}

function statementsOf(sql: string): [kind: string, body: Record<string, unknown>][] {
  // Each statement of the parser's tree is an object of one member, its kind.
  const { stmts } = parseSync(sql) as unknown as {
    stmts: { stmt: Record<string, Record<string, unknown>> }[];
  };
  return stmts.flatMap(({ stmt }) => Object.entries(stmt));
}
