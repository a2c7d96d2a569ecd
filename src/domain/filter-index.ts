/**
 * Many filters asked at once: which of them match an event.
 *
 * Most filters ask for one value at one path, so they are found by that value, and only those found are asked. Of those
 * that name none (ranges, negations), the first condition is asked with the value at its path, which is looked up once
 * for all. Filters that are spelled alike are asked once. Nothing is allocated for those that do not match.
 */
import type { CompiledFilter, Key } from './filter-predicate.ts';
import { addWanted, isKey } from './filter-predicate.ts';
import { guardsOf } from './filter-guard.ts';
import type { Guard, KeyGuard } from './filter-guard.ts';
import type { Predicate } from './filter-operation.ts';
import { isArray, isObject, WantedTree } from './json-value.ts';
import type { JsonObject, JsonValue, Wanted } from './json-value.ts';

/** Filters that are spelled alike. */
interface Entry {
  readonly matches: Predicate;
  /** Their places among the filters given, ascending. */
  readonly places: number[];
  /** The round in which it was last asked; an array may lead to it several times. */
  round: number;
}

export class FilterIndex {
  /** What an event has to be read with. */
  readonly wanted: Wanted;
  readonly #unguarded: readonly Entry[];
  readonly #paths: readonly GuardedPath[];
  #round = 0;

  /** `null` stands for no filter: its place is never answered. */
  constructor(filters: readonly (CompiledFilter | null)[]) {
    const wanted = new WantedTree();
    const entries = new Map<string, Entry & { readonly guards: readonly Guard[] }>();
    filters.forEach((filter, place) => {
      if (filter === null) return;
      const known = entries.get(filter.text);
      if (known !== undefined) {
        known.places.push(place);
        return;
      }
      addWanted(filter.condition, wanted);
      const { text, matches, condition } = filter;
      entries.set(text, { matches, places: [place], round: 0, guards: guardsOf(condition) });
    });
    this.wanted = wanted;

    const crowds = countKeys([...entries.values()].flatMap(({ guards }) => guards));
    const paths = new Map<string, GuardedPath>();
    const unguarded: Entry[] = [];
    for (const { guards, ...entry } of entries.values()) {
      const guard = best(guards, crowds);
      if (guard === undefined) unguarded.push(entry);
      else {
        const name = pathName(guard);
        let path = paths.get(name);
        if (path === undefined) paths.set(name, (path = new GuardedPath(guard.path)));
        path.add(guard, entry);
      }
    }
    this.#unguarded = unguarded;
    this.#paths = [...paths.values()];
  }

  /** The places of those that match the event, ascending. */
  matching(event: JsonObject): number[] {
    const found: number[] = [];
    this.#round++;
    const round = this.#round;
    const ask = (entry: Entry) => {
      if (entry.round === round) return;
      entry.round = round;
      if (entry.matches(event)) for (const place of entry.places) found.push(place);
    };
    for (const entry of this.#unguarded) ask(entry);
    for (const path of this.#paths) path.find(event, ask);
    return found.sort((left, right) => left - right);
  }
}

type Ask = (entry: Entry) => void;

class GuardedPath {
  readonly #names: readonly string[];
  readonly #byKey = new Map<Key, Entry[]>();
  readonly #byPredicate: { readonly predicate: Predicate; readonly entry: Entry }[] = [];

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  add(guard: Guard, entry: Entry): void {
    if (guard.kind === 'predicate') {
      this.#byPredicate.push({ predicate: guard.predicate, entry });
      return;
    }
    for (const key of new Set(guard.keys)) {
      const entries = this.#byKey.get(key);
      if (entries === undefined) this.#byKey.set(key, [entry]);
      else entries.push(entry);
    }
  }

  find(event: JsonObject, ask: Ask): void {
    this.#walk(event, 0, ask);
  }

  #walk(value: JsonValue | undefined, depth: number, ask: Ask): void {
    const name = this.#names[depth];
    if (name === undefined) {
      for (const { predicate, entry } of this.#byPredicate) if (predicate(value)) ask(entry);
      if (this.#byKey.size > 0) this.#byValue(value, ask);
    } else if (isArray(value)) {
      for (const element of value) this.#walk(element, depth, ask);
    } else {
      this.#walk(isObject(value) ? value.get(name) : undefined, depth + 1, ask);
    }
  }

  #byValue(value: JsonValue | undefined, ask: Ask): void {
    if (value === undefined) return;
    if (isArray(value)) {
      for (const element of value) this.#byValue(element, ask);
    } else if (isKey(value)) {
      const entries = this.#byKey.get(value);
      if (entries !== undefined) for (const entry of entries) ask(entry);
    }
  }
}

/** By path and key, how many guards name them. */
type Crowds = ReadonlyMap<string, ReadonlyMap<Key, number>>;

function countKeys(guards: readonly Guard[]): Crowds {
  const crowds = new Map<string, Map<Key, number>>();
  for (const guard of guards) {
    if (guard.kind !== 'keys') continue;
    const name = pathName(guard);
    let counts = crowds.get(name);
    if (counts === undefined) crowds.set(name, (counts = new Map<Key, number>()));
    for (const key of guard.keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return crowds;
}

/** The one whose keys the fewest others share; a predicate only where there are none. */
function best(guards: readonly Guard[], crowds: Crowds): Guard | undefined {
  let found: Guard | undefined;
  let least = Infinity;
  for (const guard of guards) {
    if (guard.kind === 'predicate') {
      found ??= guard;
      continue;
    }
    const crowd = crowdOf(guard, crowds);
    if (crowd < least) {
      found = guard;
      least = crowd;
    }
  }
  return found;
}

function crowdOf(guard: KeyGuard, crowds: Crowds): number {
  const counts = crowds.get(pathName(guard));
  return Math.max(0, ...guard.keys.slice(0, MAX_LOOKED_AT).map((key) => counts?.get(key) ?? 0));
}

/** Of a long list, the first ones speak for all. */
const MAX_LOOKED_AT = 16;

function pathName({ path }: Guard): string {
  return JSON.stringify(path);
}
