/** One receiver on each framework, with the same behaviour: what a test asks of one, it asks of all. */
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import { onTestFinished } from 'vitest';
import { verifyWebhook as verifyExpress, webhookOf } from '../../sdk/src/express.ts';
import {
  verifyWebhook as verifyFastify,
  webhookOf as webhookOfFastify,
} from '../../sdk/src/fastify.ts';
import { createWebhookHandler } from '../../sdk/src/fetch.ts';
import { verifyWebhook as verifyHono } from '../../sdk/src/hono.ts';
import type { WebhookEnv } from '../../sdk/src/hono.ts';
import type { ReceiverOptions, Verified } from '../../sdk/src/index.ts';
import { createWebhookListener } from '../../sdk/src/node.ts';

/** What it throws ends in a 500. */
export type Handler = (webhook: Verified) => void | Promise<void>;

/** Starts a receiver at `/hook` and gives its URL; it ends with the test. */
export type StartServer = (options: ReceiverOptions, handle: Handler) => Promise<string>;

export const SERVERS: Readonly<Record<string, StartServer>> = {
  'node:http': (options, handle) =>
    listen(
      createServer(createWebhookListener({ ...options, onWebhook: handle, onError: () => {} })),
    ),

  Express(options, handle) {
    const app = express();
    app.post('/hook', verifyExpress(options), async (request, response) => {
      await handle(webhookOf(request));
      response.sendStatus(200);
    });
    return listen(createServer(quiet(app)));
  },

  'Express with express.raw()'(options, handle) {
    const app = express();
    app.use(express.raw({ type: '*/*', limit: '10mb' }));
    app.post('/hook', verifyExpress(options), async (request, response) => {
      await handle(webhookOf(request));
      response.sendStatus(200);
    });
    return listen(createServer(quiet(app)));
  },

  async Fastify(options, handle) {
    const app = fastify({ bodyLimit: 10 * 1024 * 1024 });
    app.post('/hook', { preParsing: verifyFastify(options) }, async (request) => {
      const webhook = webhookOfFastify(request);
      // Its own parser has had the same bytes.
      if (JSON.stringify(request.body) !== JSON.stringify(webhook.payload))
        throw new Error('the bodies differ');
      await handle(webhook);
      return 'ok';
    });
    onTestFinished(() => app.close());
    await app.listen({ port: 0, host: '127.0.0.1' });
    return urlOf(app.server);
  },

  Hono(options, handle) {
    const app = new Hono<WebhookEnv>();
    app.post('/hook', verifyHono(options), async (context) => {
      const webhook = context.get('webhook');
      if (JSON.stringify(await context.req.json()) !== JSON.stringify(webhook.payload))
        throw new Error('the bodies differ');
      await handle(webhook);
      return context.text('ok');
    });
    app.onError((_error, context) => context.text('failed', 500));
    return listen(createServer(listenerOf(app.fetch)));
  },

  'Request and Response'(options, handle) {
    const handler = createWebhookHandler({ ...options, onWebhook: handle });
    const failed = () => new Response('failed', { status: 500 });
    return listen(createServer(listenerOf((request) => handler(request).catch(failed))));
  },
};

function listenerOf(handler: (request: Request) => Response | Promise<Response>): RequestListener {
  const listener = getRequestListener(handler);
  return (request, response) => void listener(request, response);
}

/** Express writes every error to the console unless it is told otherwise. */
function quiet(app: ReturnType<typeof express>): RequestListener {
  app.set('env', 'test');
  return (request, response) => void app(request, response);
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return urlOf(server);
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}
