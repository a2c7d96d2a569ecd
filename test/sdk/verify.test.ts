/** `verify` against messages that node:crypto signed as the profiles' documents say. */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { PROFILES, verify } from '../../sdk/src/index.ts';
import type { HeadersInput, ProfileName, Scheme } from '../../sdk/src/index.ts';
import {
  AT_MS,
  CASES,
  caseOf,
  createAsymmetricPair,
  EVENT_ID,
  messageOf,
} from '../support/sdk-messages.ts';

const at = (nowMs: number) => ({ now: () => nowMs });
const NOW = at(AT_MS);

it('has every profile, and messages of each are tested here', () => {
  expect(CASES.map(({ profile }) => profile)).toEqual(Object.keys(PROFILES));
});

describe.each(CASES)('$profile', (one) => {
  const { profile, secret, otherSecret, body, topic, signatureHeader } = one;
  const message = messageOf(profile);
  const judge = (headers: HeadersInput, text: string | Uint8Array = body, keys = [secret]) =>
    verify(profile, headers, text, keys, NOW);

  it('accepts what the document describes, and says what it is', async () => {
    expect(await judge(message.headers)).toMatchObject({
      ok: true,
      profile,
      id: EVENT_ID,
      topic,
      secretIndex: 0,
      payload: JSON.parse(body),
    });
  });

  it.each<[string, (headers: Readonly<Record<string, string>>) => HeadersInput]>([
    ['a Headers', (headers) => new Headers(headers)],
    ['a Map', (headers) => new Map(Object.entries(headers))],
    ['a list of pairs', (headers) => Object.entries(headers)],
    [
      'an object with lists, as of node:http',
      (headers) =>
        Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value]]),
        ),
    ],
    [
      'an object with names in capitals',
      (headers) =>
        Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
        ),
    ],
  ])('takes headers as %s', async (_, shape) => {
    expect(await judge(shape(message.headers))).toMatchObject({ ok: true, id: EVENT_ID });
  });

  it('takes the body as text, bytes, and a view into a larger buffer', async () => {
    const bytes = Buffer.from(body);
    const larger = new Uint8Array(bytes.length + 10).fill(7);
    larger.set(bytes, 5);
    for (const shape of [body, bytes, larger.subarray(5, 5 + bytes.length)])
      expect(await judge(message.headers, shape)).toMatchObject({ ok: true });
    const { buffer } = new Uint8Array(bytes);
    expect(await verify(profile, message.headers, buffer, secret, NOW)).toMatchObject({ ok: true });
  });

  it('says which of several secrets has signed', async () => {
    expect(await judge(message.headers, body, [otherSecret, secret])).toMatchObject({
      ok: true,
      secretIndex: 1,
    });
  });

  it('accepts a message that is signed twice while the secret is rotated, by either secret', async () => {
    const { headers } = messageOf(profile, { secrets: [otherSecret, secret] });
    for (const known of [secret, otherSecret])
      expect(await judge(headers, body, [known])).toMatchObject({ ok: true });
  });

  it('refuses what another secret has signed', async () => {
    expect(await judge(message.headers, body, [otherSecret])).toMatchObject({
      ok: false,
      reason: 'signature_mismatch',
    });
  });

  it('refuses a body of which any bit was changed', async () => {
    const bytes = Buffer.from(body);
    for (let bit = 0; bit < bytes.length * 8; bit += 13) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await judge(message.headers, changed)).toMatchObject({ ok: false });
    }
    for (const changed of ['', `${body} `, body.slice(0, -1)])
      expect(await judge(message.headers, changed)).toMatchObject({ ok: false });
  });

  it('refuses a signature of which any part was changed', async () => {
    const value = Object.entries(message.headers).find(
      ([name]) => name.toLowerCase() === signatureHeader,
    )?.[1];
    if (value === undefined) throw new Error('the message has no signature');
    for (let index = 0; index < value.length; index++) {
      const other = value[index] === '0' ? '1' : '0';
      const changed = value.slice(0, index) + other + value.slice(index + 1);
      expect(
        await judge({ ...without(message.headers, signatureHeader), [signatureHeader]: changed }),
      ).toMatchObject({ ok: false });
    }
    for (const changed of ['', ' ', ',', value.slice(0, -2), `${value}00`, 'v1', 'undefined'])
      expect(
        await judge({ ...without(message.headers, signatureHeader), [signatureHeader]: changed }),
      ).toMatchObject({ ok: false });
  });

  it.each(one.signedHeaders)(
    'refuses a message whose %s was changed, doubled or taken out',
    async (name) => {
      const rest = without(message.headers, name);
      const value = Object.entries(message.headers).find(
        ([key]) => key.toLowerCase() === name,
      )?.[1];
      if (value === undefined) throw new Error(`the message has no ${name}`);
      expect(await judge(rest)).toMatchObject({ ok: false, reason: 'missing_header' });
      const last = value.at(-1) === '0' ? '1' : '0';
      for (const changed of [
        `${value}0`,
        value.slice(1),
        `${value.slice(0, -1)}${last}`,
        `${value}, ${value}`,
      ])
        expect(await judge({ ...rest, [name]: changed })).toMatchObject({ ok: false });
    },
  );

  it('names the signature’s header where it is missing', async () => {
    expect(await judge(without(message.headers, signatureHeader))).toEqual({
      ok: false,
      reason: 'missing_header',
      detail: `there is no header ${signatureHeader}`,
    });
  });
});

describe('the age of a message', () => {
  const SECOND_MS = 1000;

  it.each<[ProfileName, number]>([
    ['standard', SECOND_MS],
    ['baack', 1],
  ])('counts in the profile %s: its edges are inside', async (profile, stepMs) => {
    const { headers, body } = messageOf(profile);
    const judge = (nowMs: number, toleranceS?: number) =>
      verify(profile, headers, body, caseOf(profile).secret, {
        ...at(nowMs),
        ...(toleranceS === undefined ? {} : { toleranceS }),
      });
    const edgeMs = 300 * SECOND_MS;
    expect(await judge(AT_MS + edgeMs)).toMatchObject({ ok: true, timestampMs: AT_MS });
    expect(await judge(AT_MS - edgeMs)).toMatchObject({ ok: true });
    expect(await judge(AT_MS + edgeMs + stepMs)).toMatchObject({ reason: 'timestamp_too_old' });
    expect(await judge(AT_MS - edgeMs - stepMs)).toMatchObject({ reason: 'timestamp_too_new' });
    expect(await judge(AT_MS + 10 * SECOND_MS, 10)).toMatchObject({ ok: true });
    expect(await judge(AT_MS + 11 * SECOND_MS, 10)).toMatchObject({ reason: 'timestamp_too_old' });
    expect(await judge(AT_MS * 2, Number.POSITIVE_INFINITY)).toMatchObject({ ok: true });
    expect(await judge(AT_MS, Number.NaN)).toMatchObject({ ok: false });
  });

  it('counts the whole second for a time in seconds, as the published libraries do', async () => {
    const { headers, body } = messageOf('standard');
    const { secret } = caseOf('standard');
    const judge = (nowMs: number) => verify('standard', headers, body, secret, at(nowMs));
    expect(await judge(AT_MS + 300_999)).toMatchObject({ ok: true });
    expect(await judge(AT_MS - 300_000)).toMatchObject({ ok: true });
    expect(await judge(AT_MS - 300_001)).toMatchObject({ reason: 'timestamp_too_new' });
  });

  it.each<ProfileName>(['basekit', 'balkanid', 'baxcloud'])(
    'does not count in the profile %s, which signs no time of the attempt',
    async (profile) => {
      const { headers, body } = messageOf(profile);
      const year = 365 * 86_400_000;
      expect(
        await verify(profile, headers, body, caseOf(profile).secret, at(AT_MS + year)),
      ).toMatchObject({ ok: true });
    },
  );

  it('is said last: a message that nobody signed is never only too old', async () => {
    const { headers, body } = messageOf('standard');
    expect(
      await verify('standard', headers, body, caseOf('standard').otherSecret, at(0)),
    ).toMatchObject({ reason: 'signature_mismatch' });
  });

  it.each(['-1', '1e9', ' ', '١', '1795258481.0', '999999999999999999999', '0x10'])(
    'cannot be told from webhook-timestamp %j, though it is signed well',
    async (timestamp) => {
      const { secret, body } = caseOf('standard');
      const key = Buffer.from(secret.slice(6), 'base64');
      const text = `evt_1.${timestamp.trim()}.${body}`;
      const signature = createHmac('sha256', key).update(text).digest('base64');
      const headers = {
        'webhook-id': 'evt_1',
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${signature}`,
      };
      expect(
        await verify('standard', headers, body, secret, { toleranceS: Number.POSITIVE_INFINITY }),
      ).toMatchObject({ ok: false, reason: expect.stringMatching(/_header$/) as string });
    },
  );
});

describe('what the signature does not cover', () => {
  it.each<[ProfileName, readonly string[]]>([
    ['standard', []],
    ['baack', []],
    ['basekit', ['id']],
    ['balkanid', ['id', 'topic', 'timestamp']],
    ['baxcloud', []],
  ])('is said of %s: %j', async (profile, unsigned) => {
    const { headers, body } = messageOf(profile);
    expect(await verify(profile, headers, body, caseOf(profile).secret, NOW)).toMatchObject({
      ok: true,
      unsigned,
    });
  });
});

describe('standard', () => {
  const { secret, body } = caseOf('standard');

  it('accepts the example that the libraries of Standard Webhooks are tested with', async () => {
    const headers = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    };
    expect(
      await verify(
        'standard',
        headers,
        '{"test": 2432232314}',
        'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
        at(1614265330_000),
      ),
    ).toMatchObject({ ok: true, id: 'msg_p5jXN8AQM9LWM0D4loKWxJek' });
  });

  it('verifies v1a with a public key, beside v1 and other versions', async () => {
    const { publicKey, sign } = createAsymmetricPair();
    const other = createAsymmetricPair();
    const { headers } = messageOf('standard');
    const timestamp = headers['webhook-timestamp'] ?? '';
    const signature = `v1a,${sign(`${EVENT_ID}.${timestamp}.${body}`)}`;
    const with_ = (value: string) => ({ ...headers, 'webhook-signature': value });
    const all = `v2,AAAA v1,${'A'.repeat(43)}= ${signature}`;
    for (const value of [signature, all])
      expect(
        await verify('standard', with_(value), body, [secret, other.publicKey, publicKey], NOW),
      ).toMatchObject({ ok: true, secretIndex: 2 });
    expect(await verify('standard', with_(signature), `${body} `, publicKey, NOW)).toMatchObject({
      reason: 'signature_mismatch',
    });
    expect(await verify('standard', with_(signature), body, other.publicKey, NOW)).toMatchObject({
      reason: 'signature_mismatch',
    });
    // The version is part of what counts: no key verifies what is signed for the other kind.
    expect(
      await verify('standard', with_(signature.replace('v1a,', 'v1,')), body, publicKey, NOW),
    ).toMatchObject({
      reason: 'signature_mismatch',
      detail: expect.stringContaining('another kind') as string,
    });
  });

  it('refuses an id with a full stop, which would let a part of the body pass for a time', async () => {
    const { headers } = messageOf('standard', { id: 'evt.1' });
    expect(await verify('standard', headers, body, secret, NOW)).toMatchObject({
      ok: false,
      reason: 'malformed_header',
    });
  });

  it('does not work through hundreds of signatures', async () => {
    const { headers } = messageOf('standard');
    const many = Array.from({ length: 300 }, () => `v1,${'A'.repeat(43)}=`).join(' ');
    expect(
      await verify('standard', { ...headers, 'webhook-signature': many }, body, secret, NOW),
    ).toMatchObject({ ok: false, reason: 'malformed_header' });
  });
});

describe('balkanid', () => {
  it('needs the prefix at the first signature, and may have it at the others', async () => {
    const { secret, otherSecret } = caseOf('balkanid');
    const { headers, body } = messageOf('balkanid', { secrets: [otherSecret, secret] });
    const [first = '', second = ''] = (headers['x-outpost-signature'] ?? '').split(',');
    const judge = (value: string) =>
      verify('balkanid', { ...headers, 'x-outpost-signature': value }, body, secret, NOW);
    for (const good of [`${first},${second}`, `${first}, v0=${second}`, `v0=${second}`])
      expect(await judge(good)).toMatchObject({ ok: true });
    expect(await judge(second)).toMatchObject({ ok: false, reason: 'malformed_header' });
  });
});

describe('baack', () => {
  const { secret, body, sign } = caseOf('baack');
  const signing = { secrets: [secret], id: EVENT_ID, atMs: AT_MS };
  const judge = (headers: HeadersInput, text = body) => verify('baack', headers, text, secret, NOW);
  const signed = (text: string, headers: Readonly<Record<string, string>>) => ({
    ...headers,
    'x-baack-signature': createHmac('sha256', secret).update(text).digest('hex'),
  });

  it('takes the headers in the order, and with the additions, that Signed-Headers names', async () => {
    const time = '2026-11-21T10:00:00.000';
    const headers = {
      'x-baack-timestamp': time,
      'x-baack-nonce': 'n-9',
      'idempotency-key': 'key',
      'signed-headers': 'Idempotency-Key,x-baack-nonce ,  X-Baack-Timestamp',
    };
    expect(await judge(signed(`${body}keyn-9${time}`, headers))).toMatchObject({
      ok: true,
      id: 'key',
    });
    expect(await judge(signed(`${body}${time}keyn-9`, headers))).toMatchObject({
      reason: 'signature_mismatch',
    });
  });

  it('refuses when the time or the key is not among the signed headers', async () => {
    const time = '2026-11-21T10:00:00.000';
    for (const names of ['idempotency-key', 'x-baack-timestamp', 'date', ''])
      expect(
        await judge(
          signed(body + (names === '' ? '' : time), {
            'x-baack-timestamp': time,
            'idempotency-key': time,
            date: time,
            'signed-headers': names,
          }),
        ),
      ).toMatchObject({ ok: false, reason: expect.stringMatching(/_header$/) as string });
  });

  it('does not take the end of a caught body for headers of its own', async () => {
    const { headers } = sign(body, signing);
    const whole = `${body}${headers['X-Baack-Timestamp']}${headers['Idempotency-Key']}`;
    const time = '2026-11-21T09:59:59.000';
    const cut = whole.indexOf(time);
    const forged = {
      'x-baack-signature': headers['X-Baack-Signature'] ?? '',
      'x-baack-timestamp': time,
      'idempotency-key': whole.slice(cut + time.length),
      'signed-headers': 'x-baack-timestamp, idempotency-key',
    };
    // What is signed is the same text, cut elsewhere.
    expect(await judge(forged, whole.slice(0, cut))).toMatchObject({
      ok: false,
      reason: 'unreadable_body',
    });
  });

  it('gives the version of the resource', async () => {
    expect(await judge(sign(body, signing).headers)).toMatchObject({
      version: { resource: 'urn:room:1', clock: { a: 3, b: 1 } },
    });
    const bad = body.replace('"a":3', '"a":-3');
    expect(await judge(sign(bad, signing).headers, bad)).toMatchObject({ ok: true, version: null });
  });
});

describe('the receiver’s own mistakes', () => {
  const { headers, body } = messageOf('standard');
  const judge = (secret: unknown) => verify('standard', headers, body, secret as string, NOW);

  it.each<[string, unknown, string]>([
    ['no secret', [], 'no secret is given'],
    ['an empty one', '', 'secret 1 is no text, or empty'],
    ['a missing one', undefined, 'secret 1 is no text, or empty'],
    ['one without its prefix', 'AAAA', 'secret 1 has to begin with whsec_ or whpk_'],
    ['one that is no base64', 'whsec_a-b', 'secret 1 has no base64 after whsec_'],
    ['one with a line break', `${caseOf('standard').secret}\n`, 'has no base64 after whsec_'],
    ['one cut short', 'whsec_AAAA', 'secret 1 has 3 bytes after whsec_, not 24 to 64'],
    ['the sender’s private key', 'whsk_AAAA', 'which is the sender’s private key'],
    ['a bad one beside a good one', [caseOf('standard').secret, 'x'], 'secret 2 has to begin'],
  ])('%s is a malformed secret', async (_, secret, says) => {
    const result = await judge(secret);
    expect(result).toMatchObject({ ok: false, reason: 'malformed_secret' });
    expect(result).toMatchObject({ detail: expect.stringContaining(says) as string });
    const { secret: good } = caseOf('standard');
    expect(JSON.stringify(result)).not.toContain(good.slice(6));
  });

  it.each([{ type: 'x' }, null, undefined, 7, [1]])(
    'the body %j is unreadable: it was parsed',
    async (parsed) => {
      expect(
        await verify('standard', headers, parsed as unknown as string, caseOf('standard').secret),
      ).toMatchObject({ ok: false, reason: 'unreadable_body' });
    },
  );

  it.each(['nonsense', 'constructor', '', undefined, null])(
    'there is no profile %j',
    async (name) => {
      expect(await verify(name as unknown as ProfileName, headers, body, 'whsec_')).toMatchObject({
        ok: false,
        reason: 'unknown_profile',
      });
    },
  );
});

describe('a scheme of one’s own', () => {
  const scheme: Scheme = {
    name: 'ours',
    signed: [{ header: 'x-ours-time', without: ':' }, { text: ':' }, { body: true }],
    signature: {
      header: 'x-ours-signature',
      separators: ',',
      forms: [{ algorithm: 'hmac-sha512', encoding: 'base64', prefix: 'sha512=' }],
    },
    keys: [{ kind: 'hmac', prefix: '', bytes: 'utf8', minBytes: 1, maxBytes: 100 }],
    id: { member: 'id' },
    topic: { header: 'x-ours-topic' },
    time: { from: { header: 'x-ours-time' }, format: 'unix_seconds', of: 'attempt' },
  };

  it('verifies like a built-in profile', async () => {
    const time = String(AT_MS / 1000);
    const body = '{"id":7}';
    const signature = createHmac('sha512', 's').update(`${time}:${body}`).digest('base64');
    const headers = {
      'x-ours-time': time,
      'x-ours-signature': `sha512=${signature}`,
      'x-ours-topic': 'a.b',
    };
    expect(await verify(scheme, headers, body, 's', NOW)).toMatchObject({
      ok: true,
      profile: 'ours',
      id: '7',
      topic: 'a.b',
      timestampMs: AT_MS,
      unsigned: ['topic'],
    });
    expect(await verify(scheme, headers, body, 's', at(AT_MS + 301_000))).toMatchObject({
      reason: 'timestamp_too_old',
    });
    expect(await verify(scheme, headers, `${body} `, 's', NOW)).toMatchObject({
      reason: 'signature_mismatch',
    });
  });
});

function without(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([key]) => key.toLowerCase() !== name));
}
