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
  readonly #underWay = new Map<ReceivedRequest, DestinationState>();

  constructor(findings: Findings, limits: Partial<SharedLimits>) {
    this.#findings = findings;
    this.#limits = limits;
  }

  /** Before it is created: they never change. */
  tenant(tenantId: string, own: OwnPlaces): void {
    this.#own.set(tenantId, own);
  }

  /** What is wrong with a request that comes now. What is under way counts where its destination is by now. */
  arrived(request: ReceivedRequest, destination: DestinationState): string | null {
    const { tenantId, origin } = destination;
    const { maxPerTenant = Infinity, maxPerOrigin = Infinity } = this.#limits;
    const own = this.#own.get(tenantId) ?? {};
    const isOf = (each: DestinationState) => each.tenantId === tenantId;
    const isTo = (each: DestinationState) => origin !== null && each.origin === origin;
    this.#underWay.set(request, destination);
    return (
      this.#problemOf(request, own.concurrency ?? maxPerTenant, isOf) ??
      this.#problemOf(request, maxPerOrigin, isTo) ??
      this.#problemOf(
        request,
        own.concurrency_per_origin ?? Infinity,
        (each) => isOf(each) && isTo(each),
      )
    );
  }

  /** It was answered, or its process died. */
  ended(request: ReceivedRequest): void {
    this.#underWay.delete(request);
  }

  #problemOf(
    { processNo }: ReceivedRequest,
    most: number,
    counts: (destination: DestinationState) => boolean,
  ): string | null {
    if (most === Infinity) return null;
    let count = 0;
    for (const [request, destination] of this.#underWay)
      if (request.processNo === processNo && counts(destination)) count++;
    if (count === most) this.#findings.saw('all shared places taken');
    return count > most ? `as number ${count} of ${most} in places that it shares` : null;
  }
}
