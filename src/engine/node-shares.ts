/**
 * What of a bound that holds over all nodes is this one's. Nodes do not count together: each computes the same shares from
 * what all of them know, the live nodes and the tenants' destinations, anew when one of these changes; so an attempt and a
 * publish cost nothing more than on a single node (docs/decisions/047).
 */
import type { NodeView } from '../storage/node-storage.ts';
import { designated } from './rendezvous.ts';
import type { RoutingTable, TenantRoute } from './routing.ts';

type Members = Pick<NodeView, 'self' | 'deliverers' | 'publishers'>;

export class NodeShares {
  readonly #routing: Pick<RoutingTable, 'tenant'>;
  #members: Members = { self: 0, deliverers: [], publishers: 1 };
  #self = -1;
  /** Of a tenant's enabled destinations, how many each node shall have: by origin, and (`null`) in all. */
  #counts = new WeakMap<TenantRoute, ReadonlyMap<string | null, readonly number[]>>();

  constructor(routing: Pick<RoutingTable, 'tenant'>) {
    this.#routing = routing;
  }

  /** Who lives now. `false`: that changes no share. */
  learn({ self, deliverers, publishers }: Members): boolean {
    const before = this.#members;
    if (
      self === before.self &&
      publishers === before.publishers &&
      deliverers.join() === before.deliverers.join()
    )
      return false;
    this.#members = { self, deliverers, publishers };
    this.#self = deliverers.indexOf(self);
    this.#counts = new WeakMap();
    return true;
  }

  /** Live nodes that take publishes, this one among them. */
  get publishers(): number {
    return Math.max(1, this.#members.publishers);
  }

  /** Of attempts of a tenant, or of a tenant at an origin: by the destinations that shall be this node's. At least 1. */
  ofTenant(tenantId: string, limit: number, origin: string | null = null): number {
    if (this.#members.deliverers.length <= 1) return limit;
    const route = this.#routing.tenant(tenantId);
    const counts = route === undefined ? undefined : this.#countsOf(tenantId, route).get(origin);
    // Nothing of it is enabled: it is sent tests alone.
    return counts === undefined ? limit : shareOf(limit, counts, this.#self);
  }

  /** Of attempts of all tenants: as much as any other node. At least 1. */
  ofAll(limit: number): number {
    const { deliverers } = this.#members;
    if (deliverers.length <= 1) return limit;
    return shareOf(
      limit,
      deliverers.map(() => 1),
      this.#self,
    );
  }

  #countsOf(tenantId: string, route: TenantRoute) {
    const known = this.#counts.get(route);
    if (known !== undefined) return known;
    const { deliverers } = this.#members;
    const counts = new Map<string | null, number[]>();
    for (const { id, origin, enabled } of route.targets.values()) {
      if (!enabled) continue;
      const node = designated({ tenantId, destinationId: id }, deliverers);
      for (const key of new Set([null, origin])) {
        const ofKey = counts.get(key) ?? deliverers.map(() => 0);
        counts.set(
          key,
          ofKey.map((count, index) => (deliverers[index] === node ? count + 1 : count)),
        );
      }
    }
    this.#counts.set(route, counts);
    return counts;
  }
}

/**
 * One for each node that has any, and what is left of `limit` in proportion. So all shares together are `limit`, or as many
 * as there are such nodes where that is more; a node that has none of it has 1, which is nobody's but for tests of
 * destinations and for a lane that it still has to give away.
 */
export function shareOf(limit: number, counts: readonly number[], at: number): number {
  const own = counts[at] ?? 0;
  if (own === 0) return 1;
  const before = sum(counts.slice(0, at));
  const all = sum(counts);
  const left = Math.max(0, limit - counts.filter((count) => count > 0).length);
  return 1 + Math.floor((left * (before + own)) / all) - Math.floor((left * before) / all);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}
