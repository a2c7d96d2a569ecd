import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';

import type { Event } from '../../src/domain/event.ts';
import { messageFormat } from '../../src/domain/message-format.ts';
import { renderShape } from '../../src/domain/payload.ts';
import { MessageValues } from '../../src/domain/template.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { standard } from '../../src/profiles/standard.ts';

const event: Event = {
  seq: 1,
  id: 'evt_1',
  tenantId: 'tenant',
  topic: 'order.created',
  timeMs: Date.UTC(2026, 10, 21, 10, 0, 0, 7),
  eligibleForRetry: true,
  metadata: null,
  resource: null,
  data: Buffer.from('{}'),
  test: false,
};

function renderBody(of: Event): Uint8Array {
  return renderShape('standard', of);
}

function signatureHeaders(of: {
  eventId: string;
  body: Uint8Array;
  keys: readonly Uint8Array[];
  nowMs: number;
}): string[] {
  const facts = {
    event: { ...event, id: of.eventId },
    deliveryId: () => 'dlv_1',
    attempt: 1,
    nowMs: of.nowMs,
  };
  const keys = of.keys.map((bytes) => ({ kind: 'hmac' as const, bytes }));
  return messageFormat(standard).headers(
    new MessageValues(facts, 'des_1', systemRandom),
    of.body,
    keys,
  );
}

describe('the body of Standard Webhooks', () => {
  it('is type, timestamp and data, in this order', () => {
    const data = Buffer.from('{ "b" : 1.0,\n"a":1e2, "b":"\\u0041" }');
    expect(Buffer.from(renderBody({ ...event, data })).toString()).toBe(
      '{"type":"order.created","timestamp":"2026-11-21T10:00:00.007Z","data":{ "b" : 1.0,\n"a":1e2, "b":"\\u0041" }}',
    );
  });

  it('has the bytes of `data`, whatever they are, and an escaped topic', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[\x20-\x7e]{0,40}$/),
        fc.uint8Array({ maxLength: 300 }),
        fc.date({ noInvalidDate: true }),
        (topic, data, time) => {
          const body = Buffer.from(renderBody({ ...event, topic, data, timeMs: time.getTime() }));
          const head = body.subarray(0, body.length - data.length - 1);
          expect(body.subarray(head.length, -1).equals(data)).toBe(true);
          expect(body.at(-1)).toBe('}'.charCodeAt(0));
          expect(JSON.parse(`${head.toString()}0}`)).toEqual({
            type: topic,
            timestamp: time.toISOString(),
            data: 0,
          });
        },
      ),
    );
  });

  it('has `data` that is a piece of a larger buffer', () => {
    const data = Buffer.from('xxx{"a":1}yyy').subarray(3, 10);
    const body = renderBody({ ...event, data });
    expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({ data: { a: 1 } });
  });
});

describe('the signature of Standard Webhooks', () => {
  const key = Buffer.alloc(24, 1);
  const body = Buffer.from('{"a":1}');
  const nowMs = 1_700_000_000_999;

  it('is of id, timestamp and body', () => {
    const mac = createHmac('sha256', key).update('evt_1.1700000000.{"a":1}').digest('base64');
    expect(signatureHeaders({ eventId: 'evt_1', body, keys: [key], nowMs })).toEqual([
      'webhook-id',
      'evt_1',
      'webhook-timestamp',
      '1700000000',
      'webhook-signature',
      `v1,${mac}`,
    ]);
  });

  it('is the one of the specification’s libraries', () => {
    const verifier = new Webhook(key, { format: 'raw' });
    const [, , , , , signature] = signatureHeaders({
      eventId: 'evt_1',
      body,
      keys: [key],
      nowMs,
    });
    expect(signature).toBe(verifier.sign('evt_1', new Date(nowMs), body));
  });

  it('verifies with each of the keys while they rotate', () => {
    const keys = [Buffer.alloc(24, 1), Buffer.alloc(64, 2)];
    const list = signatureHeaders({
      eventId: 'evt_1',
      body,
      keys,
      nowMs: Date.now(),
    });
    const headers: Record<string, string> = {};
    for (let at = 0; at < list.length; at += 2) headers[list[at] ?? ''] = list[at + 1] ?? '';
    for (const each of keys)
      expect(new Webhook(each, { format: 'raw' }).verify(body, headers)).toEqual({ a: 1 });
    expect(() => new Webhook(Buffer.alloc(24, 3), { format: 'raw' }).verify(body, headers)).toThrow(
      'No matching signature',
    );
  });
});
