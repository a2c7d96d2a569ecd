/** A filter made ready to be asked; done once, when a destination is read. */
import type { Filter } from './filter.ts';
import { guardsOf } from './filter-guard.ts';
import type { Guard } from './filter-guard.ts';
import type { Predicate } from './filter-operation.ts';
import { addWanted, predicateOf } from './filter-predicate.ts';
import { MAX_FILTER_STEPS, TooMuchWorkError, Work } from './filter-work.ts';
import { WantedTree } from './json-value.ts';
import type { JsonObject, JsonValue, Wanted } from './json-value.ts';

export interface CompiledFilter extends Filter {
  /** Of the event (event-view.ts), read with `wanted` or more. */
  readonly predicate: Predicate;
  readonly wanted: Wanted;
  readonly guards: readonly Guard[];
}

export function compileFilter(filter: Filter): CompiledFilter {
  const { condition } = filter;
  const wanted = new WantedTree();
  addWanted(condition, wanted);
  return { ...filter, predicate: predicateOf(condition), wanted, guards: guardsOf(condition) };
}

/** `undefined`: it took too many steps, and counts as not matching. */
export type Answer = boolean | undefined;

export function asked(predicate: Predicate, value: JsonValue | undefined, work: Work): Answer {
  try {
    return predicate(value, work);
  } catch (error) {
    if (error instanceof TooMuchWorkError) return undefined;
    throw error;
  }
}

export function filterMatches({ predicate }: CompiledFilter, event: JsonObject): Answer {
  return asked(predicate, event, new Work(MAX_FILTER_STEPS));
}
