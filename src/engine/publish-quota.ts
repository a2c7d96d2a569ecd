/**
 * What a tenant may publish: events a minute, bytes of an event. A tenant without limits of its own, on an instance
 * without a rate, costs one comparison.
 *
 * The rate is a token bucket, written as one moment for each tenant (the "theoretical arrival time" of the generic cell
 * rate algorithm, ITU-T I.371): it holds a minute's worth, so that a batch may take it at once, and fills up evenly. Of
 * several nodes that take publishes, each grants its part of it.
 */
import type { Clock } from '../domain/clock.ts';
import type { NodeShares } from './node-shares.ts';
import type { RoutingTable } from './routing.ts';

export type Quota =
  | { readonly kind: 'granted' }
  | { readonly kind: 'too_large'; readonly maxBytes: number }
  | { readonly kind: 'too_many'; readonly perMinute: number; readonly waitMs: number };

const GRANTED: Quota = { kind: 'granted' };
const MINUTE_MS = 60_000;
/** Tenants that have not published for a while are forgotten when there are so many. */
const MAX_KEPT = 10_000;

export interface PublishQuotaOptions {
  readonly routing: RoutingTable;
  readonly clock: Clock;
  readonly shares: NodeShares;
}

export class PublishQuota {
  readonly #routing: RoutingTable;
  readonly #clock: Clock;
  readonly #shares: NodeShares;
  /** Monotonic times at which the buckets will be full. */
  readonly #fullAtMs = new Map<string, number>();

  constructor({ routing, clock, shares }: PublishQuotaOptions) {
    this.#routing = routing;
    this.#clock = clock;
    this.#shares = shares;
  }

  /** Takes one event of the tenant's rate, unless it is refused. `maxPerMinute`: of tenants that have no other. */
  take(
    { tenantId, data }: { readonly tenantId: string; readonly data: Uint8Array },
    maxPerMinute: number | null,
  ): Quota {
    const limits = this.#routing.tenant(tenantId)?.limits;
    // Unknown, or unlimited.
    if (limits === undefined) return GRANTED;
    const { payload_bytes: maxBytes = Infinity, publish_per_minute: own } = limits;
    if (data.length > maxBytes) return { kind: 'too_large', maxBytes };
    const perMinute = own ?? maxPerMinute;
    return perMinute === null ? GRANTED : this.#takeOne(tenantId, perMinute);
  }

  #takeOne(tenantId: string, perMinute: number): Quota {
    const nowMs = this.#clock.monotonicMs();
    const intervalMs = (MINUTE_MS * this.#shares.publishers) / perMinute;
    const fullAtMs = Math.max(this.#fullAtMs.get(tenantId) ?? nowMs, nowMs) + intervalMs;
    // Sums of fractions: a thousandth of an interval is no event.
    // Of less than one a minute it holds one.
    const waitMs = fullAtMs - nowMs - Math.max(MINUTE_MS, intervalMs) - intervalMs / 1000;
    if (waitMs > 0) return { kind: 'too_many', perMinute, waitMs };
    if (this.#fullAtMs.size >= MAX_KEPT) this.#forgetFull(nowMs);
    this.#fullAtMs.set(tenantId, fullAtMs);
    return GRANTED;
  }

  #forgetFull(nowMs: number): void {
    for (const [tenantId, fullAtMs] of this.#fullAtMs)
      if (fullAtMs <= nowMs) this.#fullAtMs.delete(tenantId);
  }
}
