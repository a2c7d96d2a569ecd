/** What people do by hand to what is owed: retries, replays, cancels. */
import { DELIVERY_STATUSES } from '../../src/domain/delivery.ts';
import { REPLAY_SELECTIONS } from '../../src/domain/replay.ts';
import type { SeededRandom } from '../support/simulated-random.ts';
import type { Cast } from './cast.ts';
import type { Tenancy } from './tenancy.ts';
import type { World } from './world.ts';

export class Caretaker {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #tenancy: Tenancy;

  constructor({ world, random }: Cast, tenancy: Tenancy) {
    this.#world = world;
    this.#random = random;
    this.#tenancy = tenancy;
  }

  /** Of each status as often as of another, and now and then to a destination that never had the event. */
  retry(): void {
    const { process, ledger, callers } = this.#world;
    const random = this.#random;
    const status = random.pick(DELIVERY_STATUSES);
    const found = [...ledger.deliveries.values()].filter(
      ({ row, destination }) =>
        row.status === status && (destination.isEnabled || random.chance(0.1)),
    );
    if (process === null || found.length === 0) return;
    for (let times = random.int(1, 3); times > 0; times--) {
      const { event, destination } = random.pick(found.slice(-20));
      callers.retry(process, event, random.chance(0.8) ? destination.id : `d${random.int(1, 4)}`);
    }
  }

  replay(): void {
    const random = this.#random;
    const destination = this.#tenancy.any();
    if (destination === undefined) return;
    const select = random.pick(REPLAY_SELECTIONS);
    const toAll = select === 'failed' && random.chance(0.3);
    this.#world.callers.replay(this.#world, {
      tenantId: destination.tenantId,
      destinationId: toAll ? null : destination.id,
      select,
      ratePerMinute: random.pick([null, null, 60, 600]),
    });
  }

  cancel(): void {
    const { process, ledger, callers } = this.#world;
    const pending = [...ledger.deliveries.values()].filter(({ row }) => row.status === 'pending');
    if (process === null || pending.length === 0) return;
    for (let times = this.#random.int(1, 3); times > 0; times--) {
      const delivery = this.#random.pick(pending.slice(-20));
      callers.cancel(process, delivery);
      // Often it was a mistake, perhaps in the middle of its attempt.
      if (this.#random.chance(0.5))
        this.#world.later(this.#random.between(0, this.#random.pick([10, 1000])), () => {
          const { process: current } = this.#world;
          const { event, destination } = delivery;
          if (current !== null) callers.retry(current, event, destination.id);
        });
    }
  }

  letGo(): void {
    this.#world.letGo(() => this.#random.chance(0.5));
  }

  changeReplay(): void {
    const random = this.#random;
    this.#world.callers.changeReplay(
      this.#world,
      random.pick(['pause', 'resume', 'resume', 'cancel']),
      () => random.chance(0.7),
    );
  }
}
