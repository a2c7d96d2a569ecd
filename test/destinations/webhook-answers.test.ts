/** What receivers answer: statuses, headers, and what is no HTTP at all. */
import { describe, expect, it } from 'vitest';

import { parseHeaderLines } from '../../src/domain/attempt.ts';
import { standard } from '../../src/profiles/standard.ts';
import { answerText, OK, startRawReceiver } from '../support/raw-receiver.ts';
import { sendToFirstAnswer } from '../support/receiver-answers.ts';
import { HandClock } from '../support/receiver-clock.ts';
import { startReceiver } from '../support/receiver.ts';
import {
  createLoopbackType,
  createMessage,
  expectDelivered,
  expectFailure,
  openWebhook,
  senderTo,
} from '../support/receiver-sender.ts';

const HOUR_MS = 3_600_000;
const INVALID = 'The answer is not valid HTTP.';

describe('a status', () => {
  it.each([200, 201, 202, 204, 205, 206, 226, 299])('%i is a success', async (status) => {
    const receiver = await startReceiver(
      (_request, response) => void response.writeHead(status).end(),
    );
    const { response } = expectDelivered(await senderTo(receiver.url).send(createMessage()));
    expect(response).toMatchObject({ status, body: Buffer.alloc(0), truncated: false });
  });

  it.each([300, 301, 304, 307, 400, 401, 404, 408, 429, 499, 500, 503, 599, 600, 700, 999])(
    '%i is a failure that is tried again',
    async (status) => {
      const { sent } = await sendToFirstAnswer((socket) =>
        socket.write(answerText(`${status} Odd`)),
      );
      const failed = expectFailure(sent, 'http_status');
      expect(failed).toMatchObject({
        detail: `The receiver answered with status ${status}.`,
        retryable: true,
        response: { status },
      });
      expect(failed).not.toHaveProperty('retryAfterMs');
    },
  );

  it('410 is final', async () => {
    const { sent } = await sendToFirstAnswer((socket) => socket.write(answerText('410 Gone')));
    expect(expectFailure(sent, 'http_status').retryable).toBe(false);
  });

  it('is judged as the profile says', async () => {
    const receiver = await startReceiver(
      (_request, response) => void response.writeHead(201).end(),
    );
    const profile = {
      ...standard,
      success: { fromStatus: 200, toStatus: 200 },
      retried: { statuses: { allBut: [201] }, reasons: null },
    };
    const sender = openWebhook(createLoopbackType(), receiver.url, { profile });
    expect(expectFailure(await sender.send(createMessage()), 'http_status')).toMatchObject({
      retryable: false,
    });
  });

  it.each([301, 302, 303, 307, 308])('%i is not followed', async (status) => {
    const other = await startReceiver();
    const receiver = await startReceiver(
      (_request, response) =>
        void response.writeHead(status, { location: `${other.url}there` }).end(),
    );
    const { response } = expectFailure(
      await senderTo(receiver.url).send(createMessage()),
      'http_status',
    );
    expect(Object.fromEntries(parseHeaderLines(response?.headers ?? ''))).toMatchObject({
      location: `${other.url}there`,
    });
    expect(other.requests).toEqual([]);
    expect(receiver.requests).toHaveLength(1);
  });
});

describe('an announcement (1xx)', () => {
  it('is passed over', async () => {
    const { sent } = await sendToFirstAnswer((socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n');
      socket.write(answerText('201 Created', ['x-a: b']));
    });
    expect(expectDelivered(sent).response).toMatchObject({
      status: 201,
      headers: 'x-a\nb\ncontent-length\n0',
    });
  });

  // undici gives up a connection at an unasked `100 Continue`, and at 101.
  it.each([
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  ])('that nobody asked for ends the attempt: %j', async (announcement) => {
    const { sent } = await sendToFirstAnswer((socket) => {
      socket.write(announcement);
      socket.write(OK);
    });
    expect(expectFailure(sent, 'connection').retryable).toBe(true);
  });
});

describe('what is no HTTP', () => {
  it.each([
    ['another protocol', '220 mail.example.com ESMTP\r\n'],
    ['a bad status line', 'HTTP/1.1 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 99 X\r\ncontent-length: 0\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 X\r\ncontent-length: 0\r\n\r\n'],
    ['a status below 100', 'HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n'],
    ['a status of zero', 'HTTP/1.1 000 X\r\nconnection: close\r\n\r\nabc'],
    ['another version', 'HTTP/3.0 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['lines without CR', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nx-a: b\r\n c\r\ncontent-length: 0\r\n\r\n'],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: b\r\ncontent-length: 0\r\n\r\n'],
    ['a blank before the colon', 'HTTP/1.1 200 OK\r\nx-a : b\r\ncontent-length: 0\r\n\r\n'],
    ['NUL in a header', 'HTTP/1.1 200 OK\r\nx-a: b\0c\r\ncontent-length: 0\r\n\r\n'],
    ['CR in a header', 'HTTP/1.1 200 OK\r\nx-a: b\rc\r\ncontent-length: 0\r\n\r\n'],
    ['a bad length', 'HTTP/1.1 200 OK\r\ncontent-length: abc\r\n\r\n'],
    ['a negative length', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n'],
    ['an endless length', `HTTP/1.1 200 OK\r\ncontent-length: ${'9'.repeat(40)}\r\n\r\n`],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na'],
    [
      'a length beside chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    ],
    ['a bad chunk size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n'],
    [
      'a chunk longer than it says',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n',
    ],
    [
      'an endless chunk size',
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${'f'.repeat(40)}\r\n`,
    ],
  ])('%s', async (_what, bytes) => {
    const { sent, receiver } = await sendToFirstAnswer((socket) => socket.write(bytes));
    expect(expectFailure(sent, 'protocol')).toMatchObject({
      detail: INVALID,
      retryable: true,
      response: null,
    });
    expect(receiver.requests).toHaveLength(2);
  });

  it('a greeting before the request', async () => {
    const receiver = await startRawReceiver(() => {}, {
      onConnection: (socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n'),
    });
    const sender = senderTo(receiver.url);
    for (let count = 1; count <= 3; count++) {
      expectFailure(await sender.send(createMessage()), 'protocol');
      expect(receiver.connections).toBe(count);
    }
  });
});

describe('headers', () => {
  it.each([
    ['one of 1 MiB', `x-a: ${'a'.repeat(1024 * 1024)}\r\n`],
    ['one with a name of 1 MiB', `${'a'.repeat(1024 * 1024)}: x\r\n`],
    ['a hundred thousand', 'x-a: b\r\n'.repeat(100_000)],
  ])('are limited: %s', async (_what, lines) => {
    const { sent } = await sendToFirstAnswer((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\n${lines}content-length: 0\r\n\r\n`),
    );
    expect(expectFailure(sent, 'response_too_large')).toMatchObject({
      detail: 'The headers of the answer are larger than 16 KiB.',
      response: null,
    });
  });

  it('are limited after the body too', async () => {
    const { sent } = await sendToFirstAnswer((socket) =>
      socket.write(
        `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-a: ${'a'.repeat(100_000)}\r\n\r\n`,
      ),
    );
    expectFailure(sent, 'response_too_large');
  });

  it('are kept in order, repeated ones apart, without the white space around them', async () => {
    const { sent } = await sendToFirstAnswer((socket) =>
      socket.write(
        answerText('200 OK', [
          'Set-Cookie: a=1',
          'X-Empty:',
          'X-Space: \t a  b \t ',
          'set-cookie: b=2',
          '__proto__: p',
          'constructor: c',
        ]),
      ),
    );
    expect(parseHeaderLines(expectDelivered(sent).response?.headers ?? '')).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-empty', ''],
      ['x-space', 'a  b'],
      ['__proto__', 'p'],
      ['constructor', 'c'],
      ['content-length', '0'],
    ]);
  });

  it('of any bytes are text in the record', async () => {
    const { sent } = await sendToFirstAnswer((socket) =>
      socket.write(
        Buffer.from(
          'HTTP/1.1 200 OK\r\nx-a: caf\xe9 \xff\xfe\r\ncontent-length: 0\r\n\r\n',
          'latin1',
        ),
      ),
    );
    expect(parseHeaderLines(expectDelivered(sent).response?.headers ?? '')).toContainEqual([
      'x-a',
      'caf\xe9 \xff\xfe',
    ]);
  });
});

describe('Retry-After', () => {
  const clock = new HandClock();
  const inMs = (ms: number) => new Date(clock.nowMs() + ms).toUTCString();
  const WEEKDAY = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

  const asked = (...headers: readonly string[]) =>
    askedWith(
      '503 Busy',
      headers.map((value) => `retry-after: ${value}`),
    );

  async function askedWith(
    status: string,
    headers: readonly string[],
  ): Promise<number | undefined> {
    const receiver = await startRawReceiver(({ socket }) =>
      socket.write(answerText(status, headers)),
    );
    return expectFailure(
      await senderTo(receiver.url, { clock }).send(createMessage()),
      'http_status',
    ).retryAfterMs;
  }

  it.each([
    ['0', 0],
    ['1', 1000],
    ['120', 120_000],
    ['  7  ', 7000],
    ['007', 7000],
    ['86400', 24 * HOUR_MS],
    ['86401', 24 * HOUR_MS],
    ['99999999999', 24 * HOUR_MS],
    ['9'.repeat(400), 24 * HOUR_MS],
  ])('in seconds: %s', async (value, ms) => {
    expect(await asked(value)).toBe(ms);
  });

  it('as a date, in each of the three forms', async () => {
    const at = new Date(clock.nowMs() + HOUR_MS);
    const [day = '', date = '', month = '', year = '', time = ''] = at.toUTCString().split(/,? /);
    expect(await asked(`${day}, ${date} ${month} ${year} ${time} GMT`)).toBe(HOUR_MS);
    expect(
      await asked(
        `${WEEKDAY[at.getUTCDay()] ?? ''}, ${date}-${month}-${year.slice(2)} ${time} GMT`,
      ),
    ).toBe(HOUR_MS);
    expect(
      await asked(`${day} ${month} ${String(at.getUTCDate()).padStart(2)} ${time} ${year}`),
    ).toBe(HOUR_MS);
  });

  it('as a date of the past or far away', async () => {
    expect(await asked(inMs(-HOUR_MS))).toBe(0);
    expect(await asked(inMs(25 * HOUR_MS))).toBe(24 * HOUR_MS);
    expect(await asked('Fri, 31 Dec 9999 23:59:59 GMT')).toBe(24 * HOUR_MS);
  });

  it.each([
    '',
    'soon',
    'soon 2099',
    'garbage 5',
    '-5',
    '+5',
    '1.5',
    '1e3',
    '0x10',
    '5, 6',
    '60s',
    '2099-01-01',
    'Fri, 99 Dec 2099 99:99:99 GMT',
    '１２',
  ])('is not believed where it is neither: %j', async (value) => {
    expect(await asked(value)).toBeUndefined();
  });

  it.each([300, 302, 400, 404, 408, 410, 425, 429, 500, 504, 599, 600, 999])(
    'is heard with a %i',
    async (status) => {
      expect(await askedWith(`${status} Odd`, ['retry-after: 120'])).toBe(120_000);
    },
  );

  it('counts from the first of two', async () => {
    expect(await asked('5', '10')).toBe(5000);
  });
});
