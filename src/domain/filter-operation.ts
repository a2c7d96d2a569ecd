/** What the operators say of one value, as functions that allocate nothing: so loops, and no callbacks that capture. */
import { ExactNumber, compareNumbers } from './exact-number.ts';
import type { JsonNumber } from './exact-number.ts';
import type { Operation, Ordering } from './filter.ts';
import type { Work } from './filter-work.ts';
import { compareInstants, parseInstant } from './instant.ts';
import type { Instant } from './instant.ts';
import { isArray, isObject, isScalar, jsonEqual } from './json-value.ts';
import type { JsonScalar, JsonValue } from './json-value.ts';

/** `undefined`: there is no such value. Throws `TooMuchWorkError`. */
export type Predicate = (value: JsonValue | undefined, work: Work) => boolean;

/** Operators that hold no conditions themselves. */
export type SimpleOperation = Exclude<Operation, { readonly operator: '$and' | '$or' | '$not' }>;

export function simplePredicate(operation: SimpleOperation): Predicate {
  switch (operation.operator) {
    case '$eq':
      return equals(operation.operand);
    case '$neq':
      return negated(equals(operation.operand));
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      return ordered(operation.operator, operation.operand);
    case '$in':
      return contained(operation.operand);
    case '$nin':
      return negated(contained(operation.operand));
    case '$startsWith':
      return affixed(operation.operand, (value, text) => value.startsWith(text));
    case '$endsWith':
      return affixed(operation.operand, (value, text) => value.endsWith(text));
    case '$exist': {
      const wanted = operation.operand;
      return (value) => (value !== undefined) === wanted;
    }
  }
}

export function negated(predicate: Predicate): Predicate {
  return (value, work) => !predicate(value, work);
}

/** The whole value; arrays whole. */
export function equals(operand: JsonValue): Predicate {
  if (isScalar(operand))
    return operand instanceof ExactNumber
      ? (value) => value instanceof ExactNumber && compareNumbers(value, operand) === 0
      : (value) => value === operand;
  return (value, work) => value !== undefined && equalWithin(value, operand, work);
}

/** What differs in kind or length is told apart at once, and is not charged for. */
function equalWithin(value: JsonValue, operand: JsonValue, work: Work): boolean {
  work.spend(1);
  if (isArray(operand)) {
    if (!isArray(value) || value.length !== operand.length) return false;
    for (let index = 0; index < operand.length; index++)
      if (!equalWithin(value[index] ?? null, operand[index] ?? null, work)) return false;
    return true;
  }
  if (!isObject(operand)) return jsonEqual(value, operand);
  if (!isObject(value) || value.size !== operand.size) return false;
  for (const [name, member] of operand) {
    const other = value.get(name);
    if (other === undefined || !equalWithin(other, member, work)) return false;
  }
  return true;
}

function affixed(
  texts: readonly string[],
  has: (value: string, text: string) => boolean,
): Predicate {
  return (value, work) => {
    if (typeof value !== 'string') return false;
    for (const text of texts) {
      work.spendOnText(text.length);
      if (has(value, text)) return true;
    }
    return false;
  };
}

function ordered(operator: Ordering, operand: JsonNumber | string): Predicate {
  const compare = typeof operand === 'string' ? stringComparer(operand) : numberComparer(operand);
  // Nothing compares as true with NaN.
  switch (operator) {
    case '$gt':
      return (value, work) => compare(value, work) > 0;
    case '$gte':
      return (value, work) => compare(value, work) >= 0;
    case '$lt':
      return (value, work) => compare(value, work) < 0;
    case '$lte':
      return (value, work) => compare(value, work) <= 0;
  }
}

/** Below, equal or above zero; NaN: of another type. */
type Comparer = (value: JsonValue | undefined, work: Work) => number;

function numberComparer(operand: JsonNumber): Comparer {
  return (value) =>
    typeof value === 'number' || value instanceof ExactNumber
      ? compareNumbers(value, operand)
      : Number.NaN;
}

function stringComparer(operand: string): Comparer {
  const moment = parseInstant(operand);
  return (value, work) => {
    if (typeof value !== 'string') return Number.NaN;
    work.spendOnText(Math.min(value.length, operand.length));
    const other = moment === undefined ? undefined : momentOf(value);
    return moment === undefined || other === undefined
      ? compareCodePoints(value, operand)
      : compareInstants(other, moment);
  };
}

/** Moments that were read of late: thousands of filters ask for the same one, and reading it takes memory each time. */
const recent = new Map<string, Instant>();
const MAX_RECENT = 64;
const MAX_RECENT_LENGTH = 64;

function momentOf(text: string): Instant | undefined {
  const known = recent.get(text);
  if (known !== undefined || text.length > MAX_RECENT_LENGTH) return known ?? parseInstant(text);
  const moment = parseInstant(text);
  if (moment === undefined) return undefined;
  if (recent.size >= MAX_RECENT) recent.clear();
  recent.set(text, moment);
  return moment;
}

/** JavaScript itself compares UTF-16 units, which sorts U+FF5E after an emoji. */
function compareCodePoints(left: string, right: string): number {
  const end = Math.min(left.length, right.length);
  let index = 0;
  while (index < end && left.charCodeAt(index) === right.charCodeAt(index)) index++;
  if (index > 0 && isHighSurrogate(left.charCodeAt(index - 1))) {
    // They may differ in the second half of a pair.
    const difference = codePoint(left, index - 1) - codePoint(right, index - 1);
    if (difference !== 0) return difference;
  }
  return codePoint(left, index) - codePoint(right, index);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function codePoint(text: string, index: number): number {
  return text.codePointAt(index) ?? -1;
}

/** A list: whether the whole value is in it. Else: an element of an array; a string also as a part of a string. */
function contained(operand: JsonScalar | readonly JsonValue[]): Predicate {
  if (isArray(operand)) return listed(operand);
  const isIt = equals(operand);
  return (value, work) => {
    if (typeof value === 'string' && typeof operand === 'string') {
      work.spendOnText(value.length);
      return value.includes(operand);
    }
    if (!isArray(value)) return false;
    work.spend(value.length);
    for (const element of value) if (isIt(element, work)) return true;
    return false;
  };
}

function listed(list: readonly JsonValue[]): Predicate {
  const scalars = new Set<JsonValue | undefined>(list.filter(isScalar));
  const others = list.filter((item) => item instanceof ExactNumber || !isScalar(item));
  return (value, work) => {
    if (value === undefined) return false;
    if (scalars.has(value)) return true;
    if (!isArray(value) && !isObject(value) && !(value instanceof ExactNumber)) return false;
    for (const item of others) if (equalWithin(value, item, work)) return true;
    return false;
  };
}
