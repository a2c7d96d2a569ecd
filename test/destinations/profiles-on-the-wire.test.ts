/** The raw requests of the profiles built in, cell by cell, and which of several secrets sign them. */
import { createHmac, createPublicKey, verify } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';

import type { Message } from '../../src/destinations/destination-type.ts';
import type { Profile } from '../../src/domain/profile.ts';
import { generateEd25519Secret, publicKeyOf } from '../../src/domain/signing-secret.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { baack } from '../../src/profiles/baack.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { basekit } from '../../src/profiles/basekit.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { standard } from '../../src/profiles/standard.ts';
import { headersOf, hmacHex, messageOf, openSender } from '../support/profile-wire.ts';
import type { Secrets } from '../support/profile-wire.ts';
import { OK, startRawReceiver } from '../support/raw-receiver.ts';
import type { RawRequest } from '../support/raw-receiver.ts';
import { createLoopbackType, expectDelivered } from '../support/receiver-sender.ts';

const DATA = Buffer.from('{ "b":1.0,\n"a":"ü", "event":"mine","n":9007199254740993 }');
const NOW_MS = Date.UTC(2026, 10, 21, 10, 0, 0, 123);

/** Sends the messages of one destination, and gives the requests that came. */
async function send(
  profile: Profile,
  secrets: Secrets,
  messages: readonly Message[],
  deliveryMetadata: Readonly<Record<string, string>> | null = null,
): Promise<{ requests: readonly RawRequest[]; notes: (string | null)[] }> {
  const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
  const sender = openSender(createLoopbackType(), receiver.url, profile, secrets, deliveryMetadata);
  const notes: (string | null)[] = [];
  for (const message of messages) {
    const sent = await sender.send(message);
    expectDelivered(sent);
    notes.push(sent.note);
  }
  return { requests: receiver.requests, notes };
}

async function sendOne(profile: Profile, secrets: Secrets, message: Message) {
  const { requests } = await send(profile, secrets, [message]);
  const [request] = requests;
  if (request === undefined) throw new Error('nothing came');
  return { ...request, header: headersOf(request) };
}

/** Those that the profile adds, in order. */
function ownHeaders({ headers }: RawRequest): string[] {
  const ofAll = new Set([
    'host',
    'connection',
    'content-length',
    'content-type',
    'user-agent',
    'accept-encoding',
  ]);
  return headers.map(([name]) => name).filter((name) => !ofAll.has(name));
}

describe('baack', () => {
  const secret = 'a secret of the client’s own choice';
  const resource = JSON.stringify({
    urn: 'urn:thread:7',
    vector_clock: { a: 3, b: 1 },
    trigger_urn: 'urn:trigger:9',
  });
  const event = {
    id: 'evt_9',
    topic: 'message.thread.update',
    timeMs: NOW_MS - 5000,
    resource,
    data: DATA,
  };

  it('signs body, timestamp and idempotency key: what Signed-Headers names, in that order', async () => {
    const request = await sendOne(baack, { secret }, messageOf(baack, event, { nowMs: NOW_MS }));
    const signedHeaders = request.header['signed-headers'] ?? '';
    expect(signedHeaders).toBe('x-baack-timestamp, idempotency-key');
    const values = signedHeaders.split(', ').map((name) => request.header[name] ?? '');
    expect(request.header['x-baack-signature']).toBe(hmacHex(secret, request.body, ...values));
    expect(ownHeaders(request)).toEqual([
      'Idempotency-Key',
      'X-Baack-Timestamp',
      'X-Baack-Nonce',
      'Signed-Headers',
      'X-Baack-Signature',
    ]);
    expect(request.header).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': 'urn:trigger:9',
      'x-baack-timestamp': '2026-11-21T10:00:00.123',
      'x-baack-nonce': expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    });
  });

  it('says which resource changed, and nothing of the data', async () => {
    const { body } = await sendOne(baack, { secret }, messageOf(baack, event, { nowMs: NOW_MS }));
    expect(JSON.parse(body.toString())).toEqual({
      urn: 'evt_9',
      subject: 'MESSAGE_THREAD',
      event: 'UPDATE',
      resource: 'urn:thread:7',
      vectorClock: { a: 3, b: 1 },
      timestamp: '2026-11-21T09:59:55.123',
      trigger: { urn: 'urn:trigger:9', event: 'UPDATE', timestamp: '2026-11-21T09:59:55.123' },
    });
    expect(body.toString()).not.toMatch(/mine|ü|9007199254740993/);
  });

  it('has the event’s id as idempotency key where nothing triggered it', async () => {
    const { header } = await sendOne(baack, { secret }, messageOf(baack, { id: 'order-1' }));
    expect(header['idempotency-key']).toBe('order-1');
  });

  it('has a fresh timestamp and nonce each attempt, and one idempotency key', async () => {
    const first = messageOf(baack, event, { nowMs: NOW_MS });
    const { requests } = await send(baack, { secret }, [
      first,
      { ...first, attempt: 2, nowMs: NOW_MS + 8000 },
      { ...first, attempt: 3, nowMs: NOW_MS + 24_000 },
    ]);
    const all = requests.map(headersOf);
    expect(all.map((header) => header['x-baack-timestamp'])).toEqual([
      '2026-11-21T10:00:00.123',
      '2026-11-21T10:00:08.123',
      '2026-11-21T10:00:24.123',
    ]);
    expect(new Set(all.map((header) => header['x-baack-nonce'])).size).toBe(3);
    expect(new Set(all.map((header) => header['x-baack-signature'])).size).toBe(3);
    expect(new Set(all.map((header) => header['idempotency-key'])).size).toBe(1);
  });
});

describe('balkanid', () => {
  const secret = 'whsec_balkanid-chooses';
  const event = { id: 'evt_7', topic: 'access.review', data: DATA };

  it('is the data byte for byte, signed v0=<hex>, the whole secret being the key', async () => {
    const message = messageOf(balkanid, event, { nowMs: NOW_MS });
    const request = await sendOne(balkanid, { secret }, message);
    expect(request.body.equals(DATA)).toBe(true);
    expect(ownHeaders(request)).toEqual([
      'x-outpost-event-id',
      'x-outpost-topic',
      'x-outpost-timestamp',
      'x-outpost-signature',
    ]);
    expect(request.header).toMatchObject({
      'x-outpost-event-id': 'evt_7',
      'x-outpost-topic': 'access.review',
      'x-outpost-timestamp': '2026-11-21T10:00:00.123Z',
      'x-outpost-signature': `v0=${hmacHex(secret, DATA)}`,
    });
  });

  it('has v0=<new>,<old> while a secret is rotated', async () => {
    const before = 'whsec_the-one-before';
    const retired = [{ secret: before, invalidAtMs: NOW_MS + 1 }];
    const message = messageOf(balkanid, event, { nowMs: NOW_MS });
    const { header } = await sendOne(balkanid, { secret, retired }, message);
    expect(header['x-outpost-signature']).toBe(
      `v0=${hmacHex(secret, DATA)},${hmacHex(before, DATA)}`,
    );
  });

  it('has metadata as headers, the event’s before the destination’s; what is none is noted', async () => {
    const message = messageOf(balkanid, {
      ...event,
      metadata: JSON.stringify({
        plan: 'gold',
        'no token': 'x',
        line: 'a\r\nx-injected: b',
        signature: 'forged',
        'event-id': 'forged',
        ümlaut: 'x',
        empty: '',
      }),
    });
    const { requests, notes } = await send(balkanid, { secret }, [message], {
      plan: 'silver',
      region: 'eu',
    });
    const [request] = requests;
    if (request === undefined) throw new Error('nothing came');
    const header = headersOf(request);
    expect(header).toMatchObject({
      'x-outpost-plan': 'gold',
      'x-outpost-region': 'eu',
      'x-outpost-event-id': 'evt_7',
      'x-outpost-signature': `v0=${hmacHex(secret, DATA)}`,
    });
    expect(request.headers.filter(([name]) => name.startsWith('x-outpost'))).toHaveLength(6);
    expect(Object.keys(header)).not.toContain('x-injected');
    for (const name of ['no token', 'line', 'signature', 'event-id', 'ümlaut', 'empty'])
      expect(notes[0]).toContain(JSON.stringify(name));
    expect(notes[0]).not.toContain('plan');
  });
});

describe('basekit', () => {
  const secret = '0123456789abcdef0123456789abcdef';

  it('has the topic before the members of the data, one called event replaced, signed in hex', async () => {
    const message = messageOf(basekit, { topic: 'site.published', data: DATA });
    const request = await sendOne(basekit, { secret }, message);
    expect(request.body.toString()).toBe(
      '{"event":"site.published","b":1.0,"a":"ü","n":9007199254740993}',
    );
    expect(ownHeaders(request)).toEqual(['X-Delivery-Id', 'X-Delivery-Hmac-SHA256']);
    expect(request.header).toMatchObject({
      'x-delivery-id': 'dlv_1',
      'x-delivery-hmac-sha256': hmacHex(secret, request.body),
    });
  });
});

describe('baxcloud', () => {
  const secret = 'whsec_bax-chooses';

  it('is the envelope around the data, and one header', async () => {
    const event = { id: 'evt_1', topic: 'room.created', timeMs: NOW_MS, data: DATA };
    const request = await sendOne(baxcloud, { secret }, messageOf(baxcloud, event));
    expect(request.body.toString()).toBe(
      `{"id":"evt_1","type":"room.created","created":${Math.floor(NOW_MS / 1000)},"data":{"object":${DATA.toString()}}}`,
    );
    expect(ownHeaders(request)).toEqual(['x-baxcloud-signature']);
    expect(request.header['x-baxcloud-signature']).toBe(hmacHex(secret, request.body));
  });
});

describe('standard', () => {
  it('signs with an ed25519 key as v1a, verified with the public key that is shown', async () => {
    const secret = generateEd25519Secret(systemRandom);
    const message = messageOf(standard, { data: DATA }, { nowMs: NOW_MS });
    const { header, body } = await sendOne(standard, { secret }, message);
    const [, signature = ''] = /^v1a,(\S+)$/.exec(header['webhook-signature'] ?? '') ?? [];
    const shown = publicKeyOf(secret) ?? '';
    expect(shown).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/);
    const x = Buffer.from(shown.slice('whpk_'.length), 'base64').toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    const signed = Buffer.concat([
      Buffer.from(`${header['webhook-id']}.${header['webhook-timestamp']}.`),
      body,
    ]);
    expect(verify(null, signed, key, Buffer.from(signature, 'base64'))).toBe(true);
    expect(verify(null, signed.subarray(1), key, Buffer.from(signature, 'base64'))).toBe(false);
  });

  it('has a signature of each kind while it changes from one to the other', async () => {
    const symmetric = `whsec_${Buffer.alloc(32, 4).toString('base64')}`;
    const secret = generateEd25519Secret(systemRandom);
    const nowMs = Date.now();
    const retired = [{ secret: symmetric, invalidAtMs: nowMs + 1000 }];
    const message = messageOf(standard, {}, { nowMs });
    const { header, body } = await sendOne(standard, { secret, retired }, message);
    expect(header['webhook-signature']).toMatch(/^v1a,\S{88} v1,\S{44}$/);
    expect(new Webhook(symmetric).verify(body, header)).toBeTypeOf('object');
  });
});

describe.each([standard, baack, balkanid, basekit, baxcloud])(
  '$name, while secrets overlap',
  (profile) => {
    const secretOf = (number: number) =>
      profile.secret.key === 'base64'
        ? `whsec_${Buffer.alloc(32, number).toString('base64')}`
        : `whsec_secret-number-${number}`;
    const secrets = {
      secret: secretOf(3),
      retired: [
        { secret: secretOf(2), invalidAtMs: NOW_MS + 2000 },
        { secret: secretOf(1), invalidAtMs: NOW_MS + 1000 },
      ],
    };

    /** What each secret alone makes of the message. */
    function alone(
      message: Message,
      { header, body }: { header: Record<string, string>; body: Buffer },
      number: number,
    ) {
      const key = secretOf(number);
      if (profile === standard) {
        const bytes = Buffer.from(key.slice('whsec_'.length), 'base64');
        const mac = createHmac('sha256', bytes);
        mac.update(`${message.event.id}.${header['webhook-timestamp']}.`).update(body);
        return `v1,${mac.digest('base64')}`;
      }
      if (profile !== baack) return hmacHex(key, body);
      return hmacHex(key, body, header['x-baack-timestamp'] ?? '', header['idempotency-key'] ?? '');
    }

    it.each([
      { sinceMs: 0, valid: [3, 2, 1] },
      { sinceMs: 999, valid: [3, 2, 1] },
      { sinceMs: 1000, valid: [3, 2] },
      { sinceMs: 2000, valid: [3] },
    ])('$valid sign after $sinceMs ms, the oldest last', async ({ sinceMs, valid }) => {
      const message = messageOf(profile, {}, { nowMs: NOW_MS + sinceMs });
      const request = await sendOne(profile, secrets, message);
      const name = profile.signature?.header.toLowerCase() ?? '';
      const value = (request.header[name] ?? '').replace(/^v0=/, '');
      expect(value.split(profile === standard ? ' ' : ',')).toEqual(
        valid.map((number) => alone(message, request, number)),
      );
    });
  },
);
