/** The methods whose headers are the same with each message, and what holds for all methods. */
import { describe, expect, it } from 'vitest';

import { parseHeaderLines } from '../../../src/domain/attempt.ts';
import { OK, startRawReceiver, type RawRequest } from '../../support/raw-receiver.ts';
import {
  createLoopbackType,
  createMessage,
  expectDelivered,
  openWebhook,
} from '../../support/receiver-sender.ts';

const HEADERS = { method: 'header', headers: { 'X-Api-Key': 'k3y', authorization: 'Token t0ken' } };

describe('each message carries', () => {
  it.each<[string, object, Record<string, string>]>([
    // RFC 7617, 2 and 2.1
    [
      'user name and password',
      { method: 'basic', username: 'Aladdin', password: 'open sesame' },
      { authorization: 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==' },
    ],
    [
      'them in UTF-8',
      { method: 'basic', username: 'test', password: '123£' },
      { authorization: 'Basic dGVzdDoxMjPCow==' },
    ],
    [
      'a token',
      { method: 'bearer', token: 'mF_9.B5f-4.1JqM' },
      { authorization: 'Bearer mF_9.B5f-4.1JqM' },
    ],
    ['fixed headers', HEADERS, { 'X-Api-Key': 'k3y', authorization: 'Token t0ken' }],
  ])('%s, masked in the record', async (_what, auth, expected) => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const sender = openWebhook(createLoopbackType(), receiver.url, { auth });
    for (let count = 0; count < 2; count++) {
      const sent = await sender.send(createMessage());
      expectDelivered(sent);
      expect(headersOf(receiver.requests[count])).toMatchObject(expected);
      const recorded = Object.fromEntries(parseHeaderLines(sent.request.shape.headers));
      for (const [name, value] of Object.entries(expected)) {
        expect(recorded[name]).toBe('********');
        expect(JSON.stringify(sent.request)).not.toContain(value);
      }
    }
  });
});

describe('connections', () => {
  it('are never used with two credentials, whatever the method', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const type = createLoopbackType();
    const auths = [
      null,
      { method: 'basic', username: 'a', password: 'x' },
      { method: 'basic', username: 'a', password: 'y' },
      { method: 'digest', username: 'a', password: 'x' },
      { method: 'bearer', token: 'x' },
      HEADERS,
    ];
    for (let round = 0; round < 2; round++)
      for (const auth of auths)
        expectDelivered(await openWebhook(type, receiver.url, { auth }).send(createMessage()));
    const numbers = auths.map((_, index) => index + 1);
    expect(receiver.requests.map(({ connection }) => connection)).toEqual([...numbers, ...numbers]);
  });
});

function headersOf(request: RawRequest | undefined): Record<string, string> {
  return Object.fromEntries(request?.headers ?? []);
}
