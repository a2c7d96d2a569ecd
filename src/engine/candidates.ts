/** The destinations that want a topic, and of these the ones whose filters want an event. */
import type { EventView } from '../domain/event-view.ts';
import { FilterIndex } from '../domain/filter-index.ts';
import type { Target } from './target.ts';

export class Candidates {
  readonly targets: readonly Target[];
  readonly isFiltered: boolean;
  /** One of them at least has an end, or takes events about one resource alone. */
  readonly isBound: boolean;
  readonly #index: FilterIndex;
  readonly #unfiltered: readonly Target[];

  /** Oldest first. */
  constructor(targets: readonly Target[]) {
    this.targets = targets;
    this.#index = new FilterIndex(targets.map(({ filter }) => filter));
    this.#unfiltered = targets.filter(({ filter }) => filter === null);
    this.isFiltered = this.#unfiltered.length < targets.length;
    this.isBound = targets.some(
      ({ expiresAtMs, resourceUrn }) => expiresAtMs !== null || resourceUrn !== null,
    );
  }

  isOf(targets: readonly Target[]): boolean {
    return (
      targets.length === this.targets.length &&
      targets.every((target, index) => target === this.targets[index])
    );
  }

  /** Oldest first. `gaveUp` is told those whose filters took too many steps. */
  matching(view: EventView, gaveUp: (target: Target) => void): readonly Target[] {
    const places = this.#index.matching(view.read(this.#index.wanted), (place) => {
      const target = this.targets[place];
      if (target !== undefined) gaveUp(target);
    });
    if (places.length === 0) return this.#unfiltered;
    if (this.#unfiltered.length === 0) return places.flatMap((place) => this.targets[place] ?? []);
    const matching = new Set(places);
    return this.targets.filter(({ filter }, place) => filter === null || matching.has(place));
  }
}
