/** All lanes of this node, by destination. */
import type { TenantLimits } from '../domain/tenant.ts';
import { Lane } from './lane.ts';
import type { NodeShares } from './node-shares.ts';
import type { RoutingTable } from './routing.ts';
import { SharedConcurrency, SharedPlaces } from './shared-concurrency.ts';
import type { SharedLimits } from './shared-concurrency.ts';
import type { Target } from './target.ts';

export class Lanes {
  readonly #byKey = new Map<string, Lane>();
  /** By the destination as it was last read: each delivery asks for its lane several times. */
  readonly #byTarget = new Map<Target, Lane>();
  readonly #places: SharedPlaces;
  readonly #routing: RoutingTable;
  readonly #call: (lane: Lane) => boolean;

  /** `call`: a place is free that the lane waited for; `false`: it has nothing to start. */
  constructor(
    {
      limits,
      routing,
      shares,
    }: { limits: SharedLimits; routing: RoutingTable; shares: NodeShares },
    call: (lane: Lane) => boolean,
  ) {
    this.#places = new SharedPlaces(limits, shares);
    this.#routing = routing;
    this.#call = call;
  }

  /** Made where there is none yet. */
  of(target: Target): Lane {
    return this.#byTarget.get(target) ?? this.#ofKey(target);
  }

  #ofKey(target: Target): Lane {
    const key = keyOf(target);
    let lane = this.#byKey.get(key);
    if (lane === undefined) {
      const limits = this.#limitsOf(target);
      const share = (made: Lane) =>
        new SharedConcurrency(this.#places, target, limits, () => this.#call(made));
      lane = new Lane(target, share);
      this.#byKey.set(key, lane);
      this.#byTarget.set(target, lane);
    }
    return lane;
  }

  find(target: Target): Lane | undefined {
    return this.#byTarget.get(target) ?? this.#byKey.get(keyOf(target));
  }

  all(): Lane[] {
    return [...this.#byKey.values()];
  }

  /**
   * The clock was set back: what is in the storage may be due before the times that were noted. Gives the lanes that have
   * something there: one whose destination had expired, and is not disabled yet, is open again.
   */
  lookAgain(nowMs: number): Lane[] {
    const lanes = this.all();
    for (const lane of lanes) lane.lookAgain(nowMs);
    return lanes.filter(({ dueAtMs }) => dueAtMs !== Infinity);
  }

  /** Its destination, or its tenant's limits, have changed. */
  retarget(lane: Lane, target: Target): void {
    this.#byTarget.delete(lane.target);
    this.#byTarget.set(target, lane);
    lane.retarget(target);
    lane.shared.move(target, this.#limitsOf(target));
  }

  /** Other nodes have come or gone. */
  reshare(): void {
    this.#places.reshare();
  }

  forget(lane: Lane): void {
    const { tenantId, destinationId, createdAtMs } = lane;
    if (!this.#byKey.delete(keyOf({ tenantId, id: destinationId, createdAtMs }))) return;
    this.#byTarget.delete(lane.target);
    lane.shared.close();
  }

  #limitsOf({ tenantId }: Target): TenantLimits {
    return this.#routing.tenant(tenantId)?.limits ?? {};
  }
}

/** One that was created anew under the id of a deleted one has a lane of its own: it is not owed what that one was. */
function keyOf({ tenantId, id, createdAtMs }: Pick<Target, 'tenantId' | 'id' | 'createdAtMs'>) {
  return `${tenantId}\0${id}\0${createdAtMs}`;
}
