/** Conditions made functions, and what these look at. */
import { ExactNumber } from './exact-number.ts';
import type { Condition, Operation } from './filter.ts';
import { equals, negated, simplePredicate } from './filter-operation.ts';
import type { Predicate } from './filter-operation.ts';
import type { Work } from './filter-work.ts';
import { isArray, isObject, isScalar } from './json-value.ts';
import type { JsonValue, WantedTree } from './json-value.ts';

export function predicateOf(condition: Condition): Predicate {
  switch (condition.kind) {
    case 'plain':
      return overElements(equals(condition.value));
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
  return overElements((value, work) => {
    for (const { name, matches } of tests)
      if (!matches(isObject(value) ? value.get(name) : undefined, work)) return false;
    return true;
  });
}

/** An array matches where one of its elements does, however deep arrays nest. */
function overElements(isMatch: Predicate): Predicate {
  return function matches(value, work) {
    work.spend(1);
    if (!isArray(value)) return isMatch(value, work);
    for (const element of value) if (matches(element, work)) return true;
    return false;
  };
}

function items(predicates: readonly Predicate[]): Predicate {
  return (value, work) => {
    if (!isArray(value)) return false;
    for (const predicate of predicates) if (!someElement(value, predicate, work)) return false;
    return true;
  };
}

export function someElement(
  array: readonly JsonValue[],
  predicate: Predicate,
  work: Work,
): boolean {
  for (const element of array) {
    work.spend(1);
    if (predicate(element, work)) return true;
  }
  return false;
}

function all(predicates: readonly Predicate[]): Predicate {
  const [first] = predicates;
  if (first !== undefined && predicates.length === 1) return first;
  return (value, work) => {
    for (const predicate of predicates) {
      work.spend(1);
      if (!predicate(value, work)) return false;
    }
    return true;
  };
}

function any(predicates: readonly Predicate[]): Predicate {
  return (value, work) => {
    for (const predicate of predicates) {
      work.spend(1);
      if (predicate(value, work)) return true;
    }
    return false;
  };
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
