/** Digest with a server that others have written and npm brings, so that it is checked wherever the tests run: `http-auth`. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import { digest } from 'http-auth';
import { expect, it, onTestFinished } from 'vitest';

import {
  createLoopbackType,
  createMessage,
  expectDelivered,
  expectFailure,
  openWebhook,
} from '../../support/receiver-sender.ts';

const REALM = 'Receivers of events';
const USER = { username: 'angarium', password: 'Circle of Life' };

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

async function startServer(algorithm: 'MD5' | 'MD5-sess', qop: 'auth' | 'none') {
  const guard = digest({ realm: REALM, algorithm, qop }, (username, callback) =>
    callback(md5(`${username}:${REALM}:${USER.password}`)),
  );
  const given: string[] = [];
  const listener = guard.check((_request, response) => void response.end('welcome'));
  const server = createServer((request, response) => {
    given.push(request.headers.authorization ?? '');
    listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hook?a=1&b=c`, given };
}

it.each([
  ['MD5', 'none'],
  ['MD5', 'auth'],
  ['MD5-sess', 'auth'],
] as const)(
  'accepts our digest with %s and qop %s, and no other password',
  async (algorithm, qop) => {
    const { url, given } = await startServer(algorithm, qop);
    const type = createLoopbackType();
    const auth = { method: 'digest', ...USER };
    const sender = openWebhook(type, url, { auth });
    for (let count = 0; count < 3; count++)
      expect(expectDelivered(await sender.send(createMessage())).response?.body.toString()).toBe(
        'welcome',
      );
    // Only the first message went out twice.
    expect(given.map((value) => value !== '')).toEqual([false, true, true, true]);
    for (const value of given.slice(1)) {
      expect(value).toContain(`algorithm=${algorithm}`);
      expect(/, qop=|, nc=|, cnonce=/.test(value)).toBe(qop === 'auth');
    }
    const wrong = openWebhook(type, url, { auth: { ...auth, password: 'wrong' } });
    expectFailure(await wrong.send(createMessage()), 'http_status');
  },
);
