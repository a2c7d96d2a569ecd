/** A listener for `node:http`, `node:https` and `node:http2`'s compatible server. */
import { readStream, sendAnswer } from './node-message.ts';
import type { NodeRequest, NodeResponse } from './node-message.ts';
import { createReceiver } from './receiver.ts';
import type { Receiver, ReceiverOptions } from './receiver.ts';
import type { Verified } from './verification.ts';

export interface WebhookListenerOptions<Request> extends ReceiverOptions {
  /**
   * Called with each good message. When it has returned (or its promise was kept) the answer is 200; when it throws, 500,
   * and the sender comes again.
   */
  readonly onWebhook: (webhook: Verified, request: Request) => unknown;
  /** For your log: what `onWebhook`, the guard or the function `secret` has thrown. Default: `console`. */
  readonly onError?: (error: unknown) => void;
}

/** `createServer(createWebhookListener({ profile, secret, onWebhook }))`. Every path and method is taken. */
export function createWebhookListener<Request extends NodeRequest = NodeRequest>(
  options: WebhookListenerOptions<Request>,
): (request: Request, response: NodeResponse) => void {
  const receiver = createReceiver(options);
  const { onError = (error) => console.error('a webhook was not handled:', error) } = options;
  return (request, response) => {
    answer(receiver, options, request, response).catch((error: unknown) => {
      onError(error);
      if (!response.headersSent) sendAnswer(response, receiver.failed);
    });
  };
}

async function answer<Request extends NodeRequest>(
  receiver: Receiver,
  { onWebhook }: WebhookListenerOptions<Request>,
  request: Request,
  response: NodeResponse,
): Promise<void> {
  const body = await readStream(request, receiver.maxBodyBytes);
  if (body === null) return sendAnswer(response, receiver.tooLarge);
  const decision = await receiver.receive(request.headers, body);
  if (decision.kind === 'answer') return sendAnswer(response, decision.answer);
  try {
    await onWebhook(decision.webhook, request);
  } catch (error) {
    await decision.settle(false);
    throw error;
  }
  // Before the answer: a sender that comes again at once finds a duplicate.
  await decision.settle(true);
  sendAnswer(response, receiver.accepted);
}
