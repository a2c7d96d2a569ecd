/** A thread of the driver, seen from the main thread: calls go in, promises come out. */
import { Worker } from 'node:worker_threads';
import { StorageUnavailableError } from '../storage.ts';
import { errorOf } from './thread-messages.ts';
import type { Answer, Call, Opened, ThreadData } from './thread-messages.ts';

export interface Thread {
  readonly instanceMark: string;
  call(name: string, query: unknown, transfer?: readonly ArrayBuffer[]): Promise<unknown>;
  /** Resolves when what was asked for before is done and the thread has ended; calls after it are refused. */
  close(): Promise<void>;
}

/** Sources run as they are in the checkout, and compiled in the package. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

export async function startThread(name: 'writer' | 'reader', data: ThreadData): Promise<Thread> {
  const worker = new Worker(new URL(`./${name}-thread.${EXTENSION}`, import.meta.url), {
    name,
    workerData: data,
  });
  const waiting = new Map<
    number,
    { resolve: (result: unknown) => void; reject: (error: Error) => void }
  >();
  let lastId = 0;
  let ended: Error | undefined;

  const opened = await new Promise<Opened>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error(`the ${name} of the database ended at its start`)));
  });
  if ('error' in opened) {
    await worker.terminate();
    throw errorOf(opened.error);
  }

  worker.on('message', (answer: Answer) => {
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.ok) call?.resolve(answer.result);
    else call?.reject(errorOf(answer.error));
  });
  worker.on('error', (error) => end(error instanceof Error ? error : new Error(String(error))));
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      end(new StorageUnavailableError(`the ${name} of the database has ended`));
      resolve();
    });
  });

  function end(error: Error): void {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  }

  const thread: Thread = {
    instanceMark: opened.instanceMark,
    call(callName, query, transfer = []) {
      if (ended !== undefined) return Promise.reject(ended);
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, name: callName, query } satisfies Call, transfer);
      });
    },
    async close() {
      await thread.call('close', null);
      await exited;
    },
  };
  return thread;
}
