/**
 * Writes that others have to see in an order: one transaction after the other over all nodes, each of which holds the row of
 * `numbers`. All calls of this node that wait when one begins go into it, whoever made them, and share one flush to the
 * disk; none is answered before it.
 */
import type { Clock } from '../../domain/clock.ts';
import { StorageInDoubtError, StorageUnavailableError } from '../storage.ts';
import { BusyShare } from './busy-share.ts';
import { AWAY_AFTER_MS, SilenceError } from './pulse.ts';
import type { Pulse } from './pulse.ts';
import { isHeldUp } from './refusal.ts';
import type { WriteSession } from './write-session.ts';

/** Calls of one transaction, so that answers come out while more is asked for. */
const MAX_CALLS = 64;
/** So long others who write are waited for. */
const MAX_PATIENCE_MS = 10_000;

/** Several queries of one kind, done together; an answer for each. */
export type Batch<Item, Answer> = (
  session: WriteSession,
  items: readonly Item[],
) => Promise<Answer[]>;

interface Call {
  /** Calls of the same batch that follow each other are done together. */
  readonly batch: Batch<unknown, unknown>;
  readonly items: readonly unknown[];
  /** How many numbers it takes; `null`: not known, or something is numbered in between. */
  readonly numbers: number | null;
  readonly resolve: (answers: readonly unknown[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface InOrderHost {
  /** One transaction; again where it was in another's way. */
  transact<Result>(
    numbers: number | null,
    work: (session: WriteSession) => Promise<Result>,
  ): Promise<Result>;
  /** Whether somebody who holds the row of numbers stands still. */
  isStandstill(): Promise<boolean>;
}

export class InOrder {
  readonly #pulse: Pulse;
  readonly #clock: Clock;
  readonly #host: InOrderHost;
  readonly #busy: BusyShare;
  #waiting: Call[] = [];
  #isBusy = false;

  constructor(
    { pulse, clock }: { readonly pulse: Pulse; readonly clock: Clock },
    host: InOrderHost,
  ) {
    this.#pulse = pulse;
    this.#clock = clock;
    this.#host = host;
    this.#busy = new BusyShare(clock);
  }

  /**
   * Of what is done in order: the share of the time in which something is, also while other nodes are waited for. A database
   * that is silent is not at work.
   */
  get utilization(): number {
    return this.#pulse.silentMs >= AWAY_AFTER_MS ? 0 : this.#busy.share;
  }

  /** After all that was added before. `numbers`: how many it takes, where nothing else is numbered in between. */
  add<Item, Answer>(
    batch: Batch<Item, Answer>,
    items: readonly Item[],
    numbers: number | null,
  ): Promise<Answer[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        // Each call brings the batch that its items are for, and takes its answers.
        batch: batch as Batch<unknown, unknown>,
        items,
        numbers,
        resolve: (answers) => resolve(answers as Answer[]),
        reject,
      });
      if (!this.#isBusy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    this.#busy.begin();
    // Who calls in the same turn goes along.
    await Promise.resolve();
    const watch = this.#pulse.watch(({ databaseMs }) => {
      if (databaseMs >= AWAY_AFTER_MS) this.#refuseWaiting(new SilenceError());
    });
    while (this.#waiting.length > 0) {
      const calls = this.#waiting.slice(0, MAX_CALLS);
      this.#waiting = this.#waiting.slice(MAX_CALLS);
      await this.#runTogether(calls);
    }
    watch.end();
    this.#isBusy = false;
    this.#busy.end();
  }

  async #runTogether(calls: readonly Call[]): Promise<void> {
    const numbers = numbersOf(calls);
    try {
      const answers = await this.#patiently(() =>
        this.#host.transact(numbers, (session) => runAll(session, calls)),
      );
      calls.forEach(({ resolve }, index) => resolve(answers[index] ?? []));
    } catch (error) {
      if (calls.length === 1 || error instanceof StorageUnavailableError)
        for (const { reject } of calls) reject(error);
      // One of them failed: the others shall not fail with it.
      else for (const call of calls) await this.#runTogether([call]);
      // What waits behind it would wait as long once more.
      if (wasHeldUp(error) || wasSilent(error) || error instanceof StorageInDoubtError)
        this.#refuseWaiting(error);
    }
  }

  /** Nothing of it was begun. */
  #refuseWaiting(cause: unknown): void {
    if (this.#waiting.length === 0) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = new StorageUnavailableError(`nothing was begun: ${reason}`, { cause });
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Waits for others who have much to write, and not for one who stands still. */
  async #patiently<Result>(work: () => Promise<Result>): Promise<Result> {
    const startMs = this.#clock.monotonicMs();
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!wasHeldUp(error) || this.#clock.monotonicMs() - startMs > MAX_PATIENCE_MS) throw error;
        if (await this.#isStandstill()) throw error;
      }
    }
  }

  async #isStandstill(): Promise<boolean> {
    try {
      return await this.#pulse.unlessSilent(AWAY_AFTER_MS, this.#host.isStandstill());
    } catch {
      return true;
    }
  }
}

function wasSilent(error: unknown): boolean {
  return error instanceof StorageUnavailableError && error.cause instanceof SilenceError;
}

function wasHeldUp(error: unknown): boolean {
  return error instanceof StorageUnavailableError && isHeldUp(error.cause);
}

/** How many numbers the calls take together; `null`: not known before. */
function numbersOf(calls: readonly Call[]): number | null {
  let sum = 0;
  for (const { numbers } of calls) {
    if (numbers === null) return null;
    sum += numbers;
  }
  return sum;
}

/** The answers of each call. */
async function runAll(
  session: WriteSession,
  calls: readonly Call[],
): Promise<(readonly unknown[])[]> {
  const answers: (readonly unknown[])[] = [];
  for (let start = 0; start < calls.length;) {
    const batch = calls[start]?.batch;
    let end = start + 1;
    while (calls[end]?.batch === batch) end++;
    const together = calls.slice(start, end);
    const items = together.flatMap((call) => call.items);
    const found = batch === undefined ? [] : await batch(session, items);
    let from = 0;
    for (const call of together) {
      answers.push(found.slice(from, from + call.items.length));
      from += call.items.length;
    }
    start = end;
  }
  return answers;
}
