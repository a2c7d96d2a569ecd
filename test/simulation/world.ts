/** One simulated installation: what outlives its processes, and the process that runs just now, if one does. */
import { DatabaseSync } from 'node:sqlite';

import type { Timer } from '../../src/domain/clock.ts';
import type { EngineLog } from '../../src/engine/engine-log.ts';
import type { SharedLimits } from '../../src/engine/shared-concurrency.ts';
import { openInlineDatabase } from '../../src/storage/sqlite/inline.ts';
import type { OpenDatabase } from '../../src/storage/sqlite/open.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';
import { SimulatedProcess } from '../support/simulated-process.ts';
import { SeededRandom } from '../support/simulated-random.ts';
import { SimulatedReceivers } from '../support/simulated-receivers.ts';
import type { Behaviour } from '../support/simulated-receivers.ts';
import { SimulatedMedium } from '../support/simulated-storage.ts';
import { Callers } from './callers.ts';
import { EndingWatch } from './ending-watch.ts';
import { Findings } from './findings.ts';
import { Journal } from './journal.ts';
import { Knowledge } from './knowledge.ts';
import { Ledger } from './ledger.ts';
import type { DeliveryState } from './ledger-state.ts';
import { Watch } from './watch.ts';

/** With its schema, as a copy: to migrate anew would take a fifth of a world's time. */
let template: Uint8Array | null = null;

function freshDatabase(): OpenDatabase {
  if (template === null) {
    const migrated = openInlineDatabase({ path: ':memory:', maxBytes: null });
    template = migrated.db.serialize();
    migrated.close();
  }
  const db = new DatabaseSync(':memory:');
  db.deserialize(template);
  return { db, close: () => db.close() };
}

export interface WorldOptions {
  readonly seed: number;
  readonly maxInFlight: number;
  readonly maxInMemory: number;
  readonly isAmple: boolean;
  readonly retentionDays: number;
  /** How busy the thread is: publishes may be made to wait. */
  readonly utilization: number;
  readonly isTracing: boolean;
  /** Something that is counted (`Findings.saw`): a world in which it happens is shown as if that were wrong. */
  readonly lookedFor?: string | null;
  /** Of the places that lanes share. */
  readonly shared?: Partial<SharedLimits>;
}

export class World {
  readonly clock = new SimulatedClock();
  readonly random: SeededRandom;
  readonly findings: Findings;
  readonly medium: SimulatedMedium;
  readonly receivers: SimulatedReceivers;
  readonly ledger: Ledger;
  readonly watch: Watch;
  readonly callers: Callers;
  readonly #options: WorldOptions;
  readonly #database: OpenDatabase;
  readonly #journal: Journal;
  readonly #knowledge: Knowledge;
  #process: SimulatedProcess | null = null;
  readonly #coming: Timer[] = [];
  /** `Infinity`: the medium is not well now. */
  #lastUnwellMs = 0;
  #starts = 0;
  #takesCalls = false;
  #stopping = false;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.findings = new Findings(this.clock, options.isTracing, options.lookedFor);
    this.random = new SeededRandom(options.seed);
    this.medium = new SimulatedMedium(this.random.fork());
    this.#database = freshDatabase();
    this.#journal = new Journal(this.#database.db);
    const monotonicMs = () => this.clock.monotonicMs();
    const { clock, findings } = this;
    const endings = new EndingWatch(clock, findings);
    const knowledge = new Knowledge((tenantId) => this.ledger.settled(tenantId));
    this.#knowledge = knowledge;
    this.ledger = new Ledger({ journal: this.#journal, findings, clock, endings, knowledge });
    this.callers = new Callers(this.ledger, this.findings, monotonicMs);
    this.receivers = new SimulatedReceivers(
      this.random.fork(),
      (request) => this.watch.arrived(request),
      (request) => this.watch.ended(request),
    );
    this.watch = new Watch({
      ...options,
      clock: this.clock,
      ledger: this.ledger,
      receivers: this.receivers,
      findings,
      endings,
      knowledge,
    });
  }

  /** The process that takes calls, if one does. */
  get process(): SimulatedProcess | null {
    return this.#takesCalls ? this.#process : null;
  }

  get isRunning(): boolean {
    return this.#process !== null;
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  /** Starts a process, if none runs; it takes calls as soon as it knows the destinations. */
  boot(): void {
    if (this.#process !== null) return;
    const process = new SimulatedProcess(++this.#starts, {
      ...this.#options,
      clock: this.clock,
      random: this.random,
      database: this.#database,
      medium: this.medium,
      receivers: this.receivers,
      log: this.#log(),
      limits: {
        maxInFlight: this.#options.maxInFlight,
        maxInMemory: this.#options.maxInMemory,
        ...this.#options.shared,
      },
      utilization: () => this.#options.utilization,
      onWritten: (writer, operation, query) => {
        this.ledger.written(writer, operation, query);
        this.#knowledge.written(operation, query);
      },
      onRead: (_reader, operation, query) => this.#knowledge.read(operation, query),
    });
    if (this.#journal.incarnation() !== process.no)
      this.findings.violate('incarnations are not counted up');
    this.#process = process;
    this.findings.saw('start');
    this.findings.note(`process ${process.no} begins`);
    void this.#start(process);
  }

  async #start(process: SimulatedProcess): Promise<void> {
    try {
      await process.engine.load();
      if (this.#process !== process) return;
      this.#takesCalls = true;
      this.watch.processBegins();
      await process.engine.start();
      if (this.#process !== process) return;
      this.#assess();
      this.findings.note(`process ${process.no} runs`);
    } catch (error) {
      if (this.#process !== process) return;
      this.findings.note(
        `process ${process.no} cannot start: ${error instanceof Error ? error.message : JSON.stringify(error)}`,
      );
      this.#end(process);
    }
  }

  /** As `kill -9` does. */
  crash(): void {
    if (this.#process === null) return;
    this.findings.saw('crash');
    this.findings.note(`process ${this.#process.no} is killed`);
    this.#end(this.#process);
  }

  /** A stop in good order; the process takes no calls meanwhile. */
  stop(graceMs: number): void {
    const process = this.process;
    if (process === null || this.#stopping) return;
    this.#stopping = true;
    this.#takesCalls = false;
    this.#assess();
    this.findings.note(`process ${process.no} stops within ${graceMs} ms`);
    process.connection.hurry();
    const beganMs = this.clock.monotonicMs();
    process.engine.stop(graceMs).then(
      () => this.#stopped(process, beganMs, graceMs),
      (error: unknown) => {
        this.findings.note(`  it could not release what it held: ${String(error)}`);
        this.#stopped(process, -Infinity, 0);
      },
    );
  }

  #stopped(process: SimulatedProcess, beganMs: number, graceMs: number): void {
    // It was killed meanwhile.
    if (this.#process !== process) return;
    if (this.callers.underWay > 0)
      this.findings.violate(
        `${this.callers.underWay} publishes are not answered when the process stops`,
      );
    this.findings.saw('stop in good order');
    if (this.#lastUnwellMs < beganMs) this.watch.stopped(process, beganMs + graceMs);
    this.#end(process);
  }

  #end(process: SimulatedProcess): void {
    process.kill();
    this.ledger.forget(process.no);
    this.callers.hangUp();
    this.#process = null;
    this.#takesCalls = false;
    this.#stopping = false;
    this.#assess();
  }

  /** What holds its key lets go of it, where it is chosen. */
  letGo(isChosen: (delivery: DeliveryState) => boolean): void {
    const { process } = this;
    if (process === null) return;
    for (const delivery of this.ledger.deliveries.values())
      if (delivery.row.holds && isChosen(delivery)) this.callers.cancel(process, delivery);
  }

  behave(receiverName: string, behaviour: Behaviour): void {
    const receiver = this.receivers.receiver(receiverName);
    const wasHealthy = receiver.behaviour.kind === 'ok';
    receiver.behaviour = behaviour;
    if (wasHealthy !== (behaviour.kind === 'ok')) this.watch.behaves(receiverName, !wasHealthy);
  }

  /** Something that comes later, unless the end comes before. */
  later(afterMs: number, what: () => void): void {
    this.#coming.push(this.clock.after(afterMs, what));
  }

  /** Nothing that was to come comes any more. */
  endFate(): void {
    for (const timer of this.#coming.splice(0)) timer.cancel();
  }

  /** Changes what the storage's medium does, for some time. */
  disturb(change: (medium: SimulatedMedium) => void, forMs: number): void {
    change(this.medium);
    this.#assess();
    this.later(forMs, () => this.heal());
  }

  heal(): void {
    this.medium.heal();
    this.#assess();
  }

  /** Whether anything but a receiver may hold a delivery up. */
  #assess(): void {
    if (!this.medium.isWell) this.#lastUnwellMs = Infinity;
    else if (this.#lastUnwellMs === Infinity) this.#lastUnwellMs = this.clock.monotonicMs();
    this.watch.trouble(!this.medium.isWell || !this.#takesCalls);
  }

  /** Lets time pass, and looks at what became of it. */
  async pass(byMs: number): Promise<void> {
    await this.clock.advance(byMs);
    this.look();
  }

  look(): void {
    if (this.#process !== null && this.#takesCalls)
      this.watch.look(this.#process, this.callers.underWay);
  }

  /** Something that has ended may be gone by now, with its tenant or by retention. */
  get hasForgotten(): boolean {
    return this.callers.hasRemovedTenants || this.#options.retentionDays < 5;
  }

  /** Of all replays: those that have not come to their end, and the deliveries that were counted. */
  replays(): { open: number; counted: number } {
    return this.#journal.replays();
  }

  /** How many attempts the storage has of each delivery, and their first and last number. */
  storedAttempts(): Map<string, { count: number; first: number; last: number }> {
    return this.#journal.storedAttempts();
  }

  async close(): Promise<void> {
    this.#process?.kill();
    await settled();
    this.#database.close();
  }

  #log(): EngineLog {
    const note = (line: string, error?: unknown) => {
      this.findings.saw(line);
      this.findings.note(
        `  log: ${line}${error === undefined ? '' : `: ${error instanceof Error ? error.message : JSON.stringify(error)}`}`,
      );
    };
    return {
      claimFailed: (error) => note('claim failed', error),
      cancelFailed: (error) => note('cancel failed', error),
      releaseFailed: (error) => note('release failed', error),
      recordFailed: (error, held) => note('record failed', `${held} held, ${String(error)}`),
      recordResumed: () => note('record resumed'),
      outcomeDropped: (error, id) => note('outcome dropped', `${id}, ${String(error)}`),
      serviceFailed: (name, error) => note(`${name} failed`, error),
      noticeFailed: (topic, error) => note(`${topic} not told`, error),
      noticeDropped: (topic) => this.findings.violate(`${topic} was dropped`),
      destinationEnded: (_tenant, id, reason) => note(`${id} ended: ${reason}`),
      destinationEndFailed: (_tenant, id, error) => note(`${id} not ended`, error),
      filterGaveUp: () => {},
      destinationUnusable: (_tenant, id, error) =>
        this.findings.violate(`${id} is unusable: ${String(error)}`),
      schemaViolated: (topic) => note(`${topic} was not of its schema`),
      schemaUnusable: (topic, reason) => this.findings.violate(`${topic}: ${reason}`),
    };
  }
}
