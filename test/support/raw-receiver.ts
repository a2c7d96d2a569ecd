/**
 * A receiver on a bare TCP (or TLS) socket: it reads requests properly and answers whatever bytes a test writes, or
 * nothing, or a reset. It counts its sockets, so that a test can wait until the last one is closed.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { onTestFinished } from 'vitest';

export interface RawRequest {
  /** `POST /path HTTP/1.1` */
  readonly line: string;
  /** In order, names as they were sent; Latin-1. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  readonly socket: Socket;
  /** 1 for the first connection. */
  readonly connection: number;
  /** 1 for the first request on its connection. */
  readonly nth: number;
}

export interface RawReceiver {
  readonly port: number;
  readonly url: string;
  readonly requests: readonly RawRequest[];
  /** Sockets that are open now. */
  readonly openSockets: number;
  /** Connections that were ever accepted. */
  readonly connections: number;
  /** All bytes that came, TLS included. */
  readonly bytesRead: number;
  /** Resolves once so many requests have come. */
  received(count: number): Promise<void>;
  connected(count: number): Promise<void>;
  /** Resolves once no socket is open. */
  allClosed(): Promise<void>;
  /** Closes its own end of all sockets. */
  hangUp(): void;
  /** Accepts no more; resolves once every socket was closed, by the sender as a rule. */
  close(): Promise<void>;
}

export interface RawReceiverOptions {
  readonly tls?: TlsOptions;
  readonly onConnection?: (socket: Socket) => void;
  readonly host?: string;
}

/** Answers the requests by `answer`. At the end of the test it waits until every socket was closed by the sender. */
export async function startRawReceiver(
  answer: (request: RawRequest) => void,
  options: RawReceiverOptions = {},
): Promise<RawReceiver> {
  const receiver = await openRawReceiver(answer, options);
  onTestFinished(() => receiver.close());
  return receiver;
}

export async function openRawReceiver(
  answer: (request: RawRequest) => void,
  { tls, onConnection = () => {}, host = '127.0.0.1' }: RawReceiverOptions = {},
): Promise<RawReceiver> {
  const requests: RawRequest[] = [];
  const accepted = new Set<Socket>();
  const open = new Set<Socket>();
  const changed = new Changes();

  const serve = (socket: Socket) => {
    const connection = accepted.size;
    socket.on('error', () => {});
    socket.on(
      'data',
      createReader(socket, connection, (request) => {
        requests.push(request);
        answer(request);
        changed.tell();
      }),
    );
    onConnection(socket);
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  server.on('tlsClientError', () => {});
  server.prependListener('connection', (socket: Socket) => {
    accepted.add(socket);
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      open.delete(socket);
      changed.tell();
    });
    changed.tell();
  });
  const port = await listen(server, host);

  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://${host}:${port}/`,
    requests,
    get openSockets() {
      return open.size;
    },
    get connections() {
      return accepted.size;
    },
    get bytesRead() {
      return [...accepted].reduce((sum, socket) => sum + socket.bytesRead, 0);
    },
    received: (count) => changed.until(() => requests.length >= count),
    connected: (count) => changed.until(() => accepted.size >= count),
    allClosed: () => changed.until(() => open.size === 0),
    hangUp() {
      for (const socket of open) socket.destroy();
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

/** A whole answer: the status line's rest, lines of headers, a body with its length. */
export function answerText(status: string, headers: readonly string[] = [], body = ''): Buffer {
  const lines = [
    `HTTP/1.1 ${status}`,
    ...headers,
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ];
  return Buffer.from(lines.join('\r\n'));
}

export const OK = answerText('200 OK');

/** Lets somebody wait for something to become true, asked again at every change. */
class Changes {
  readonly #waiting = new Set<() => void>();

  tell(): void {
    for (const look of this.#waiting) look();
  }

  until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isTrue()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');

function createReader(
  socket: Socket,
  connection: number,
  onRequest: (request: RawRequest) => void,
): (chunk: Buffer) => void {
  let unread = Buffer.alloc(0);
  let nth = 0;
  return (chunk) => {
    unread = Buffer.concat([unread, chunk]);
    for (;;) {
      const headBytes = unread.indexOf(END_OF_HEAD);
      if (headBytes === -1) return;
      const [line = '', ...lines] = unread.toString('latin1', 0, headBytes).split('\r\n');
      const headers = lines.map((text): [string, string] => {
        const colon = text.indexOf(':');
        return [text.slice(0, colon), text.slice(colon + 1).trim()];
      });
      const length = Number(
        headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1] ?? 0,
      );
      const bodyAt = headBytes + END_OF_HEAD.length;
      if (unread.length < bodyAt + length) return;
      const body = Buffer.from(unread.subarray(bodyAt, bodyAt + length));
      unread = unread.subarray(bodyAt + length);
      nth++;
      onRequest({ line, headers, body, socket, connection, nth });
    }
  };
}

async function listen(server: Server, host: string): Promise<number> {
  server.listen({ port: 0, host, backlog: 1024 });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
