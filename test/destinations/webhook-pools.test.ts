/** Connections: kept, shared, told apart, and given up. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';

import type { Sender } from '../../src/destinations/destination-type.ts';
import type { Lookup } from '../../src/destinations/connector.ts';
import { answerText, OK, startRawReceiver, type RawRequest } from '../support/raw-receiver.ts';
import { HandClock } from '../support/receiver-clock.ts';
import {
  createLoopbackType,
  createMessage,
  expectDelivered,
  expectFailure,
  openWebhook,
  senderTo,
  type Delivered,
} from '../support/receiver-sender.ts';

const toLoopback: Lookup = async () => [{ address: '127.0.0.1' }];
const SWEEP_MS = 60_000;

describe('connections', () => {
  it('are used again, and only the first message has times of opening', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const sender = senderTo(`http://receiver.test:${receiver.port}/`, { lookup: toLoopback });
    const first = (await deliver(sender)).timings;
    expect(first).toMatchObject({
      dnsMs: expect.any(Number),
      connectMs: expect.any(Number),
      tlsMs: null,
    });
    for (let count = 0; count < 20; count++) {
      const { timings } = await deliver(sender);
      expect(timings).toMatchObject({ dnsMs: null, connectMs: null, tlsMs: null });
    }
    expect(receiver.connections).toBe(1);
    expect(receiver.requests).toHaveLength(21);
  });

  it('are shared by the destinations of an origin', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const type = createLoopbackType();
    for (const path of ['a', 'b', 'c?d']) await deliver(openWebhook(type, receiver.url + path));
    expect(receiver.connections).toBe(1);
  });

  it('are kept apart by origin', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const other = await startRawReceiver(({ socket }) => socket.write(OK));
    const type = createLoopbackType({ lookup: toLoopback });
    const hosts = [
      `127.0.0.1:${receiver.port}`,
      `a.test:${receiver.port}`,
      `b.test:${receiver.port}`,
      `a.test:${other.port}`,
    ];
    for (let round = 0; round < 2; round++)
      for (const host of hosts) await deliver(openWebhook(type, `http://${host}/`));
    expect(receiver.connections).toBe(3);
    expect(other.connections).toBe(1);
  });

  it('are dropped where the receiver says close', async () => {
    const receiver = await startRawReceiver(({ socket }) =>
      socket.write(answerText('200 OK', ['connection: close'], 'ok')),
    );
    const sender = senderTo(receiver.url);
    for (let count = 1; count <= 3; count++) {
      await deliver(sender);
      await receiver.allClosed();
      expect(receiver.connections).toBe(count);
    }
  });

  it('may be closed after each answer without a word', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.end(OK));
    const sender = senderTo(receiver.url);
    for (let count = 0; count < 20; count++) await deliver(sender);
    expect(new Set(receiver.requests.map(idOf)).size).toBe(20);
    expect(receiver.requests.length).toBeLessThanOrEqual(40);
  });

  it('are as few as there are messages at a time', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const sender = senderTo(receiver.url);
    const lanes = Array.from({ length: 8 }, async () => {
      for (let count = 0; count < 20; count++) await deliver(sender);
    });
    await Promise.all(lanes);
    expect(receiver.connections).toBe(8);
    expect(receiver.requests).toHaveLength(160);
  });

  it('are opened anew after the receiver closed those that rested', async () => {
    const sockets: Socket[] = [];
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK), {
      onConnection: (socket) => sockets.push(socket),
    });
    const sender = senderTo(receiver.url);
    await sendMany(sender, 30);
    const { connections } = receiver;
    for (const socket of sockets) socket.end();
    await receiver.allClosed();
    for (let count = 0; count < 3; count++) await deliver(sender);
    expect(receiver.connections).toBe(connections + 1);
  });

  it('are taken last in, first out, so that those of a burst come to rest', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const sender = senderTo(receiver.url);
    await sendMany(sender, 20);
    for (let count = 0; count < 10; count++) await deliver(sender);
    expect(new Set(receiver.requests.slice(20).map(({ connection }) => connection)).size).toBe(1);
  });

  it('are kept no longer than the receiver says', async () => {
    const receiver = await startRawReceiver(({ socket }) =>
      socket.write(answerText('200 OK', ['keep-alive: timeout=2'])),
    );
    const sender = senderTo(receiver.url);
    for (let count = 1; count <= 3; count++) {
      await deliver(sender);
      await receiver.allClosed();
      expect(receiver.connections).toBe(count);
    }
  });

  it('have each its own times of opening', async () => {
    const clock = new HandClock();
    const waiting: ((address: string) => void)[] = [];
    const lookup: Lookup = () =>
      new Promise((resolve) => {
        waiting.push((address) => resolve([{ address }]));
      });
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const sender = senderTo(`http://receiver.test:${receiver.port}/`, { lookup, clock });
    const slow = sender.send(createMessage());
    clock.advance(100);
    const quick = sender.send(createMessage());
    clock.advance(50);
    waiting[1]?.('127.0.0.1');
    expect(expectDelivered(await quick).timings).toMatchObject({ dnsMs: 50, totalMs: 50 });
    clock.advance(50);
    const reusing = sender.send(createMessage());
    waiting[0]?.('127.0.0.1');
    expect(expectDelivered(await slow).timings).toMatchObject({ dnsMs: 200, totalMs: 200 });
    expect(expectDelivered(await reusing).timings).toMatchObject({ dnsMs: null, connectMs: null });
  });
});

describe('many messages at a time', () => {
  it('each get their own answer', async () => {
    const receiver = await startRawReceiver((request) => {
      const answer = answerText('200 OK', [], `${idOf(request)}:${request.body.toString()}`);
      if (Number(idOf(request).slice(4)) % 3 === 0)
        setImmediate(() => request.socket.write(answer));
      else request.socket.write(answer);
    });
    const sender = senderTo(receiver.url);
    for (let round = 0; round < 3; round++) {
      const messages = Array.from({ length: 200 }, () => createMessage());
      const sent = await Promise.all(messages.map((message) => sender.send(message)));
      for (const [index, { event, body }] of messages.entries()) {
        const answered = sent[index];
        if (answered === undefined) throw new Error('one is missing');
        expect(expectDelivered(answered).response?.body.toString()).toBe(
          `${event.id}:${Buffer.from(body).toString()}`,
        );
      }
    }
    expect(receiver.requests).toHaveLength(600);
    expect(receiver.connections).toBeLessThanOrEqual(200);
  });

  it('are not held up by a destination of the same origin that hangs', async () => {
    const receiver = await startRawReceiver(({ line, socket }) => {
      if (!line.includes('/hangs')) socket.write(OK);
    });
    const type = createLoopbackType();
    const hanging = openWebhook(type, `${receiver.url}hangs`);
    const other = openWebhook(type, `${receiver.url}other`);
    let ended = 0;
    const waiting = Array.from({ length: 150 }, async () => {
      const sent = await hanging.send(createMessage());
      ended++;
      return sent;
    });
    await receiver.received(150);
    for (let count = 0; count < 20; count++) await deliver(other);
    expect(ended).toBe(0);
    expect(receiver.connections).toBe(151);
    await type.close();
    for (const sent of await Promise.all(waiting)) expectFailure(sent, 'connection');
  });
});

describe('pools', () => {
  it('that nobody used for a whole sweep are closed', async () => {
    const clock = new HandClock();
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const other = await startRawReceiver(({ socket }) => socket.write(OK));
    const type = createLoopbackType({ clock });
    const sender = openWebhook(type, receiver.url);
    const otherSender = openWebhook(type, other.url);
    await deliver(sender);
    await deliver(otherSender);
    clock.advance(SWEEP_MS);
    await deliver(sender);
    expect(receiver.connections).toBe(1);
    clock.advance(SWEEP_MS);
    await other.allClosed();
    expect(receiver.openSockets).toBe(1);
    clock.advance(SWEEP_MS);
    await receiver.allClosed();
    expect(clock.pending).toBe(0);

    await deliver(sender);
    expect(receiver.connections).toBe(2);
  });

  it('with a message under way stay', async () => {
    const clock = new HandClock();
    const requests: RawRequest[] = [];
    const receiver = await startRawReceiver((request) => requests.push(request));
    const sender = senderTo(receiver.url, { clock });
    const sending = sender.send(createMessage({ timeoutMs: 10 * SWEEP_MS }));
    await receiver.received(1);
    for (let count = 0; count < 4; count++) clock.advance(SWEEP_MS);
    requests[0]?.socket.write(OK);
    expectDelivered(await sending);
    clock.advance(SWEEP_MS);
    await receiver.allClosed();
  });

  it('leave no timer and no socket once they are closed', async () => {
    const clock = new HandClock();
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const type = createLoopbackType({ clock });
    await sendMany(openWebhook(type, receiver.url), 20);
    await type.close();
    await receiver.allClosed();
    expect(clock.pending).toBe(0);
  });
});

async function deliver(sender: Sender, message = createMessage()): Promise<Delivered> {
  return expectDelivered(await sender.send(message));
}

async function sendMany(sender: Sender, count: number): Promise<void> {
  const sent = await Promise.all(Array.from({ length: count }, () => sender.send(createMessage())));
  for (const each of sent) expectDelivered(each);
}

function idOf({ headers }: RawRequest): string {
  return headers.find(([name]) => name === 'webhook-id')?.[1] ?? '';
}
