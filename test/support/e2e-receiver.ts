/**
 * A receiver of webhooks in the test's own process, so that it outlives every server that is killed. Each path has a
 * behaviour of its own; without one it answers 200 at once.
 */
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import { untilTrue } from './e2e-until.ts';

export interface Hit {
  readonly path: string;
  /** The header `webhook-id`: the event's id. */
  readonly id: string;
  readonly atMs: number;
  readonly body: string;
}

/** Of an answer; `null`: none is ever given. */
export type Status = number | null;

/** How it answers, now or later. */
export type Behaviour = (hit: Hit) => Status | Promise<Status>;

export interface Receiver {
  url(path: string): string;
  /** How a path answers from now on. */
  behave(path: string, behaviour: Behaviour): void;
  /** Everything that came for a path, in order. */
  hits(path: string): readonly Hit[];
  /** Waits until so many requests came for a path. */
  wait(path: string, count: number): Promise<readonly Hit[]>;
  /** The body of all answers from now on. */
  answerWith(body: string): void;
  /** Called with each answer that is given, before it is. */
  onAnswer(listener: (hit: Hit, status: number) => void): void;
}

/** It ends with the test. */
export async function startReceiver(): Promise<Receiver> {
  const hits = new Map<string, Hit[]>();
  const behaviours = new Map<string, Behaviour>();
  let listener: (hit: Hit, status: number) => void = () => {};
  let body = '';
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const hit: Hit = {
        path: request.url ?? '',
        id: String(request.headers['webhook-id']),
        atMs: Date.now(),
        body: Buffer.concat(chunks).toString('utf8'),
      };
      const here = hits.get(hit.path);
      if (here === undefined) hits.set(hit.path, [hit]);
      else here.push(hit);
      void answer(hit, response);
    });
  });
  // It closes no kept connection in the very moment of its reuse, which would count as sent twice.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the receiver has no port');

  async function answer(hit: Hit, response: ServerResponse): Promise<void> {
    const behaviour = behaviours.get(hit.path);
    const status = behaviour === undefined ? 200 : await behaviour(hit);
    // Who hung up gets no answer.
    if (status === null || response.destroyed) return;
    listener(hit, status);
    response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)) }).end(body);
  }

  const at = (path: string): readonly Hit[] => hits.get(path) ?? [];
  return {
    url: (path) => `http://127.0.0.1:${address.port}${path}`,
    behave: (path, behaviour) => behaviours.set(path, behaviour),
    hits: at,
    async wait(path, count) {
      await untilTrue(`${count} requests at ${path}`, () => at(path).length >= count);
      return at(path);
    },
    answerWith: (text) => (body = text),
    onAnswer: (added) => (listener = added),
  };
}

/** Holds every request until it is released, and then answers 200. */
export function gate(): { readonly behaviour: Behaviour; readonly release: () => void } {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { behaviour: () => released.then(() => 200), release };
}
