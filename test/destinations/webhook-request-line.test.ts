/** The request as it goes out: its path, its host, and what frames it. */
import { describe, expect, it } from 'vitest';

import { standard } from '../../src/profiles/standard.ts';
import { OK, startRawReceiver, type RawRequest } from '../support/raw-receiver.ts';
import {
  createLoopbackType,
  createMessage,
  expectDelivered,
  expectFailure,
  senderTo,
} from '../support/receiver-sender.ts';

describe('the request line and the host', () => {
  it.each([
    ['/', '/'],
    ['', '/'],
    ['/a/../b/./c', '/b/c'],
    ['/a//b/', '/a//b/'],
    ['//evil.example/a', '//evil.example/a'],
    ['/a b?c d', '/a%20b?c%20d'],
    ['/%7e/%C3%BC/%2f?%7e=%26', '/%7e/%C3%BC/%2f?%7e=%26'],
    ['/ü/\u{1f600}?ü=1', '/%C3%BC/%F0%9F%98%80?%C3%BC=1'],
    ['/a?b=c&b=d&&=', '/a?b=c&b=d&&='],
    ['/a?', '/a?'],
    ['/a?x=http://b/?c', '/a?x=http://b/?c'],
    ['/a#secret', '/a'],
    ['/a?b#c', '/a?b'],
    ['/"<>`{}|^[]\\x', '/%22%3C%3E%60%7B%7D|%5E[]/x'],
    ['/a\tb\r\nc', '/abc'],
    ['/*', '/*'],
    ['?a', '/?a'],
  ])('%j goes out as %j', async (written, path) => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const sender = senderTo(receiver.url.slice(0, -1) + written);
    expectDelivered(await sender.send(createMessage()));
    expect(lastOf(receiver.requests).line).toBe(`POST ${path} HTTP/1.1`);
  });

  it.each([
    ['receiver.test', 'receiver.test'],
    ['RECEIVER.Test', 'receiver.test'],
    ['bücher.test', 'xn--bcher-kva.test'],
    ['receiver.test.', 'receiver.test.'],
    ['127.1', '127.0.0.1'],
    ['0x7f000001', '127.0.0.1'],
  ])('of %s say %s', async (written, host) => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const lookup = async () => [{ address: '127.0.0.1' }];
    const sender = senderTo(`HTTP://${written}:${receiver.port}/`, { lookup });
    expectDelivered(await sender.send(createMessage()));
    const hosts = lastOf(receiver.requests).headers.filter(
      ([name]) => name.toLowerCase() === 'host',
    );
    expect(hosts).toEqual([['host', `${host}:${receiver.port}`]]);
  });

  it('of an IPv6 address have its brackets', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK), { host: '::1' });
    const sender = senderTo(`http://[0:0::1]:${receiver.port}/`);
    expectDelivered(await sender.send(createMessage()));
    expect(Object.fromEntries(lastOf(receiver.requests).headers)).toMatchObject({
      host: `[::1]:${receiver.port}`,
    });
  });

  it.each([
    'https://user@receiver.example/',
    'https://user:pass@receiver.example/',
    'https://:pass@receiver.example/',
  ])('hold no user name or password: %s is refused', (url) => {
    const checked = createLoopbackType().check({
      config: { url },
      credentials: {},
      current: null,
      profile: standard,
      httpSignature: null,
      nowMs: 0,
    });
    expect(checked).toMatchObject({
      ok: false,
      problems: [{ pointer: '/config/url', code: 'userinfo' }],
    });
  });

  it('that cannot be sent as they are make a failure, not a throw', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const sender = senderTo(receiver.url, { userAgent: 'a\r\nx-evil: b' });
    for (let count = 0; count < 2; count++)
      expectFailure(await sender.send(createMessage()), 'invalid_destination');
    expect(receiver.connections).toBe(0);
  });

  it('ask for an answer that is not compressed, say who sends, and send one length', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    expectDelivered(await senderTo(receiver.url).send(createMessage()));
    const { headers, body } = lastOf(receiver.requests);
    expect(headers.slice(0, 5)).toEqual([
      ['host', `127.0.0.1:${receiver.port}`],
      ['connection', 'keep-alive'],
      ['content-type', 'application/json'],
      ['user-agent', 'Angarium/test'],
      ['accept-encoding', 'identity'],
    ]);
    expect(headers.filter(([name]) => name === 'content-length')).toEqual([
      ['content-length', String(body.length)],
    ]);
    expect(headers.map(([name]) => name)).not.toContain('transfer-encoding');
  });
});

function lastOf(requests: readonly RawRequest[]): RawRequest {
  const last = requests.at(-1);
  if (last === undefined) throw new Error('nothing came');
  return last;
}
