/** A receiver as customers have them: Node's own HTTP server, plain or with TLS. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Receiver {
  readonly port: number;
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
}

export type Answer = (request: ReceivedRequest, response: ServerResponse) => void;

/** Takes every request whole before it answers; 200 without a body by default. */
export async function startReceiver(
  answer: Answer = (_request, response) => void response.end(),
  tls?: ServerOptions,
): Promise<Receiver> {
  const requests: ReceivedRequest[] = [];
  const take = async (incoming: IncomingMessage, response: ServerResponse) => {
    const request: ReceivedRequest = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: Object.fromEntries(
        Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
      ),
      body: await buffer(incoming),
    };
    requests.push(request);
    answer(request, response);
  };
  const listener = (incoming: IncomingMessage, response: ServerResponse) =>
    void take(incoming, response);
  const server = tls === undefined ? createServer(listener) : createHttpsServer(tls, listener);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 });
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/`,
    requests,
  };
}
