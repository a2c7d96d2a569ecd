/**
 * The writer: one thread, one connection, one transaction at a time.
 *
 * All calls that are waiting when a transaction begins go into it, whoever made them: publishes, outcomes and claims
 * share one flush to the disk. None is answered before that flush.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../domain/clock.ts';
import { systemRandom } from '../../domain/id.ts';
import { finishCheckpoint } from './checkpoint.ts';
import { flattenLanes, unflattenAttempts, unflattenEvents } from './codec.ts';
import { createWriteContext } from './context.ts';
import { transferOf } from './flat.ts';
import type { Flat } from './flat.ts';
import type { WriteContext } from './context.ts';
import { explainOpening, openDatabase } from './open.ts';
import type { OpenDatabase } from './open.ts';
import { writeOperations } from './operations.ts';
import { noteOf } from './thread-messages.ts';
import type { Answer, Call, Opened, ThreadData } from './thread-messages.ts';
import { inTransaction } from './transaction.ts';

/** Calls of one transaction, so that answers come out while more is asked for. */
const MAX_CALLS = 64;

const main = parentPort;
if (main === null) throw new Error('this file is the start of a thread');

try {
  serve(main, workerData as ThreadData);
} catch (error) {
  main.postMessage({ error: noteOf(error) } satisfies Opened);
}

function serve(port: NonNullable<typeof parentPort>, { database }: ThreadData): void {
  const open = openDatabase(database);
  const context = begin(open, database.path);
  const operations = writeOperations(context);
  const inTransactions = new Map<string, (query: unknown) => unknown>(
    Object.entries({
      ...operations,
      publish: (query: Flat) => operations.publish({ events: unflattenEvents(query) }),
      record: (query: Flat) => operations.record({ attempts: unflattenAttempts(query) }),
      claim: (query: Parameters<typeof operations.claim>[0]) =>
        flattenLanes(operations.claim(query)),
      // Each caller of this thread is the storage beside it, which types its calls.
    } as Record<string, (query: unknown) => unknown>),
  );
  port.postMessage({ instanceMark: context.ids.eventId(0).slice(-4) } satisfies Opened);

  port.on('message', (first: Call) => {
    const calls = [first];
    while (calls.length < MAX_CALLS) {
      const next = receiveMessageOnPort(port);
      if (next === undefined) break;
      // Only the storage beside this file posts here.
      calls.push(next.message as Call);
    }
    handle(calls);
  });

  function handle(calls: readonly Call[]): void {
    const waiting: Call[] = [];
    for (const call of calls) {
      if (inTransactions.has(call.name)) {
        waiting.push(call);
        continue;
      }
      // Not part of a transaction: what was asked for before it comes before it.
      runTogether(waiting.splice(0));
      runAlone(call);
    }
    runTogether(waiting);
  }

  function runTogether(calls: readonly Call[]): void {
    if (calls.length === 0) return;
    try {
      const results = inTransaction(context, () => calls.map(run));
      calls.forEach(({ id }, index) => answer({ id, ok: true, result: results[index] }));
    } catch (error) {
      if (calls.length === 1)
        for (const { id } of calls) answer({ id, ok: false, error: noteOf(error) });
      // One of them failed: the others shall not fail with it.
      else for (const call of calls) runTogether([call]);
    }
  }

  function run({ name, query }: Call): unknown {
    return inTransactions.get(name)?.(query);
  }

  function runAlone({ id, name }: Call): void {
    try {
      if (name === 'finishCheckpoint') answer({ id, ok: true, result: finishCheckpoint(open.db) });
      else if (name === 'close') {
        open.close();
        answer({ id, ok: true, result: undefined });
        port.close();
      } else throw new Error(`the writer knows no ${name}`);
    } catch (error) {
      answer({ id, ok: false, error: noteOf(error) });
    }
  }

  function answer(message: Answer): void {
    const result = message.ok ? message.result : undefined;
    port.postMessage(message, isFlat(result) ? transferOf(result) : []);
  }
}

/** A new incarnation over the database, which is let go where that fails. */
function begin(open: OpenDatabase, path: string): WriteContext {
  try {
    return createWriteContext(open.db, systemClock, systemRandom);
  } catch (error) {
    open.close();
    throw explainOpening(error, path);
  }
}

function isFlat(value: unknown): value is Flat {
  return typeof value === 'object' && value !== null && 'numbers' in value;
}
