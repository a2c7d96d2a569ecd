/**
 * Transactions. Reads run beside everything, each on a snapshot of its own. Writes that others have to see in an order
 * run one after the other over all nodes: they hold the row of `numbers`. All calls of this node that wait when such a
 * transaction begins go into it, whoever made them, and share one flush to the disk; none is answered before it.
 */
import type { Pool, PoolClient } from 'pg';
import type { Clock } from '../../domain/clock.ts';
import type { IdCodec } from '../../domain/id.ts';
import { StorageUnavailableError } from '../storage.ts';
import { BusyShare } from './busy-share.ts';
import { Line } from './line.ts';
import type { Memory } from './memory.ts';
import type { Node } from './node.ts';
import type { Operation } from './operation.ts';
import type { Prepared } from './prepared.ts';
import { explainRefusal, isAnswer, isConflict, isUnprepared } from './refusal.ts';
import { Session } from './session.ts';
import { AS_PLANNED, beginBeside, beginInOrder, wayOfAll } from './way.ts';
import type { Way } from './way.ts';
import { WriteSession } from './write-session.ts';

const BEGIN_READ = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
/** Calls of one transaction, so that answers come out while more is asked for. */
const MAX_CALLS = 64;
const MAX_TRIES = 4;

/** Several queries of one kind, done together; an answer for each. */
export type Batch<Item, Answer> = (
  session: WriteSession,
  items: readonly Item[],
) => Promise<Answer[]>;

interface Call {
  /** Calls of the same batch that follow each other are done together. */
  readonly batch: Batch<unknown, unknown>;
  readonly items: readonly unknown[];
  readonly way: Way;
  readonly resolve: (answers: readonly unknown[]) => void;
  readonly reject: (error: unknown) => void;
}

interface TransactionParts {
  readonly ids: IdCodec;
  readonly clock: Clock;
  readonly memory: Memory;
  readonly prepared: Prepared;
}

export class Transactions {
  readonly #pool: Pool;
  readonly #node: Node;
  readonly #parts: TransactionParts;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #busyInOrder: BusyShare;
  #waiting: Call[] = [];
  #isBusy = false;
  #isClosed = false;

  constructor(pool: Pool, node: Node, parts: TransactionParts) {
    this.#pool = pool;
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
    this.#refuseClosed();
    return this.#track(
      this.#transact(BEGIN_READ, (line) => {
        const { incarnation } = this.#node;
        return operation(new Session(line, { ...this.#parts, incarnation }), query);
      }),
    );
  }

  /** Beside all others. */
  async write<Query, Result>(
    operation: Operation<(query: Query) => Promise<Result>, WriteSession>,
    query: Query,
    way: Way = AS_PLANNED,
  ): Promise<Result> {
    this.#refuseClosed();
    return this.#track(
      this.#retrying(() =>
        this.#transact(beginBeside(way), (line) => operation(this.#writing(line), query), way),
      ),
    );
  }

  /** After all that was asked for before. */
  inOrder<Item, Answer>(
    batch: Batch<Item, Answer>,
    items: readonly Item[],
    way: Way = AS_PLANNED,
  ): Promise<Answer[]> {
    return this.#track(
      new Promise((resolve, reject) => {
        this.#refuseClosed();
        this.#waiting.push({
          // Each call brings the batch that its items are for, and takes its answers.
          batch: batch as Batch<unknown, unknown>,
          items,
          way,
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
      const calls = firstTogether(this.#waiting);
      this.#waiting = this.#waiting.slice(calls.length);
      await this.#runTogether(calls);
    }
    this.#isBusy = false;
    this.#busyInOrder.end();
  }

  async #runTogether(calls: readonly Call[]): Promise<void> {
    const way = wayOfAll(calls.map((call) => call.way));
    try {
      const answers = await this.#retrying(() =>
        this.#transact(
          beginInOrder(way),
          (line) => runAll(this.#writing(line, way.numbers), calls),
          way,
        ),
      );
      calls.forEach(({ resolve }, index) => resolve(answers[index] ?? []));
    } catch (error) {
      if (calls.length === 1 || error instanceof StorageUnavailableError)
        for (const { reject } of calls) reject(error);
      // One of them failed: the others shall not fail with it.
      else for (const call of calls) await this.#runTogether([call]);
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
    way: Way = AS_PLANNED,
  ): Promise<Result> {
    const isWrite = begin !== BEGIN_READ;
    let client: PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      throw explainRefusal(error);
    }
    let isCommitting = false;
    try {
      if (isWrite) await this.#node.confirm(client);
      // What the work asks for first is sent along; and what it did not wait for goes with the commit.
      const line = new Line(client, begin, way.byKey ? this.#parts.prepared : null);
      const result = await work(line);
      isCommitting = isWrite;
      await line.commit();
      client.release();
      return result;
    } catch (error) {
      if (isWrite) this.#forget();
      if (isCommitting && !isAnswer(error)) this.#node.doubt();
      // What lies in the connection's way is not known: it is not used again.
      client.release(!isAnswer(error) || (await rollBack(client)));
      throw explainRefusal(error);
    }
  }

  #writing(line: Line, numbers: number | null = null): WriteSession {
    return new WriteSession(line, {
      ...this.#parts,
      incarnation: this.#node.incarnation,
      numbers,
    });
  }

  #forget(): void {
    this.#parts.memory.routes.forget();
    this.#parts.memory.shapes.forget();
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

/** Whether it failed. */
async function rollBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK');
    return false;
  } catch {
    return true;
  }
}

/** Those at the front that go the same way, as many as go into one transaction. */
function firstTogether(waiting: readonly Call[]): readonly Call[] {
  const [first] = waiting;
  const end = waiting.findIndex(({ way }) => way.byKey !== first?.way.byKey);
  return waiting.slice(0, Math.min(MAX_CALLS, end === -1 ? waiting.length : end));
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
