/** What is published: events one by one and in batches, the same once more, others under its id. */
import type { SeededRandom } from '../support/simulated-random.ts';
import type { Cast } from './cast.ts';
import type { Publication } from './ledger-state.ts';
import { TOPICS, orderedBy } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import type { World } from './world.ts';

export interface Wanted {
  readonly tenantId: string;
  readonly id: string | null;
  readonly publication: Publication;
}

export class Producers {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #random: SeededRandom;
  readonly #tenantIds: readonly string[];
  readonly #published: Wanted[] = [];
  #lastN = 0;
  /** Of each resource and node, the latest. */
  readonly #versions = new Map<string, number>();

  /** `tenantIds`: as there are more and more of them. */
  constructor({ world, scenario, random }: Cast, tenantIds: readonly string[]) {
    this.#world = world;
    this.#scenario = scenario;
    this.#random = random;
    this.#tenantIds = tenantIds;
  }

  one(): void {
    this.#publish([this.#wanted()], false);
  }

  several(count: number, isBatch: () => boolean): void {
    this.#publish(
      Array.from({ length: count }, () => this.#wanted()),
      isBatch(),
    );
  }

  /** To a tenant that was never there. */
  strange(): void {
    this.#publish([{ ...this.#wanted(), tenantId: 'nobody' }], this.#random.chance(0.5));
  }

  again(): void {
    this.#repeat((before) => before.publication);
  }

  conflict(): void {
    this.#repeat(({ publication }) => ({ ...publication, n: ++this.#lastN }));
  }

  /** To one destination, nothing else about it left to chance. */
  to(tenantId: string, destinationId: string, topic: string): void {
    const publication = { n: ++this.#lastN, topic, to: destinationId, retry: true };
    this.#publish([{ tenantId, id: null, publication }], false);
  }

  #wanted(): Wanted {
    const random = this.#random;
    const n = ++this.#lastN;
    const tenantId = random.pick(this.#tenantIds);
    const to = random.chance(0.15) ? `d${random.int(1, 4)}` : null;
    const { policies } = this.#scenario;
    const publication: Publication = {
      n,
      topic: random.pick(TOPICS),
      to,
      retry: random.chance(0.9),
      ...orderedBy(random, policies, this.#versions),
      ...(random.chance(policies.deliverAt) ? { deliverAtMs: this.#deliverAtMs() } : {}),
    };
    return { tenantId, id: random.chance(0.4) ? `id-${n}` : null, publication };
  }

  /** Sometimes past, mostly soon, rarely far. */
  #deliverAtMs(): number {
    const afterMs = this.#random.pick([-1000, 50, 500, 5000, 60_000, 3_600_000]);
    return this.#world.clock.nowMs() + Math.round(this.#random.between(0.5, 1) * afterMs);
  }

  #publish(wanted: readonly Wanted[], asBatch: boolean): void {
    const { process, callers, findings } = this.#world;
    if (process === null) return;
    for (const { tenantId, id, publication } of wanted)
      findings.note(
        `  n=${publication.n} ${tenantId} ${id ?? ''} ${publication.topic} ${publication.to ?? ''}`,
      );
    this.#published.push(...wanted.filter(({ id }) => id !== null));
    callers.publish(process, wanted, asBatch);
  }

  /** The same id once more, perhaps several times, perhaps while the first is on its way. */
  #repeat(publicationOf: (before: Wanted) => Publication): void {
    if (this.#published.length === 0) return;
    const recent = this.#published.slice(-6);
    const before = this.#random.pick(this.#random.chance(0.6) ? recent : this.#published);
    const again = { ...before, publication: publicationOf(before) };
    this.#publish(
      Array.from({ length: this.#random.int(1, 3) }, () => again),
      this.#random.chance(0.3),
    );
  }
}
