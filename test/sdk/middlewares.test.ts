/** The middlewares in real servers of their frameworks, over real connections. */
import express from 'express';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { verifyWebhook, webhookOf } from '../../sdk/src/express.ts';
import { verifyWebhook as verifyHono } from '../../sdk/src/hono.ts';
import type { WebhookEnv } from '../../sdk/src/hono.ts';
import { createMemoryStore, createReceiver, createReplayGuard } from '../../sdk/src/index.ts';
import type { KeyStore, ReceiverOptions, Refused, Verified } from '../../sdk/src/index.ts';
import { AT_MS, caseOf, EVENT_ID, messageOf } from '../support/sdk-messages.ts';
import type { Message } from '../support/sdk-messages.ts';
import { SERVERS } from '../support/sdk-servers.ts';

const OPTIONS: ReceiverOptions = {
  profile: 'standard',
  secret: caseOf('standard').secret,
  now: () => AT_MS,
};
const GOOD = messageOf('standard');

const post = (url: string, { headers, body }: Message) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });

const withGuard = (more: Partial<ReceiverOptions> = {}): ReceiverOptions => ({
  ...OPTIONS,
  guard: createReplayGuard({ store: createMemoryStore() }),
  ...more,
});

describe.each(Object.entries(SERVERS))('%s', (_, start) => {
  it('hands a verified message to the handler', async () => {
    const seen: Verified[] = [];
    const url = await start(OPTIONS, (webhook) => void seen.push(webhook));
    const { status } = await post(url, GOOD);
    expect(status).toBe(200);
    expect(seen).toMatchObject([
      { ok: true, id: EVENT_ID, topic: 'room.created', payload: JSON.parse(GOOD.body) },
    ]);
  });

  it('answers 401 with a problem to what does not verify, and calls nobody', async () => {
    const refused: Refused[] = [];
    let calls = 0;
    const onRefused = (one: Refused) => void refused.push(one);
    const url = await start({ ...OPTIONS, onRefused }, () => void calls++);
    const response = await post(url, { ...GOOD, body: `${GOOD.body} ` });
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await response.json()).toMatchObject({
      type: 'about:blank',
      title: 'Unauthorized',
      status: 401,
      reason: 'signature_mismatch',
    });
    const none = await fetch(url, { method: 'POST', body: GOOD.body });
    expect(none.status).toBe(401);
    expect(await none.json()).toMatchObject({ reason: 'missing_header' });
    expect(calls).toBe(0);
    expect(refused.map(({ reason }) => reason)).toEqual(['signature_mismatch', 'missing_header']);
  });

  it('answers 413 to a body that is too large, whether its length is announced or not', async () => {
    let calls = 0;
    const url = await start({ ...OPTIONS, maxBodyBytes: 1000 }, () => void calls++);
    const body = 'x'.repeat(300_000);
    const announced = await post(url, { ...GOOD, body });
    expect(announced.status).toBe(413);
    expect(await announced.json()).toMatchObject({ status: 413, title: 'Content Too Large' });
    const chunks = new ReadableStream({
      start(controller) {
        for (let index = 0; index < 30; index++)
          controller.enqueue(Buffer.from('x'.repeat(10_000)));
        controller.close();
      },
    });
    const streamed = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: chunks,
      duplex: 'half',
    });
    expect(streamed.status).toBe(413);
    expect((await post(url, GOOD)).status).toBe(200);
    expect(calls).toBe(1);
  });

  it('answers 200 to a duplicate, and does not call the handler', async () => {
    let calls = 0;
    const url = await start(withGuard(), () => void calls++);
    const answers = [];
    for (let index = 0; index < 3; index++) answers.push((await post(url, GOOD)).status);
    expect(answers).toEqual([200, 200, 200]);
    expect(calls).toBe(1);
    expect((await post(url, messageOf('standard', { id: 'evt_other' }))).status).toBe(200);
    expect(calls).toBe(2);
  });

  it('answers 500 when the handler fails, and handles the next attempt', async () => {
    let calls = 0;
    const url = await start(withGuard(), () => {
      calls++;
      if (calls === 1) throw new Error('the database is away');
    });
    expect((await post(url, GOOD)).status).toBe(500);
    expect((await post(url, GOOD)).status).toBe(200);
    expect((await post(url, GOOD)).status).toBe(200);
    expect(calls).toBe(2);
  });

  it('asks the sender to come again while the same message is being handled', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    let begun = () => {};
    const started = new Promise<void>((resolve) => (begun = resolve));
    const url = await start(withGuard(), async () => {
      begun();
      await held;
    });
    const first = post(url, GOOD);
    await started;
    const second = await post(url, GOOD);
    expect(second.status).toBe(503);
    expect(second.headers.get('retry-after')).toBe('5');
    release();
    expect((await first).status).toBe(200);
  });

  it('answers 500 when the store of the guard is away, so that the sender comes again', async () => {
    const away: KeyStore = {
      setIfAbsent: () => Promise.reject(new Error('the store is away')),
      replace: () => Promise.reject(new Error('the store is away')),
    };
    let calls = 0;
    const url = await start(
      { ...OPTIONS, guard: createReplayGuard({ store: away }) },
      () => void calls++,
    );
    expect((await post(url, GOOD)).status).toBe(500);
    expect(calls).toBe(0);
  });

  it('asks for the secret with each message, and tells the sender nothing of a bad one', async () => {
    let secret = caseOf('standard').secret;
    const url = await start({ ...OPTIONS, secret: async () => secret }, () => {});
    expect((await post(url, GOOD)).status).toBe(200);
    secret = caseOf('standard').otherSecret;
    expect((await post(url, GOOD)).status).toBe(401);
    secret = 'nonsense';
    const response = await post(url, GOOD);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
  });
});

describe('Express', () => {
  const serve = async (app: ReturnType<typeof express>) => {
    app.set('env', 'test');
    const server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('it does not listen');
    const response = await post(`http://127.0.0.1:${address.port}/`, GOOD);
    server.close();
    return response;
  };

  it('takes the bytes that were kept beside a parsed body', async () => {
    const app = express();
    app.use(
      express.json({
        verify: (request, _response, bytes) => void Object.assign(request, { rawBody: bytes }),
      }),
    );
    app.post('/', verifyWebhook(OPTIONS), (request, response) => {
      response.json({ id: webhookOf(request).id, body: request.body });
    });
    expect(await (await serve(app)).json()).toEqual({
      id: EVENT_ID,
      body: JSON.parse(GOOD.body) as unknown,
    });
  });

  it('says what to do where the bytes are gone', async () => {
    const errors: unknown[] = [];
    const app = express();
    app.use(express.json());
    app.post('/', verifyWebhook(OPTIONS), (_request, response) => void response.sendStatus(200));
    app.use(((error, _request, response, _next) => {
      errors.push(error);
      response.sendStatus(500);
    }) as express.ErrorRequestHandler);
    expect((await serve(app)).status).toBe(500);
    expect(String(errors)).toContain('put verifyWebhook before express.json()');
  });

  it('leaves the body to nobody: express.json() after it does not wait for more', async () => {
    const app = express();
    app.post('/', verifyWebhook(OPTIONS), express.json(), (request, response) => {
      response.json({ id: webhookOf(request).id });
    });
    expect(await (await serve(app)).json()).toEqual({ id: EVENT_ID });
  });

  it('webhookOf says where nothing was verified', () => {
    expect(() => webhookOf({})).toThrow('put verifyWebhook before this handler');
  });
});

describe('Hono', () => {
  it('takes the body that another middleware has read before', async () => {
    const app = new Hono<WebhookEnv>();
    app.use(async (context, next) => {
      await context.req.text();
      await next();
    });
    app.post('/', verifyHono(OPTIONS), (context) => context.json(context.get('webhook').id));
    const response = await app.request('/', { method: 'POST', ...GOOD });
    expect(await response.json()).toBe(EVENT_ID);
  });
});

describe('the receiver behind all of them', () => {
  it('tells messages without an id apart by their signature, or as it is told to', async () => {
    const { headers, body } = messageOf('basekit');
    const { secret } = caseOf('basekit');
    const replayed = { ...headers, 'X-Delivery-Id': 'another' };
    const { 'X-Delivery-Id': _id, ...bare } = headers;
    const kinds = async (options: Partial<ReceiverOptions>, all: Record<string, string>[]) => {
      const receiver = createReceiver(withGuard({ profile: 'basekit', secret, ...options }));
      const found = [];
      for (const one of all) {
        const decision = await receiver.receive(one, body);
        if (decision.kind === 'handle') await decision.settle(true);
        found.push(decision.kind);
      }
      return found;
    };
    expect(await kinds({}, [bare, bare])).toEqual(['handle', 'answer']);
    expect(await kinds({}, [headers, replayed])).toEqual(['handle', 'handle']);
    const duplicateKey = ({ signature }: Verified) => signature;
    expect(await kinds({ duplicateKey }, [headers, replayed])).toEqual(['handle', 'answer']);
  });

  it('says when the guard failed after the message was handled, and goes on', async () => {
    const store = createMemoryStore();
    const errors: unknown[] = [];
    const receiver = createReceiver({
      ...OPTIONS,
      guard: createReplayGuard({
        store: { ...store, replace: () => Promise.reject(new Error('away')) },
      }),
      onGuardError: (error) => void errors.push(error),
    });
    const decision = await receiver.receive(GOOD.headers, GOOD.body);
    if (decision.kind !== 'handle') throw new Error('it was not to be handled');
    await decision.settle(true);
    expect(errors).toEqual([new Error('away')]);
  });
});
