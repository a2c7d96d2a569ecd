/**
 * The routing table: who gets what, held in memory so that a publish asks the storage nothing.
 *
 * Each tenant's part has the version that it was read at. A publish carries that version into its commit, where the
 * storage compares it: what was matched against an old version is not stored, the part is read again and the event
 * matched anew (engine/publish.ts). So a destination counts from the moment at which its creation was answered.
 */
import type { Clock, Timer } from '../domain/clock.ts';
import type { EventView } from '../domain/event-view.ts';
import { filterMatches } from '../domain/filter-compile.ts';
import type { TenantLimits } from '../domain/tenant.ts';
import { topicMatches } from '../domain/topic.ts';
import type { Storage, TenantRouting } from '../storage/storage.ts';
import { Candidates } from './candidates.ts';
import { createTarget, standingOf, tenantRevision } from './target.ts';
import type { Target, TargetMaker } from './target.ts';

/** Topics whose matches are kept for a tenant; a publisher who makes topics up does not fill the memory. */
const MAX_CACHED_TOPICS = 1000;
const PAGE_TENANTS = 500;
const RETRY_MS = 500;

export class TenantRoute {
  readonly version: number;
  readonly targets: ReadonlyMap<string, Target>;
  readonly limits: TenantLimits;
  readonly #byTopic = new Map<string, Candidates>();
  /** When the first of them ends. */
  readonly #firstEndMs: number;

  constructor(version: number, targets: ReadonlyMap<string, Target>, limits: TenantLimits) {
    this.version = version;
    this.targets = targets;
    let firstEndMs = Infinity;
    for (const { expiresAtMs } of targets.values())
      firstEndMs = Math.min(firstEndMs, expiresAtMs ?? Infinity);
    this.#firstEndMs = firstEndMs;
    this.limits = limits;
  }

  /** The destinations that take the event, or hold it while they are disabled, oldest first. */
  match(event: Matched): readonly Target[] {
    const { topic } = event;
    let candidates = this.#byTopic.get(topic);
    if (candidates === undefined) {
      candidates = this.#candidates(topic);
      if (this.#byTopic.size >= MAX_CACHED_TOPICS) this.#byTopic.clear();
      this.#byTopic.set(topic, candidates);
    }
    const matching = candidates.isFiltered
      ? candidates.matching(event.view, (target) => event.gaveUp(target))
      : candidates.targets;
    const bound = candidates.isBound
      ? matching.filter((target) => isAbout(target, event))
      : matching;
    if (this.#firstEndMs === Infinity || event.nowMs < this.#firstEndMs) return bound;
    return bound.filter((target) => standingOf(target, event.nowMs) !== 'closed');
  }

  /** The one that was addressed, if it takes or holds the event. */
  addressed(destinationId: string, event: Matched): readonly Target[] {
    const target = this.targets.get(destinationId);
    if (target === undefined || !wants(target, event.topic)) return [];
    if (!isAbout(target, event) || standingOf(target, event.nowMs) === 'closed') return [];
    const { filter } = target;
    const answer = filter === null || filterMatches(filter, event.view.read(filter.wanted));
    if (answer === undefined) event.gaveUp(target);
    return answer === true ? [target] : [];
  }

  /** The one that was addressed, if it is enabled, whatever it wants. */
  enabled(destinationId: string): readonly Target[] {
    const target = this.targets.get(destinationId);
    return target?.enabled === true ? [target] : [];
  }

  /** Topics that the same destinations want share their index. */
  #candidates(topic: string): Candidates {
    const targets = [...this.targets.values()].filter((target) => wants(target, topic));
    for (const known of this.#byTopic.values()) if (known.isOf(targets)) return known;
    return new Candidates(targets);
  }
}

/** What is asked of an event. Its view costs something, and is taken only where there are filters. */
export interface Matched {
  readonly topic: string;
  readonly nowMs: number;
  /** `null`: it is about none. */
  readonly resourceUrn: string | null;
  readonly view: EventView;
  /** The target's filter takes too many steps with it, and so does not match. */
  gaveUp(target: Target): void;
}

interface Refreshing {
  readonly now: Promise<void>;
  next: Promise<void> | null;
}

export class RoutingTable {
  readonly #storage: Storage;
  readonly #maker: TargetMaker;
  readonly #clock: Clock;
  readonly #tenants = new Map<string, TenantRoute>();
  readonly #refreshing = new Map<string, Refreshing>();
  readonly #listeners: ((tenantId: string) => void)[] = [];

  /** Tenants whose part could not be read: it may be out of date. */
  readonly #retries = new Map<string, Timer>();
  #stopped = false;

  constructor(storage: Storage, maker: TargetMaker, clock: Clock) {
    this.#storage = storage;
    this.#maker = maker;
    this.#clock = clock;
  }

  /** Called after a tenant's part was read again. */
  onChange(listener: (tenantId: string) => void): void {
    this.#listeners.push(listener);
  }

  tenant(tenantId: string): TenantRoute | undefined {
    return this.#tenants.get(tenantId);
  }

  /** The tenants that have a destination of this id. It looks at every tenant. */
  tenantsWith(destinationId: string): string[] {
    return [...this.#tenants].flatMap(([id, { targets }]) =>
      targets.has(destinationId) ? [id] : [],
    );
  }

  target(tenantId: string, destinationId: string): Target | undefined {
    return this.#tenants.get(tenantId)?.targets.get(destinationId);
  }

  async load(): Promise<void> {
    let after = 0;
    for (;;) {
      // Each page starts where the one before ended.
      const page = await this.#storage.routingPage({ after, limit: PAGE_TENANTS });
      for (const routing of page) this.#put(routing);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.position;
    }
  }

  /** Reads a tenant's part as it is now. Calls that come while one is under way share one that starts after it. */
  refresh(tenantId: string): Promise<void> {
    const known = this.#refreshing.get(tenantId);
    if (known === undefined) return this.#begin(tenantId);
    known.next ??= known.now.catch(() => {}).then(() => this.#begin(tenantId));
    return known.next;
  }

  #begin(tenantId: string): Promise<void> {
    const refreshing: Refreshing = { now: this.#read(tenantId), next: null };
    this.#refreshing.set(tenantId, refreshing);
    const forget = () => {
      if (refreshing.next === null) this.#refreshing.delete(tenantId);
    };
    refreshing.now.then(forget, () => {
      forget();
      this.#retryLater(tenantId);
    });
    return refreshing.now;
  }

  /** Whoever asked is told that it failed; what was changed counts all the same, and nobody may come again. */
  #retryLater(tenantId: string): void {
    if (this.#stopped || this.#retries.has(tenantId)) return;
    const retry = () => {
      this.#retries.delete(tenantId);
      this.refresh(tenantId).catch(() => {});
    };
    this.#retries.set(tenantId, this.#clock.schedule(RETRY_MS, retry));
  }

  /** What could not be read is not read again. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#retries.values()) timer.cancel();
    this.#retries.clear();
  }

  async #read(tenantId: string): Promise<void> {
    const routing = await this.#storage.routingOf({ tenantId });
    if (routing === null) this.#tenants.delete(tenantId);
    else this.#put(routing);
    for (const listener of this.#listeners) listener(tenantId);
  }

  #put({ tenantId, version, defaults, destinations }: TenantRouting): void {
    const revision = tenantRevision(defaults);
    const before = this.#tenants.get(tenantId);
    const targets = destinations.map((stored): [string, Target] => {
      const known = before?.targets.get(stored.id);
      // What did not change keeps its open sender. A revision is never used twice for one creation of a destination.
      const kept =
        known !== undefined &&
        known.revision === stored.revision &&
        known.tenantRevision === revision;
      return [stored.id, kept ? known : createTarget(stored, defaults, this.#maker)];
    });
    this.#tenants.set(
      tenantId,
      new TenantRoute(version, new Map(targets), defaults.settings.limits ?? {}),
    );
  }
}

/** Whether the event is about the target's one resource. */
function isAbout({ resourceUrn }: Target, event: Matched): boolean {
  return resourceUrn === null || resourceUrn === event.resourceUrn;
}

function wants(target: Target, topic: string): boolean {
  return (
    (target.enabled || target.holds) &&
    target.topics.some((pattern) => topicMatches(pattern, topic))
  );
}
