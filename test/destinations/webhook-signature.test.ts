/** Deliveries as a receiver verifies them: with the published library of Standard Webhooks. */
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';

import { headerLines, parseHeaderLines } from '../../src/domain/attempt.ts';
import { OK, startRawReceiver, type RawRequest } from '../support/raw-receiver.ts';
import {
  createEvent,
  createLoopbackType,
  createMessage,
  expectDelivered,
  openWebhook,
} from '../support/receiver-sender.ts';

const secrets = fc
  .uint8Array({ minLength: 24, maxLength: 64 })
  .map((bytes) => `whsec_${Buffer.from(bytes).toString('base64')}`);
const topics = fc.oneof(
  fc.stringMatching(/^[\x21-\x29\x2b-\x7e]{1,40}$/),
  fc.constantFrom('a"b', 'a\\', '\\u0041', '{"type":"x"}', '</script>', "a'b"),
);
/** The text of a JSON object, spelled as a parser would never write it. */
const { object: data } = fc.letrec<{ value: string; object: string }>((tie) => {
  const space = fc.constantFrom('', '', ' ', '\n', '\t', '\r\n  ');
  const text = fc
    .array(
      fc.oneof(
        fc
          .string({ unit: 'grapheme', maxLength: 3 })
          .map((raw) => JSON.stringify(raw).slice(1, -1)),
        fc.constantFrom(
          '\\u0041',
          '\\u00e9',
          '\\ud83d\\ude00',
          '\\ud800',
          '\\/',
          '\\"',
          '\\\\',
          '\\b',
          '\u2028',
        ),
      ),
      { maxLength: 4 },
    )
    .map((pieces) => `"${pieces.join('')}"`);
  const number = fc.oneof(
    fc.stringMatching(/^-?(?:0|[1-9]\d{0,25})(?:\.\d{1,25})?(?:[eE][+-]?\d{1,3})?$/),
    fc.constantFrom('1.0', '-0', '1e2', '9007199254740993', '0.1000'),
  );
  const listOf = (item: fc.Arbitrary<string>, open: string, close: string) =>
    fc
      .tuple(space, fc.array(fc.tuple(space, item, space), { maxLength: 4 }))
      .map(
        ([blank, items]) =>
          `${open}${blank}${items.map((spaced) => spaced.join('')).join(',')}${close}`,
      );
  const member = fc
    .tuple(text, space, space, tie('value'))
    .map(([name, before, after, value]) => `${name}${before}:${after}${value}`);
  return {
    object: listOf(member, '{', '}'),
    value: fc.oneof(
      { maxDepth: 4 },
      text,
      number,
      fc.constantFrom('true', 'false', 'null'),
      listOf(tie('value'), '[', ']'),
      tie('object'),
    ),
  };
});
const FIVE_MINUTES_MS = 300_000;
const moments = fc.integer({ min: 5000 - FIVE_MINUTES_MS, max: FIVE_MINUTES_MS - 5000 });

describe('deliveries', () => {
  it('verify, and carry `data` byte for byte', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const type = createLoopbackType();
    await fc.assert(
      fc.asyncProperty(secrets, topics, data, moments, async (secret, topic, text, sinceMs) => {
        const event = createEvent({ topic, data: Buffer.from(text) });
        const nowMs = Date.now() + sinceMs;
        const sender = openWebhook(type, receiver.url, { secret });
        expectDelivered(await sender.send(createMessage({ event, nowMs })));
        const { body, headers } = lastOf(receiver.requests);

        expect(new Webhook(secret).verify(body, Object.fromEntries(headers))).toEqual({
          type: topic,
          timestamp: new Date(event.timeMs).toISOString(),
          data: JSON.parse(text),
        });
        expect(body.subarray(-1 - event.data.length, -1).equals(event.data)).toBe(true);
        expect(Object.fromEntries(headers)).toMatchObject({
          'webhook-id': event.id,
          'webhook-timestamp': String(Math.floor(nowMs / 1000)),
          'content-length': String(body.length),
          'content-type': 'application/json',
        });
      }),
      { numRuns: 150 },
    );
  });

  it('do not verify once anything of them was changed', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const type = createLoopbackType();
    const parts = ['webhook-id', 'webhook-timestamp', 'webhook-signature', 'body'] as const;
    await fc.assert(
      fc.asyncProperty(
        secrets,
        data,
        fc.constantFrom(...parts),
        fc.nat(),
        async (secret, text, part, at) => {
          const event = createEvent({ data: Buffer.from(text) });
          const sender = openWebhook(type, receiver.url, { secret });
          expectDelivered(await sender.send(createMessage({ event })));
          const { body, headers } = lastOf(receiver.requests);
          const signed: Record<string, string> = Object.fromEntries(headers);
          const verifier = new Webhook(secret);
          const verify = (payload: Buffer) =>
            verifier.verify(payload, signed, { jsonParse: false });
          verify(body);

          const changed = Buffer.from(body);
          if (part === 'body') {
            const index = at % body.length;
            changed[index] = (changed[index] ?? 0) ^ 1;
          } else {
            signed[part] =
              part === 'webhook-signature'
                ? flipped(signed[part] ?? '', at)
                : `${signed[part] ?? ''}0`.slice(part === 'webhook-timestamp' ? 1 : 0);
          }
          expect(() => verify(changed)).toThrow();
        },
      ),
      { numRuns: 100 },
    );
  });

  it('of another secret do not verify', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const type = createLoopbackType();
    await fc.assert(
      fc.asyncProperty(secrets, secrets, async (secret, other) => {
        fc.pre(secret !== other);
        expectDelivered(await openWebhook(type, receiver.url, { secret }).send(createMessage()));
        const { body, headers } = lastOf(receiver.requests);
        expect(() => new Webhook(other).verify(body, Object.fromEntries(headers))).toThrow(
          'No matching signature',
        );
      }),
      { numRuns: 30 },
    );
  });

  it('keep their id over attempts, and each has the time of its own', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const type = createLoopbackType();
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const sender = openWebhook(type, receiver.url, { secret });
    const event = createEvent();
    for (const nowMs of [
      1_700_000_000_000, 1_700_000_000_999, 1_700_000_001_000, 1_700_000_300_000,
    ])
      expectDelivered(await sender.send(createMessage({ event, nowMs })));
    const headers = receiver.requests.map((request) => Object.fromEntries(request.headers));
    expect(headers.map((each) => each['webhook-id'])).toEqual([
      event.id,
      event.id,
      event.id,
      event.id,
    ]);
    expect(headers.map((each) => each['webhook-timestamp'])).toEqual([
      '1700000000',
      '1700000000',
      '1700000001',
      '1700000300',
    ]);
    expect(new Set(headers.map((each) => each['webhook-signature'])).size).toBe(3);
    expect(new Set(receiver.requests.map(({ body }) => body.toString('hex'))).size).toBe(1);
  });

  it('verify on the second try of an attempt too', async () => {
    const receiver = await startRawReceiver(({ socket, nth }) => {
      if (nth === 1) socket.write(OK);
      else socket.resetAndDestroy();
    });
    const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
    const sender = openWebhook(createLoopbackType(), receiver.url, { secret });
    for (let count = 0; count < 2; count++) expectDelivered(await sender.send(createMessage()));
    const [, first, second] = receiver.requests;
    expect(second?.headers).toEqual(first?.headers);
    expect(second?.body).toEqual(first?.body);
    const { body, headers } = lastOf(receiver.requests);
    expect(new Webhook(secret).verify(body, Object.fromEntries(headers))).toBeTypeOf('object');
  });

  it('of large bodies verify', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const secret = `whsec_${Buffer.alloc(64, 3).toString('base64')}`;
    const sender = openWebhook(createLoopbackType(), receiver.url, { secret });
    const event = createEvent({ data: Buffer.from(JSON.stringify({ text: 'ü'.repeat(500_000) })) });
    expectDelivered(await sender.send(createMessage({ event })));
    const { body, headers } = lastOf(receiver.requests);
    expect(new Webhook(secret).verify(body, Object.fromEntries(headers))).toMatchObject({
      type: event.topic,
    });
  });
});

describe('the record of a request', () => {
  it('has the headers that went out, in order, but for those of the connection', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
    const sender = openWebhook(createLoopbackType(), `${receiver.url}a?b=c`, {
      customHeaders: { 'X-Plan': 'gold', accept: '*/*' },
    });
    const { request } = await sender.send(createMessage());
    const { headers } = lastOf(receiver.requests);
    const ofConnection = new Set(['host', 'connection', 'content-length']);
    const sent = headers.filter(([name]) => !ofConnection.has(name));
    expect(parseHeaderLines(`${request.shape.headers}\n${request.headers}`)).toEqual(sent);
    expect(request.headers).toBe(headerLines(sent.slice(-3).flat()));
    expect(request.shape.url).toBe(`${receiver.url}a?b=c`);
    expect(sent.map(([name]) => name)).toEqual([
      'content-type',
      'user-agent',
      'accept-encoding',
      'X-Plan',
      'accept',
      'webhook-id',
      'webhook-timestamp',
      'webhook-signature',
    ]);
  });
});

function lastOf(requests: readonly RawRequest[]): RawRequest {
  const last = requests.at(-1);
  if (last === undefined) throw new Error('nothing came');
  return last;
}

/** Another signature of the same form: one of its characters, not of the last (whose bits may not all count), replaced. */
function flipped(signature: string, at: number): string {
  const index = 'v1,'.length + (at % 42);
  const other = signature[index] === 'A' ? 'B' : 'A';
  return signature.slice(0, index) + other + signature.slice(index + 1);
}
