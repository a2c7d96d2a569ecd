/** Why a filter does not match an event, for people: each condition that failed, with what stands in the event. */
import { pointerPart } from './filter.ts';
import type { Condition, Operation } from './filter.ts';
import { filterMatches } from './filter-compile.ts';
import type { CompiledFilter } from './filter-compile.ts';
import { members, operationPredicate, predicateOf, someElement } from './filter-predicate.ts';
import { MAX_EVENT_STEPS, MAX_FILTER_STEPS, TooMuchWorkError, Work } from './filter-work.ts';
import { isArray, isObject, isScalar, jsonText } from './json-value.ts';
import type { JsonObject, JsonValue } from './json-value.ts';

export interface FailedCondition {
  /** JSON pointer into the filter. */
  readonly pointer: string;
  /** A whole sentence. */
  readonly message: string;
}

/** Of values in messages. */
const MAX_SHOWN = 80;
const EVENT_MEMBERS = ['id', 'topic', 'time', 'metadata', 'data'];

/** In the filter's order; none where the filter matches. */
export function failedConditions(filter: CompiledFilter, event: JsonObject): FailedCondition[] {
  if (filterMatches(filter, event)) return [];
  try {
    return explain(filter.condition, event, {
      filter: '',
      event: '',
      work: new Work(MAX_EVENT_STEPS),
    });
  } catch (error) {
    if (!(error instanceof TooMuchWorkError)) throw error;
    return [{ pointer: '', message: TOO_MUCH }];
  }
}

const TOO_MUCH = `It takes more than ${MAX_FILTER_STEPS} steps with this event: then it does not match.`;

interface Place {
  /** JSON pointers. */
  readonly filter: string;
  readonly event: string;
  readonly work: Work;
}

function explain(
  condition: Condition,
  value: JsonValue | undefined,
  place: Place,
): FailedCondition[] {
  if (predicateOf(condition)(value, place.work)) return [];
  switch (condition.kind) {
    case 'plain':
      return failed(
        place,
        value,
        `${isArray(value) ? 'has no element equal to' : 'is not'} ${shown(condition.value)}`,
      );
    case 'items': {
      if (!isArray(value)) return failed(place, value, 'is not an array');
      return condition.items.flatMap((item, index) => {
        if (someElement(value, predicateOf(item), place.work)) return [];
        const inner = { ...place, filter: place.filter + pointerPart(index) };
        return failed(inner, value, `has no element that matches ${describe(item)}`);
      });
    }
    case 'object':
      return [
        ...condition.operations.flatMap((operation) => explainOperation(operation, value, place)),
        ...explainMembers(condition.members, value, place),
      ];
  }
}

function explainMembers(
  conditions: ReadonlyMap<string, Condition>,
  value: JsonValue | undefined,
  place: Place,
): FailedCondition[] {
  if (conditions.size === 0 || members(conditions)(value, place.work)) return [];
  if (isArray(value)) {
    const [only] = value;
    if (value.length === 1)
      return explainMembers(conditions, only, { ...place, event: `${place.event}/0` });
    return failed(place, value, 'has no element that matches this object');
  }
  return [...conditions].flatMap(([name, condition]) => {
    const part = pointerPart(name);
    const inner = { ...place, filter: place.filter + part, event: place.event + part };
    const member = isObject(value) ? value.get(name) : undefined;
    const found = explain(condition, member, inner);
    return place.event === '' && !EVENT_MEMBERS.includes(name) ? found.map(withAdvice) : found;
  });
}

/** The commonest mistake. */
function withAdvice({ pointer, message }: FailedCondition): FailedCondition {
  const advice = `An event has ${EVENT_MEMBERS.join(', ')}; what was published is in data.`;
  return { pointer, message: `${message} ${advice}` };
}

function explainOperation(
  operation: Operation,
  value: JsonValue | undefined,
  place: Place,
): FailedCondition[] {
  if (operationPredicate(operation)(value, place.work)) return [];
  const { operator } = operation;
  const inner = { ...place, filter: place.filter + pointerPart(operator) };
  switch (operator) {
    case '$and':
      return operation.operand.flatMap((condition, index) =>
        explain(condition, value, { ...inner, filter: inner.filter + pointerPart(index) }),
      );
    case '$or':
      return failed(inner, value, `matches none of the ${operation.operand.length} alternatives`);
    case '$not':
      return failed(inner, value, 'matches what it must not match');
    case '$exist':
      return failed(inner, value, operation.operand ? 'is missing' : 'is there, and must not be');
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
      return failed(inner, value, `fails ${operator} ${shown(operation.operand)}`);
  }
}

function failed(place: Place, value: JsonValue | undefined, what: string): FailedCondition[] {
  const name = place.event === '' ? 'The event' : place.event;
  const is = place.event === '' || value === undefined ? '' : `, which is ${shown(value)},`;
  const missing = value === undefined && what !== 'is missing' ? ', which is missing,' : '';
  return [{ pointer: place.filter, message: `${name}${is}${missing} ${what}.` }];
}

function describe(condition: Condition): string {
  return condition.kind === 'plain' ? shown(condition.value) : 'this condition';
}

/** Shortened; of arrays and objects only as much is written out as is shown. */
function shown(value: JsonValue): string {
  const text = isScalar(value) ? jsonText(value) : jsonText(clipped(value));
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}

function clipped(value: JsonValue): JsonValue {
  if (isArray(value)) return value.slice(0, MAX_SHOWN).map(clipped);
  if (!isObject(value)) return value;
  return new Map([...value].slice(0, MAX_SHOWN).map(([name, member]) => [name, clipped(member)]));
}
