/**
 * Transactions. Reads run beside everything, each on a snapshot of its own. Writes that others have to see in an order
 * run one after the other over all nodes: they hold the row of `numbers`. All calls of this node that wait when such a
 * transaction begins go into it, whoever made them, and share one flush to the disk; none is answered before it.
 */
import type { Pool, PoolClient } from 'pg';
import type { Clock } from '../../domain/clock.ts';
import type { IdCodec } from '../../domain/id.ts';
import { StorageUnavailableError } from '../storage.ts';
import { BEGIN_READ, BEGIN_WRITE, beginInOrder } from './begin.ts';
import { BusyShare } from './busy-share.ts';
import { Line } from './line.ts';
import type { Memory } from './memory.ts';
import type { Node } from './node.ts';
import type { Operation } from './operation.ts';
import type { Prepared } from './prepared.ts';
import type { Replica } from './replica.ts';
import {
  explainDoubt,
  explainRefusal,
  isAnswer,
  isConflict,
  isEnded,
  isHeldUp,
  isUnprepared,
} from './refusal.ts';
import { Session } from './session.ts';
import { WriteSession } from './write-session.ts';

/** Calls of one transaction, so that answers come out while more is asked for. */
const MAX_CALLS = 64;
const MAX_TRIES = 4;
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

interface TransactionParts {
  readonly ids: IdCodec;
  readonly clock: Clock;
  readonly memory: Memory;
  readonly prepared: Prepared;
  readonly isDistributed: boolean;
}

export class Transactions {
  readonly #pool: Pool;
  readonly #replica: Replica | null;
  readonly #node: Node;
  readonly #parts: TransactionParts;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #busyInOrder: BusyShare;
  #waiting: Call[] = [];
  #isBusy = false;
  #isClosed = false;

  constructor(
    { pool, replica }: { readonly pool: Pool; readonly replica: Replica | null },
    node: Node,
    parts: TransactionParts,
  ) {
    this.#pool = pool;
    this.#replica = replica;
    this.#node = node;
    this.#parts = parts;
    this.#busyInOrder = new BusyShare(parts.clock);
  }

  /** Of what is done in order: the share of the time in which something is, also while other nodes are waited for. */
  get utilization(): number {
    return this.#busyInOrder.share;
  }

  /** All that the operation reads is of one moment. */
  async read<Query, Result>(
    operation: Operation<(query: Query) => Promise<Result>>,
    query: Query,
  ): Promise<Result> {
    return this.#readFrom(this.#pool, operation, query);
  }

  /** The same, perhaps of some seconds ago: of the replica, where there is one and it can be had. */
  async readLagging<Query, Result>(
    operation: Operation<(query: Query) => Promise<Result>>,
    query: Query,
  ): Promise<Result> {
    const replica = this.#replica;
    if (replica?.isUsable === true) {
      try {
        return await this.#readFrom(replica.pool, operation, query);
      } catch {
        // Whatever it was: it may be of the replica alone.
        replica.suspect();
      }
    }
    return this.read(operation, query);
  }

  #readFrom<Query, Result>(
    pool: Pool,
    operation: Operation<(query: Query) => Promise<Result>>,
    query: Query,
  ): Promise<Result> {
    this.#refuseClosed();
    const work = (line: Line) => {
      const { incarnation } = this.#node;
      return operation(new Session(line, { ...this.#parts, incarnation }), query);
    };
    return this.#track(this.#transact(BEGIN_READ, work, { pool }));
  }

  /** Beside all others. */
  async write<Query, Result>(
    operation: Operation<(query: Query) => Promise<Result>, WriteSession>,
    query: Query,
  ): Promise<Result> {
    this.#refuseClosed();
    return this.#track(
      this.#retrying(() =>
        this.#transact(BEGIN_WRITE, (line) => operation(this.#writing(line), query)),
      ),
    );
  }

  /** After all that was asked for before. `numbers`: how many are taken, where nothing else is numbered in between. */
  inOrder<Item, Answer>(
    batch: Batch<Item, Answer>,
    items: readonly Item[],
    numbers: number | null = null,
  ): Promise<Answer[]> {
    return this.#track(
      new Promise((resolve, reject) => {
        this.#refuseClosed();
        this.#waiting.push({
          // Each call brings the batch that its items are for, and takes its answers.
          batch: batch as Batch<unknown, unknown>,
          items,
          numbers,
          resolve: (answers) => resolve(answers as Answer[]),
          reject,
        });
        if (!this.#isBusy) void this.#work();
      }),
    );
  }

  /** What makes do with statements of its own. */
  async aside<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#track(work());
    } catch (error) {
      throw explainRefusal(error);
    }
  }

  /** Finishes what was asked for. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#underWay);
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    this.#busyInOrder.begin();
    // Who calls in the same turn goes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const calls = this.#waiting.slice(0, MAX_CALLS);
      this.#waiting = this.#waiting.slice(MAX_CALLS);
      await this.#runTogether(calls);
    }
    this.#isBusy = false;
    this.#busyInOrder.end();
  }

  async #runTogether(calls: readonly Call[]): Promise<void> {
    const numbers = numbersOf(calls);
    try {
      const answers = await this.#patiently(() =>
        this.#retrying(() =>
          this.#transact(
            beginInOrder(numbers),
            (line) => runAll(this.#writing(line, numbers), calls),
            // Their statements are always the same.
            numbers === null ? {} : { prepared: this.#parts.prepared },
          ),
        ),
      );
      calls.forEach(({ resolve }, index) => resolve(answers[index] ?? []));
    } catch (error) {
      if (calls.length === 1 || error instanceof StorageUnavailableError)
        for (const { reject } of calls) reject(error);
      // One of them failed: the others shall not fail with it.
      else for (const call of calls) await this.#runTogether([call]);
      // What waits behind it would wait as long once more.
      if (wasHeldUp(error)) for (const { reject } of this.#waiting.splice(0)) reject(error);
    }
  }

  /** Waits for others who have much to write, and not for one who stands still. */
  async #patiently<Result>(work: () => Promise<Result>): Promise<Result> {
    const { clock } = this.#parts;
    const startMs = clock.monotonicMs();
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!wasHeldUp(error) || clock.monotonicMs() - startMs > MAX_PATIENCE_MS) throw error;
        if (await this.#node.isStandstill().catch(() => true)) throw error;
      }
    }
  }

  async #retrying<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (error) {
        const cause = error instanceof Error ? error.cause : undefined;
        if (isUnprepared(error)) this.#parts.prepared.giveUp();
        else if (!isConflict(cause)) throw error;
        if (tries === MAX_TRIES) throw error;
      }
    }
  }

  async #transact<Result>(
    begin: string,
    work: (line: Line) => Promise<Result>,
    {
      pool = this.#pool,
      prepared = null,
    }: { readonly pool?: Pool; readonly prepared?: Prepared | null } = {},
  ): Promise<Result> {
    const isWrite = begin !== BEGIN_READ;
    let client: PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw explainRefusal(error);
    }
    let isCommitting = false;
    let line: Line | null = null;
    try {
      if (isWrite) await this.#node.confirm(client);
      // What the work asks for first is sent along; and what it did not wait for goes with the commit.
      line = new Line(client, begin, prepared);
      const result = await work(line);
      isCommitting = isWrite;
      await line.commit();
      client.release();
      return result;
    } catch (thrown) {
      const error = line?.failure ?? thrown;
      if (isWrite) this.#forget();
      const isInDoubt = isCommitting && !isAnswer(error) && !isEnded(error);
      if (isInDoubt) this.#node.doubt();
      // What lies in the connection's way is not known: it is not used again.
      client.release(!isAnswer(error) || (await rollBack(client)));
      throw isInDoubt ? explainDoubt(error) : explainRefusal(error);
    } finally {
      line?.leave();
    }
  }

  #writing(line: Line, numbers: number | null = null): WriteSession {
    return new WriteSession(line, {
      ...this.#parts,
      incarnation: this.#node.incarnation,
      retryLine: this.#node.retryLine,
      numbers,
    });
  }

  #forget(): void {
    this.#parts.memory.routes.forget();
    this.#parts.memory.shapes.forget();
    this.#parts.memory.eventTenants.forget();
    this.#parts.memory.days.madeTo = -1;
  }

  async #track<Result>(work: Promise<Result>): Promise<Result> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  #refuseClosed(): void {
    if (this.#isClosed) throw new StorageUnavailableError('the database is closed');
  }
}

function wasHeldUp(error: unknown): boolean {
  return error instanceof StorageUnavailableError && isHeldUp(error.cause);
}

/** Whether it failed. */
async function rollBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK');
    return false;
  } catch {
    return true;
  }
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
