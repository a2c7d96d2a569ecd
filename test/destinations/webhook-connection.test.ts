/** Receivers whose connections break, hang or never come about. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';

import { createAddressGuard } from '../../src/destinations/address-guard.ts';
import type { Lookup } from '../../src/destinations/connector.ts';
import { OK, startRawReceiver } from '../support/raw-receiver.ts';
import { drip, sendToFirstAnswer, writePieces } from '../support/receiver-answers.ts';
import {
  createLoopbackType,
  createMessage,
  expectDelivered,
  expectFailure,
  openWebhook,
  senderTo,
} from '../support/receiver-sender.ts';

const HEADERS = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n';
const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
const LOST = 'The connection was lost before the answer was complete.';
/** Timers of Node may fire up to a millisecond early. */
const EARLY_MS = 2;

describe('a connection that is lost', () => {
  const breaks: readonly (readonly [when: string, ...pieces: readonly string[]])[] = [
    ['before the answer'],
    ['in the status line', 'HTTP/1.1 20'],
    ['in the headers', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['after the headers', HEADERS],
    ['in the body', HEADERS, 'abc'],
    ['in a chunk', CHUNKED, '5\r\nab'],
    ['between chunks', CHUNKED, '2\r\nab\r\n'],
    ['before the last line of the chunks', CHUNKED, '0\r\n'],
    ['after 103', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    [
      'in the body of the last answer',
      'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\n',
      'abc',
    ],
    [
      'in a chunk of the last answer',
      'HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n',
      '5\r\nab',
    ],
    [
      'after the head of a huge answer',
      'HTTP/1.1 200 OK\r\ncontent-length: 9007199254740991\r\n\r\n',
    ],
  ];

  it.each(breaks)('by a reset %s', async (_when, ...pieces) => {
    const { sent, receiver } = await sendToFirstAnswer((socket) => {
      if (pieces.length === 0) {
        socket.resetAndDestroy();
        return;
      }
      const last = pieces.at(-1) ?? '';
      for (const piece of pieces.slice(0, -1)) socket.write(piece);
      socket.write(last, () => setImmediate(() => socket.resetAndDestroy()));
    });
    expect(expectFailure(sent, 'connection')).toMatchObject({
      detail: LOST,
      retryable: true,
      response: null,
    });
    expect(receiver.requests).toHaveLength(2);
  });

  it.each(breaks)('by a close %s', async (_when, ...pieces) => {
    const { sent, receiver } = await sendToFirstAnswer((socket) => {
      for (const piece of pieces) socket.write(piece);
      socket.end();
    });
    expect(expectFailure(sent, 'connection')).toMatchObject({ detail: LOST, response: null });
    expect(receiver.requests).toHaveLength(2);
  });

  it('by a reset as soon as it is accepted', async () => {
    const onConnection = (socket: Socket) => socket.resetAndDestroy();
    const receiver = await startRawReceiver(() => {}, { onConnection });
    const sender = senderTo(receiver.url);
    for (let count = 0; count < 5; count++)
      expectFailure(await sender.send(createMessage()), 'connection');
    expect(receiver.connections).toBe(5);
    expect(receiver.requests).toEqual([]);
  });

  it('is a whole answer where it is what ends the body', async () => {
    const { sent } = await sendToFirstAnswer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nabc'));
    expect(expectDelivered(sent).response).toMatchObject({
      body: Buffer.from('abc'),
      truncated: false,
    });
  });
});

describe('the total deadline', () => {
  const hangs: readonly (readonly [when: string, answer: (socket: Socket) => void])[] = [
    ['before the answer', () => {}],
    ['in the status line', (socket) => socket.write('HTTP/1.1 2')],
    ['in the headers', (socket) => socket.write('HTTP/1.1 200 OK\r\nx-a: ')],
    ['after the headers', (socket) => socket.write(HEADERS)],
    ['in the body', (socket) => socket.write(`${HEADERS}abc`)],
    [
      'after 100 KiB of chunk extension',
      (socket) => socket.write(`${CHUNKED}1;${'a'.repeat(1e5)}`),
    ],
  ];

  it.each(hangs)('ends a silence %s', async (_when, answer) => {
    const { sent } = await sendToFirstAnswer(answer, { timeoutMs: 60 });
    const failed = expectFailure(sent, 'timeout');
    expect(failed).toMatchObject({
      detail: 'No complete answer within 0.06 s.',
      retryable: true,
      response: null,
    });
    expect(failed.timings.totalMs).toBeGreaterThanOrEqual(60 - EARLY_MS);
  });

  const drips: readonly (readonly [of: string, before: string, piece: string])[] = [
    ['empty lines', '', '\r\n'],
    ['status', 'HTTP/1.1 200 ', 'a'],
    ['header', 'HTTP/1.1 200 OK\r\nx-a: ', 'a'],
    ['headers', 'HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'],
    ['announcements', '', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    ['body', 'HTTP/1.1 200 OK\r\n\r\n', 'a'],
    ['body of a length', 'HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n', 'a'],
    ['chunks', CHUNKED, '1\r\na\r\n'],
  ];

  it.each(drips)('ends a drip of %s', async (_of, before, piece) => {
    const { sent } = await sendToFirstAnswer(
      (socket) => {
        if (before !== '') socket.write(before);
        drip(socket, piece, 5);
      },
      { timeoutMs: 80 },
    );
    expect(expectFailure(sent, 'timeout').timings.totalMs).toBeGreaterThanOrEqual(80 - EARLY_MS);
  });

  it('keeps the time of the first byte', async () => {
    const { sent } = await sendToFirstAnswer((socket) => socket.write(HEADERS), { timeoutMs: 800 });
    const { connectMs, firstByteMs } = expectFailure(sent, 'timeout').timings;
    expect(connectMs).not.toBeNull();
    expect(firstByteMs).not.toBeNull();
  });

  it('is each message’s own', async () => {
    const receiver = await startRawReceiver(() => {});
    const type = createLoopbackType();
    const sender = openWebhook(type, receiver.url);
    let longEnded = false;
    const long = sender.send(createMessage()).finally(() => {
      longEnded = true;
    });
    expectFailure(await sender.send(createMessage({ timeoutMs: 50 })), 'timeout');
    expect(longEnded).toBe(false);
    await type.close();
    expectFailure(await long, 'connection');
  });

  it('covers a name that takes its time to resolve, and nothing is sent after it', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const resolved = Promise.withResolvers<readonly { address: string }[]>();
    const sender = senderTo(`http://receiver.test:${receiver.port}/`, {
      lookup: () => resolved.promise,
    });
    expectFailure(await sender.send(createMessage({ timeoutMs: 50 })), 'timeout');

    resolved.resolve([{ address: '127.0.0.1' }]);
    expectDelivered(await sender.send(createMessage()));
    // The first did not even connect.
    expect(receiver.connections).toBe(1);
    expect(receiver.requests).toHaveLength(1);
  });

  it('covers a receiver that reads late', async () => {
    const accepted = Promise.withResolvers<Socket>();
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK), {
      onConnection: (socket) => {
        socket.pause();
        accepted.resolve(socket);
      },
    });
    const sender = senderTo(receiver.url);
    const body = Buffer.alloc(2 * 1024 * 1024, 'a');
    const sending = sender.send(createMessage({ body }));
    const socket = await accepted.promise;
    await new Promise(setImmediate);
    expect(receiver.requests).toEqual([]);
    socket.resume();
    expectDelivered(await sending);
    expect(receiver.requests[0]?.body.equals(body)).toBe(true);
  });
});

describe('a connection that does not come about', () => {
  it('is refused', async () => {
    const receiver = await startRawReceiver(() => {});
    const sender = senderTo(`http://127.0.0.2:${receiver.port}/`);
    const { detail, timings } = expectFailure(await sender.send(createMessage()), 'connection');
    expect(detail).toBe('The receiver refused the connection.');
    expect(timings).toMatchObject({ dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null });
  });

  it('has no way', async () => {
    const type = createLoopbackType({
      guard: createAddressGuard({ allowedCidrs: ['255.255.255.255/32'] }),
    });
    const sender = openWebhook(type, 'http://255.255.255.255:9/');
    const { detail } = expectFailure(await sender.send(createMessage()), 'connection');
    expect(detail).toBe('The receiver could not be reached.');
  });

  const lookups: readonly (readonly [what: string, lookup: Lookup])[] = [
    [
      'the name is not known',
      () =>
        Promise.reject(
          Object.assign(new Error('getaddrinfo ENOTFOUND secret.internal'), { code: 'ENOTFOUND' }),
        ),
    ],
    ['the resolver answers with nothing', async () => []],
  ];

  it.each(lookups)('as %s', async (_what, lookup) => {
    const sender = senderTo('http://receiver.test/', { lookup });
    const { detail, retryable } = expectFailure(await sender.send(createMessage()), 'dns');
    expect(detail).toBe('The receiver’s name did not resolve.');
    expect(retryable).toBe(true);
  });

  it('as the name leads to an address that is not delivered to', async () => {
    const receiver = await startRawReceiver(() => {});
    for (const addresses of [['10.0.0.1'], ['127.0.0.1', '169.254.169.254'], ['::ffff:10.0.0.1']]) {
      const lookup: Lookup = async () => addresses.map((address) => ({ address }));
      const sender = senderTo(`http://receiver.test:${receiver.port}/`, { lookup });
      const { detail } = expectFailure(await sender.send(createMessage()), 'blocked_address');
      expect(detail).toBe('The receiver’s name leads to an address that is not delivered to.');
    }
    expect(receiver.connections).toBe(0);
  });

  it('costs the next message nothing', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const answers = [['10.0.0.1'], [], ['127.0.0.1']];
    const lookup: Lookup = async () => (answers.shift() ?? []).map((address) => ({ address }));
    const sender = senderTo(`http://receiver.test:${receiver.port}/`, { lookup });
    expectFailure(await sender.send(createMessage()), 'blocked_address');
    expectFailure(await sender.send(createMessage()), 'dns');
    expectDelivered(await sender.send(createMessage()));
  });
});

describe('pieces', () => {
  it('of one byte make an answer too', async () => {
    const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a: b\r\n\r\nhello';
    const { sent } = await sendToFirstAnswer((socket) => writePieces(socket, ...answer));
    expect(expectDelivered(sent).response).toEqual({
      status: 200,
      headers: 'content-length\n5\nx-a\nb',
      body: Buffer.from('hello'),
      truncated: false,
    });
  });
});
