/** A hook for Fastify 4 and 5. */
import { Readable } from 'node:stream';
import { onceAnswered, readStream } from './node-message.ts';
import type { NodeRequest, NodeResponse, NodeStream } from './node-message.ts';
import { createReceiver } from './receiver.ts';
import type { Answer, ReceiverOptions } from './receiver.ts';
export { webhookOf } from './webhook-of.ts';

export interface FastifyRequest {
  readonly headers: NodeRequest['headers'];
}

export interface FastifyReply {
  readonly raw: NodeResponse;
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  send(body: string): unknown;
}

/**
 * A `preParsing` hook, of a route or of a plugin's scope: it reads the body, verifies it, and gives it on unchanged to
 * Fastify's own parsers. The message is `request.webhook`: read it with `webhookOf(request)`.
 *
 *     app.post('/webhooks', { preParsing: verifyWebhook({ profile, secret }) }, handler)
 *
 * With a guard, the message counts as handled when an answer with 2xx has gone out. Fastify's `bodyLimit`, 1 MiB unless
 * you set it, holds too.
 */
export function verifyWebhook(
  options: ReceiverOptions,
): (request: FastifyRequest, reply: FastifyReply, payload: NodeStream) => Promise<Readable> {
  const receiver = createReceiver(options);
  return async (request, reply, payload) => {
    const body = await readStream(payload, receiver.maxBodyBytes);
    if (body === null) return send(reply, receiver.tooLarge);
    const decision = await receiver.receive(request.headers, body);
    if (decision.kind === 'answer') return send(reply, decision.answer);
    onceAnswered(reply.raw, (ok) => void decision.settle(ok));
    Object.assign(request, { webhook: decision.webhook });
    return streamOf(body);
  };
}

/** Fastify goes no further once something was sent. */
function send(reply: FastifyReply, { status, headers, body }: Answer): Readable {
  reply.code(status);
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  reply.send(body);
  return streamOf(new Uint8Array());
}

function streamOf(body: Uint8Array): Readable {
  const stream = new Readable({ read() {} });
  stream.push(body);
  stream.push(null);
  // Fastify compares it with the content-length.
  return Object.assign(stream, { receivedEncodedLength: body.length });
}
