/** A filter made ready to be asked; done once, when a destination is read. */
import type { Filter } from './filter.ts';
import { guardsOf } from './filter-guard.ts';
import type { Guard } from './filter-guard.ts';
import type { Predicate } from './filter-operation.ts';
import { addWanted, predicateOf } from './filter-predicate.ts';
import { WantedTree } from './json-value.ts';
import type { Wanted } from './json-value.ts';

export interface CompiledFilter extends Filter {
  /** Of the event (event-view.ts), read with `wanted` or more. Allocates nothing. */
  readonly matches: Predicate;
  readonly wanted: Wanted;
  readonly guards: readonly Guard[];
}

export function compileFilter(filter: Filter): CompiledFilter {
  const { condition } = filter;
  const wanted = new WantedTree();
  addWanted(condition, wanted);
  return { ...filter, matches: predicateOf(condition), wanted, guards: guardsOf(condition) };
}
