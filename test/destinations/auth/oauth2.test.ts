/** OAuth 2.0 client credentials: what token servers accept, and when a token is asked for. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import type { DestinationType, Sender } from '../../../src/destinations/destination-type.ts';
import { parseHeaderLines } from '../../../src/domain/attempt.ts';
import {
  answerText,
  OK,
  startRawReceiver,
  type RawReceiver,
  type RawRequest,
} from '../../support/raw-receiver.ts';
import { HandClock } from '../../support/receiver-clock.ts';
import {
  createLoopbackType,
  createMessage,
  expectDelivered,
  expectFailure,
  openWebhook,
} from '../../support/receiver-sender.ts';
import {
  CLIENT,
  jsonAnswer,
  startProvider,
  startTokenServer,
  tokenAnswer,
} from '../../support/token-server.ts';

const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' });
const rsa = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
const ec = (namedCurve: string) => pem(generateKeyPairSync('ec', { namedCurve }).privateKey);

const NO_TOKEN = 'The token server’s answer holds no bearer token.';
const REFUSED = answerText('401 Unauthorized', ['www-authenticate: Bearer error="invalid_token"']);

describe('oauth2 with oidc-provider', () => {
  it.each(['client_secret_basic', 'client_secret_post'] as const)(
    'gets a token by %s',
    async (method) => {
      const provider = await startProvider(method);
      const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
      const sender = open(createLoopbackType(), receiver, provider.tokenUrl, {
        token_endpoint_auth_method: method,
        scope: 'events:write',
      });
      expectDelivered(await sender.send(createMessage()));
      expect(await provider.find(tokenOf(receiver.requests[0]))).toMatchObject({
        clientId: CLIENT.client_id,
        scope: 'events:write',
      });
    },
  );

  it.each([
    ['RS256', rsa],
    ['PS256', rsa],
    ['ES256', ec('P-256')],
    ['ES384', ec('P-384')],
    ['ES512', ec('P-521')],
    ['EdDSA', pem(generateKeyPairSync('ed25519').privateKey)],
  ])('gets a token by private_key_jwt with %s', async (algorithm, privateKey) => {
    const key = { pem: privateKey, algorithm, kid: 'key-1' };
    const provider = await startProvider('private_key_jwt', key);
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const auth = {
      method: 'oauth2',
      token_url: provider.tokenUrl,
      client_id: CLIENT.client_id,
      private_key: privateKey,
      key_id: key.kid,
      ...(algorithm === 'PS256' ? { token_endpoint_auth_signing_alg: algorithm } : {}),
    };
    const sender = openWebhook(createLoopbackType(), receiver.url, { auth });
    expectDelivered(await sender.send(createMessage()));
    expect(await provider.find(tokenOf(receiver.requests[0]))).toMatchObject({
      clientId: CLIENT.client_id,
    });
  });

  it('is told of a wrong secret', async () => {
    const provider = await startProvider('client_secret_basic');
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const sender = open(createLoopbackType(), receiver, provider.tokenUrl, { client_secret: 'no' });
    const { detail, retryable } = expectFailure(await sender.send(createMessage()), 'auth');
    expect(detail).toBe('The token server answered with status 401 (invalid_client).');
    expect(retryable).toBe(true);
    expect(receiver.requests).toEqual([]);
  });
});

describe('a token', () => {
  it('is asked for as RFC 6749 says, with scope and audience', async () => {
    const { server, deliver } = await start({ scope: 'a b', audience: 'https://api.test/' });
    await deliver();
    const [{ line, headers, body } = { line: '', headers: [], body: Buffer.of() }] =
      server.requests;
    expect(line).toBe('POST /token?tenant=1 HTTP/1.1');
    const credentials = 'angarium+client:s3cret%3A+with+%22all%22+%2B%25%26%3D';
    expect(Object.fromEntries(headers)).toMatchObject({
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
      'user-agent': 'Angarium/test',
    });
    expect(Object.fromEntries(new URLSearchParams(body.toString()))).toEqual({
      grant_type: 'client_credentials',
      scope: 'a b',
      audience: 'https://api.test/',
    });
  });

  it('serves many messages', async () => {
    const { server, receiver, deliver } = await start();
    for (let count = 0; count < 5; count++) await deliver();
    expect(server.requests).toHaveLength(1);
    expect(receiver.requests.map(tokenOf)).toEqual(Array.from({ length: 5 }, () => 'token-1'));
  });

  it('is fetched once, however many want it at the same moment', async () => {
    const { server, receiver, deliver } = await start();
    await Promise.all(Array.from({ length: 50 }, () => deliver()));
    expect(server.requests).toHaveLength(1);
    expect(receiver.requests).toHaveLength(50);
  });

  it('is shared by destinations of the same credentials, and by no others', async () => {
    const { type, server, receiver, deliver } = await start();
    await deliver();
    for (const other of [{}, { scope: 'other' }, { audience: 'x' }, { client_secret: 'other' }]) {
      const sender = open(type, receiver, `${server.url}token?tenant=1`, other);
      expectDelivered(await sender.send(createMessage()));
    }
    expect(receiver.requests.map(tokenOf)).toEqual([1, 1, 2, 3, 4].map((n) => `token-${n}`));
  });

  it('that the receiver refuses is renewed once, within the attempt', async () => {
    const { receiver, server, deliver } = await start({}, (request) =>
      tokenOf(request) === 'token-1' && receiver.requests.length > 2 ? REFUSED : OK,
    );
    for (let count = 0; count < 4; count++) await deliver();
    expect(receiver.requests.map(tokenOf)).toEqual([1, 1, 1, 2, 2].map((n) => `token-${n}`));
    expect(server.requests).toHaveLength(2);
  });

  it('is renewed once for all messages that are refused with it', async () => {
    const { receiver, server, deliver } = await start({}, (request) =>
      tokenOf(request) === 'token-1' && receiver.requests.length > 1 ? REFUSED : OK,
    );
    await deliver();
    await Promise.all(Array.from({ length: 30 }, () => deliver()));
    expect(server.requests).toHaveLength(2);
  });

  it('that is new and is refused all the same is the receiver’s answer', async () => {
    const { receiver, server, sender } = await start({}, () => REFUSED);
    expectFailure(await sender.send(createMessage()), 'http_status');
    expect([receiver.requests.length, server.requests.length]).toEqual([1, 1]);
    expectFailure(await sender.send(createMessage()), 'http_status');
    expect([receiver.requests.length, server.requests.length]).toEqual([3, 2]);
  });

  it('is fetched anew before it expires, while the old one is still in use', async () => {
    const clock = new HandClock();
    const lifeS = 100;
    const { receiver, server, deliver } = await start({}, () => OK, {
      clock,
      answer: (_request, count) => tokenAnswer(`token-${count}`, lifeS),
    });
    await deliver();
    clock.advance(89_000);
    await deliver();
    expect(server.requests).toHaveLength(1);
    clock.advance(2_000);
    await deliver();
    await server.received(2);
    await expect
      .poll(async () => (await deliver(), tokenOf(receiver.requests.at(-1))))
      .toBe('token-2');
    expect(receiver.requests.slice(0, 3).map(tokenOf)).toEqual(['token-1', 'token-1', 'token-1']);
    clock.advance(200_000);
    await deliver();
    expect(tokenOf(receiver.requests.at(-1))).toBe('token-3');
  });

  it('is masked in the record', async () => {
    const { sender } = await start();
    const { request } = await sender.send(createMessage());
    expect(parseHeaderLines(request.headers)).toContainEqual(['authorization', '********']);
    expect(JSON.stringify(request)).not.toContain('token-');
  });
});

describe('a token server in trouble', () => {
  it.each<[what: string, answer: Buffer, detail: string]>([
    [
      'that refuses the scope',
      jsonAnswer('400 Bad', { error: 'invalid_scope', error_description: 'secret things' }),
      'The token server answered with status 400 (invalid_scope).',
    ],
    [
      'with an error of its own making',
      jsonAnswer('400 Bad', { error: 'my_secret_error' }),
      'The token server answered with status 400.',
    ],
    ['that is down', answerText('503 Oops'), 'The token server answered with status 503.'],
    [
      'that redirects',
      answerText('307 There', ['location: http://127.0.0.1:1/']),
      'The token server answered with status 307.',
    ],
    [
      'that answers with a page',
      answerText('200 OK', ['content-type: text/html'], '<p>'),
      NO_TOKEN,
    ],
    ['that answers with nothing', answerText('200 OK'), NO_TOKEN],
    [
      'with a token of another type',
      jsonAnswer('200 OK', { access_token: 'a', token_type: 'mac' }),
      NO_TOKEN,
    ],
    [
      'with a token that no header can carry',
      jsonAnswer('200 OK', { access_token: 'a\r\nx: y', token_type: 'bearer' }),
      NO_TOKEN,
    ],
    [
      'with an answer without end',
      jsonAnswer('200 OK', { access_token: 'a'.repeat(20_000), token_type: 'bearer' }),
      NO_TOKEN,
    ],
    [
      'that speaks something else',
      Buffer.from('SSH-2.0-x\r\n\r\n'),
      'The token server could not be reached.',
    ],
  ])('%s', async (_what, answer, detail) => {
    const { receiver, sender } = await start({}, () => OK, { answer: () => answer });
    expect(expectFailure(await sender.send(createMessage()), 'auth').detail).toBe(detail);
    expect(receiver.requests).toEqual([]);
  });

  it('holds up no attempt beyond its deadline', async () => {
    const clock = new HandClock();
    const { server, sender } = await start({}, () => OK, { clock, answer: () => null });
    const sending = sender.send(createMessage({ timeoutMs: 500 }));
    await server.received(1);
    clock.advance(500);
    const { detail, timings } = expectFailure(await sending, 'auth');
    expect(detail).toBe('The token server did not answer in time.');
    expect(timings.totalMs).toBe(500);
    clock.advance(10_000);
  });

  it('is not asked again for each message', async () => {
    const clock = new HandClock();
    const { server, sender, deliver } = await start({}, () => OK, {
      clock,
      answer: (_request, count) => (count === 1 ? answerText('500 Oops') : tokenAnswer('t')),
    });
    for (let count = 0; count < 3; count++)
      expectFailure(await sender.send(createMessage()), 'auth');
    expect(server.requests).toHaveLength(1);
    clock.advance(1000);
    await deliver();
    expect(server.requests).toHaveLength(2);
  });

  it('whose name leads to a blocked address is not called', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const type = createLoopbackType({ lookup: async () => [{ address: '10.0.0.1' }] });
    const sender = open(type, receiver, 'https://login.test/token', {});
    const { detail } = expectFailure(await sender.send(createMessage()), 'auth');
    expect(detail).toBe('The token server’s name leads to an address that is not called.');
  });
});

function open(
  type: DestinationType,
  receiver: RawReceiver,
  tokenUrl: string,
  given: object,
): Sender {
  const auth = { method: 'oauth2', token_url: tokenUrl, ...CLIENT, ...given };
  return openWebhook(type, receiver.url, { auth });
}

async function start(
  given: object = {},
  manner: (request: RawRequest) => Buffer = () => OK,
  { clock, answer }: { clock?: HandClock; answer?: Parameters<typeof startTokenServer>[0] } = {},
) {
  const server = await startTokenServer(answer);
  const receiver = await startRawReceiver((request) => request.socket.write(manner(request)));
  const type = createLoopbackType(clock === undefined ? {} : { clock });
  const sender = open(type, receiver, `${server.url}token?tenant=1`, given);
  const deliver = async () => expectDelivered(await sender.send(createMessage()));
  return { server, receiver, type, sender, deliver };
}

function tokenOf(request: RawRequest | undefined): string {
  const value = request?.headers.find(([name]) => name === 'authorization')?.[1] ?? '';
  return value.replace(/^Bearer /, '');
}
