/**
 * What has to hold at one path for a filter to match: necessary, not sufficient. By its guards a filter is found, or
 * passed over, without being asked (filter-index.ts).
 */
import type { Condition, Operation } from './filter.ts';
import type { Predicate } from './filter-operation.ts';
import { isKey, operationPredicate } from './filter-predicate.ts';
import type { Key } from './filter-predicate.ts';
import { isArray } from './json-value.ts';

/** On the way to the value, arrays stand for each of their elements; so does the value itself for `keys`. */
export type Guard = KeyGuard | PredicateGuard;

/** One of the keys is the value, or an element of it. */
export interface KeyGuard {
  readonly kind: 'keys';
  readonly path: readonly string[];
  readonly keys: readonly Key[];
}

/** The predicate holds for the value, or for there being none. */
export interface PredicateGuard {
  readonly kind: 'predicate';
  readonly path: readonly string[];
  readonly predicate: Predicate;
}

export function guardsOf(condition: Condition, path: readonly string[] = []): Guard[] {
  switch (condition.kind) {
    case 'plain':
      return isKey(condition.value) ? [{ kind: 'keys', path, keys: [condition.value] }] : [];
    case 'items':
      // A predicate is asked of the array whole, but the item of an element: only what lies below holds for both.
      return condition.items
        .flatMap((item) => guardsOf(item, path))
        .filter((guard) => guard.kind === 'keys' || guard.path.length > path.length);
    case 'object':
      return [
        ...condition.operations.flatMap((operation) => guardsOfOperation(operation, path)),
        ...[...condition.members].flatMap(([name, member]) => guardsOf(member, [...path, name])),
      ];
  }
}

function guardsOfOperation(operation: Operation, path: readonly string[]): Guard[] {
  const keys = (values: readonly Key[]): Guard => ({ kind: 'keys', path, keys: values });
  const predicate = (): Guard[] =>
    path.length === 0
      ? []
      : [{ kind: 'predicate', path, predicate: operationPredicate(operation) }];
  switch (operation.operator) {
    case '$eq':
      return isKey(operation.operand) ? [keys([operation.operand])] : predicate();
    case '$in': {
      const { operand } = operation;
      if (isArray(operand)) return operand.every(isKey) ? [keys(operand)] : predicate();
      return isKey(operand) && typeof operand !== 'string' ? [keys([operand])] : predicate();
    }
    case '$and':
      return operation.operand.flatMap((condition) => guardsOf(condition, path));
    case '$or': {
      const common = commonKeys(operation.operand.map((condition) => guardsOf(condition, path)));
      return common.length > 0 ? common : predicate();
    }
    case '$neq':
    case '$nin':
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
    case '$startsWith':
    case '$endsWith':
    case '$exist':
    case '$not':
      return predicate();
  }
}

/** At paths at which each of the alternatives names keys, one of all of these. */
function commonKeys(alternatives: readonly (readonly Guard[])[]): KeyGuard[] {
  const [first, ...others] = alternatives.map((guards) => guards.filter(isKeyGuard));
  return (first ?? []).flatMap((guard) => {
    const name = JSON.stringify(guard.path);
    const matching = others.map((guards) =>
      guards.find(({ path }) => JSON.stringify(path) === name),
    );
    if (matching.includes(undefined)) return [];
    return [{ ...guard, keys: [...guard.keys, ...matching.flatMap((other) => other?.keys ?? [])] }];
  });
}

function isKeyGuard(guard: Guard): guard is KeyGuard {
  return guard.kind === 'keys';
}
