/** What goes wrong: receivers, the storage's medium, processes, the wall clock. */
import type { SeededRandom } from '../support/simulated-random.ts';
import { HEALTHY } from '../support/simulated-receivers.ts';
import type { Behaviour } from '../support/simulated-receivers.ts';
import type { Cast } from './cast.ts';
import type { Producers } from './producers.ts';
import { TOPICS, badBehaviour, healthyBehaviour } from './scenario.ts';
import type { Scenario, Step } from './scenario.ts';
import type { Tenancy } from './tenancy.ts';
import type { World } from './world.ts';

export class Fate {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #random: SeededRandom;
  readonly #more: SeededRandom;
  readonly #tenancy: Tenancy;
  readonly #producers: Producers;

  constructor({ world, scenario, random, more }: Cast, tenancy: Tenancy, producers: Producers) {
    this.#world = world;
    this.#scenario = scenario;
    this.#random = random;
    this.#more = more;
    this.#tenancy = tenancy;
    this.#producers = producers;
  }

  trouble(step: Step): void {
    const random = this.#random;
    const world = this.#world;
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the rest is ordinary
    switch (step) {
      case 'misbehave':
      case 'recover': {
        const destination = this.#tenancy.any();
        if (destination === undefined) return;
        const behaviour = step === 'recover' ? healthyBehaviour(random) : badBehaviour(random);
        world.findings.note(`  ${destination.receiverName}: ${JSON.stringify(behaviour)}`);
        world.behave(destination.receiverName, behaviour);
        break;
      }
      case 'away':
        world.disturb(
          (medium) => (medium.isAway = true),
          random.between(1, random.chance(0.3) ? 8000 : 600),
        );
        break;
      case 'flaky':
        world.disturb(
          (medium) =>
            Object.assign(medium, {
              refusals: random.between(0, 0.6),
              faults: random.between(0, 0.1),
            }),
          random.between(10, 3000),
        );
        break;
      case 'slow':
        world.disturb(
          (medium) =>
            Object.assign(medium, { minLatencyMs: 1, maxLatencyMs: random.pick([20, 300]) }),
          random.between(10, 3000),
        );
        break;
      case 'crash':
        world.crash();
        break;
      case 'crashSoon':
        this.#producers.several(random.int(1, 6), () => random.chance(0.3));
        world.later(random.between(0, 15), () => world.crash());
        break;
      case 'stop':
        world.stop(random.pick([0, 100, 3000, 10_000]));
        break;
      case 'jump':
        this.#jump();
        break;
      default:
        throw new Error(`nobody does ${step}`);
    }
  }

  #jump(): void {
    const byMs = Math.round(this.#random.between(-1, 1) * this.#random.pick([50, 5000, 300_000]));
    this.#world.findings.note(`  by ${byMs} ms`);
    this.#world.clock.jump(byMs);
    this.#world.watch.jumped(byMs);
  }

  /** Now and then a receiver is out of order for a while, or half of the time, and gets events all the same. */
  perhapsOutage(): void {
    const more = this.#more;
    const world = this.#world;
    if (!more.chance(this.#scenario.further.outage)) return;
    const found = [...world.ledger.destinations()].filter(
      ({ isDeleted, isHeld }) => !isDeleted && !isHeld,
    );
    if (found.length === 0) return;
    const { tenantId, id, receiverName } = more.pick(found);
    const behaviour = this.#outage();
    world.findings.note(`outage of ${receiverName}: ${JSON.stringify(behaviour)}`);
    world.behave(receiverName, behaviour);
    const forMs = more.between(1000, 10_000);
    for (let count = more.int(3, 12); count > 0; count--)
      world.later(more.between(0, forMs), () =>
        this.#producers.to(tenantId, id, more.pick(TOPICS)),
      );
    if (more.chance(0.7)) world.later(forMs, () => world.behave(receiverName, HEALTHY));
  }

  #outage(): Behaviour {
    const more = this.#more;
    const latencyMs = more.between(1, 50);
    if (!more.chance(this.#scenario.further.wish))
      return { kind: 'flapping', latencyMs, failures: more.pick([0.6, 0.9, 1]) };
    if (more.chance(0.5)) return { kind: 'status', latencyMs, status: 410 };
    return { kind: 'flapping', latencyMs, failures: more.pick([0, 0.5, 1]), asksForEnd: true };
  }
}
