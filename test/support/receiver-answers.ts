/** A receiver that misbehaves once: what comes of the message, and whether the next one is delivered all the same. */
import type { Socket } from 'node:net';

import type { Sent } from '../../src/destinations/destination-type.ts';
import { OK, startRawReceiver, type RawReceiver, type RawReceiverOptions } from './raw-receiver.ts';
import { createMessage, expectDelivered, senderTo } from './receiver-sender.ts';

export interface FirstAnswer {
  readonly sent: Sent;
  readonly receiver: RawReceiver;
}

export interface FirstAnswerOptions extends RawReceiverOptions {
  readonly timeoutMs?: number;
}

/** Sends a message that the receiver answers so, and then one that it answers with 200, as all others. */
export async function sendToFirstAnswer(
  answer: (socket: Socket) => void,
  { timeoutMs, ...options }: FirstAnswerOptions = {},
): Promise<FirstAnswer> {
  const message = createMessage(timeoutMs === undefined ? {} : { timeoutMs });
  const receiver = await startRawReceiver(({ socket, headers }) => {
    if (headers.some(([, value]) => value === message.event.id)) answer(socket);
    else socket.write(OK);
  }, options);
  const sender = senderTo(receiver.url);
  const sent = await sender.send(message);
  expectDelivered(await sender.send(createMessage()));
  return { sent, receiver };
}

/** Writes the pieces one by one, each once the one before has left. */
export function writePieces(socket: Socket, ...pieces: readonly (string | Buffer)[]): void {
  const [first, ...others] = pieces;
  if (first === undefined) return;
  socket.write(first, () => setImmediate(() => writePieces(socket, ...others)));
}

/** Writes the same few bytes again and again until the sender hangs up. */
export function drip(socket: Socket, piece: string, everyMs: number): void {
  const timer = setInterval(() => socket.write(piece), everyMs);
  socket.on('close', () => clearInterval(timer));
}

/** Writes as fast as the sender reads, until he hangs up. */
export function flood(socket: Socket, piece: Buffer): void {
  const pour = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', pour);
  pour();
}
