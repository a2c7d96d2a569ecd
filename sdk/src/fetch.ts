/** A handler for runtimes that speak `Request` and `Response`: workers, Deno, Bun, service workers. */
import { readRequest } from './fetch-body.ts';
import { createReceiver } from './receiver.ts';
import type { Answer, ReceiverOptions } from './receiver.ts';
import type { Verified } from './verification.ts';

export interface WebhookHandlerOptions extends ReceiverOptions {
  /**
   * Called with each good message. When it has returned (or its promise was kept) the answer is 200, or the `Response` that
   * it gives; what it throws is thrown on, and the sender comes again.
   */
  readonly onWebhook: (webhook: Verified, request: Request) => unknown;
}

/** `export default { fetch: createWebhookHandler({ profile, secret, onWebhook }) }`. Every path and method is taken. */
export function createWebhookHandler(
  options: WebhookHandlerOptions,
): (request: Request) => Promise<Response> {
  const receiver = createReceiver(options);
  return async (request) => {
    const body = await readRequest(request, receiver.maxBodyBytes);
    if (body === null) return responseOf(receiver.tooLarge);
    const decision = await receiver.receive(request.headers, body);
    if (decision.kind === 'answer') return responseOf(decision.answer);
    let result;
    try {
      result = await options.onWebhook(decision.webhook, request);
    } catch (error) {
      await decision.settle(false);
      throw error;
    }
    const response = result instanceof Response ? result : responseOf(receiver.accepted);
    await decision.settle(response.ok);
    return response;
  };
}

function responseOf({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers });
}
