/**
 * Transactions. Reads run beside everything, each on a snapshot of its own; writes that others have to see in an order one
 * after the other (in-order.ts). Where the database falls silent none is waited for, and a commit no longer than it may take.
 */
import type { Pool, PoolClient } from 'pg';
import type { Clock } from '../../domain/clock.ts';
import type { IdCodec } from '../../domain/id.ts';
import { StorageUnavailableError } from '../storage.ts';
import { BEGIN_READ, BEGIN_WRITE, beginInOrder } from './begin.ts';
import { InOrder } from './in-order.ts';
import type { Batch } from './in-order.ts';
import { Line } from './line.ts';
import type { Memory } from './memory.ts';
import type { Node } from './node.ts';
import type { Operation } from './operation.ts';
import type { Prepared } from './prepared.ts';
import { AWAY_AFTER_MS, SilenceError } from './pulse.ts';
import type { Pulse, Silence } from './pulse.ts';
import type { Replica } from './replica.ts';
import {
  explainDoubt,
  explainRefusal,
  isAnswer,
  isConflict,
  isEnded,
  isUnprepared,
} from './refusal.ts';
import { Session } from './session.ts';
import { WriteSession } from './write-session.ts';

const MAX_TRIES = 4;
// How long silence is borne (docs/decisions/045-a-silent-database.md); nothing is committed of what waits then.
/** What is committed in order is given up as in doubt. */
const DOUBT_AFTER_MS = 4000;
/** The same of publishes and outcomes whose own connection is silent, while the database answers on others. */
const MAX_OWN_SILENCE_MS = 10_000;

/** What a transaction is: by default one that nobody waits behind. */
interface Kind {
  /** Its statements are always the same. */
  readonly prepared?: Prepared | null;
  /** By default that of the database itself. */
  readonly pool?: Pool;
  /** Others wait until it has ended. */
  readonly isInOrder?: boolean;
  readonly maxOwnSilenceMs?: number;
}

interface TransactionParts {
  readonly pulse: Pulse;
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
  readonly #inOrder: InOrder;
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
    this.#inOrder = new InOrder(parts, {
      transact: (numbers, work) => this.#transactInOrder(numbers, work),
      isStandstill: () => node.isStandstill(),
    });
  }

  /** Of what is done in order (in-order.ts). */
  get utilization(): number {
    return this.#inOrder.utilization;
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
  async inOrder<Item, Answer>(
    batch: Batch<Item, Answer>,
    items: readonly Item[],
    numbers: number | null = null,
  ): Promise<Answer[]> {
    this.#refuseClosed();
    return this.#track(this.#inOrder.add(batch, items, numbers));
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

  #transactInOrder<Result>(
    numbers: number | null,
    work: (session: WriteSession) => Promise<Result>,
  ): Promise<Result> {
    return this.#retrying(() =>
      this.#transact(beginInOrder(numbers), (line) => work(this.#writing(line, numbers)), {
        isInOrder: true,
        ...(numbers === null
          ? {}
          : { prepared: this.#parts.prepared, maxOwnSilenceMs: MAX_OWN_SILENCE_MS }),
      }),
    );
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
    kind: Kind = {},
  ): Promise<Result> {
    const { pool = this.#pool, prepared = null } = kind;
    const isWrite = begin !== BEGIN_READ;
    const client = await this.#connect(pool);
    let isCommitting = false;
    let line: Line | null = null;
    // A replica is looked after elsewhere.
    const watch =
      pool === this.#pool
        ? this.#parts.pulse.watch((silence) => {
            if (isTooLong(silence, kind, isCommitting)) cutOff(client);
          })
        : null;
    try {
      if (isWrite) await this.#node.confirm(client);
      // What the work asks for first is sent along; and what it did not wait for goes with the commit.
      line = new Line(client, begin, { prepared, onAnswer: () => watch?.heard() });
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
      watch?.end();
      line?.leave();
    }
  }

  async #connect(pool: Pool): Promise<PoolClient> {
    const connecting = pool.connect();
    if (pool !== this.#pool) return connecting;
    try {
      return await this.#parts.pulse.unlessSilent(AWAY_AFTER_MS, connecting);
    } catch (error) {
      // It may come yet: for others.
      connecting.then(
        (late) => late.release(),
        () => undefined,
      );
      throw explainRefusal(error);
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

/** Whether what is under way is to be given up. */
function isTooLong(
  { databaseMs, ownMs }: Silence,
  { isInOrder = false, maxOwnSilenceMs = Infinity }: Kind,
  isCommitting: boolean,
): boolean {
  if (ownMs >= maxOwnSilenceMs) return true;
  if (!isCommitting) return databaseMs >= AWAY_AFTER_MS;
  return isInOrder && databaseMs >= DOUBT_AFTER_MS;
}

/** At once, whatever was sent on it: `end` would wait for what was. */
function cutOff({ connection }: PoolClient): void {
  connection.stream.destroy(new SilenceError());
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
