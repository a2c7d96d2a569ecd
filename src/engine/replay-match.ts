/** Which deliveries of an event are part of a replay. */
import { EventView } from '../domain/event-view.ts';
import { compileFilter, filterMatches } from '../domain/filter-compile.ts';
import type { CompiledFilter } from '../domain/filter-compile.ts';
import { readFilter } from '../domain/filter.ts';
import { parseJson } from '../domain/json-value.ts';
import type { ReplayCriteria } from '../domain/replay.ts';
import { topicMatches } from '../domain/topic.ts';
import type { ReplayCandidate, ReplayDelivery } from '../storage/replaying.ts';
import type { TenantRoute } from './routing.ts';
import type { Target } from './target.ts';

const NO_DATA = new TextEncoder().encode('{}');

export interface ReplayWish {
  /** `null`: all of the tenant's. */
  readonly destinationId: string | null;
  readonly criteria: ReplayCriteria;
}

export class ReplayMatch {
  readonly #wish: ReplayWish;
  readonly #route: TenantRoute;
  readonly #filter: CompiledFilter | null;
  readonly #gaveUp: (target: Target, topic: string) => void;

  /** `gaveUp` is told a destination whose filter, or that of its replay, took too many steps. */
  constructor(
    wish: ReplayWish,
    route: TenantRoute,
    gaveUp: (target: Target, topic: string) => void,
  ) {
    this.#wish = wish;
    this.#route = route;
    this.#filter = wish.criteria.filter === null ? null : compiled(wish.criteria.filter);
    this.#gaveUp = gaveUp;
  }

  /** Filters have to see what is in the events. */
  get needsData(): boolean {
    const { destinationId, criteria } = this.#wish;
    if (this.#filter !== null) return true;
    if (criteria.select === 'failed' || destinationId === null) return false;
    return (this.#route.targets.get(destinationId)?.filter ?? null) !== null;
  }

  /** What of the event is to go out again. */
  deliveries(candidate: ReplayCandidate): ReplayDelivery[] {
    const { destinationId, criteria } = this.#wish;
    const { topics } = criteria;
    const { topic, deliveries } = candidate;
    if (topics.length > 0 && !topics.some((pattern) => topicMatches(pattern, topic))) return [];
    const view = viewOf(candidate);
    const isNew = deliveries.length === 0;
    const ids = isNew && destinationId !== null ? [destinationId] : deliveries.map(idOf);
    return ids.flatMap((id) => {
      const target = this.#route.targets.get(id);
      if (target === undefined || !target.enabled) return [];
      if (isNew && !this.#wants(target, candidate, view)) return [];
      if (this.#filter !== null && !this.#passes(target, this.#filter, topic, view)) return [];
      return [{ eventSeq: candidate.seq, destinationId: id, order: target.order }];
    });
  }

  /** One that it never had is sent to it as if it were published now: not where it did not ask for it. */
  #wants(target: Target, candidate: ReplayCandidate, view: EventView): boolean {
    const { topic, requestedDestinationId: requested } = candidate;
    if (requested !== null && requested !== target.id) return false;
    if (!target.topics.some((pattern) => topicMatches(pattern, topic))) return false;
    return target.filter === null || this.#passes(target, target.filter, topic, view);
  }

  #passes(target: Target, filter: CompiledFilter, topic: string, view: EventView): boolean {
    const answer = filterMatches(filter, view.read(filter.wanted));
    if (answer === undefined) this.#gaveUp(target, topic);
    return answer === true;
  }
}

function idOf({ destinationId }: { readonly destinationId: string }): string {
  return destinationId;
}

function viewOf({ id, topic, timeMs, metadata, data }: ReplayCandidate): EventView {
  return new EventView({ id, topic, timeMs, metadata, data: data ?? NO_DATA });
}

function compiled(text: string): CompiledFilter {
  const read = readFilter(parseJson(text));
  if (read.ok) return compileFilter(read.filter);
  throw new Error(`the filter of a replay is wrong at ${read.problems[0]?.pointer}`);
}
