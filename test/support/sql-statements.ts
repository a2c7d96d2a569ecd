/** The SQL of a folder, read out of its sources: every text that begins like a statement, with what is put into it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';

export interface Statement {
  /** `publish.ts INSERT_EVENTS`: the file, and the constant or function that it stands in. */
  readonly name: string;
  readonly sql: string;
}

type Node = Readonly<Record<string, unknown>> & { readonly type: string };
type Values = ReadonlyMap<string, unknown>;

const BEGINS_LIKE_ONE = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\s/;
const DECLARATIONS = new Set(['VariableDeclarator', 'FunctionDeclaration', 'ClassDeclaration']);
/** For what is known only while the program runs: a number, a name or a value. */
const UNKNOWN = '0';

export function statementsOf(folder: string): Statement[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const programs = files.map((file) => {
    const { program } = parseSync(file, readFileSync(join(folder, file), 'utf8'));
    return { file, program: program as unknown as Node };
  });
  // Names are looked up over all files: a few constants are imported from their neighbours.
  const exported = new Map(programs.flatMap(({ program }) => [...constantsOf(program)]));
  return programs.flatMap(({ file, program }) => {
    const values = new Map([...exported, ...constantsOf(program)]);
    const found: Statement[] = [];
    collect(program, '', values, found);
    return found.map(({ name, sql }) => ({ name: `${file} ${name}`, sql }));
  });
}

/** The same of a text that was read here and of the one that is sent: without the numbers, some of which are not known here. */
export function comparable(sql: string): string {
  return sql
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/(?<![$\w])-?\d+/g, UNKNOWN)
    .trim();
}

function constantsOf(program: Node): Map<string, Node> {
  const found = new Map<string, Node>();
  for (const statement of nodesOf(program['body'])) {
    const declaration = (statement['declaration'] ?? statement) as Node;
    for (const { id, init } of nodesOf(declaration['declarations']))
      if (isNode(id) && isNode(init)) found.set(String(id['name']), init);
  }
  return found;
}

function collect(node: Node, name: string, values: Values, found: Statement[]): void {
  const named = (node['id'] ?? node['key']) as Node | null | undefined;
  const own =
    name === '' && DECLARATIONS.has(node.type) && isNode(named) && typeof named['name'] === 'string'
      ? named['name']
      : name;
  // What it makes is looked at where it is called.
  if (node.type === 'ArrowFunctionExpression' && isNode(node['body']) && isText(node['body']))
    return;
  // What a function is handed is not known here; where it is called, it is.
  const text = isText(node) ? textOf(node, values) : null;
  if (text !== null && BEGINS_LIKE_ONE.test(text)) {
    found.push({ name: own, sql: text });
    return;
  }
  for (const child of Object.values(node))
    for (const each of nodesOf(child)) collect(each, own, values, found);
}

function isText({ type, callee }: Node): boolean {
  if (type === 'CallExpression') return isNode(callee) && callee.type === 'Identifier';
  return type === 'TemplateLiteral' || type === 'Literal';
}

/** What the expression comes to, as far as it is known. `null`: no text. */
function textOf(node: Node, values: Values, depth = 0): string | null {
  if (depth > 9) return null;
  switch (node.type) {
    case 'Literal':
      return typeof node['value'] === 'string' || typeof node['value'] === 'number'
        ? String(node['value'])
        : null;
    case 'Identifier': {
      const value = values.get(String(node['name']));
      if (typeof value === 'string') return value;
      return isNode(value) ? textOf(value, values, depth + 1) : null;
    }
    case 'TemplateLiteral': {
      const parts = nodesOf(node['expressions']).map((part) => textOf(part, values, depth + 1));
      return nodesOf(node['quasis'])
        .map((quasi, index) => {
          const { cooked } = quasi['value'] as { cooked: string };
          return cooked + (index < parts.length ? (parts[index] ?? UNKNOWN) : '');
        })
        .join('');
    }
    case 'CallExpression':
      return calledText(node, values, depth);
    default:
      return null;
  }
}

/** Of `due('AND ...')`, where `due` is an arrow function that gives a text; and of `numbered(text)`. */
function calledText(node: Node, values: Values, depth: number): string | null {
  const callee = node['callee'] as Node;
  const given = nodesOf(node['arguments']);
  const [first] = given;
  if (callee['name'] === 'numbered' && first !== undefined) {
    let number = 0;
    return textOf(first, values, depth + 1)?.replaceAll('?', () => `$${++number}`) ?? null;
  }
  const called = values.get(String(callee['name']));
  if (!isNode(called) || called.type !== 'ArrowFunctionExpression') return null;
  const inner = new Map(values);
  for (const [index, parameter] of nodesOf(called['params']).entries()) {
    const argument = given[index];
    const text = argument === undefined ? null : textOf(argument, values, depth + 1);
    inner.set(String(parameter['name']), text ?? UNKNOWN);
  }
  return isNode(called['body']) ? textOf(called['body'], inner, depth + 1) : null;
}

function nodesOf(value: unknown): Node[] {
  if (Array.isArray(value)) return value.filter(isNode);
  return isNode(value) ? [value] : [];
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value;
}
