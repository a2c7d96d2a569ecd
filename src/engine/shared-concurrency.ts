/**
 * Attempts under way that several lanes count together: those of a tenant, those to one receiving origin (scheme, host
 * and port), whoever's they are, and those of a tenant to one origin, where its limits say so.
 *
 * A lane that finds no place stands in line, and costs nothing there: when a place is free, the first in line is called.
 * One that is called and takes no place (its rate says no, its queue is empty) passes the call on, so that no place stays
 * free while somebody waits for it.
 *
 * Over several nodes each has its share of a bound (node-shares.ts).
 */
import type { TenantLimits } from '../domain/tenant.ts';
import type { NodeShares } from './node-shares.ts';
import type { Target } from './target.ts';

export interface SharedLimits {
  /** Attempts of one tenant at the same time; its own limit goes before. */
  readonly maxPerTenant: number;
  /** Attempts to one receiving origin at the same time, over all tenants. */
  readonly maxPerOrigin: number;
}

/** The places under one bound. */
interface Places {
  readonly key: string;
  /** What of the bound is this node's, as it was last asked. */
  max: number;
  share: () => number;
  taken: number;
  /** Lanes that count here. */
  users: number;
  readonly line: Set<SharedConcurrency>;
}

export class SharedPlaces {
  readonly #limits: SharedLimits;
  readonly #shares: NodeShares;
  readonly #byKey = new Map<string, Places>();

  constructor(limits: SharedLimits, shares: NodeShares) {
    this.#limits = limits;
    this.#shares = shares;
  }

  /** Those that a destination counts in. Each call is a use, which `leave` ends. */
  enter({ tenantId, origin }: Pick<Target, 'tenantId' | 'origin'>, limits: TenantLimits): Places[] {
    const shares = this.#shares;
    const { maxPerTenant, maxPerOrigin } = this.#limits;
    const { concurrency = maxPerTenant, concurrency_per_origin: ofOrigin } = limits;
    const places = [this.#use(`tenant ${tenantId}`, () => shares.ofTenant(tenantId, concurrency))];
    if (origin === null) return places;
    places.push(this.#use(`origin ${origin}`, () => shares.ofAll(maxPerOrigin)));
    // A tenant's id has no space.
    if (ofOrigin !== undefined) {
      const share = () => shares.ofTenant(tenantId, ofOrigin, origin);
      places.push(this.#use(`both ${tenantId} ${origin}`, share));
    }
    return places;
  }

  leave(all: readonly Places[]): void {
    for (const places of all) if (--places.users === 0) this.#byKey.delete(places.key);
  }

  /** Other nodes have come or gone. */
  reshare(): void {
    const all = [...this.#byKey.values()];
    for (const places of all) places.max = places.share();
    callFirst(all);
  }

  #use(key: string, share: () => number): Places {
    let places = this.#byKey.get(key);
    if (places === undefined) {
      places = { key, max: 0, share, taken: 0, users: 0, line: new Set() };
      this.#byKey.set(key, places);
    }
    places.share = share;
    places.max = share();
    places.users++;
    return places;
  }
}

/** What one lane shares with others. */
export class SharedConcurrency {
  readonly #all: SharedPlaces;
  /** Asks the lane whether it may start now; `false`: it has nothing to start. */
  readonly #call: () => boolean;
  #places: readonly Places[];
  #underWay = 0;

  constructor(all: SharedPlaces, target: Target, limits: TenantLimits, call: () => boolean) {
    this.#all = all;
    this.#call = call;
    this.#places = all.enter(target, limits);
  }

  get isFull(): boolean {
    return this.#places.some(({ taken, max }) => taken >= max);
  }

  /** Whether there is a place everywhere; where there is none, the lane stands in line for it. */
  hasPlace(): boolean {
    const full = this.#places.find(({ taken, max }) => taken >= max);
    full?.line.add(this);
    return full === undefined;
  }

  started(): void {
    this.#underWay++;
    for (const places of this.#places) places.taken++;
    // Where several places were free, there is one for the next in line too.
    callFirst(this.#places);
  }

  ended(): void {
    this.#underWay--;
    for (const places of this.#places) places.taken--;
  }

  /** Calls the first in line where a place is free. */
  callNext(): void {
    callFirst(this.#places);
  }

  /** The destination delivers elsewhere, or its tenant has other limits. What is under way counts there from now on. */
  move(target: Target, limits: TenantLimits): void {
    const before = this.#places;
    this.#places = this.#all.enter(target, limits);
    for (const places of before) places.taken -= this.#underWay;
    for (const places of this.#places) places.taken += this.#underWay;
    this.#leave(before);
    callFirst(before);
  }

  /** Takes it out of the line; `false`: it has nothing to start. */
  call(): boolean {
    for (const { line } of this.#places) line.delete(this);
    return this.#call();
  }

  /** The lane is gone. */
  close(): void {
    this.#leave(this.#places);
  }

  #leave(places: readonly Places[]): void {
    for (const { line } of places) line.delete(this);
    this.#all.leave(places);
  }
}

function callFirst(all: readonly Places[]): void {
  for (const { line, taken, max } of all) {
    if (line.size === 0 || taken >= max) continue;
    for (const next of line) if (next.call()) break;
  }
}
