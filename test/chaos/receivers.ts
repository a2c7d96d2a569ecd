/** The receivers: one server, a path for each destination. They outlive every node, and note everything that comes. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../support/simulated-random.ts';
import { DESTINATIONS } from './ledger.ts';
import type { Arrival } from './ledger.ts';
import type { Senders } from './senders.ts';

export interface Receivers {
  readonly url: (destination: string) => string;
  readonly arrivals: readonly Arrival[];
  close(): Promise<void>;
}

export interface ReceiversParts {
  readonly random: SeededRandom;
  readonly nowMs: () => number;
  readonly senders: Senders;
}

export async function startReceivers(parts: ReceiversParts): Promise<Receivers> {
  const arrivals: Arrival[] = [];

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket, url = '', headers } = request;
    const atMs = parts.nowMs();
    const [node, body] = await Promise.all([parts.senders.of(socket), json(request)]);
    const { data } = body as { data: { n: number } };
    const destination = url.slice(1);
    const { status, afterMs } = answerOf(destination, parts.random);
    if (afterMs > 0) await pause(afterMs);
    const webhookId = String(headers['webhook-id']);
    const answeredAtMs = parts.nowMs();
    arrivals.push({ destination, n: data.n, webhookId, atMs, status, answeredAtMs, node });
    response.writeHead(status, { 'content-length': '0' }).end();
  }

  const server = createServer((request, response) => {
    // Who is killed in the middle of a request has not sent it.
    take(request, response).catch(() => response.destroy());
  });
  // It closes no kept connection in the very moment of its reuse, which would count as sent twice.
  server.keepAliveTimeout = 3_600_000;
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 });
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null)
    throw new Error('the receivers have no port');
  return {
    url: (destination) => `http://127.0.0.1:${address.port}/${destination}`,
    arrivals,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function answerOf(destination: string, random: SeededRandom) {
  const name = destination.slice(destination.indexOf('/') + 1);
  const behaviour = DESTINATIONS.find((each) => each.name === name);
  if (behaviour === undefined) return { status: 404, afterMs: 0 };
  return {
    status: random.chance(behaviour.failing) ? 503 : 200,
    afterMs: behaviour.slowestMs === 0 ? 0 : random.int(0, behaviour.slowestMs),
  };
}
