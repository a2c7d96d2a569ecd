/** The reader: lists and look-ups on a read-only connection, so that none of them delays a commit; and the checkpoint. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../domain/clock.ts';
import { checkpoint } from './checkpoint.ts';
import { createReadContext } from './context.ts';
import type { ReadContext } from './context.ts';
import { explainOpening, openForReading } from './open.ts';
import { readOperations } from './operations.ts';
import { noteOf } from './thread-messages.ts';
import type { Answer, Call, Opened, ThreadData } from './thread-messages.ts';
import { inSnapshot } from './transaction.ts';

const main = parentPort;
if (main === null) throw new Error('this file is the start of a thread');

try {
  serve(main, workerData as ThreadData);
} catch (error) {
  main.postMessage({ error: noteOf(error) } satisfies Opened);
}

function serve(port: NonNullable<typeof parentPort>, { database }: ThreadData): void {
  const { db, context } = open(database.path);
  const operations = new Map(
    Object.entries(readOperations(context) as Record<string, (query: unknown) => unknown>),
  );
  // A read-only connection cannot move frames.
  const mover = new DatabaseSync(database.path);
  mover.exec(
    'PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000',
  );
  port.postMessage({ instanceMark: context.ids.eventId(0).slice(-4) } satisfies Opened);

  port.on('message', ({ id, name, query }: Call) => {
    port.postMessage(answer(id, name, query));
    if (name === 'close') port.close();
  });

  function answer(id: number, name: string, query: unknown): Answer {
    try {
      return { id, ok: true, result: run(name, query) };
    } catch (error) {
      return { id, ok: false, error: noteOf(error) };
    }
  }

  function run(name: string, query: unknown): unknown {
    if (name === 'checkpoint') return checkpoint(mover);
    if (name === 'close') {
      mover.close();
      db.close();
      return undefined;
    }
    const operation = operations.get(name);
    if (operation === undefined) throw new Error(`the reader knows no ${name}`);
    return inSnapshot(db, () => operation(query));
  }
}

function open(path: string): { db: DatabaseSync; context: ReadContext } {
  try {
    const db = openForReading(path);
    return { db, context: createReadContext(db, systemClock) };
  } catch (error) {
    throw explainOpening(error, path);
  }
}
