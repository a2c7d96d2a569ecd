/** A middleware for Express 4 and 5. */
import { utf8 } from './bytes.ts';
import { onceAnswered, readStream, sendAnswer } from './node-message.ts';
import type { NodeRequest, NodeResponse } from './node-message.ts';
import { createReceiver } from './receiver.ts';
import type { ReceiverOptions } from './receiver.ts';
export { webhookOf } from './webhook-of.ts';

export interface ExpressRequest extends NodeRequest {
  readonly readableEnded: boolean;
  readonly body?: unknown;
  /** The bytes, where something has kept them before it parsed them. */
  readonly rawBody?: unknown;
}

/**
 * Verifies, and passes the message on as `request.webhook`: read it with `webhookOf(request)`. The body is read here, or
 * taken from `express.raw()`, or from `request.rawBody`; put it before `express.json()`, which keeps no bytes.
 *
 * With a guard, the message counts as handled when an answer with 2xx has gone out.
 */
export function verifyWebhook(
  options: ReceiverOptions,
): (request: ExpressRequest, response: NodeResponse, next: (error?: unknown) => void) => void {
  const receiver = createReceiver(options);

  async function receive(request: ExpressRequest, response: NodeResponse): Promise<boolean> {
    const body = await rawBodyOf(request, receiver.maxBodyBytes);
    if (body === null) {
      sendAnswer(response, receiver.tooLarge);
      return false;
    }
    const decision = await receiver.receive(request.headers, body);
    if (decision.kind === 'answer') {
      sendAnswer(response, decision.answer);
      return false;
    }
    onceAnswered(response, (ok) => void decision.settle(ok));
    Object.assign(request, { webhook: decision.webhook });
    return true;
  }

  async function pass(
    request: ExpressRequest,
    response: NodeResponse,
    next: (error?: unknown) => void,
  ): Promise<void> {
    let isGood;
    try {
      isGood = await receive(request, response);
    } catch (error) {
      next(error);
      return;
    }
    if (isGood) next();
  }

  return (request, response, next) => void pass(request, response, next);
}

async function rawBodyOf(request: ExpressRequest, maxBytes: number): Promise<Uint8Array | null> {
  const given = [request.rawBody, request.body].find(
    (body) => typeof body === 'string' || body instanceof Uint8Array,
  );
  if (given !== undefined) {
    const bytes = typeof given === 'string' ? utf8(given) : given;
    return bytes.length <= maxBytes ? bytes : null;
  }
  if (!request.readableEnded) return readStream(request, maxBytes);
  throw new Error(
    'the body was parsed before verifyWebhook, and its bytes are gone: put verifyWebhook before express.json(), or keep them as request.rawBody',
  );
}
