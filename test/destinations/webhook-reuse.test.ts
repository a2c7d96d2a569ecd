/** A kept connection that the receiver closes in the moment of its reuse: a second try, and never a third. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';

import type { Sender } from '../../src/destinations/destination-type.ts';
import { OK, startRawReceiver, type RawRequest } from '../support/raw-receiver.ts';
import { HandClock } from '../support/receiver-clock.ts';
import {
  createMessage,
  expectDelivered,
  expectFailure,
  senderTo,
  type Delivered,
} from '../support/receiver-sender.ts';

describe('a kept connection that breaks at its reuse', () => {
  const faults: readonly (readonly [how: string, fault: (socket: Socket) => void])[] = [
    ['a reset', (socket) => socket.resetAndDestroy()],
    ['a close', (socket) => socket.end()],
  ];

  it.each(faults)('by %s costs a second request, not the attempt', async (_how, fault) => {
    const receiver = await startRawReceiver(({ socket, nth }) => {
      if (nth === 1) socket.write(OK);
      else fault(socket);
    });
    const sender = senderTo(receiver.url);
    await deliver(sender);
    const message = createMessage();
    const { timings } = expectDelivered(await sender.send(message));
    expect(timings.connectMs).not.toBeNull();
    expect(receiver.requests.map(idOf).filter((id) => id === message.event.id)).toHaveLength(2);
    expect(receiver.connections).toBe(2);
  });

  it.each(faults)(
    'by %s is tried on a new one, not on another that was kept',
    async (_how, fault) => {
      const receiver = await startRawReceiver(({ socket, nth }) => {
        if (nth === 1) socket.write(OK);
        else fault(socket);
      });
      const sender = senderTo(receiver.url);
      await sendMany(sender, 10);
      const { connections, requests } = receiver;
      expect(connections).toBe(10);
      await deliver(sender);
      expect(receiver.connections).toBe(11);
      expect(requests).toHaveLength(12);
    },
  );

  it('is tried once more, no oftener', async () => {
    let isUp = true;
    const receiver = await startRawReceiver(({ socket }) => {
      if (isUp) socket.write(OK);
      else socket.resetAndDestroy();
    });
    const sender = senderTo(receiver.url);
    await deliver(sender);
    isUp = false;
    expectFailure(await sender.send(createMessage()), 'connection');
    expect(receiver.requests).toHaveLength(3);
    expectFailure(await sender.send(createMessage()), 'connection');
    expect(receiver.requests).toHaveLength(4);
  });

  it.each([
    ['103', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    ['a piece of the status line', 'HTTP/1.1 2'],
    ['headers', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n'],
  ])('is not tried again where %s came before', async (_what, piece) => {
    const receiver = await startRawReceiver(({ socket, nth }) => {
      if (nth === 1) socket.write(OK);
      else socket.write(piece, () => setImmediate(() => socket.resetAndDestroy()));
    });
    const sender = senderTo(receiver.url);
    await deliver(sender);
    expectFailure(await sender.send(createMessage()), 'connection');
    expect(receiver.requests).toHaveLength(2);
  });

  it('takes from the same deadline', async () => {
    const receiver = await startRawReceiver(({ socket, nth, connection }) => {
      if (connection === 1 && nth === 1) socket.write(OK);
      else if (connection === 1) socket.resetAndDestroy();
    });
    const clock = new HandClock();
    const sender = senderTo(receiver.url, { clock });
    await deliver(sender);
    const sending = sender.send(createMessage({ timeoutMs: 1000 }));
    clock.advance(400);
    await receiver.received(3);
    clock.advance(600);
    expect(expectFailure(await sending, 'timeout').timings.totalMs).toBe(1000);
    await receiver.allClosed();
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
