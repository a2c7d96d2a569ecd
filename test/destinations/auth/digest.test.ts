/** Digest from message to message: what is asked once, counted, renewed and kept apart. */
import { describe, expect, it } from 'vitest';

import type { Sender } from '../../../src/destinations/destination-type.ts';
import { parseHeaderLines } from '../../../src/domain/attempt.ts';
import { startDigestReceiver, type DigestRules } from '../../support/digest-receiver.ts';
import { answerText, OK, startRawReceiver } from '../../support/raw-receiver.ts';
import { HandClock } from '../../support/receiver-clock.ts';
import {
  createLoopbackType,
  createMessage,
  expectDelivered,
  expectFailure,
  openWebhook,
} from '../../support/receiver-sender.ts';

const USER = { username: 'Mufasa', password: 'Circle of Life' };

function senderTo(url: string, user: object = USER): Sender {
  return openWebhook(createLoopbackType(), `${url}a/b?c=d%20e`, {
    auth: { method: 'digest', ...user },
  });
}

async function start(rules: Partial<DigestRules> = {}) {
  const receiver = await startDigestReceiver({ ...USER, ...rules });
  return { receiver, sender: senderTo(receiver.url) };
}

async function deliver(sender: Sender, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent++) expectDelivered(await sender.send(createMessage()));
}

const ALGORITHMS = [
  'MD5',
  'MD5-sess',
  'SHA-256',
  'SHA-256-sess',
  'SHA-512-256',
  'SHA-512-256-sess',
];

describe('digest', () => {
  it.each(ALGORITHMS.flatMap((each) => [[each, 'auth'] as const, [each, 'auth-int'] as const]))(
    'is accepted with %s and %s, and only the first message goes out twice',
    async (algorithm, qop) => {
      const { receiver, sender } = await start({ algorithm, qop });
      await deliver(sender, 3);
      expect(receiver.accepted).toHaveLength(3);
      expect(receiver.requests).toHaveLength(4);
    },
  );

  it.each([null, 'MD5', 'SHA-256'])('is accepted without qop (algorithm %s)', async (algorithm) => {
    const { receiver, sender } = await start({ algorithm, qop: null });
    await deliver(sender, 3);
    expect(receiver.requests).toHaveLength(4);
  });

  it.each([
    ['with quotes', 'a "b" \\c'],
    ['of other letters', 'Jäsøn (Doe)*'],
  ])('has user names %s', async (_what, username) => {
    for (const userhash of [false, true]) {
      const receiver = await startDigestReceiver({ username, password: 'pä ss', userhash });
      await deliver(senderTo(receiver.url, { username, password: 'pä ss' }), 2);
      expect(receiver.accepted).toHaveLength(2);
    }
  });

  it('counts each use of a nonce, however many messages are on their way', async () => {
    const { receiver, sender } = await start();
    await deliver(sender, 1);
    await Promise.all(Array.from({ length: 100 }, () => deliver(sender, 3)));
    expect(receiver.accepted).toHaveLength(301);
    expect(receiver.requests).toHaveLength(302);
  });

  it('delivers all that begin at the same moment', async () => {
    const { receiver, sender } = await start();
    await Promise.all(Array.from({ length: 50 }, () => deliver(sender, 2)));
    expect(receiver.accepted).toHaveLength(100);
  });

  it('renews a nonce that went stale within the attempt', async () => {
    const { receiver, sender } = await start({ usesOfNonce: 2 });
    await deliver(sender, 6);
    expect(receiver.accepted).toHaveLength(6);
    expect(receiver.requests).toHaveLength(9);
  });

  it('renews stale nonces under load without losing an attempt', async () => {
    const { receiver, sender } = await start({ usesOfNonce: 7 });
    await Promise.all(Array.from({ length: 40 }, () => deliver(sender, 5)));
    expect(receiver.accepted).toHaveLength(200);
  });

  it('starts anew with a receiver that was restarted', async () => {
    const { receiver, sender } = await start();
    await deliver(sender, 2);
    receiver.restart();
    await deliver(sender, 2);
    expect(receiver.requests).toHaveLength(6);
  });

  it('takes the next nonce that an answer brings', async () => {
    const { receiver, sender } = await start({ usesOfNonce: 1, nextNonce: true });
    await deliver(sender, 4);
    expect(receiver.requests).toHaveLength(5);
  });

  it('fails with the status where the password is wrong, after two requests', async () => {
    const { receiver } = await start();
    const sender = senderTo(receiver.url, { ...USER, password: 'wrong' });
    const { response } = expectFailure(await sender.send(createMessage()), 'http_status');
    expect(response?.status).toBe(401);
    expect(receiver.requests).toHaveLength(2);
  });

  it('fails with the status where the receiver wants something else', async () => {
    const receiver = await startRawReceiver(({ socket }) =>
      socket.write(answerText('401 No', ['www-authenticate: Basic realm="x"'])),
    );
    expectFailure(await senderTo(receiver.url).send(createMessage()), 'http_status');
    expect(receiver.requests).toHaveLength(1);
  });

  it('sends nothing of itself to a receiver that asks for nothing', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const { request } = await senderTo(receiver.url).send(createMessage());
    expect(receiver.requests).toHaveLength(1);
    expect(JSON.stringify([receiver.requests[0]?.headers, request]).toLowerCase()).not.toContain(
      'authorization',
    );
  });

  it('sends the same message twice: same id, same signature, same bytes', async () => {
    const { receiver, sender } = await start();
    await deliver(sender, 1);
    const [first, second] = receiver.requests.map(({ headers, body }) => ({
      headers: headers.filter(([name]) => name !== 'authorization'),
      body: body.toString(),
    }));
    expect(first).toEqual(second);
  });

  it('is masked in the record', async () => {
    const { sender } = await start();
    const { request } = await sender.send(createMessage());
    const recorded = parseHeaderLines(`${request.shape.headers}\n${request.headers}`);
    expect(recorded).toContainEqual(['authorization', '********']);
    expect(JSON.stringify(recorded)).not.toMatch(/Mufasa|Digest/);
  });

  it('has one deadline for both requests', async () => {
    const clock = new HandClock();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const receiver = await startRawReceiver(({ socket, nth }) => {
      if (nth === 2) return ask();
      clock.advance(600);
      socket.write(answerText('401 No', ['www-authenticate: Digest realm="r", nonce="n"']));
    });
    const type = createLoopbackType({ clock });
    const sender = openWebhook(type, receiver.url, { auth: { method: 'digest', ...USER } });
    const sending = sender.send(createMessage({ timeoutMs: 1000 }));
    await asked;
    clock.advance(401);
    const { detail, timings } = expectFailure(await sending, 'timeout');
    expect(detail).toBe('No complete answer within 1 s.');
    expect(timings.totalMs).toBe(1001);
  });

  it('has the times of both requests', async () => {
    const clock = new HandClock();
    const { receiver } = await start();
    const type = createLoopbackType({ clock, lookup: async () => [{ address: '127.0.0.1' }] });
    const sender = openWebhook(type, `http://receiver.test:${receiver.port}/`, {
      auth: { method: 'digest', ...USER },
    });
    const { timings } = expectDelivered(await sender.send(createMessage()));
    expect(timings.dnsMs).not.toBeNull();
    expect(receiver.connections).toBe(1);
    expect(expectDelivered(await sender.send(createMessage())).timings.dnsMs).toBeNull();
  });
});
