/** Bodies of answers: endless, compressed, binary, in the wrong place. */
import type { Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import {
  brotliCompressSync,
  constants,
  createZstdCompress,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

import type { AttemptResponse } from '../../src/domain/attempt.ts';
import { answerText, startRawReceiver } from '../support/raw-receiver.ts';
import { flood, sendToFirstAnswer, writePieces } from '../support/receiver-answers.ts';
import {
  createMessage,
  expectDelivered,
  expectFailure,
  senderTo,
} from '../support/receiver-sender.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const KEPT = 16 * KIB;
const compressors = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};
type Encoding = keyof typeof compressors;
const ENCODINGS = Object.keys(compressors) as Encoding[];

describe('an endless body', () => {
  const heads = [
    ['without a length', ''],
    ['of the last answer', 'connection: close\r\n'],
    ['of a huge length', 'content-length: 9007199254740991\r\n'],
  ];

  it.each(heads)('%s is cut at 16 KiB, and the status decides', async (_how, header) => {
    const { sent, receiver } = await sendToFirstAnswer((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${header}\r\n`);
      flood(socket, Buffer.alloc(KIB, 'a'));
    });
    const { response } = expectDelivered(sent);
    expect(response).toMatchObject({ status: 200, truncated: true });
    expect(response?.body).toEqual(Buffer.alloc(KEPT, 'a'));
    expect(receiver.connections).toBe(2);
  });

  it('of chunks is cut at 16 KiB', async () => {
    const { sent } = await sendToFirstAnswer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      flood(socket, Buffer.from('5\r\nhello\r\n'));
    });
    const { response } = expectDelivered(sent);
    expect(response?.truncated).toBe(true);
    expect(Buffer.from(response?.body ?? []).toString()).toBe('hello'.repeat(KEPT).slice(0, KEPT));
  });

  it('of a failure is cut at 16 KiB, and stays a failure', async () => {
    const { sent } = await sendToFirstAnswer((socket) => {
      socket.write('HTTP/1.1 500 Oops\r\nretry-after: 3\r\n\r\n');
      flood(socket, Buffer.alloc(KIB, 'a'));
    });
    const failed = expectFailure(sent, 'http_status');
    expect(failed).toMatchObject({
      retryAfterMs: 3000,
      response: { status: 500, truncated: true },
    });
  });

  it('drops the connection: the receiver sees it close', async () => {
    const receiver = await startRawReceiver(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      flood(socket, Buffer.alloc(64 * KIB, 'a'));
    });
    expectDelivered(await senderTo(receiver.url).send(createMessage()));
    await receiver.allClosed();
  });

  it('of 16 KiB exactly is whole, and the connection is kept', async () => {
    const receiver = await startRawReceiver(({ socket }) =>
      socket.write(answerText('200 OK', [], 'a'.repeat(KEPT))),
    );
    const sender = senderTo(receiver.url);
    for (let count = 0; count < 3; count++) {
      const { response } = expectDelivered(await sender.send(createMessage()));
      expect(response).toMatchObject({ truncated: false, body: { length: KEPT } });
    }
    expect(receiver.connections).toBe(1);
  });

  it('of one byte more is cut', async () => {
    const { sent } = await sendToFirstAnswer((socket) =>
      socket.write(answerText('200 OK', [], 'a'.repeat(KEPT + 1))),
    );
    expect(expectDelivered(sent).response).toMatchObject({
      truncated: true,
      body: { length: KEPT },
    });
  });

  it('that comes byte by byte is put together in order', async () => {
    const body = Array.from({ length: 500 }, (_, index) =>
      String.fromCharCode(97 + (index % 26)),
    ).join('');
    const { sent } = await sendToFirstAnswer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n');
      writePieces(socket, ...body);
    });
    expect(Buffer.from(responseOf(sent).body).toString()).toBe(body);
  });
});

describe('a compressed body', () => {
  it.each(ENCODINGS)('of %s is decompressed', async (encoding) => {
    const { sent } = await sendToFirstAnswer((socket) =>
      answerWith(
        socket,
        encoding.toUpperCase(),
        compressors[encoding](Buffer.from('hello, world')),
      ),
    );
    expect(responseOf(sent)).toMatchObject({ body: Buffer.from('hello, world'), truncated: false });
  });

  it.each(ENCODINGS)('of %s that is a bomb is cut at 16 KiB', async (encoding) => {
    const bomb = compressors[encoding](Buffer.alloc(12 * MIB));
    expect(bomb.length).toBeLessThan(KEPT);
    const { sent } = await sendToFirstAnswer((socket) => answerWith(socket, encoding, bomb));
    expect(responseOf(sent)).toMatchObject({ body: Buffer.alloc(KEPT), truncated: true });
  });

  it.each(ENCODINGS)(
    'of %s that is longer than 16 KiB as it comes is cut, not a failure',
    async (encoding) => {
      const whole = randomBytes(64 * KIB);
      const { sent, receiver } = await sendToFirstAnswer((socket) =>
        answerWith(socket, encoding, compressors[encoding](whole)),
      );
      const { body, truncated } = responseOf(sent);
      expect(truncated).toBe(true);
      expect(whole.subarray(0, body.length).equals(body)).toBe(true);
      expect(receiver.connections).toBe(2);
    },
  );

  it.each(ENCODINGS)(
    'of %s that was cut short by the receiver is read as far as it goes',
    async (encoding) => {
      const whole = randomBytes(2 * KIB);
      const cut = compressors[encoding](whole).subarray(0, -20);
      const { sent } = await sendToFirstAnswer((socket) => answerWith(socket, encoding, cut));
      const { body, truncated } = responseOf(sent);
      expect(truncated).toBe(false);
      expect(whole.subarray(0, body.length).equals(body)).toBe(true);
    },
  );

  it.each(ENCODINGS)('of %s that is corrupt is kept as it came', async (encoding) => {
    const corrupt = Buffer.from('this was never compressed');
    const { sent } = await sendToFirstAnswer((socket) => answerWith(socket, encoding, corrupt));
    expect(responseOf(sent)).toMatchObject({ body: corrupt, truncated: false });
  });

  it.each([...ENCODINGS, 'identity', 'aes128gcm', ''])(
    'of %s that is empty is empty',
    async (encoding) => {
      const { sent } = await sendToFirstAnswer((socket) =>
        answerWith(socket, encoding, Buffer.alloc(0)),
      );
      expect(responseOf(sent).body).toHaveLength(0);
    },
  );

  it.each(['identity', 'aes128gcm', 'gzip, br', 'gzip\r\ncontent-encoding: gzip', ''])(
    'of an encoding that is not known is kept as it came: %j',
    async (encoding) => {
      const bytes = gzipSync('hello');
      const { sent } = await sendToFirstAnswer((socket) => answerWith(socket, encoding, bytes));
      expect(responseOf(sent)).toMatchObject({ body: bytes, truncated: false });
    },
  );

  it('of zstd with a window of 128 MiB is not opened (RFC 9659)', async () => {
    const compressor = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 27 } });
    compressor.write('hello');
    compressor.end();
    const bytes = await buffer(compressor);
    const { sent } = await sendToFirstAnswer((socket) => answerWith(socket, 'zstd', bytes));
    expect(responseOf(sent).body).toEqual(bytes);
  });

  it('of a failure is decompressed too', async () => {
    const { sent } = await sendToFirstAnswer((socket) => {
      const body = gzipSync('no such thing');
      socket.write(
        `HTTP/1.1 404 No\r\ncontent-encoding: gzip\r\ncontent-length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
    });
    expect(expectFailure(sent, 'http_status').response?.body).toEqual(Buffer.from('no such thing'));
  });

  it('costs little, however many bombs there are at a time', async () => {
    const bombs = ENCODINGS.map(
      (encoding) => [encoding, compressors[encoding](Buffer.alloc(14 * MIB))] as const,
    );
    const receiver = await startRawReceiver(({ socket, connection }) => {
      const [encoding, bomb] = bombs[connection % bombs.length] ?? ['', Buffer.alloc(0)];
      answerWith(socket, encoding, bomb);
    });
    const sender = senderTo(receiver.url);
    const before = process.memoryUsage().rss;
    const sent = await Promise.all(Array.from({ length: 100 }, () => sender.send(createMessage())));
    for (const each of sent) expect(expectDelivered(each).response?.body).toHaveLength(KEPT);
    // All of them together are 1.4 GiB.
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * MIB);
  });
});

describe('a body', () => {
  it('of NULs and invalid UTF-8 is kept byte for byte', async () => {
    const body = Buffer.from([0, 0xff, 0xfe, 0, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0x0d, 0x0a, 0]);
    const { sent } = await sendToFirstAnswer((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`);
      socket.write(body);
    });
    expect(responseOf(sent).body).toEqual(body);
  });

  it('of HTTP/1.0 ends with the connection', async () => {
    const { sent, receiver } = await sendToFirstAnswer((socket) =>
      socket.end('HTTP/1.0 200 OK\r\nx-a: b\r\n\r\nold'),
    );
    expect(responseOf(sent)).toEqual({
      status: 200,
      headers: 'x-a\nb',
      body: Buffer.from('old'),
      truncated: false,
    });
    expect(receiver.connections).toBe(2);
  });

  it('of HTTP/1.0 that keeps the connection has a length', async () => {
    const answer = 'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nold';
    const { sent, receiver } = await sendToFirstAnswer((socket) => socket.write(answer));
    expect(responseOf(sent).body).toEqual(Buffer.from('old'));
    expect(receiver.connections).toBe(1);
  });

  it.each([204, 304])('where %i has none costs the connection only', async (status) => {
    const { sent, receiver } = await sendToFirstAnswer((socket) =>
      socket.write(
        answerText(`${status} None`, [], 'HTTP/1.1 500 Sly\r\ncontent-length: 0\r\n\r\n'),
      ),
    );
    expect(sent.outcome.response).toMatchObject({ status, body: Buffer.alloc(0) });
    expect(receiver.connections).toBe(2);
  });

  it('that is followed by another answer is the first one’s; the next message gets its own', async () => {
    const { sent, receiver } = await sendToFirstAnswer((socket) =>
      socket.write(
        Buffer.concat([answerText('200 OK', [], 'one'), answerText('500 Sly', [], 'two')]),
      ),
    );
    expect(responseOf(sent).body).toEqual(Buffer.from('one'));
    expect(receiver.connections).toBe(2);
  });

  it('that comes unasked on a kept connection is nobody’s', async () => {
    const receiver = await startRawReceiver(({ socket }) =>
      socket.write(answerText('200 OK', [], 'one')),
    );
    const sender = senderTo(receiver.url);
    expectDelivered(await sender.send(createMessage()));
    const [first] = receiver.requests;
    first?.socket.write(answerText('500 Sly', [], 'two'));
    await receiver.allClosed();
    expect(expectDelivered(await sender.send(createMessage())).response?.body).toEqual(
      Buffer.from('one'),
    );
    expect(receiver.connections).toBe(2);
  });
});

function answerWith(socket: Socket, encoding: string, body: Buffer): void {
  socket.write(
    `HTTP/1.1 200 OK\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
}

function responseOf(sent: Parameters<typeof expectDelivered>[0]): AttemptResponse {
  const { response } = expectDelivered(sent);
  if (response === null) throw new Error('there is no response');
  return response;
}
