/**
 * What has to hold at one path for a filter to match: necessary, not sufficient. By its guards a filter is found, or
 * passed over, without being asked (filter-index.ts).
 */
import { pointerPart } from './filter.ts';
import type { Condition, Operation } from './filter.ts';
import type { Predicate } from './filter-operation.ts';
import { isKey, operationPredicate } from './filter-predicate.ts';
import type { Key } from './filter-predicate.ts';
import { isArray } from './json-value.ts';

export type Guard = Spot | Alternatives;

/** On the way to the value, arrays stand for each of their elements; so does the value itself for `keys`. */
export type Spot = KeySpot | RangeSpot | PredicateSpot;

/** One of the keys is the value, or an element of it. */
export interface KeySpot {
  readonly kind: 'keys';
  readonly path: Path;
  readonly keys: readonly Key[];
}

/** The value is a number, not below the one nor above the other. */
export interface RangeSpot {
  readonly kind: 'range';
  readonly path: Path;
  readonly low: number;
  readonly high: number;
}

/** The predicate holds for the value, or for there being none. */
export interface PredicateSpot {
  readonly kind: 'predicate';
  readonly path: Path;
  readonly predicate: Predicate;
}

/** Names of members, from the event on. */
export interface Path {
  readonly names: readonly string[];
  /** The same for the same names. */
  readonly key: string;
}

/** Of one branch at least, all guards hold. */
interface Alternatives {
  readonly kind: 'alternatives';
  readonly branches: readonly (readonly Guard[])[];
}

/** All of them hold where the filter matches. */
export function guardsOf(condition: Condition): Guard[] {
  return new GuardFinder(0).of(condition, { names: [], key: '' });
}

class GuardFinder {
  /** Predicates count only below this length of path. */
  readonly #floor: number;

  constructor(floor: number) {
    this.#floor = floor;
  }

  of(condition: Condition, path: Path): Guard[] {
    switch (condition.kind) {
      case 'plain':
        return isKey(condition.value) ? [{ kind: 'keys', path, keys: [condition.value] }] : [];
      case 'items': {
        // What is asked of an element is not true of the array whole; below them, and for keys, it is the same.
        const finder = new GuardFinder(path.names.length);
        return condition.items.flatMap((item) => finder.of(item, path));
      }
      case 'object':
        return [
          ...this.#range(condition.operations, path),
          ...condition.operations.flatMap((operation) => this.#ofOperation(operation, path)),
          ...[...condition.members].flatMap(([name, member]) => this.of(member, below(path, name))),
        ];
    }
  }

  #ofOperation(operation: Operation, path: Path): Guard[] {
    switch (operation.operator) {
      case '$eq':
        if (isKey(operation.operand)) return [{ kind: 'keys', path, keys: [operation.operand] }];
        return this.#predicate(operation, path);
      case '$in': {
        const { operand } = operation;
        // A string may also be a part of the value.
        const keys = isArray(operand) ? operand : typeof operand === 'string' ? [] : [operand];
        const isKeys = keys.every(isKey) && typeof operand !== 'string';
        return isKeys ? [{ kind: 'keys', path, keys }] : this.#predicate(operation, path);
      }
      case '$and':
        return operation.operand.flatMap((condition) => this.of(condition, path));
      case '$or': {
        const branches = operation.operand.map((condition) => this.of(condition, path));
        return [...this.#predicate(operation, path), { kind: 'alternatives', branches }];
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
        return this.#predicate(operation, path);
    }
  }

  /** Of all that compare with numbers, as far as doubles hold these. */
  #range(operations: readonly Operation[], path: Path): RangeSpot[] {
    if (path.names.length <= this.#floor) return [];
    let low = -Infinity;
    let high = Infinity;
    for (const { operator, operand } of operations) {
      if (typeof operand !== 'number') continue;
      if (operator === '$gt' || operator === '$gte') low = Math.max(low, operand);
      if (operator === '$lt' || operator === '$lte') high = Math.min(high, operand);
    }
    return low === -Infinity && high === Infinity ? [] : [{ kind: 'range', path, low, high }];
  }

  #predicate(operation: Operation, path: Path): Guard[] {
    if (path.names.length <= this.#floor) return [];
    return [{ kind: 'predicate', path, predicate: operationPredicate(operation) }];
  }
}

function below({ names, key }: Path, name: string): Path {
  return { names: [...names, name], key: key + pointerPart(name) };
}
