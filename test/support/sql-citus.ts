/**
 * What Citus refuses of a statement, by what its documentation and the messages of its planner say (docs/operations/postgres.md,
 * Citus), read with PostgreSQL's own parser. Nothing was tried on one.
 */
import { parseSync } from 'libpg-query';

import {
  DISTRIBUTED_TABLES,
  LOCAL_TABLES,
  REFERENCE_TABLES,
} from '../../src/storage/postgres/distribution.ts';
import { isOfOneTenant } from './sql-tenants.ts';
import { at, isTree, treesOf } from './sql-tree.ts';
import type { Tree } from './sql-tree.ts';

/**
 * `local`: rows of tenants, or a change of a table that every worker has, with a table that the coordinator alone has. Of several
 * tenants at once: `locks` rows; `changes` rows; is `recursive`; joins row by row, `lateral`. Where rows of tenants are changed:
 * by a `function` that may give something else each time; by where they lie (`ctid`), `place`; by two parts of one statement,
 * `writes twice`. Rows that are inserted may come from any table, and each goes to its shard.
 */
export type Refusal =
  | 'local'
  | 'locks'
  | 'changes'
  | 'recursive'
  | 'lateral'
  | 'function'
  | 'place'
  | 'writes twice';

export interface Lay {
  readonly distributed: ReadonlySet<string>;
  /** On every worker. */
  readonly reference: ReadonlySet<string>;
  /** On the coordinator alone. */
  readonly local: ReadonlySet<string>;
}

export const LAY: Lay = {
  distributed: new Set(DISTRIBUTED_TABLES),
  reference: new Set(REFERENCE_TABLES),
  local: new Set(LOCAL_TABLES),
};

/** Those that give the same for the same, whenever they are asked; others are taken to be volatile. */
const IMMUTABLE = new Set(['unnest', 'abs', 'cardinality', 'min', 'max', 'count']);

const CHANGES = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt']);

export function refusalsOf(sql: string, { distributed, reference, local }: Lay): Refusal[] {
  const tree: Tree = { statement: parseSync(sql.replaceAll('?', '$1')) };
  const parts = new Set(
    nodesIn(tree).flatMap(([kind, { ctename }]) => (kind === 'CommonTableExpr' ? [ctename] : [])),
  );
  const bodies = nodesIn(tree);
  const reads = (part: unknown, tables: ReadonlySet<string>) =>
    nodesIn({ part }).some(
      ([kind, { relname }]) =>
        kind === 'RangeVar' && tables.has(String(relname)) && !parts.has(relname),
    );
  const changes = bodies.filter(([kind]) => CHANGES.has(kind));
  const changed = (tables: ReadonlySet<string>) =>
    changes.filter(([, body]) => tables.has(String(at(body, 'relation', 'relname'))));
  const updated = (tables: ReadonlySet<string>) =>
    changed(tables).filter(([kind]) => kind !== 'InsertStmt');

  const found: Refusal[] = [];
  const isOfRows = reads(tree, distributed) || updated(distributed).length > 0;
  const isLocal = reads(tree, local) || changed(local).length > 0;
  if (isLocal && (isOfRows || updated(reference).length > 0)) found.push('local');
  if (isOfRows && !isOfOneTenant(sql, distributed)) {
    if (bodies.some(([, body]) => locks(body) && reads(body['fromClause'], distributed)))
      found.push('locks');
    if (updated(distributed).length > 0) found.push('changes');
    if (bodies.some(([kind, body]) => kind === 'withClause' && body['recursive'] === true))
      found.push('recursive');
    if (bodies.some(([, body]) => body['lateral'] === true && reads(body, distributed)))
      found.push('lateral');
  }
  if (updated(distributed).some(([, body]) => callsMutable(body))) found.push('function');
  if (updated(distributed).some(([, body]) => JSON.stringify(body).includes('"ctid"')))
    found.push('place');
  if (changes.length > 1 && changed(distributed).length > 0) found.push('writes twice');
  return found;
}

function locks(body: Tree): boolean {
  return treesOf(body['lockingClause']).length > 0;
}

function callsMutable(body: Tree): boolean {
  return nodesIn(body).some(
    ([kind, call]) =>
      kind === 'SQLValueFunction' ||
      (kind === 'FuncCall' &&
        !IMMUTABLE.has(String(at(treesOf(call['funcname']).at(-1), 'String', 'sval')))),
  );
}

/** Every tree in it, by the name under which it stands. */
function nodesIn(value: unknown, found: [kind: string, body: Tree][] = []): typeof found {
  if (Array.isArray(value)) for (const each of value) nodesIn(each, found);
  if (!isTree(value)) return found;
  for (const [kind, body] of Object.entries(value)) {
    if (isTree(body)) found.push([kind, body]);
    nodesIn(body, found);
  }
  return found;
}
