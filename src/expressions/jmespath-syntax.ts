/** Whether a text is a JMESPath expression that we take, and where it stops being one. */
import { createRequire } from 'node:module';
import type * as Jmespath from '@jmespath-community/jmespath';

/** Of the text. */
const MAX_EXPRESSION_CHARACTERS = 4096;
/** Brackets, braces and parentheses inside each other. */
const MAX_NESTING = 32;
/** Steps, operators and brackets all told, as the parser nests them. */
const MAX_TREE_DEPTH = 256;

const CONTINUATIONS = [' `0`', ' @', ')', ']', '}', ', @'];

const require = createRequire(import.meta.url);

/** Loaded with the first expression: most servers never get one. */
function jmespath(): typeof Jmespath {
  return require('@jmespath-community/jmespath') as typeof Jmespath;
}

/** What is wrong with it, as a sentence for the tenant; `null`: nothing. */
export function checkJmespath(expression: string): string | null {
  if (expression.length > MAX_EXPRESSION_CHARACTERS)
    return `An expression has at most ${MAX_EXPRESSION_CHARACTERS} characters.`;
  if (nesting(expression) > MAX_NESTING) return tooDeep();
  const wrong = syntaxError(expression);
  if (wrong === tooDeep()) return wrong;
  if (wrong !== null) {
    const at = failsAt(expression, wrong);
    return `This is no JMESPath expression, as of character ${at}. ${wrong.replace(/\.?$/, '.')}`;
  }
  const { compile, getRegisteredFunctions } = jmespath();
  const { depth, functions } = survey(compile(expression));
  if (depth > MAX_TREE_DEPTH) return tooDeep();
  const known = getRegisteredFunctions();
  const unknown = functions.find((name) => !known.includes(name));
  return unknown === undefined ? null : `There is no function ${unknown}().`;
}

function tooDeep(): string {
  return `An expression nests at most ${MAX_NESTING} brackets, and has at most ${MAX_TREE_DEPTH} steps after each other.`;
}

/** Before anything recursive reads it. Brackets in strings and quoted names are none. */
function nesting(expression: string): number {
  let depth = 0;
  let deepest = 0;
  let quote: string | null = null;
  for (let index = 0; index < expression.length; index++) {
    const character = expression.charAt(index);
    if (quote !== null) {
      if (character === '\\') index++;
      else if (character === quote) quote = null;
    } else if ('"\'`'.includes(character)) quote = character;
    else if ('([{'.includes(character)) deepest = Math.max(deepest, ++depth);
    else if (')]}'.includes(character)) depth--;
  }
  return deepest;
}

function syntaxError(expression: string): string | null {
  try {
    jmespath().compile(expression);
    return null;
  } catch (error) {
    // The parser's stack, where there are thousands of steps after each other.
    if (error instanceof RangeError) return tooDeep();
    return error instanceof Error ? error.message.slice(0, 300) : String(error);
  }
}

/**
 * The parser does not tell where it stopped. It reads from left to right: a beginning that fails in the same way as the
 * whole holds all that it read; the shortest of those ends where it stopped.
 */
function failsAt(expression: string, wrong: string): number {
  // It would have read on: the end is what is wrong.
  if (CONTINUATIONS.some((more) => syntaxError(`${expression}${more}`) !== wrong))
    return expression.length + 1;
  let tooShort = 0;
  let enough = expression.length;
  while (tooShort + 1 < enough) {
    const middle = (tooShort + enough) >> 1;
    if (syntaxError(expression.slice(0, middle)) === wrong) enough = middle;
    else tooShort = middle;
  }
  return enough;
}

/** Nodes are objects with a `type`; what is below them is in members of any name. */
function survey(root: object): { depth: number; functions: string[] } {
  const functions: string[] = [];
  let deepest = 0;
  const waiting: [node: object, depth: number][] = [[root, 1]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [node, depth] = next;
    deepest = Math.max(deepest, depth);
    const isNode = 'type' in node;
    // A literal's value is data.
    if (isNode && node.type === 'Literal') continue;
    if (isNode && node.type === 'Function' && 'name' in node) functions.push(String(node.name));
    for (const below of Object.values(node) as unknown[])
      if (typeof below === 'object' && below !== null)
        waiting.push([below, depth + (isNode ? 1 : 0)]);
  }
  return { depth: deepest, functions };
}
