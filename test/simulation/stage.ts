/** A world for one scene: no chance but what the scene asks for, and the same watch over every request. */
import type { DestinationPolicy } from '../../src/domain/destination.ts';
import { createDestination } from '../../src/engine/manage-destinations.ts';
import type { SharedLimits } from '../../src/engine/shared-concurrency.ts';
import type { SimulatedProcess } from '../support/simulated-process.ts';
import { SIMULATED_TYPE } from '../support/simulated-receivers.ts';
import type { Behaviour, ReceivedRequest, Receiver } from '../support/simulated-receivers.ts';
import type { DeliveryState, Publication } from './ledger-state.ts';
import { World } from './world.ts';

export interface StageOptions {
  readonly seed?: number;
  readonly maxInFlight?: number;
  readonly maxInMemory?: number;
  readonly retentionDays?: number;
  /** Of the process's thread; 0: it is idle. */
  readonly utilization?: number;
  readonly shared?: Partial<SharedLimits>;
}

export interface Scene {
  readonly tenantId: string;
  /** Of the destination, and of its receiver. */
  readonly name: string;
  readonly behaviour: Behaviour;
  readonly policy?: DestinationPolicy;
  /** All of them where none are named. */
  readonly topics?: readonly string[];
  /** The standard one where none is named. */
  readonly profile?: string;
  /** Of the receiver; without one it shares nothing. */
  readonly origin?: string;
}

/** What the events are ordered by, and the like. */
export type Ordered = Partial<Pick<Publication, 'key' | 'resource' | 'deliverAtMs' | 'retry'>>;

export class Stage {
  readonly world: World;
  #lastN = 0;

  constructor({
    seed = 1,
    maxInFlight = 4096,
    maxInMemory = 20_000,
    retentionDays = 30,
    utilization = 0,
    shared = {},
  }: StageOptions = {}) {
    this.world = new World({
      seed,
      maxInFlight,
      maxInMemory,
      retentionDays,
      isAmple: maxInFlight >= 4096 && maxInMemory >= 20_000,
      utilization,
      isTracing: false,
      shared,
    });
  }

  get process(): SimulatedProcess {
    const { process } = this.world;
    if (process === null) throw new Error('no process takes calls');
    return process;
  }

  async begin(): Promise<void> {
    this.world.boot();
    await this.world.clock.advanceUntil(() => this.world.process !== null, 10_000);
    await this.world.pass(10);
  }

  /** Creates the destination, and its tenant where it is the first. */
  async destination({
    tenantId,
    name,
    behaviour,
    policy = {},
    topics = ['*'],
    profile,
    origin,
  }: Scene): Promise<Receiver> {
    const { engine } = this.process;
    const receiver = this.world.receivers.receiver(name);
    this.world.behave(name, behaviour);
    const done = (async () => {
      if (engine.routing.tenant(tenantId) === undefined) {
        await engine.storage.tenantUpsert({ id: tenantId, metadata: {} });
        await engine.routing.refresh(tenantId);
        this.world.callers.tenantCreated(tenantId);
      }
      return await createDestination(
        engine,
        {
          tenantId,
          id: name,
          type: SIMULATED_TYPE,
          name: null,
          profile: profile ?? null,
          httpSignature: null,
          topics,
          config: { receiver: name, ...(origin === undefined ? {} : { origin }) },
          credentials: {},
          filter: null,
          deliveryMetadata: null,
          metadata: null,
          policy,
          disabledAtMs: null,
        },
        1000,
      );
    })();
    const result = await this.during(done);
    if (result.kind !== 'done') throw new Error(`destination ${name}: ${result.kind}`);
    return receiver;
  }

  /** Publishes so many events of the tenant, to all of its destinations or to one. */
  publish(tenantId: string, count = 1, to: string | null = null, what: Ordered = {}): void {
    this.world.callers.publish(
      this.process,
      Array.from({ length: count }, () => ({
        tenantId,
        id: null,
        publication: { n: ++this.#lastN, topic: 'room.created', to, retry: true, ...what },
      })),
      false,
    );
  }

  /** What a promise resolves with; time passes for it, not longer than `limitMs`. */
  async during<Result>(work: Promise<Result>, limitMs = 60_000): Promise<Result> {
    let isDone = false;
    const settle = () => {
      isDone = true;
    };
    work.then(settle, settle);
    if (!(await this.world.clock.advanceUntil(() => isDone, limitMs)))
      throw new Error(`it did not end within ${limitMs} ms`);
    return await work;
  }

  /** The one delivery to a receiver, of the event that was published last or was the `n`th. */
  delivery(receiver: Receiver, n = this.#lastN): DeliveryState {
    const found = [...this.world.ledger.deliveries.values()].find(
      ({ event, destination }) =>
        event.publication.n === n && destination.receiverName === receiver.name,
    );
    if (found === undefined) throw new Error(`event ${n} is not owed to ${receiver.name}`);
    return found;
  }

  /** What was wrong; closes the world. */
  async end(): Promise<readonly string[]> {
    this.world.look();
    await this.world.close();
    return this.world.findings.violations;
  }
}

/** Milliseconds from the end of each attempt to the start of the next. */
export function pauses(requests: readonly ReceivedRequest[]): number[] {
  return requests
    .slice(1)
    .map(({ startedMs }, index) => rounded(startedMs - (requests[index]?.endedMs ?? NaN)));
}

/** Differences of the world's times are floating-point numbers. */
function rounded(timeMs: number): number {
  return Math.round(timeMs * 1e6) / 1e6;
}
