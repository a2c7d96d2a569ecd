/** A filter made one function, and what that function looks at. */
import { ExactNumber } from './exact-number.ts';
import type { Condition, Filter, Operation } from './filter.ts';
import { equals, negated, simplePredicate } from './filter-operation.ts';
import type { Predicate } from './filter-operation.ts';
import { isArray, isObject, isScalar, WantedTree } from './json-value.ts';
import type { JsonValue, Wanted } from './json-value.ts';

export interface CompiledFilter extends Filter {
  /** Of the event (event-view.ts), read with `wanted` or more. Allocates nothing. */
  readonly matches: Predicate;
  readonly wanted: Wanted;
}

export function compileFilter(filter: Filter): CompiledFilter {
  const wanted = new WantedTree();
  addWanted(filter.condition, wanted);
  return { ...filter, matches: predicateOf(filter.condition), wanted };
}

export function predicateOf(condition: Condition): Predicate {
  switch (condition.kind) {
    case 'plain':
      return plain(equals(condition.value));
    case 'items':
      return items(condition.items.map(predicateOf));
    case 'object': {
      const parts = condition.operations.map(operationPredicate);
      if (condition.members.size > 0) parts.push(members(condition.members));
      return all(parts);
    }
  }
}

export function operationPredicate(operation: Operation): Predicate {
  switch (operation.operator) {
    case '$and':
      return all(operation.operand.map(predicateOf));
    case '$or':
      return any(operation.operand.map(predicateOf));
    case '$not':
      return negated(predicateOf(operation.operand));
    case '$eq':
    case '$neq':
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
    case '$in':
    case '$nin':
    case '$startsWith':
    case '$endsWith':
    case '$exist':
      return simplePredicate(operation);
  }
}

/** Those of the operators aside: an array has an element that matches them all. */
export function members(conditions: ReadonlyMap<string, Condition>): Predicate {
  const tests = [...conditions].map(([name, condition]) => ({
    name,
    matches: predicateOf(condition),
  }));
  const [first] = tests;
  const isMatch =
    tests.length === 1 && first !== undefined
      ? (value: JsonValue | undefined) =>
          first.matches(isObject(value) ? value.get(first.name) : undefined)
      : (value: JsonValue | undefined) =>
          tests.every(({ name, matches }) =>
            matches(isObject(value) ? value.get(name) : undefined),
          );
  return overElements(isMatch);
}

function plain(isEqual: Predicate): Predicate {
  return overElements(isEqual);
}

/** An array matches where one of its elements does, however deep arrays nest. */
function overElements(isMatch: Predicate): Predicate {
  const matches: Predicate = (value) => (isArray(value) ? value.some(matches) : isMatch(value));
  return matches;
}

function items(predicates: readonly Predicate[]): Predicate {
  return (value) => isArray(value) && predicates.every((predicate) => value.some(predicate));
}

function all(predicates: readonly Predicate[]): Predicate {
  const [first, second] = predicates;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (predicates.length === 2) return (value) => first(value) && second(value);
  return (value) => predicates.every((predicate) => predicate(value));
}

function any(predicates: readonly Predicate[]): Predicate {
  return (value) => predicates.some((predicate) => predicate(value));
}

/** Adds what the condition looks at. Of scalars nothing has to be said: they are read wherever they stand. */
export function addWanted(condition: Condition, wanted: WantedTree): void {
  switch (condition.kind) {
    case 'plain':
      break;
    case 'items':
      for (const item of condition.items) addWanted(item, wanted);
      break;
    case 'object':
      for (const operation of condition.operations) addWantedBy(operation, wanted);
      for (const [name, member] of condition.members) addWanted(member, wanted.member(name));
      break;
  }
}

function addWantedBy(operation: Operation, wanted: WantedTree): void {
  switch (operation.operator) {
    case '$eq':
    case '$neq':
      if (!isScalar(operation.operand)) wanted.whole = true;
      break;
    case '$in':
    case '$nin':
      if (isArray(operation.operand) && !operation.operand.every(isScalar)) wanted.whole = true;
      break;
    case '$and':
    case '$or':
      for (const condition of operation.operand) addWanted(condition, wanted);
      break;
    case '$not':
      addWanted(operation.operand, wanted);
      break;
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
    case '$startsWith':
    case '$endsWith':
    case '$exist':
      break;
  }
}

/** Scalars that are equal exactly where JavaScript says so. */
export type Key = string | number | boolean | null;

export function isKey(value: JsonValue): value is Key {
  return isScalar(value) && !(value instanceof ExactNumber);
}
