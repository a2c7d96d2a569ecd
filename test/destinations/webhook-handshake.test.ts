import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createAddressGuard } from '../../src/destinations/address-guard.ts';
import { startReceiver } from '../support/receiver.ts';
import type { Receiver, ReceivedRequest } from '../support/receiver.ts';
import { HandClock } from '../support/receiver-clock.ts';
import {
  checkWebhook,
  createLoopbackType,
  createMessage,
  expectDelivered,
  expectFailure,
  openWebhook,
} from '../support/receiver-sender.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const ASKING = { config: { webhook_handshake: true } };

/** Answers OPTIONS with these headers, and everything with that status. */
function answering(headers: Record<string, string>, status = 200) {
  return ({ method }: ReceivedRequest, response: ServerResponse) => {
    response.statusCode = method === 'OPTIONS' ? status : 200;
    if (method === 'OPTIONS')
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.end();
  };
}

const methods = ({ requests }: Receiver) => requests.map(({ method }) => method);

describe('the handshake', () => {
  it('is not held where nobody asked for it', async () => {
    const receiver = await startReceiver();
    const sender = openWebhook(createLoopbackType(), receiver.url);
    expectDelivered(await sender.send(createMessage()));
    expect(methods(receiver)).toEqual(['POST']);
  });

  it('comes before the first delivery, and once: it says who asks, and lets itself in', async () => {
    const receiver = await startReceiver(answering({ 'WebHook-Allowed-Origin': 'sender.test' }));
    const sender = openWebhook(createLoopbackType(), `${receiver.url}hook?x=1`, {
      ...ASKING,
      customHeaders: { authorization: 'Bearer xyz' },
    });
    expectDelivered(await sender.send(createMessage()));
    expectDelivered(await sender.send(createMessage()));
    expect(methods(receiver)).toEqual(['OPTIONS', 'POST', 'POST']);
    const [asked] = receiver.requests;
    expect(asked?.path).toBe('/hook?x=1');
    expect(asked?.headers).toMatchObject({
      'webhook-request-origin': 'sender.test',
      authorization: 'Bearer xyz',
      'user-agent': 'Angarium/test',
    });
    expect(asked?.headers['webhook-request-rate']).toBeUndefined();
    expect(asked?.headers['webhook-signature']).toBeUndefined();
    expect(asked?.body).toHaveLength(0);
  });

  it('is held once for all that wait for it', async () => {
    let answerIt = () => {};
    const receiver = await startReceiver(({ method }, response) => {
      if (method === 'POST') response.end();
      else {
        response.setHeader('WebHook-Allowed-Origin', '*');
        answerIt = () => response.end();
      }
    });
    const sender = openWebhook(createLoopbackType(), receiver.url, ASKING);
    const sending = Array.from({ length: 5 }, () => sender.send(createMessage()));
    await expect.poll(() => methods(receiver)).toEqual(['OPTIONS']);
    answerIt();
    for (const sent of await Promise.all(sending)) expectDelivered(sent);
    expect(methods(receiver)).toEqual(['OPTIONS', ...Array.from({ length: 5 }, () => 'POST')]);
  });

  it('is held again after a day', async () => {
    const clock = new HandClock();
    const receiver = await startReceiver(answering({ 'WebHook-Allowed-Origin': '*' }));
    const sender = openWebhook(createLoopbackType({ clock }), receiver.url, ASKING);
    expectDelivered(await sender.send(createMessage()));
    clock.advance(DAY_MS - 1);
    expectDelivered(await sender.send(createMessage()));
    clock.advance(1);
    expectDelivered(await sender.send(createMessage()));
    expect(methods(receiver)).toEqual(['OPTIONS', 'POST', 'POST', 'OPTIONS', 'POST']);
  });

  it('asks for a rate where the destination says one, and tells what is allowed', async () => {
    const receiver = await startReceiver(
      answering({ 'WebHook-Allowed-Origin': '*', 'WebHook-Allowed-Rate': '60' }),
    );
    const sender = openWebhook(createLoopbackType(), receiver.url, {
      config: { webhook_handshake: 'true', webhook_request_rate: 120 },
    });
    const first = await sender.send(createMessage());
    expectDelivered(first);
    expect(first.note).toBe('The receiver allows 60 requests a minute (WebHook-Allowed-Rate).');
    expect((await sender.send(createMessage())).note).toBeNull();
    expect(receiver.requests[0]?.headers['webhook-request-rate']).toBe('120');
  });

  it('repeats nothing that the receiver wrote', async () => {
    const receiver = await startReceiver(
      answering({ 'WebHook-Allowed-Origin': '*', 'WebHook-Allowed-Rate': '<b>9</b>' }),
    );
    const sent = await openWebhook(createLoopbackType(), receiver.url, ASKING).send(
      createMessage(),
    );
    expect(sent.note).toBe('The receiver allows any number of requests (WebHook-Allowed-Rate).');
  });
});

describe('a receiver that has not agreed', () => {
  it.each([
    ['says nothing', {}, 200],
    ['allows somebody else', { 'WebHook-Allowed-Origin': 'other.test' }, 200],
    ['allows a name that only begins so', { 'WebHook-Allowed-Origin': 'sender.test.evil' }, 200],
    ['allows all methods', { Allow: 'OPTIONS, POST' }, 204],
    ['knows no OPTIONS', {}, 405],
  ])('gets nothing: it %s', async (_what, headers: Record<string, string>, status) => {
    const receiver = await startReceiver(answering(headers, status));
    const sender = openWebhook(createLoopbackType(), receiver.url, ASKING);
    const outcome = expectFailure(await sender.send(createMessage()), 'rejected');
    expect(outcome.retryable).toBe(true);
    expect(outcome.detail).toContain('WebHook-Allowed-Origin of * or sender.test');
    expect(outcome.response?.status).toBe(status);
    expect(methods(receiver)).toEqual(['OPTIONS']);
  });

  it('is asked again with the next attempt, and may agree then', async () => {
    let headers = {};
    const receiver = await startReceiver((request, response) =>
      answering(headers)(request, response),
    );
    const sender = openWebhook(createLoopbackType(), receiver.url, ASKING);
    expectFailure(await sender.send(createMessage()), 'rejected');
    headers = { 'webhook-allowed-origin': 'SENDER.test' };
    expectDelivered(await sender.send(createMessage()));
    expect(methods(receiver)).toEqual(['OPTIONS', 'OPTIONS', 'POST']);
  });
});

describe('the deadline', () => {
  it('holds for the handshake', async () => {
    const receiver = await startReceiver(() => {});
    const sender = openWebhook(createLoopbackType(), receiver.url, ASKING);
    const outcome = expectFailure(await sender.send(createMessage({ timeoutMs: 60 })), 'timeout');
    expect(outcome.detail).toContain('handshake');
    expect(outcome.retryable).toBe(true);
  });

  it('holds for each that waits for another’s handshake', async () => {
    const receiver = await startReceiver(() => {});
    const type = createLoopbackType();
    const sender = openWebhook(type, receiver.url, ASKING);
    const patient = sender.send(createMessage());
    expectFailure(await sender.send(createMessage({ timeoutMs: 60 })), 'timeout');
    await type.close();
    expectFailure(await patient, 'connection');
  });

  it('counts the handshake’s time to the attempt’s', async () => {
    const clock = new HandClock();
    const receiver = await startReceiver((request, response) => {
      clock.advance(40);
      answering({ 'WebHook-Allowed-Origin': '*' })(request, response);
    });
    const sender = openWebhook(createLoopbackType({ clock }), receiver.url, ASKING);
    const sent = await sender.send(createMessage({ timeoutMs: 1000 }));
    expect(sent.outcome.timings.totalMs).toBe(80);
    expectDelivered(sent);
    const late = openWebhook(createLoopbackType({ clock }), receiver.url, ASKING);
    expectFailure(await late.send(createMessage({ timeoutMs: 60 })), 'timeout');
  });
});

it('goes to vetted addresses only', async () => {
  const receiver = await startReceiver();
  const type = createLoopbackType({ guard: createAddressGuard({ allowedCidrs: ['::1/128'] }) });
  const stored = checkWebhook(createLoopbackType(), receiver.url, ASKING);
  const outcome = expectFailure(await type.open(stored).send(createMessage()), 'blocked_address');
  expect(outcome.detail).toContain('handshake');
  expect(receiver.requests).toEqual([]);
});

describe('its fields', () => {
  const check = (config: Record<string, unknown>) => {
    const checked = createLoopbackType().check({
      config: { url: 'http://127.0.0.1:1/', ...config },
      credentials: {},
      current: null,
      profile: checkWebhook(createLoopbackType(), 'http://127.0.0.1:1/').profile,
      httpSignature: null,
      nowMs: 0,
    });
    return checked.ok ? checked.config : checked.problems.map(({ pointer }) => pointer);
  };

  it('are stored where they say something', () => {
    const url = 'http://127.0.0.1:1/';
    expect(check({ webhook_handshake: 'false' })).toEqual({ url });
    expect(check({ webhook_handshake: 'true', webhook_request_rate: '7' })).toEqual({
      url,
      webhook_handshake: 'true',
      webhook_request_rate: '7',
    });
  });

  it.each([
    [{ webhook_handshake: 'perhaps' }, ['/config/webhook_handshake']],
    [{ webhook_handshake: true, webhook_request_rate: 0 }, ['/config/webhook_request_rate']],
    [{ webhook_handshake: true, webhook_request_rate: '1.5' }, ['/config/webhook_request_rate']],
    [{ webhook_handshake: true, webhook_request_rate: {} }, ['/config/webhook_request_rate']],
    [{ webhook_request_rate: '60' }, ['/config/webhook_request_rate']],
  ])('are refused where they are wrong: %j', (config, pointers) => {
    expect(check(config)).toEqual(pointers);
  });
});
