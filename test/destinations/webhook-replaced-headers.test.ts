/** What a destination may say instead of its profile, on the wire, and what it may not. */
import { describe, expect, it } from 'vitest';

import { verify } from '../../sdk/src/index.ts';
import { MASK } from '../../src/destinations/destination-type.ts';
import { parseHeaderLines } from '../../src/domain/attempt.ts';
import { applyFormat } from '../../src/domain/format.ts';
import type { Format } from '../../src/domain/format.ts';
import { headerRoles } from '../../src/domain/header-roles.ts';
import type { Profile } from '../../src/domain/profile.ts';
import { baack } from '../../src/profiles/baack.ts';
import { balkanid } from '../../src/profiles/balkanid.ts';
import { basekit } from '../../src/profiles/basekit.ts';
import { baxcloud } from '../../src/profiles/baxcloud.ts';
import { standard } from '../../src/profiles/standard.ts';
import { headersOf, messageOf } from '../support/profile-wire.ts';
import { OK, startRawReceiver } from '../support/raw-receiver.ts';
import type { RawRequest } from '../support/raw-receiver.ts';
import { checkWebhook, createLoopbackType, expectDelivered } from '../support/receiver-sender.ts';
import type { Given } from '../support/receiver-sender.ts';

const PROFILES = { standard, baack, basekit, balkanid, baxcloud } as const;
type Name = keyof typeof PROFILES;
const NAMES = Object.keys(PROFILES) as Name[];
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const ED25519 = { algorithm: 'ed25519', components: ['@method', 'content-digest'] } as const;
/** What the connection adds, which is not recorded. */
const FRAMING = new Set(['host', 'connection', 'content-length']);
const PROFILE_ITSELF: Format = { name: 'profile' };

/** The names of its headers that have the role, and of all others. */
function byRole(profile: Profile): { free: string[]; bound: string[] } {
  const roles = [...headerRoles(profile)];
  const named = (isFree: boolean) =>
    roles.filter(([, role]) => (role === 'information') === isFree).map(([name]) => name);
  return { free: named(true), bound: named(false) };
}

/** With names as nobody else writes them. */
function replacing(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name.toUpperCase(), `mine/${index}`]));
}

async function send(profile: Profile, given: Given, format = PROFILE_ITSELF) {
  const receiver = await startRawReceiver(({ socket }) => socket.write(OK));
  const type = createLoopbackType();
  const secret = profile.signature === null ? {} : { secret: SECRET };
  const opened = checkWebhook(type, receiver.url, { ...secret, profile, format, ...given });
  const sent = await type.open(opened).send(messageOf(applyFormat(profile, format)));
  expectDelivered(sent);
  return { request: onlyOf(receiver.requests), sent };
}

describe.each(NAMES)('%s', (name) => {
  const profile = PROFILES[name];
  const { free, bound } = byRole(profile);

  it('lets be replaced what only informs: it goes out once, recorded so, and the signature verifies', async () => {
    const customHeaders = replacing(free);
    const plain = (await send(profile, {})).request;
    const { request, sent } = await send(profile, { customHeaders });
    expect(free).toEqual(expect.arrayContaining(['content-type', 'user-agent']));
    expect(namesOf(request)).toEqual(namesOf(plain));
    expect(Object.fromEntries(request.headers)).toMatchObject(customHeaders);
    const recorded = parseHeaderLines(`${sent.request.shape.headers}\n${sent.request.headers}`);
    expect(recorded.map(([each]) => each.toLowerCase()).sort()).toEqual(
      namesOf(request).filter((each) => !FRAMING.has(each)),
    );
    expect(Object.fromEntries(recorded)).toMatchObject(customHeaders);
    expect(await verify(name, headersOf(request), request.body, SECRET)).toMatchObject({
      ok: true,
    });
    const forged = Buffer.concat([request.body, Buffer.from(' ')]);
    expect(await verify(name, headersOf(request), forged, SECRET)).toMatchObject({ ok: false });
  });

  it('lets nothing else be replaced, and says which header, and why', () => {
    for (const each of bound) {
      const [problem, ...others] = problems(profile, { customHeaders: { [each]: 'mine' } });
      expect(others).toEqual([]);
      expect(problem).toMatchObject({
        pointer: `/config/custom_headers/${each}`,
        code: 'header_reserved',
      });
      expect(problem?.message).toMatch(
        new RegExp(
          `^“${each}” (?:is the signature, or is what|tells receivers a repeated message)`,
        ),
      );
    }
    expect(bound).toContain(profile.signature?.header.toLowerCase());
  });
});

it.each([
  ['host', '“Host” frames the message'],
  ['accept-encoding', '“Accept-encoding” frames the message'],
])('what frames the message stays: %s', (name, message) => {
  const spelled = `${name[0]?.toUpperCase()}${name.slice(1)}`;
  const [problem] = problems(balkanid, { customHeaders: { [spelled]: 'a' } });
  expect(problem).toMatchObject({ pointer: `/config/custom_headers/${spelled}` });
  expect(problem?.message).toContain(message);
});

it('what RFC 9421 asks for stays, while it is asked for', () => {
  for (const name of ['signature', 'signature-input', 'content-digest']) {
    const given = { customHeaders: { [name]: 'a' } };
    expect(problems(balkanid, given)).toEqual([]);
    const [problem] = problems(balkanid, { ...given, httpSignature: ED25519 });
    expect(problem?.message).toMatch(`“${name}” is the signature`);
  }
});

it('a header of `auth` stays, also where the profile only informs by it', () => {
  const given = { customHeaders: { authorization: 'a' } };
  expect(problems(balkanid, given)).toEqual([]);
  const [problem] = problems(balkanid, { ...given, auth: { method: 'bearer', token: 'b' } });
  expect(problem?.message).toMatch('“authorization” is set by the destination’s `auth`');
});

describe('a CloudEvent', () => {
  it.each([
    ['cloudevents-binary', ['content-type', 'ce-id', 'CE-Subject'], []],
    ['cloudevents-structured', ['content-type'], ['ce-id']],
  ] as const)('keeps its parts: %s', (name, kept, free) => {
    const of = (header: string) =>
      problems(balkanid, { customHeaders: { [header]: 'a/b' }, format: { name } });
    for (const header of kept)
      expect(of(header)).toMatchObject([
        { message: expect.stringContaining(`“${header}” is part of each CloudEvent`) as string },
      ]);
    for (const header of free) expect(of(header)).toEqual([]);
  });

  it('may say another user agent, and other headers of its profile', async () => {
    const customHeaders = { 'user-agent': 'shop/1', 'x-outpost-topic': 'orders' };
    const format = { name: 'cloudevents-binary' } as const;
    const { request } = await send(balkanid, { customHeaders }, format);
    expect(headersOf(request)).toMatchObject({ ...customHeaders, 'ce-type': 'order.created' });
    expect(namesOf(request)).toEqual([...new Set(namesOf(request))]);
    expect(await verify('balkanid', headersOf(request), request.body, SECRET)).toMatchObject({
      ok: true,
    });
  });
});

it('what is replaced is given once', () => {
  const given = {
    customHeaders: { 'User-Agent': 'a', 'user-agent': 'b', 'X-Own': 'c', 'x-own': 'd' },
  };
  expect(problems(balkanid, given)).toMatchObject([
    { pointer: '/config/custom_headers/user-agent', code: 'duplicate' },
  ]);
});

it('metadata does not bring back what was replaced', async () => {
  const { request, sent } = await send(balkanid, {
    customHeaders: { 'x-outpost-topic': 'mine' },
    deliveryMetadata: { topic: 'theirs', other: 'o' },
  });
  expect(request.headers.filter(([name]) => name === 'x-outpost-topic')).toHaveLength(1);
  expect(headersOf(request)).toMatchObject({ 'x-outpost-topic': 'mine', 'x-outpost-other': 'o' });
  expect(sent.note).toContain('"topic"');
});

it('a value that looks like a secret is masked in the record', async () => {
  const profile: Profile = { ...balkanid, headers: [['x-shop-key', '{tenant_id}']] };
  const { request, sent } = await send(profile, { customHeaders: { 'x-shop-key': 'hunter2' } });
  expect(headersOf(request)['x-shop-key']).toBe('hunter2');
  const recorded = parseHeaderLines(sent.request.shape.headers);
  expect(recorded).toContainEqual(['x-shop-key', MASK]);
  expect(JSON.stringify(sent.request)).not.toContain('hunter2');
});

it('the handshake asks with the user agent of the destination, and with no content type', async () => {
  const receiver = await startRawReceiver(({ line, socket }) =>
    socket.write(
      line.startsWith('OPTIONS')
        ? 'HTTP/1.1 204 No Content\r\nWebHook-Allowed-Origin: *\r\n\r\n'
        : OK,
    ),
  );
  const type = createLoopbackType();
  const opened = checkWebhook(type, receiver.url, {
    profile: balkanid,
    customHeaders: { 'User-Agent': 'shop/1', 'Content-Type': 'application/x-shop', 'x-own': 'a' },
    config: { webhook_handshake: true },
  });
  expectDelivered(await type.open(opened).send(messageOf(balkanid)));
  const [asked, posted] = receiver.requests.map(headersOf);
  expect(asked).toMatchObject({ 'user-agent': 'shop/1', 'x-own': 'a' });
  expect(asked?.['content-type']).toBeUndefined();
  expect(posted).toMatchObject({ 'user-agent': 'shop/1', 'content-type': 'application/x-shop' });
  for (const each of receiver.requests)
    expect(each.headers.filter(([name]) => name.toLowerCase() === 'user-agent')).toHaveLength(1);
});

describe('a destination whose profile is another one by now', () => {
  const type = () => createLoopbackType();
  const stored = () =>
    checkWebhook(type(), 'https://receiver.example/', {
      profile: balkanid,
      customHeaders: { 'x-outpost-topic': 'mine', 'x-kind': 'a' },
    });

  it('replaces there what it may', () => {
    const profile: Profile = { ...balkanid, headers: [['X-Kind', '{topic}']] };
    expect(() => type().open({ ...stored(), profile })).not.toThrow();
  });

  it('is not opened where it would break the message', () => {
    const { signature } = balkanid;
    if (signature === null) throw new Error('balkanid signs');
    const signed = { ...balkanid, signature: { ...signature, signed: '{topic}{body}' } };
    const framed: Profile = { ...balkanid, headers: [['X-Kind', '{nonce}']] };
    for (const profile of [signed, framed])
      expect(() => type().open({ ...stored(), profile })).toThrow('is not valid');
    expect(() => type().open({ ...stored(), auth: KIND_AUTH })).toThrow('is not valid');
  });
});

const KIND_AUTH = { method: 'header', headers: { 'X-Kind': 's' } };

function problems(
  profile: Profile,
  { customHeaders, auth, format = PROFILE_ITSELF, httpSignature = null }: Given,
) {
  const checked = createLoopbackType().check({
    config: { url: 'https://receiver.example/', custom_headers: customHeaders },
    credentials: { secret: SECRET },
    current: null,
    auth,
    profile: applyFormat(profile, format),
    httpSignature,
    nowMs: 0,
  });
  return checked.ok ? [] : checked.problems;
}

/** In lower case, as often as they came. */
function namesOf({ headers }: RawRequest): string[] {
  return headers.map(([name]) => name.toLowerCase()).sort();
}

function onlyOf(requests: readonly RawRequest[]): RawRequest {
  const [request, ...others] = requests;
  if (request === undefined || others.length > 0) throw new Error(`${requests.length} came`);
  return request;
}
