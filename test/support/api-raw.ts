/** HTTP as bytes on a socket: what no client library would send. */
import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends the parts one after the other, each when the one before has gone out, and reads until the server closes. */
export function exchange(
  serverUrl: string,
  parts: readonly (string | Uint8Array)[],
): Promise<RawAnswer> {
  const { hostname, port } = new URL(serverUrl);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    socket.setTimeout(10_000, () => {
      socket.destroy(
        new Error(`no end of the answer; so far: ${Buffer.concat(chunks).toString()}`),
      );
    });
    socket.on('data', (bytes: Buffer) => chunks.push(bytes));
    socket.on('error', reject);
    socket.on('close', () => resolve(answerOf(Buffer.concat(chunks).toString('utf8'))));
    socket.on('connect', () => {
      const [first = '', ...rest] = parts;
      sendAll(socket, first, rest);
    });
  });
}

/** A POST of JSON with a key, closed after it; `headers` end without a line break. */
export function postHead(path: string, key: string, headers: readonly string[]): string {
  return [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    `authorization: Bearer ${key}`,
    'content-type: application/json',
    'connection: close',
    ...headers,
    '',
    '',
  ].join('\r\n');
}

/** A chunk of a chunked body; an empty one ends it. */
export function chunk(bytes: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ]);
}

function sendAll(
  socket: ReturnType<typeof connect>,
  part: string | Uint8Array,
  rest: readonly (string | Uint8Array)[],
): void {
  socket.write(part, () => {
    const [next, ...others] = rest;
    if (next !== undefined) sendAll(socket, next, others);
  });
}

function answerOf(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const head = end === -1 ? text : text.slice(0, end);
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0),
    head,
    body: end === -1 ? '' : text.slice(end + 4),
  };
}
