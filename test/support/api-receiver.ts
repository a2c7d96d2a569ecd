/**
 * A receiver of webhooks on loopback that writes down what comes. The path says what it answers: `/status/500` that
 * status, `/hold/<name>` nothing until `release(name)`, any other 200.
 */
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { until } from './api-until.ts';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Receiver {
  /** The URL of a path, `/` and more. */
  url(path: string): string;
  /** Everything that came for a path, in order. */
  at(path: string): readonly Received[];
  /** Waits until so many have come for a path. */
  wait(path: string, count: number): Promise<readonly Received[]>;
  /** Answers with 200 what is held, and what will come for that name. */
  release(name: string): void;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const received = new Map<string, Received[]>();
  const held = new Map<string, ServerResponse[]>();
  const released = new Set<string>();
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const path = request.url ?? '';
      const here = received.get(path) ?? [];
      here.push({ path, headers: request.headers, body });
      received.set(path, here);
      const [, kind, argument = ''] = path.split('/');
      if (kind === 'hold' && !released.has(argument)) {
        held.set(argument, [...(held.get(argument) ?? []), response]);
      } else {
        const status = kind === 'status' ? Number(argument) : 200;
        response.writeHead(status, { 'content-type': 'text/plain', 'x-receiver': 'test' });
        response.end(`answer of ${path}`);
      }
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the receiver has no port');
  const at = (path: string) => received.get(path) ?? [];
  return {
    url: (path) => `http://127.0.0.1:${address.port}${path}`,
    at,
    wait: (path, count) =>
      until(`${count} requests at ${path}`, () => {
        const here = at(path);
        return here.length >= count ? here : undefined;
      }),
    release(name) {
      released.add(name);
      for (const response of held.get(name) ?? []) response.end('released');
      held.delete(name);
    },
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
        server.closeAllConnections();
      }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
