/** Places that lanes share: no tenant and no receiving origin has more attempts under way than it may. */
import type { SharedLimits } from '../../src/engine/shared-concurrency.ts';
import type { ReceivedRequest } from '../support/simulated-receivers.ts';
import type { Findings } from './findings.ts';
import type { DestinationState } from './ledger-state.ts';

/** Of a tenant, where it has limits of its own. */
export interface OwnPlaces {
  readonly concurrency?: number;
  readonly concurrency_per_origin?: number;
}

export class PlaceWatch {
  readonly #findings: Findings;
  readonly #limits: Partial<SharedLimits>;
  readonly #own = new Map<string, OwnPlaces>();
  /** By process and what they count in. */
  readonly #underWay = new Map<string, Set<ReceivedRequest>>();

  constructor(findings: Findings, limits: Partial<SharedLimits>) {
    this.#findings = findings;
    this.#limits = limits;
  }

  /** Before it is created: they never change. */
  tenant(tenantId: string, own: OwnPlaces): void {
    this.#own.set(tenantId, own);
  }

  /** What is wrong with a request that comes now. */
  arrived(request: ReceivedRequest, { tenantId, origin }: DestinationState): string | null {
    const { maxPerTenant = Infinity, maxPerOrigin = Infinity } = this.#limits;
    const own = this.#own.get(tenantId) ?? {};
    const bounds: [string, number][] = [[`of ${tenantId}`, own.concurrency ?? maxPerTenant]];
    if (origin !== null) {
      bounds.push([`to ${origin}`, maxPerOrigin]);
      bounds.push([`of ${tenantId} to ${origin}`, own.concurrency_per_origin ?? Infinity]);
    }
    let problem: string | null = null;
    for (const [what, most] of bounds) {
      if (most === Infinity) continue;
      const count = this.#begin(`${request.processNo} ${what}`, request);
      if (count === most) this.#findings.saw('all shared places taken');
      if (count > most) problem ??= `as number ${count} of ${most} ${what} at a time`;
    }
    return problem;
  }

  /** It was answered, or its process died. */
  ended(request: ReceivedRequest): void {
    for (const requests of this.#underWay.values()) requests.delete(request);
  }

  #begin(key: string, request: ReceivedRequest): number {
    let requests = this.#underWay.get(key);
    if (requests === undefined) {
      requests = new Set();
      this.#underWay.set(key, requests);
    }
    requests.add(request);
    return requests.size;
  }
}
