/** A middleware for Hono, on every runtime that it runs on. */
import { readRequest } from './fetch-body.ts';
import { createReceiver } from './receiver.ts';
import type { Answer, ReceiverOptions } from './receiver.ts';
import type { Verified } from './verification.ts';

/** `new Hono<WebhookEnv>()` knows the variable. */
export interface WebhookEnv {
  Variables: { webhook: Verified };
}

export interface HonoContext {
  readonly req: { readonly raw: Request; arrayBuffer(): Promise<ArrayBuffer> };
  readonly res: Response;
  readonly error: Error | undefined;
  set(name: 'webhook', webhook: Verified): void;
}

/**
 * Verifies, and passes the message on: `context.get('webhook')`. The body can still be read afterwards.
 *
 * With a guard, the message counts as handled when the handler answers with 2xx.
 */
export function verifyWebhook(
  options: ReceiverOptions,
): (context: HonoContext, next: () => Promise<void>) => Promise<Response | undefined> {
  const receiver = createReceiver(options);
  return async (context, next) => {
    const body = await bodyOf(context, receiver.maxBodyBytes);
    if (body === null) return responseOf(receiver.tooLarge);
    const decision = await receiver.receive(context.req.raw.headers, body);
    if (decision.kind === 'answer') return responseOf(decision.answer);
    context.set('webhook', decision.webhook);
    let succeeded = false;
    try {
      await next();
      succeeded = context.res.ok && context.error === undefined;
    } finally {
      await decision.settle(succeeded);
    }
    return undefined;
  };
}

/** Hono remembers what another middleware has read. */
async function bodyOf({ req }: HonoContext, maxBytes: number): Promise<Uint8Array | null> {
  if (!req.raw.bodyUsed) return readRequest(req.raw, maxBytes);
  const bytes = new Uint8Array(await req.arrayBuffer());
  return bytes.length <= maxBytes ? bytes : null;
}

function responseOf({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers });
}
