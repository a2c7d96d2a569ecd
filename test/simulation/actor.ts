/** What people and fate do to an installation, step by step, as the seed decides. */
import { DELIVERY_STATUSES } from '../../src/domain/delivery.ts';
import type { DestinationPolicy } from '../../src/domain/destination.ts';
import { REPLAY_SELECTIONS } from '../../src/domain/replay.ts';
import { deleteDestination } from '../../src/engine/delete-destination.ts';
import { changeDestination, createDestination } from '../../src/engine/manage-destinations.ts';
import type { DestinationChange } from '../../src/engine/manage-destinations.ts';
import type { SimulatedProcess } from '../support/simulated-process.ts';
import type { SeededRandom } from '../support/simulated-random.ts';
import { SIMULATED_TYPE } from '../support/simulated-receivers.ts';
import type { DestinationState, Publication } from './ledger-state.ts';
import {
  TOPICS,
  badBehaviour,
  healthyBehaviour,
  orderOf,
  orderedBy,
  policyOf,
  topicsOf,
} from './scenario.ts';
import type { Scenario, Step } from './scenario.ts';
import type { World } from './world.ts';

interface Wanted {
  readonly tenantId: string;
  readonly id: string | null;
  readonly publication: Publication;
}

export class Actor {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #random: SeededRandom;
  readonly #tenantIds: string[] = [];
  readonly #published: Wanted[] = [];
  #lastTenant = 0;
  #lastReceiver = 0;
  #lastN = 0;
  /** Of each resource and node, the latest. */
  readonly #versions = new Map<string, number>();

  constructor(world: World, scenario: Scenario) {
    this.#world = world;
    this.#scenario = scenario;
    this.#random = world.random.fork();
  }

  async begin(): Promise<void> {
    const world = this.#world;
    world.boot();
    await world.clock.advanceUntil(() => world.process !== null, 1000);
    for (let tenant = 0; tenant < this.#scenario.tenants; tenant++) {
      this.#createTenant();
      await world.pass(20);
      for (let index = 0; index < this.#scenario.destinationsPerTenant; index++) this.#create();
    }
    await world.pass(50);
  }

  /** One step, and the time until the next. */
  async step(): Promise<void> {
    const random = this.#random;
    const world = this.#world;
    if (world.isRunning || random.chance(0.3)) this.#do(random.weighted(this.#scenario.weights));
    else world.boot();
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

  #idleMs = 0;

  #do(step: Step): void {
    const { findings } = this.#world;
    findings.note(step);
    const random = this.#random;
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the rest is trouble
    switch (step) {
      case 'publish':
        this.#publish([this.#wanted()], false);
        break;
      case 'burst':
        this.#publish(
          Array.from({ length: random.int(2, this.#scenario.burst) }, () => this.#wanted()),
          false,
        );
        break;
      case 'batch':
        this.#publish(
          Array.from({ length: random.int(1, this.#scenario.burst) }, () => this.#wanted()),
          true,
        );
        break;
      case 'repeat':
        this.#repeat((before) => before.publication);
        break;
      case 'conflict':
        this.#repeat(({ publication }) => ({ ...publication, n: ++this.#lastN }));
        break;
      case 'strange':
        this.#publish([{ ...this.#wanted(), tenantId: 'nobody' }], random.chance(0.5));
        break;
      case 'create':
        this.#create();
        break;
      case 'disable':
        this.#change({ disabledAtMs: this.#world.clock.nowMs() });
        // Often not for long: what was canceled is asked for again while some of it is still under way.
        if (random.chance(0.6)) {
          this.#world.later(random.between(0, random.pick([20, 3000])), () => this.#do('enable'));
          if (random.chance(0.5))
            this.#world.later(random.between(0, 3000), () => this.#do('retry'));
        }
        break;
      case 'enable':
        this.#change({ disabledAtMs: null }, ({ disabledReason }) => disabledReason !== null);
        break;
      case 'expire':
        this.#change({ expiresAtMs: random.chance(0.8) ? this.#expiresAtMs() : null });
        break;
      case 'change':
        if (random.chance(0.5)) this.#change({ topics: topicsOf(random) });
        else this.#changePolicy();
        break;
      case 'remove':
        this.#remove();
        break;
      case 'createTenant':
        this.#createTenant();
        break;
      case 'removeTenant':
        this.#removeTenant();
        break;
      case 'retry':
        this.#retry();
        break;
      case 'cancel':
        this.#cancel();
        break;
      case 'letGo':
        this.#world.letGo(() => random.chance(0.5));
        break;
      case 'replay':
        this.#replay();
        break;
      case 'changeReplay':
        this.#world.callers.changeReplay(
          this.#world,
          random.pick(['pause', 'resume', 'resume', 'cancel']),
          () => random.chance(0.7),
        );
        break;
      default:
        this.#trouble(step);
    }
  }

  #trouble(step: Step): void {
    const random = this.#random;
    const world = this.#world;
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the rest is ordinary
    switch (step) {
      case 'misbehave':
      case 'recover': {
        const destination = this.#anyDestination();
        if (destination === undefined) return;
        const behaviour = step === 'recover' ? healthyBehaviour(random) : badBehaviour(random);
        world.findings.note(`  ${destination.receiverName}: ${JSON.stringify(behaviour)}`);
        world.behave(destination.receiverName, behaviour);
        break;
      }
      case 'away':
        if (random.chance(0.5)) this.#do('burst');
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
        this.#publish(
          Array.from({ length: random.int(1, 6) }, () => this.#wanted()),
          random.chance(0.3),
        );
        world.later(random.between(0, 15), () => world.crash());
        break;
      case 'stop':
        world.stop(random.pick([0, 100, 3000, 10_000]));
        break;
      case 'jump':
        this.#jump();
        break;
      case 'wait':
        this.#idleMs = random.between(10, 3000);
        break;
      case 'idle':
        this.#idleMs = random.between(3000, 40_000);
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

  // ── Publishing ─────────────────────────────────────────────────────────────────────────────────────────────────

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

  #expiresAtMs(): number {
    const afterMs = this.#random.pick([100, 2000, 20_000, 600_000]);
    return this.#world.clock.nowMs() + Math.ceil(this.#random.between(0.1, 1) * afterMs);
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

  /** Of each status as often as of another, and now and then to a destination that never had the event. */
  #retry(): void {
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

  #replay(): void {
    const random = this.#random;
    const destination = this.#anyDestination();
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

  #cancel(): void {
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

  // ── Tenants and destinations ───────────────────────────────────────────────────────────────────────────────────

  #createTenant(): void {
    const id = `t${++this.#lastTenant}`;
    this.#tenantIds.push(id);
    this.#manage(id, async ({ connection, engine }) => {
      await connection.storage.tenantUpsert({ id, metadata: {} });
      await engine.routing.refresh(id);
      this.#world.callers.tenantCreated(id);
    });
  }

  #removeTenant(): void {
    if (this.#tenantIds.length < 2) return;
    const id = this.#random.pick(this.#tenantIds);
    this.#world.callers.tenantRemoved(id);
    this.#manage(id, async ({ connection, engine }) => {
      await connection.storage.tenantDelete({ id });
      await engine.routing.refresh(id);
      engine.wakeCanceler();
      engine.wakeEraser();
    });
  }

  #create(): void {
    const random = this.#random;
    const tenantId = random.pick(this.#tenantIds);
    const id = `d${random.int(1, 4)}`;
    const receiver = `r${++this.#lastReceiver}`;
    const policy = policyOf(random, this.#scenario.policies);
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
          profile: null,
          httpSignature: null,
          topics,
          config: { receiver },
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

  #change(
    change: DestinationChange,
    isMeant: (destination: DestinationState) => boolean = () => true,
  ): void {
    const destination = this.#anyDestination(isMeant);
    if (destination === undefined) return;
    const { tenantId, id } = destination;
    this.#world.findings.note(`  ${tenantId} ${id}: ${JSON.stringify(change)}`);
    this.#manage(tenantId, ({ engine }) => changeDestination(engine, { tenantId, id }, change));
  }

  /** The order stays, but now and then. */
  #changePolicy(): void {
    const random = this.#random;
    const destination = this.#anyDestination();
    if (destination === undefined) return;
    const { policies } = this.#scenario;
    const { order, order_on_failure, ...policy } = policyOf(random, policies);
    let kept: DestinationPolicy = destination.order === 'none' ? {} : { order: destination.order };
    if (random.chance(policies.reorder)) kept = random.chance(0.5) ? {} : orderOf(random);
    this.#change({ policy: { ...policy, ...kept } }, (each) => each === destination);
  }

  #remove(): void {
    const destination = this.#anyDestination();
    if (destination === undefined) return;
    const { tenantId, id } = destination;
    this.#world.findings.note(`  ${tenantId} ${id}`);
    this.#manage(tenantId, ({ engine }) => deleteDestination(engine, { tenantId, id }));
    // Its id is free again: often it is taken at once.
    if (this.#random.chance(0.5)) this.#create();
  }

  #anyDestination(
    isMeant: (destination: DestinationState) => boolean = () => true,
  ): DestinationState | undefined {
    const found = [...this.#world.ledger.destinations()].filter(
      (each) => !each.isDeleted && isMeant(each),
    );
    return found.length === 0 ? undefined : this.#random.pick(found);
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
