/** Custom headers: what is taken, what is refused, and which are secret. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MASK, type FieldProblem } from '../../src/destinations/destination-type.ts';
import { parseHeaderLines } from '../../src/domain/attempt.ts';
import { standard } from '../../src/profiles/standard.ts';
import { OK, startRawReceiver, type RawRequest } from '../support/raw-receiver.ts';
import {
  checkWebhook,
  createLoopbackType,
  createMessage,
  expectDelivered,
  openWebhook,
} from '../support/receiver-sender.ts';

const URL_OF_NOBODY = 'https://receiver.example/';

describe('custom headers', () => {
  it('are taken as an object and as its JSON, and kept as JSON', () => {
    const type = createLoopbackType();
    const headers = { 'X-Plan': 'gold', accept: '*/*' };
    const expected = { url: URL_OF_NOBODY, custom_headers: '{"X-Plan":"gold","accept":"*/*"}' };
    for (const customHeaders of [
      headers,
      JSON.stringify(headers),
      JSON.stringify(headers, null, 2),
    ]) {
      expect(checkWebhook(type, URL_OF_NOBODY, { customHeaders }).config).toEqual(expected);
    }
  });

  it.each([[undefined], [null], [''], [{}], ['{}']])(
    'are none where %j is given',
    (customHeaders) => {
      const type = createLoopbackType();
      expect(checkWebhook(type, URL_OF_NOBODY, { customHeaders }).config).toEqual({
        url: URL_OF_NOBODY,
      });
    },
  );

  it.each([['[]'], ['null'], ['"x"'], ['{'], ['5'], [5], [true], [[]], [['x-a', 'b']]])(
    'are refused where %j is given',
    (customHeaders) => {
      expect(problemsOf(customHeaders)).toMatchObject([
        { pointer: '/config/custom_headers', code: 'type' },
      ]);
    },
  );

  it.each([
    'Host',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Upgrade',
    'Expect',
    'Content-Encoding',
    'Accept-Encoding',
    'Webhook-Id',
    'Webhook-Timestamp',
    'Webhook-Signature',
    'Webhook-Anything',
  ])('that only the sender sets are refused: %s', (name) => {
    for (const spelled of [name, name.toLowerCase(), name.toUpperCase()]) {
      expect(problemsOf({ [spelled]: 'x' })).toMatchObject([
        { pointer: `/config/custom_headers/${spelled}`, code: 'header_reserved' },
      ]);
    }
  });

  it.each([
    '',
    ' ',
    'a b',
    ' a',
    'a ',
    'a:b',
    'a\r\nb',
    'a\nb',
    'a\0',
    'ä',
    '"a"',
    'a(b)',
    'a=b',
    'a'.repeat(129),
  ])('of a name that is no token are refused: %j', (name) => {
    expect(problemsOf({ [name]: 'x' })).toMatchObject([{ code: 'header_name' }]);
  });

  it.each([
    '',
    ' ',
    ' a',
    'a ',
    '\ta',
    'a\tb',
    'a\r\nX-Evil: b',
    'a\nb',
    'a\rb',
    'a\0b',
    'a\x7fb',
    'é',
    'a\u2028b',
    '\ud83d',
    'a'.repeat(4097),
    5,
    true,
    null,
    [],
    ['a'],
    {},
  ])('of a value that is no visible ASCII are refused: %j', (value) => {
    expect(problemsOf({ 'x-a': value })).toMatchObject([
      { pointer: '/config/custom_headers/x-a', code: 'header_value' },
    ]);
  });

  it('tell all that is wrong at once, each with its pointer', () => {
    const problems = problemsOf({ 'a/b~c': 'x', host: 'x', 'x-good': 'y', 'x-a': 'b\n', 'x-b': 5 });
    expect(problems.map(({ pointer, code }) => [pointer, code])).toEqual([
      ['/config/custom_headers/a~1b~0c', 'header_name'],
      ['/config/custom_headers/host', 'header_reserved'],
      ['/config/custom_headers/x-a', 'header_value'],
      ['/config/custom_headers/x-b', 'header_value'],
    ]);
  });

  it('are at most 50', () => {
    const some = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, 'a']));
    expect(problemsOf(some(51))).toMatchObject([
      { pointer: '/config/custom_headers', code: 'too_many' },
    ]);
    expect(problemsOf(some(50))).toEqual([]);
  });

  it('never repeat in a message what was written', () => {
    const canary = 'hunter2hunter2';
    for (const given of [{ 'x-a': `${canary}\n` }, { host: canary }, `{"x-a":"${canary}"`, canary])
      expect(
        problemsOf(given)
          .map(({ message }) => message)
          .join(),
      ).not.toContain(canary);
  });

  it('are checked without a throw, whatever is given', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.anything(), fc.json(), fc.object({ withNullPrototype: true })),
        (given) => {
          for (const { pointer, message } of problemsOf(given)) {
            expect(pointer).toMatch(/^\/config\/custom_headers/);
            expect(message).toMatch(/\.$/);
          }
        },
      ),
    );
  });

  it('that pass go out as they are', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const type = createLoopbackType();
    const names = fc.stringMatching(/^[xX]-[!#$%&'*+.^_`|~0-9A-Za-z-]{1,30}$/);
    const values = fc.stringMatching(/^[\x21-\x7e](?:[\x20-\x7e]{0,60}[\x21-\x7e])?$/);
    const given = fc.oneof(
      fc.dictionary(names, values, { maxKeys: 10 }),
      fc.constantFrom({ ['__proto__']: 'a' }, { constructor: 'a', toString: 'b' }, { 7: 'a' }),
    );
    await fc.assert(
      fc.asyncProperty(given, async (customHeaders) => {
        const sender = openWebhook(type, receiver.url, {
          customHeaders: JSON.stringify(customHeaders),
        });
        expectDelivered(await sender.send(createMessage()));
        expect(lastOf(receiver.requests).headers).toEqual(
          expect.arrayContaining(Object.entries(customHeaders)),
        );
      }),
      { numRuns: 60 },
    );
  });
});

describe('secret headers', () => {
  const secret = {
    Authorization: 'Bearer hunter2',
    'X-Api-Key': 'hunter2',
    Cookie: 'a=hunter2',
    'x-hub-token': 'hunter2',
    'X-My-Secret': 'hunter2',
    'X-Passphrase': 'hunter2',
    'X-Session-Id': 'hunter2',
    'X-Jwt': 'hunter2',
    'X-Credentials': 'hunter2',
  };

  it('are masked in the record, and never on the wire', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const customHeaders = { 'X-Plan': 'gold', ...secret };
    const sender = openWebhook(createLoopbackType(), receiver.url, { customHeaders });
    for (let count = 0; count < 2; count++) {
      const sent = await sender.send(createMessage());
      expectDelivered(sent);
      expect(JSON.stringify(sent.request)).not.toContain('hunter2');
      const recorded = Object.fromEntries(parseHeaderLines(sent.request.shape.headers));
      for (const name of Object.keys(secret)) expect(recorded[name], name).toBe(MASK);
      expect(recorded['X-Plan']).toBe('gold');
      expect(Object.fromEntries(lastOf(receiver.requests).headers)).toMatchObject(customHeaders);
    }
  });

  it('are masked in the record of a failure too', async () => {
    const sender = openWebhook(createLoopbackType(), 'http://127.0.0.1:1/', {
      customHeaders: secret,
    });
    expect(JSON.stringify(await sender.send(createMessage()))).not.toContain('hunter2');
  });
});

function problemsOf(customHeaders: unknown): readonly FieldProblem[] {
  const checked = createLoopbackType().check({
    config: { url: URL_OF_NOBODY, custom_headers: customHeaders },
    credentials: {},
    current: null,
    profile: standard,
    httpSignature: null,
    nowMs: 0,
  });
  return checked.ok ? [] : checked.problems;
}

function lastOf(requests: readonly RawRequest[]): RawRequest {
  const last = requests.at(-1);
  if (last === undefined) throw new Error('nothing came');
  return last;
}
