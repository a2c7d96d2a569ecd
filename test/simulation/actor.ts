/** What people and fate do to an installation, step by step, as the seed decides. */
import type { SeededRandom } from '../support/simulated-random.ts';
import { Caretaker } from './caretaker.ts';
import { Fate } from './fate.ts';
import { Producers } from './producers.ts';
import { topicsOf } from './scenario.ts';
import type { Scenario, Step } from './scenario.ts';
import { Tenancy } from './tenancy.ts';
import type { World } from './world.ts';

export class Actor {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #random: SeededRandom;
  readonly #tenancy: Tenancy;
  readonly #producers: Producers;
  readonly #caretaker: Caretaker;
  readonly #fate: Fate;
  #idleMs = 0;

  /** `more`: as in `Cast`. */
  constructor(world: World, scenario: Scenario, more: SeededRandom) {
    this.#world = world;
    this.#scenario = scenario;
    this.#random = world.random.fork();
    const cast = { world, scenario, random: this.#random, more };
    this.#tenancy = new Tenancy(cast);
    this.#producers = new Producers(cast, this.#tenancy.tenantIds);
    this.#caretaker = new Caretaker(cast, this.#tenancy);
    this.#fate = new Fate(cast, this.#tenancy, this.#producers);
  }

  async begin(): Promise<void> {
    const world = this.#world;
    world.boot();
    await world.clock.advanceUntil(() => world.process !== null, 1000);
    for (let tenant = 0; tenant < this.#scenario.tenants; tenant++) {
      this.#tenancy.createTenant();
      await world.pass(20);
      for (let index = 0; index < this.#scenario.destinationsPerTenant; index++)
        this.#tenancy.create();
    }
    await world.pass(50);
  }

  /** One step, and the time until the next. */
  async step(): Promise<void> {
    const random = this.#random;
    const world = this.#world;
    if (world.isRunning || random.chance(0.3)) this.#do(random.weighted(this.#scenario.weights));
    else world.boot();
    this.#fate.perhapsOutage();
    const pauses = { none: 3, short: 5, long: 1 };
    switch (random.weighted(pauses)) {
      case 'none':
        break;
      case 'short':
        await world.pass(random.between(0, 30));
        break;
      case 'long':
        await world.pass(random.between(0, 2000));
        break;
    }
    if (this.#idleMs > 0) {
      // In pieces, so that it is looked at in between.
      for (; this.#idleMs > 0; this.#idleMs -= 3000) await world.pass(3000);
      this.#idleMs = 0;
    }
  }

  #do(step: Step): void {
    this.#world.findings.note(step);
    const random = this.#random;
    const { burst } = this.#scenario;
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the rest is trouble
    switch (step) {
      case 'publish':
        this.#producers.one();
        break;
      case 'burst':
        this.#producers.several(random.int(2, burst), () => false);
        break;
      case 'batch':
        this.#producers.several(random.int(1, burst), () => true);
        break;
      case 'repeat':
        this.#producers.again();
        break;
      case 'conflict':
        this.#producers.conflict();
        break;
      case 'strange':
        this.#producers.strange();
        break;
      case 'disable':
        this.#tenancy.change({ disabledAtMs: this.#world.clock.nowMs() });
        // Often not for long: what was canceled is asked for again while some of it is still under way.
        if (random.chance(0.6)) {
          this.#world.later(random.between(0, random.pick([20, 3000])), () => this.#do('enable'));
          if (random.chance(0.5))
            this.#world.later(random.between(0, 3000), () => this.#do('retry'));
        }
        break;
      case 'change':
        if (random.chance(0.5)) this.#tenancy.change({ topics: topicsOf(random) });
        else this.#tenancy.changePolicy();
        break;
      case 'away':
        if (random.chance(0.5)) this.#do('burst');
        this.#fate.trouble(step);
        break;
      case 'wait':
        this.#idleMs = random.between(10, 3000);
        break;
      case 'idle':
        this.#idleMs = random.between(3000, 40_000);
        break;
      default:
        this.#manage(step);
    }
  }

  #manage(step: Step): void {
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the rest is trouble
    switch (step) {
      case 'create':
        this.#tenancy.create();
        break;
      case 'enable':
        this.#tenancy.change(
          { disabledAtMs: null },
          ({ disabledReason }) => disabledReason !== null,
        );
        break;
      case 'expire':
        this.#tenancy.expire();
        break;
      case 'remove':
        this.#tenancy.remove();
        break;
      case 'createTenant':
        this.#tenancy.createTenant();
        break;
      case 'removeTenant':
        this.#tenancy.removeTenant();
        break;
      case 'retry':
        this.#caretaker.retry();
        break;
      case 'cancel':
        this.#caretaker.cancel();
        break;
      case 'letGo':
        this.#caretaker.letGo();
        break;
      case 'replay':
        this.#caretaker.replay();
        break;
      case 'changeReplay':
        this.#caretaker.changeReplay();
        break;
      default:
        this.#fate.trouble(step);
    }
  }
}
