/** What a scenario is and what it is given. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BareLoopOptions, BareLoopResult } from './bare-loop.ts';
import { Part, runPart } from './children.ts';
import { Postgres } from './postgres.ts';
import type { Receiver } from './receiver.ts';
import { Server } from './server.ts';

export interface Scenario {
  readonly name: string;
  /** A line for `--list`. */
  readonly about: string;
  /** Takes many minutes: runs only with `--long`, or by name. */
  readonly isLong?: true;
  run(bench: Bench): Promise<ScenarioResult>;
}

export interface ScenarioResult {
  readonly rows: readonly Row[];
  /** Where the time went, and the like. */
  readonly notes: readonly string[];
  /** Lost events, refusals and complaints in the log: then the figures mean nothing. */
  readonly faults: readonly string[];
}

export interface Row {
  readonly metric: string;
  readonly measured: number;
  readonly unit: string;
  /** The bare loop's figure in the same run, where they are compared. */
  readonly bare: number | null;
  readonly target: Target | null;
}

/** Of the ratio to the bare loop where the row has one, else of what was measured. */
export interface Target {
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface BenchOptions {
  /** How long one measurement lasts. */
  readonly seconds: number;
  /** Tenants, each with one destination, that the events are spread over. */
  readonly tenants: number;
  readonly connections: number;
  readonly eventsPerBatch: number;
  /** Instead of a scenario's own number of events. */
  readonly count: number | null;
  readonly withInstalled: boolean;
  /** See `ServerOptions`. */
  readonly program: string;
  readonly profileFolder: string | null;
}

/** Shorter measurements say nothing: then things are done once, to show that they work. */
const MIN_SECONDS = 5;
const BARE_CONCURRENCIES = [64, 128];

export class Bench {
  readonly options: BenchOptions;
  readonly receiver: Receiver;
  /** Of this scenario alone; thrown away after it. */
  readonly folder: string;
  readonly #name: string;
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #lastEnds: (() => Promise<void>)[] = [];

  constructor(name: string, folder: string, receiver: Receiver, options: BenchOptions) {
    this.#name = name;
    this.folder = folder;
    this.receiver = receiver;
    this.options = options;
  }

  /** How often something is measured whose median is taken. */
  repetitions(wanted: number): number {
    return this.options.seconds < MIN_SECONDS ? 1 : wanted;
  }

  /** A server on the database of that name, which is empty unless one was there before. */
  async startServer(
    database = 'database',
    config: string | null = null,
    databaseUrl?: string,
  ): Promise<Server> {
    const server = await Server.start({
      folder: join(this.folder, database),
      program: this.options.program,
      profileFolder: this.#profileFolder(),
      config,
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
    });
    this.#ends.push(() => server.kill());
    return server;
  }

  /** A PostgreSQL server for this scenario; it ends after the nodes. */
  async startPostgres(): Promise<Postgres> {
    const postgres = await Postgres.start();
    this.#lastEnds.push(() => postgres.end());
    return postgres;
  }

  /** A file of this folder that runs beside the measurement. */
  startPart(name: string, options: object = {}): Part {
    const part = new Part(name, options);
    this.#ends.push(() => part.end());
    return part;
  }

  /** Ends what of all that is still running. */
  async end(): Promise<void> {
    await Promise.all(this.#ends.map((end) => end()));
    await Promise.all(this.#lastEnds.map((end) => end()));
  }

  /** Messages a second of undici alone to the same receiver: the best of a few concurrencies. */
  async bareLoop(): Promise<number> {
    const options: BareLoopOptions = {
      origin: this.receiver.origin,
      concurrencies: BARE_CONCURRENCIES,
      seconds: Math.min(3, Math.max(0.3, this.options.seconds / 5)),
    };
    return (await runPart<BareLoopResult>('bare-loop.ts', options)).perSecond;
  }

  /** Measures something between two bare loops, and gives their mean: the machine may have other work by turns. */
  async beside<Result>(
    measure: () => Promise<Result>,
  ): Promise<{ result: Result; bare: number; bareNote: string }> {
    const before = await this.bareLoop();
    const result = await measure();
    const after = await this.bareLoop();
    const bareNote = `bare loop: ${before.toFixed(0)}/s before, ${after.toFixed(0)}/s after`;
    return { result, bare: (before + after) / 2, bareNote };
  }

  #profileFolder(): string | null {
    const { profileFolder } = this.options;
    if (profileFolder === null) return null;
    const folder = join(profileFolder, this.#name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }
}

/** `null`: nothing is wanted. */
export function isMet({ measured, bare, target }: Row): boolean | null {
  if (target === null) return null;
  const value = bare === null ? measured : measured / bare;
  return value >= (target.atLeast ?? -Infinity) && value <= (target.atMost ?? Infinity);
}
