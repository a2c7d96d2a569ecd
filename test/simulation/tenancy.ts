/** Tenants and destinations: they come, change and go. */
import type { DestinationPolicy } from '../../src/domain/destination.ts';
import { deleteDestination } from '../../src/engine/delete-destination.ts';
import { changeDestination, createDestination } from '../../src/engine/manage-destinations.ts';
import type { DestinationChange } from '../../src/engine/manage-destinations.ts';
import type { SimulatedProcess } from '../support/simulated-process.ts';
import type { SeededRandom } from '../support/simulated-random.ts';
import { SIMULATED_TYPE } from '../support/simulated-receivers.ts';
import type { Cast } from './cast.ts';
import type { DestinationState } from './ledger-state.ts';
import { chosenFor, furtherPolicy, originOf, ownPlacesOf } from './further.ts';
import { healthyBehaviour, orderOf, policyOf, topicsOf } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import type { World } from './world.ts';

export class Tenancy {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #random: SeededRandom;
  readonly #more: SeededRandom;
  readonly tenantIds: string[] = [];
  #lastTenant = 0;
  #lastReceiver = 0;

  constructor({ world, scenario, random, more }: Cast) {
    this.#world = world;
    this.#scenario = scenario;
    this.#random = random;
    this.#more = more;
  }

  createTenant(): void {
    const id = `t${++this.#lastTenant}`;
    this.tenantIds.push(id);
    const places = ownPlacesOf(this.#more, this.#scenario.further);
    const settings = places === null ? {} : { limits: places };
    this.#world.watch.places.tenant(id, places ?? {});
    this.#manage(id, async ({ connection, engine }) => {
      await connection.storage.tenantUpsert({ id, metadata: {}, settings });
      await engine.routing.refresh(id);
      this.#world.callers.tenantCreated(id);
    });
  }

  removeTenant(): void {
    if (this.tenantIds.length < 2) return;
    const id = this.#random.pick(this.tenantIds);
    this.#world.callers.tenantRemoved(id);
    this.#manage(id, async ({ connection, engine }) => {
      await connection.storage.tenantDelete({ id });
      await engine.routing.refresh(id);
      engine.wakeCanceler();
      engine.wakeEraser();
    });
  }

  create(): void {
    const random = this.#random;
    const tenantId = random.pick(this.tenantIds);
    const id = `d${random.int(1, 4)}`;
    const receiver = `r${++this.#lastReceiver}`;
    const wanted = policyOf(random, this.#scenario.policies);
    const { profile, policy } = chosenFor(wanted, this.#more, this.#scenario.further);
    const origin = originOf(this.#more, this.#scenario.further);
    const topics = topicsOf(random);
    const expiresAtMs = random.chance(this.#scenario.policies.expiry) ? this.#expiresAtMs() : null;
    this.#world.receivers.receiver(receiver).behaviour = healthyBehaviour(random);
    this.#manage(tenantId, ({ engine }) =>
      createDestination(
        engine,
        {
          tenantId,
          id,
          type: SIMULATED_TYPE,
          name: null,
          profile,
          httpSignature: null,
          topics,
          config: { receiver, ...origin },
          credentials: {},
          filter: null,
          deliveryMetadata: null,
          metadata: null,
          policy,
          disabledAtMs: null,
          expiresAtMs,
        },
        4,
      ),
    );
  }

  change(
    change: DestinationChange,
    isMeant: (destination: DestinationState) => boolean = () => true,
  ): void {
    const destination = this.any(isMeant);
    if (destination === undefined) return;
    const { tenantId, id } = destination;
    this.#world.findings.note(`  ${tenantId} ${id}: ${JSON.stringify(change)}`);
    this.#manage(tenantId, ({ engine }) => changeDestination(engine, { tenantId, id }, change));
  }

  /** The order stays, but now and then. */
  changePolicy(): void {
    const random = this.#random;
    const destination = this.any();
    if (destination === undefined) return;
    const { policies } = this.#scenario;
    const changed = furtherPolicy(policyOf(random, policies), this.#more, this.#scenario.further);
    const { order, order_on_failure, ...policy } = changed;
    let kept: DestinationPolicy = destination.order === 'none' ? {} : { order: destination.order };
    if (random.chance(policies.reorder)) kept = random.chance(0.5) ? {} : orderOf(random);
    this.change({ policy: { ...policy, ...kept } }, (each) => each === destination);
  }

  remove(): void {
    const destination = this.any();
    if (destination === undefined) return;
    const { tenantId, id } = destination;
    this.#world.findings.note(`  ${tenantId} ${id}`);
    this.#manage(tenantId, ({ engine }) => deleteDestination(engine, { tenantId, id }));
    // Its id is free again: often it is taken at once.
    if (this.#random.chance(0.5)) this.create();
  }

  any(
    isMeant: (destination: DestinationState) => boolean = () => true,
  ): DestinationState | undefined {
    const found = [...this.#world.ledger.destinations()].filter(
      (each) => !each.isDeleted && isMeant(each),
    );
    return found.length === 0 ? undefined : this.#random.pick(found);
  }

  expire(): void {
    this.change({ expiresAtMs: this.#random.chance(0.8) ? this.#expiresAtMs() : null });
  }

  #expiresAtMs(): number {
    const afterMs = this.#random.pick([100, 2000, 20_000, 600_000]);
    return this.#world.clock.nowMs() + Math.ceil(this.#random.between(0.1, 1) * afterMs);
  }

  #manage(
    tenantId: string,
    work: (process: SimulatedProcess) => Promise<{ readonly kind: string } | void>,
  ): void {
    const { process, findings } = this.#world;
    if (process === null) return;
    work(process).then(
      (result) =>
        findings.note(
          `  changed ${tenantId}: ${typeof result === 'object' ? result.kind : 'done'}`,
        ),
      (error: unknown) => findings.note(`  change of ${tenantId} failed: ${String(error)}`),
    );
  }
}
