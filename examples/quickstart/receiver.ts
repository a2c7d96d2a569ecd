/**
 * A receiver of webhooks in one file. It verifies every message with the published library, recognises those that it
 * has had before, and prints what came.
 *
 *     WEBHOOK_SECRET=whsec_... node examples/quickstart/receiver.ts
 *
 * `PORT` is where it listens on this machine; 9000 without it.
 */
import { createServer } from 'node:http';
import type {
  IncomingHttpHeaders,
  IncomingMessage,
  RequestListener,
  ServerResponse,
} from 'node:http';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

/** A message whose signature is good. */
export interface Received {
  /** The same over all attempts: the key by which repeats are told. */
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
  readonly isRepeat: boolean;
  /** As they came. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ReceiverOptions {
  /** `credentials.secret` of the destination. */
  readonly secret: string;
  readonly onMessage: (message: Received) => void;
  readonly onRefused: (reason: string) => void;
}

const SIGNED_HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];
const MAX_BODY_BYTES = 2 * 1024 * 1024;

export function createReceiver({ secret, onMessage, onRefused }: ReceiverOptions): RequestListener {
  const webhook = new Webhook(secret);
  // In earnest: a table with a unique key, written in the transaction that does what the message asks for.
  const seen = new Set<string>();

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const headers = signedHeaders(request.headers);
    try {
      // The bytes as they came: JSON that was parsed and written again has another signature.
      const { type, data } = webhook.verify(body, headers) as { type: string; data: unknown };
      const id = headers['webhook-id'] ?? '';
      const isRepeat = seen.has(id);
      seen.add(id);
      onMessage({ id, type, data, isRepeat, headers, body });
      // At once: what takes long is done after the answer, else the sender tries again meanwhile.
      response.writeHead(204).end();
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      onRefused(error.message);
      response.writeHead(401).end();
    }
  }

  return (request, response) => {
    receive(request, response).catch((error: unknown) => {
      onRefused(error instanceof Error ? error.message : String(error));
      response.writeHead(400).end();
    });
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new Error('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function signedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    SIGNED_HEADERS.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

// ── On its own ─────────────────────────────────────────────────────────────────────────────────────────────────────

if (import.meta.main) {
  const secret = process.env['WEBHOOK_SECRET'] ?? '';
  const port = Number(process.env['PORT'] ?? 9000);
  if (secret === '') {
    console.error('receiver: set WEBHOOK_SECRET to the credentials.secret of the destination');
    process.exit(1);
  }
  const receiver = createReceiver({
    secret,
    onMessage: ({ id, type, data, isRepeat }) =>
      console.log(
        `receiver: ${type} ${id}, signature good${isRepeat ? ', had before' : ''}\n${JSON.stringify(data, null, 2)}`,
      ),
    onRefused: (reason) => console.log(`receiver: refused: ${reason}`),
  });
  const server = createServer(receiver);
  server.on('error', (error) => {
    console.error(`receiver: cannot listen on port ${port}: ${error.message}`);
    process.exit(1);
  });
  server.listen(port, '127.0.0.1', () =>
    console.log(`receiver: waiting at http://127.0.0.1:${port}/`),
  );
}
