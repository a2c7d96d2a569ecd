/** The order in which a destination gets what it is owed. */
import type { EventResource } from './event.ts';

/**
 * none    as it comes
 * key     events of one key one after the other, in the order of their publishing; a failing one holds back its key
 * latest  of one resource only the newest version that waits; older ones are superseded
 */
export const ORDERS = ['none', 'key', 'latest'] as const;
export type Order = (typeof ORDERS)[number];

/** What an ordered delivery does to its key when it has failed for good: it is passed over, or holds it. */
export const ORDER_FAILURES = ['skip', 'hold'] as const;
export type OrderFailure = (typeof ORDER_FAILURES)[number];

interface Ordered {
  readonly orderKey: string | null;
  /** Canonical JSON of an `EventResource`. */
  readonly resource: string | null;
}

/** Events with the same key go one after the other; `null`: this one is not ordered. */
export function orderKeyFor(order: Order, { orderKey, resource }: Ordered): string | null {
  switch (order) {
    case 'none':
      return null;
    case 'key':
      return orderKey ?? urnOf(resource);
    case 'latest':
      return urnOf(resource);
  }
}

export type Comparison = 'newer' | 'older' | 'concurrent';

/** How a version compares to one that was published before it; without clocks, by that. */
export function compareVersions(resource: string | null, before: string | null): Comparison {
  const clock = clockOf(resource);
  const other = clockOf(before);
  if (clock === undefined || other === undefined) return 'newer';
  const nodes = [...new Set([...Object.keys(clock), ...Object.keys(other)])];
  const isAhead = nodes.some((node) => (clock[node] ?? 0) > (other[node] ?? 0));
  const isBehind = nodes.some((node) => (clock[node] ?? 0) < (other[node] ?? 0));
  if (isAhead && isBehind) return 'concurrent';
  return isBehind ? 'older' : 'newer';
}

function urnOf(resource: string | null): string | null {
  return resourceOf(resource)?.urn ?? null;
}

function clockOf(resource: string | null): EventResource['vector_clock'] {
  return resourceOf(resource)?.vector_clock;
}

function resourceOf(resource: string | null): EventResource | null {
  // Canonical JSON of ours.
  return resource === null ? null : (JSON.parse(resource) as EventResource);
}
