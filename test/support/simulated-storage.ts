/**
 * The way between an engine and its storage: every call takes time, may be refused, and may be cut off by the death of
 * the process before or after it was carried out.
 *
 * As in the driver on threads, writes go one after the other and are answered in that order, and reads go beside them.
 * A call is carried out at one moment: what the process learns of it, it learns later, or never.
 */
import { StorageUnavailableError } from '../../src/storage/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { ProcessClock } from './simulated-clock.ts';
import type { SeededRandom } from './simulated-random.ts';

export type Operation = Exclude<keyof Storage, 'ids' | 'nodes'>;

const READS: ReadonlySet<Operation> = new Set<Operation>([
  'tenantGet',
  'tenantList',
  'tenantDefaultsGet',
  'sealedList',
  'destinationGet',
  'destinationList',
  'keyGet',
  'keyList',
  'keyRing',
  'auditList',
  'healthPage',
  'destinationsEnding',
  'untoldFailures',
  'mailsDue',
  'deletionList',
  'replayGet',
  'replayList',
  'replaysOpen',
  'replayCandidates',
  'routingPage',
  'routingOf',
  'eventGet',
  'eventList',
  'eventSearch',
  'deliveryGet',
  'deliveryList',
  'attemptGet',
  'attemptList',
  'metricsEvents',
  'metricsAttempts',
  'usageList',
]);

/** The disk: it outlives the processes. Change it as you like. */
export class SimulatedMedium {
  readonly #random: SeededRandom;
  /** Refuses everything, as a full disk does. */
  isAway = false;
  /** How often a call is refused by chance. */
  refusals = 0;
  /** How often a call fails for another reason than the medium's. */
  faults = 0;
  minLatencyMs = 0.1;
  maxLatencyMs = 2;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  get isWell(): boolean {
    return !this.isAway && this.refusals === 0 && this.faults === 0 && this.maxLatencyMs <= 2;
  }

  heal(): void {
    this.isAway = false;
    this.refusals = 0;
    this.faults = 0;
    this.minLatencyMs = 0.1;
    this.maxLatencyMs = 2;
  }

  latencyMs(): number {
    return this.#random.between(this.minLatencyMs, this.maxLatencyMs);
  }

  /** What keeps a call from being carried out, if anything does. */
  obstacle(): Error | null {
    if (this.isAway || this.#random.chance(this.refusals))
      return new StorageUnavailableError('the simulated medium refuses');
    return this.#random.chance(this.faults) ? new Error('a simulated fault') : null;
  }
}

export interface ConnectionOptions {
  readonly inner: Storage;
  readonly medium: SimulatedMedium;
  readonly clock: ProcessClock;
  /** Called in the moment in which a write was carried out. */
  readonly onWritten: (operation: Operation, query: unknown) => void;
  /** Called in the moment that a read shows; what it gives is called when the process learns of it. */
  readonly onRead?: (operation: Operation, query: unknown) => () => void;
}

/** How long tidying up takes, unless `hurry` is called: so a world that idles does not do it twice a second. */
const MAINTENANCE_MS = 60_000;
/** From what was done to the answer: a process that dies meanwhile never learns of it. */
const ANSWER_MS = 0.5;

type Call = (query?: unknown) => Promise<unknown>;

export class SimulatedConnection {
  readonly storage: Storage;
  readonly #options: ConnectionOptions;
  #underWay = 0;
  #writerFreeAtMs = 0;
  #readerFreeAtMs = 0;
  #endMaintenance: (() => void) | null = null;
  #isHurried = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { inner } = options;
    const calls = Object.entries(inner)
      .filter(([name]) => name !== 'ids' && name !== 'nodes')
      .map(([name, call]) => [name, this.#callOf(name as Operation, call as Call)]);
    // Every method of the port, each with its own query and result.
    this.storage = {
      ...Object.fromEntries(calls),
      ids: inner.ids,
      groupSize: inner.groupSize,
      nodes: null,
    } as Storage;
  }

  /** Calls that were not answered yet. */
  get underWay(): number {
    return this.#underWay;
  }

  /** The process is about to end: tidying up ends at once. */
  hurry(): void {
    this.#isHurried = true;
    this.#endMaintenance?.();
  }

  #callOf(name: Operation, call: Call): Call {
    if (name === 'maintain') return () => this.#maintain();
    if (name === 'close') return () => Promise.resolve();
    const isRead = READS.has(name);
    return (query) =>
      new Promise((resolve, reject) => {
        const { clock, medium } = this.#options;
        this.#underWay++;
        clock.after(this.#turnMs(isRead, medium.latencyMs()), () => {
          const settle = this.#carryOut(name, isRead, call, query, resolve, reject);
          // The same for all, so that answers keep the order.
          clock.after(ANSWER_MS, () => {
            this.#underWay--;
            settle();
          });
        });
      });
  }

  /** One after the other: how long until this one was carried out. */
  #turnMs(isRead: boolean, latencyMs: number): number {
    const nowMs = this.#options.clock.monotonicMs();
    const freeAtMs = isRead ? this.#readerFreeAtMs : this.#writerFreeAtMs;
    const doneAtMs = Math.max(freeAtMs, nowMs) + latencyMs;
    if (isRead) this.#readerFreeAtMs = doneAtMs;
    else this.#writerFreeAtMs = doneAtMs;
    return doneAtMs - nowMs;
  }

  /** Gives what settles the caller's promise. */
  #carryOut(
    name: Operation,
    isRead: boolean,
    call: Call,
    query: unknown,
    resolve: (result: unknown) => void,
    reject: (error: unknown) => void,
  ): () => void {
    const obstacle = this.#options.medium.obstacle();
    if (obstacle !== null) return () => reject(obstacle);
    let settle = () => {};
    const learn = isRead ? this.#options.onRead?.(name, query) : undefined;
    // The driver on the caller's thread has done it when it returns; its promise settles before the answer is given.
    call(query).then(
      (result) => {
        settle = () => resolve(result);
      },
      (error: unknown) => {
        settle = () => reject(error);
      },
    );
    if (!isRead) this.#options.onWritten(name, query);
    return () => {
      learn?.();
      settle();
    };
  }

  #maintain(): Promise<void> {
    if (this.#isHurried) return Promise.resolve();
    return new Promise((resolve) => {
      this.#endMaintenance = resolve;
      this.#options.clock.after(MAINTENANCE_MS, resolve);
    });
  }
}
