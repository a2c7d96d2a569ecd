/**
 * Many filters asked at once: which of them match an event.
 *
 * Most filters ask for one value at one path, or for a range of numbers, so they are found by these, and only those found
 * are asked. Of the others (negations, prefixes), the first condition is asked with the value at its path, which is looked
 * up once for all. Filters that are spelled alike are asked once. Nothing is allocated for those that do not match.
 */
import { asked } from './filter-compile.ts';
import type { Answer, CompiledFilter } from './filter-compile.ts';
import { addWanted, isKey } from './filter-predicate.ts';
import type { Key } from './filter-predicate.ts';
import type { Guard, KeySpot, Spot } from './filter-guard.ts';
import type { Predicate } from './filter-operation.ts';
import { ExactNumber } from './exact-number.ts';
import { MAX_EVENT_STEPS, MAX_FILTER_STEPS, Work } from './filter-work.ts';
import { IntervalIndex } from './interval-index.ts';
import type { Interval } from './interval-index.ts';
import { isArray, isObject, WantedTree } from './json-value.ts';
import type { JsonObject, JsonValue, Wanted } from './json-value.ts';

/** Filters that are spelled alike. */
class Entry {
  readonly predicate: Predicate;
  readonly guards: readonly Guard[];
  /** Their places among the filters given, ascending. */
  readonly places: number[];
  /** The round in which it was last asked; an array may lead to it several times. */
  round = 0;

  constructor({ predicate, guards }: CompiledFilter, place: number) {
    this.predicate = predicate;
    this.guards = guards;
    this.places = [place];
  }
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
    const entries = new Map<string, Entry>();
    filters.forEach((filter, place) => {
      if (filter === null) return;
      const known = entries.get(filter.text);
      if (known !== undefined) {
        known.places.push(place);
        return;
      }
      addWanted(filter.condition, wanted);
      entries.set(filter.text, new Entry(filter, place));
    });
    this.wanted = wanted;

    const crowds: Crowds = new Map();
    for (const { guards } of entries.values()) countKeys(guards, crowds);
    const paths = new Map<string, GuardedPath>();
    const unguarded: Entry[] = [];
    for (const entry of entries.values()) {
      const choice = best(entry.guards, crowds);
      if (choice === undefined) unguarded.push(entry);
      for (const spot of choice?.spots ?? []) {
        const { key, names } = spot.path;
        let path = paths.get(key);
        if (path === undefined) paths.set(key, (path = new GuardedPath(names)));
        path.add(spot, entry);
      }
    }
    this.#unguarded = unguarded;
    this.#paths = [...paths.values()];
  }

  /** The places of those that match the event, ascending. `gaveUp` is told the places of those that took too many steps. */
  matching(event: JsonObject, gaveUp: (place: number) => void): number[] {
    const asking = new Asking(event, gaveUp, ++this.#round);
    for (const entry of this.#unguarded) asking.ask(entry);
    for (const path of this.#paths) path.find(asking);
    return asking.found.sort((left, right) => left - right);
  }
}

/** One event, and what may be done with it. */
class Asking {
  readonly event: JsonObject;
  readonly found: number[] = [];
  readonly #gaveUp: (place: number) => void;
  readonly #round: number;
  readonly #work = new Work(0);
  #left = MAX_EVENT_STEPS;

  constructor(event: JsonObject, gaveUp: (place: number) => void, round: number) {
    this.event = event;
    this.#gaveUp = gaveUp;
    this.#round = round;
  }

  readonly ask = (entry: Entry): void => {
    if (entry.round === this.#round) return;
    entry.round = this.#round;
    const answer = this.#try(entry.predicate, this.event);
    if (answer === true) for (const place of entry.places) this.found.push(place);
    if (answer === undefined) for (const place of entry.places) this.#gaveUp(place);
  };

  /** A guard that takes too many steps is passed: so does its filter, which then does not match. */
  passes(guard: Predicate, value: JsonValue | undefined): boolean {
    return this.#try(guard, value) !== false;
  }

  /** Whether there is anything left to do it with. */
  step(): boolean {
    return --this.#left > 0;
  }

  #try(predicate: Predicate, value: JsonValue | undefined): Answer {
    const share = Math.min(MAX_FILTER_STEPS, this.#left);
    this.#work.left = share;
    const answer = asked(predicate, value, this.#work);
    this.#left -= share - Math.max(0, this.#work.left);
    return answer;
  }
}

class GuardedPath {
  readonly #names: readonly string[];
  readonly #byKey = new Map<Key, Entry[]>();
  readonly #ranges: Interval<Entry>[] = [];
  #byRange: IntervalIndex<Entry> | null = null;
  readonly #byPredicate: { readonly predicate: Predicate; readonly entry: Entry }[] = [];

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  add(spot: Spot, entry: Entry): void {
    switch (spot.kind) {
      case 'keys':
        for (const key of new Set(spot.keys)) {
          const entries = this.#byKey.get(key);
          if (entries === undefined) this.#byKey.set(key, [entry]);
          else entries.push(entry);
        }
        break;
      case 'range':
        this.#ranges.push({ low: spot.low, high: spot.high, item: entry });
        break;
      case 'predicate':
        this.#byPredicate.push({ predicate: spot.predicate, entry });
        break;
    }
  }

  find(asking: Asking): void {
    this.#walk(asking.event, 0, asking);
  }

  #walk(value: JsonValue | undefined, depth: number, asking: Asking): void {
    if (!asking.step()) return;
    const name = this.#names[depth];
    if (name === undefined) {
      for (const { predicate, entry } of this.#byPredicate)
        if (asking.passes(predicate, value)) asking.ask(entry);
      if (this.#byKey.size > 0) this.#findKey(value, asking);
      if (this.#ranges.length > 0) this.#findRange(value, asking);
    } else if (isArray(value)) {
      for (const element of value) this.#walk(element, depth, asking);
    } else {
      this.#walk(isObject(value) ? value.get(name) : undefined, depth + 1, asking);
    }
  }

  #findKey(value: JsonValue | undefined, asking: Asking): void {
    if (value === undefined || !asking.step()) return;
    if (isArray(value)) {
      for (const element of value) this.#findKey(element, asking);
    } else if (isKey(value)) {
      const entries = this.#byKey.get(value);
      if (entries !== undefined) for (const entry of entries) asking.ask(entry);
    }
  }

  #findRange(value: JsonValue | undefined, asking: Asking): void {
    this.#byRange ??= new IntervalIndex(this.#ranges);
    if (typeof value === 'number') this.#byRange.find(value, asking.ask);
    // Rounded, it lies in no fewer of them than before.
    if (value instanceof ExactNumber) this.#byRange.find(Number(value.spelling), asking.ask);
  }
}

/** By path and key, how many filters name them. */
type Crowds = Map<string, Map<Key, number>>;

function countKeys(guards: readonly Guard[], crowds: Crowds): void {
  for (const guard of guards) {
    if (guard.kind === 'alternatives')
      for (const branch of guard.branches) countKeys(branch, crowds);
    if (guard.kind !== 'keys') continue;
    let counts = crowds.get(guard.path.key);
    if (counts === undefined) crowds.set(guard.path.key, (counts = new Map<Key, number>()));
    for (const key of guard.keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
}

/** Spots of which one holds at least where the filter matches. */
interface Choice {
  readonly spots: readonly Spot[];
  /** About how many filters are asked together with it. */
  readonly cost: number;
}

/** More than any keys: many may lie in a range open to one side, and a predicate is asked of every event. */
const RANGE_COST = 1e6;
const OPEN_RANGE_COST = 1e8;
const PREDICATE_COST = 1e9;

/** The guard by which it is asked least; `undefined`: it has none. */
function best(guards: readonly Guard[], crowds: Crowds): Choice | undefined {
  let found: Choice | undefined;
  for (const guard of guards) {
    const choice = choiceOf(guard, crowds);
    if (choice !== undefined && choice.cost < (found?.cost ?? Infinity)) found = choice;
  }
  return found;
}

function choiceOf(guard: Guard, crowds: Crowds): Choice | undefined {
  switch (guard.kind) {
    case 'keys':
      return { spots: [guard], cost: crowdOf(guard, crowds) };
    case 'range': {
      const isOpen = guard.low === -Infinity || guard.high === Infinity;
      return { spots: [guard], cost: isOpen ? OPEN_RANGE_COST : RANGE_COST };
    }
    case 'predicate':
      return { spots: [guard], cost: PREDICATE_COST };
    case 'alternatives': {
      const choices = guard.branches.map((branch) => best(branch, crowds));
      const spots = choices.flatMap((choice) => choice?.spots ?? []);
      const cost = choices.reduce((sum, choice) => sum + (choice?.cost ?? Infinity), 0);
      return { spots, cost };
    }
  }
}

function crowdOf({ path, keys }: KeySpot, crowds: Crowds): number {
  const counts = crowds.get(path.key);
  return keys.reduce<number>((sum, key) => sum + (counts?.get(key) ?? 0), 0);
}
