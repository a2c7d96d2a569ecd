/**
 * Filters: which events a destination wants, beyond their topics. What they mean is told in docs/guides/filters.md; here
 * they are read and judged, filter-predicate.ts makes functions of them, filter-explain.ts says why one does not match.
 */
import type { JsonNumber } from './exact-number.ts';
import { ExactNumber } from './exact-number.ts';
import { isArray, isObject, isScalar, jsonText } from './json-value.ts';
import type { JsonObject, JsonScalar, JsonValue } from './json-value.ts';

/** Arrays and objects in one another, the filter itself counted. */
export const MAX_FILTER_DEPTH = 16;
/** Of the filter as compact JSON in UTF-8. */
export const MAX_FILTER_BYTES = 64 * 1024;
const MAX_PROBLEMS = 100;

export interface Filter {
  /** Compact JSON, as it is stored and shown. */
  readonly text: string;
  readonly condition: Condition;
}

/** What is asked of one value, or of its absence. */
export type Condition =
  | { readonly kind: 'plain'; readonly value: JsonScalar }
  /** An array in the filter. */
  | { readonly kind: 'items'; readonly items: readonly Condition[] }
  /** An object in the filter: all of them are required. */
  | {
      readonly kind: 'object';
      readonly operations: readonly Operation[];
      readonly members: ReadonlyMap<string, Condition>;
    };

export type Operation =
  | { readonly operator: '$eq' | '$neq'; readonly operand: JsonValue }
  | { readonly operator: Ordering; readonly operand: JsonNumber | string }
  | { readonly operator: '$in' | '$nin'; readonly operand: JsonScalar | readonly JsonValue[] }
  | { readonly operator: '$startsWith' | '$endsWith'; readonly operand: readonly string[] }
  | { readonly operator: '$exist'; readonly operand: boolean }
  | { readonly operator: '$and' | '$or'; readonly operand: readonly Condition[] }
  | { readonly operator: '$not'; readonly operand: Condition };

export type Ordering = '$gt' | '$gte' | '$lt' | '$lte';

export interface FilterProblem {
  /** JSON pointer into the filter. */
  readonly pointer: string;
  readonly code: 'type' | 'unknown_operator' | 'operand' | 'too_deep' | 'too_large';
  readonly message: string;
}

export type FilterResult =
  | { readonly ok: true; readonly filter: Filter }
  | { readonly ok: false; readonly problems: readonly FilterProblem[] };

/** Judges what a caller has given; all that is wrong is told, up to 100 problems. */
export function readFilter(value: JsonValue): FilterResult {
  if (!isObject(value))
    return refused('', 'type', 'A filter is an object, such as {"data": {"status": "paid"}}.');
  const text = jsonText(value);
  if (Buffer.byteLength(text) > MAX_FILTER_BYTES)
    return refused('', 'too_large', `A filter has at most ${MAX_FILTER_BYTES} bytes.`);
  const problems: FilterProblem[] = [];
  findDepth(value, '', 1, problems);
  // Deeper ones are not even looked into: there is no end to how deep they may be.
  if (problems.length > 0) return { ok: false, problems };
  const condition = new FilterReader(problems).condition(value, '');
  return problems.length > 0 ? { ok: false, problems } : { ok: true, filter: { text, condition } };
}

/** One without conditions, which everything matches. */
export function isEmptyFilter({ text }: Filter): boolean {
  return text === '{}';
}

/** A name as a part of a JSON pointer (RFC 6901). */
export function pointerPart(name: string | number): string {
  return `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function refused(pointer: string, code: FilterProblem['code'], message: string): FilterResult {
  return { ok: false, problems: [{ pointer, code, message }] };
}

function findDepth(
  value: JsonValue,
  pointer: string,
  depth: number,
  problems: FilterProblem[],
): void {
  if (isScalar(value) || problems.length >= MAX_PROBLEMS) return;
  if (depth > MAX_FILTER_DEPTH) {
    const message = `A filter nests at most ${MAX_FILTER_DEPTH} levels deep.`;
    problems.push({ pointer, code: 'too_deep', message });
    return;
  }
  for (const [name, inner] of value.entries())
    findDepth(inner, pointer + pointerPart(name), depth + 1, problems);
}

const OPERATORS = {
  $eq: 'any value',
  $neq: 'any value',
  $gt: 'a number or a string',
  $gte: 'a number or a string',
  $lt: 'a number or a string',
  $lte: 'a number or a string',
  $in: 'a list, a string, a number, true, false or null',
  $nin: 'a list, a string, a number, true, false or null',
  $startsWith: 'a string or a list of strings',
  $endsWith: 'a string or a list of strings',
  $exist: 'true or false',
  $and: 'a list of conditions',
  $or: 'a list of conditions',
  $not: 'a condition',
} as const satisfies Record<Operation['operator'], string>;

const OPERATOR_NAMES = Object.keys(OPERATORS).join(', ');

class FilterReader {
  readonly #problems: FilterProblem[];

  constructor(problems: FilterProblem[]) {
    this.#problems = problems;
  }

  condition(value: JsonValue, pointer: string): Condition {
    if (isArray(value)) return { kind: 'items', items: this.#conditions(value, pointer) };
    if (isObject(value)) return this.#object(value, pointer);
    return { kind: 'plain', value };
  }

  #conditions(values: readonly JsonValue[], pointer: string): Condition[] {
    return values.map((value, index) => this.condition(value, pointer + pointerPart(index)));
  }

  #object(object: JsonObject, pointer: string): Condition {
    const operations: Operation[] = [];
    const members = new Map<string, Condition>();
    for (const [name, value] of object) {
      const inner = pointer + pointerPart(name);
      if (!name.startsWith('$')) members.set(name, this.condition(value, inner));
      else if (!isOperator(name)) {
        const message = `There is no operator ${name}; there are ${OPERATOR_NAMES}.`;
        this.#report({ pointer: inner, code: 'unknown_operator', message });
      } else {
        const operation = this.#operation(name, value, inner);
        if (operation !== undefined) operations.push(operation);
        else {
          const message = `${name} takes ${OPERATORS[name]}.`;
          this.#report({ pointer: inner, code: 'operand', message });
        }
      }
    }
    return { kind: 'object', operations, members };
  }

  /** `undefined`: the operator does not take this operand. */
  #operation(
    operator: Operation['operator'],
    operand: JsonValue,
    pointer: string,
  ): Operation | undefined {
    switch (operator) {
      case '$eq':
      case '$neq':
        return { operator, operand };
      case '$gt':
      case '$gte':
      case '$lt':
      case '$lte':
        return isNumber(operand) || typeof operand === 'string' ? { operator, operand } : undefined;
      case '$in':
      case '$nin':
        return isObject(operand) ? undefined : { operator, operand };
      case '$startsWith':
      case '$endsWith': {
        const texts = isArray(operand) ? operand : [operand];
        return texts.every((text) => typeof text === 'string')
          ? { operator, operand: texts }
          : undefined;
      }
      case '$exist':
        return typeof operand === 'boolean' ? { operator, operand } : undefined;
      case '$and':
      case '$or':
        return isArray(operand)
          ? { operator, operand: this.#conditions(operand, pointer) }
          : undefined;
      case '$not':
        return { operator, operand: this.condition(operand, pointer) };
    }
  }

  #report(problem: FilterProblem): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
  }
}

function isOperator(name: string): name is Operation['operator'] {
  return Object.hasOwn(OPERATORS, name);
}

function isNumber(value: JsonValue): value is JsonNumber {
  return typeof value === 'number' || value instanceof ExactNumber;
}
