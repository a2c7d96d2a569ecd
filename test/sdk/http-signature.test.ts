/** HTTP message signatures: the RFC's own examples, and requests that node:crypto signs here. */
import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { verifyHttpSignature } from '../../sdk/src/index.ts';
import type { HttpSignatureOptions, SignedRequest } from '../../sdk/src/index.ts';
import { parseDictionary } from '../../sdk/src/structured-fields.ts';
import { AT_MS, createAsymmetricPair } from '../support/sdk-messages.ts';

const CREATED = AT_MS / 1000;
const NOW = { now: () => AT_MS };
const pair = createAsymmetricPair();
const jwk = { ...pair.jwk, kid: 'key-1' };

describe('RFC 9421, appendix B.2', () => {
  const created = { now: () => 1_618_884_473_000 };
  const request = (signatureInput: string, signature: string): SignedRequest => ({
    method: 'POST',
    url: 'https://example.com/foo?param=Value&Pet=dog',
    headers: {
      Host: 'example.com',
      Date: 'Tue, 20 Apr 2021 02:07:55 GMT',
      'Content-Type': 'application/json',
      'Content-Digest':
        'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
      'Content-Length': '18',
      'Signature-Input': signatureInput,
      Signature: signature,
    },
    body: '{"hello": "world"}',
  });

  it('B.2.5: hmac-sha256', async () => {
    const secret =
      'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==';
    const k = Buffer.from(secret, 'base64').toString('base64url');
    expect(
      await verifyHttpSignature(
        request(
          'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
          'sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:',
        ),
        { ...created, keys: { kty: 'oct', kid: 'test-shared-secret', k }, required: ['date'] },
      ),
    ).toMatchObject({ ok: true, algorithm: 'hmac-sha256', keyId: 'test-shared-secret' });
  });

  it('B.2.6: ed25519', async () => {
    const key = {
      kty: 'OKP',
      crv: 'Ed25519',
      kid: 'test-key-ed25519',
      x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs',
    };
    expect(
      await verifyHttpSignature(
        request(
          'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
          'sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:',
        ),
        { ...created, keys: { keys: [key] }, required: ['@method', '@path', '@authority'] },
      ),
    ).toMatchObject({
      ok: true,
      label: 'sig-b26',
      algorithm: 'ed25519',
      components: ['date', '@method', '@path', '@authority', 'content-type', 'content-length'],
      createdMs: 1_618_884_473_000,
      payload: { hello: 'world' },
    });
  });
});

const ALL = ['@method', '@authority', '@path', '@query', 'content-digest', 'webhook-id'];
const SHARED = 'a shared secret';

interface Spelling {
  readonly components?: readonly string[];
  readonly parameters?: string;
  readonly sign?: (base: string) => string;
  readonly url?: string;
  readonly body?: string;
}

/** Signed as section 2.5 says, of values written out here. */
function signed(given: Spelling = {}): SignedRequest & { headers: Record<string, string> } {
  const {
    components = ALL,
    parameters = `;created=${CREATED};keyid="key-1";alg="ed25519"`,
    sign = pair.sign,
    url = 'https://example.com/hooks/a%2Fb?x=1&y',
    body = '{"n":1.0}',
  } = given;
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  const values: Record<string, string> = {
    '@method': 'POST',
    '@authority': 'example.com',
    '@path': '/hooks/a%2Fb',
    '@query': '?x=1&y',
    '@target-uri': 'https://example.com/hooks/a%2Fb?x=1&y',
    '@scheme': 'https',
    '@request-target': '/hooks/a%2Fb?x=1&y',
    'content-digest': digest,
    'webhook-id': 'evt_1',
  };
  const list = `(${components.map((name) => `"${name}"`).join(' ')})${parameters}`;
  const base = components
    .map((name) => `"${name}": ${values[name] ?? ''}\n`)
    .join('')
    .concat(`"@signature-params": ${list}`);
  return {
    method: 'POST',
    url,
    headers: {
      host: 'example.com',
      'webhook-id': 'evt_1',
      'content-digest': digest,
      'signature-input': `sig1=${list}`,
      signature: `sig1=:${sign(base)}:`,
    },
    body,
  };
}

const judge = (request: SignedRequest, options: HttpSignatureOptions = { keys: jwk }) =>
  verifyHttpSignature(request, { ...NOW, ...options });

describe('a signed request', () => {
  it('is good by a JWK, a set of them, a list, and a function that is told the key id', async () => {
    const rsa = { kty: 'RSA', n: 'AQAB', e: 'AQAB' };
    const asked: (string | null)[] = [];
    const find = async (keyId: string | null) => {
      asked.push(keyId);
      return { keys: [rsa, jwk] };
    };
    for (const keys of [jwk, [rsa, jwk], { keys: [rsa, jwk] }, find])
      expect(await judge(signed(), { keys })).toMatchObject({
        ok: true,
        label: 'sig1',
        keyId: 'key-1',
        algorithm: 'ed25519',
        components: ALL,
        createdMs: AT_MS,
        payload: { n: 1 },
      });
    expect(asked).toEqual(['key-1']);
  });

  it('is good by a shared secret, read as its profile reads it', async () => {
    const whsec = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
    const request = (key: string | Buffer) =>
      signed({
        parameters: `;created=${CREATED};nonce="n-1"`,
        sign: (base) => createHmac('sha256', key).update(base).digest('base64'),
      });
    expect(await judge(request(SHARED), { secret: SHARED })).toMatchObject({
      ok: true,
      algorithm: 'hmac-sha256',
      keyId: null,
      nonce: 'n-1',
    });
    expect(await judge(request(SHARED), { secret: ['other', SHARED] })).toMatchObject({ ok: true });
    expect(await judge(request(SHARED), { secret: 'other' })).toMatchObject({
      reason: 'signature_mismatch',
    });
    expect(await judge(request(Buffer.alloc(32, 9)), { secret: whsec })).toMatchObject({
      ok: true,
    });
    expect(await judge(request(whsec), { secret: whsec, profile: 'balkanid' })).toMatchObject({
      ok: true,
    });
    expect(await judge(request(whsec), { secret: whsec })).toMatchObject({
      reason: 'signature_mismatch',
    });
  });

  it('may come with the path alone, as node:http has it, and with the default port', async () => {
    expect(await judge({ ...signed(), url: '/hooks/a%2Fb?x=1&y' })).toMatchObject({ ok: true });
    const { headers, ...rest } = signed();
    expect(
      await judge({
        ...rest,
        url: '/hooks/a%2Fb?x=1&y',
        headers: { ...headers, host: 'EXAMPLE.com:443' },
      }),
    ).toMatchObject({ ok: true });
  });

  it('may cover the whole target, the scheme and the request target', async () => {
    const components = [...ALL, '@target-uri', '@scheme', '@request-target'];
    expect(await judge(signed({ components }))).toMatchObject({ ok: true, components });
  });

  it('has a path / and a query ? where its URL has none', async () => {
    const list = `("@path" "@query");created=${CREATED}`;
    const base = `"@path": /\n"@query": ?\n"@signature-params": ${list}`;
    expect(
      await judge(
        {
          method: 'POST',
          url: 'https://example.com',
          headers: { 'signature-input': `s=${list}`, signature: `s=:${pair.sign(base)}:` },
          body: '',
        },
        { keys: jwk, required: [] },
      ),
    ).toMatchObject({ ok: true });
  });

  it('needs one good signature of several', async () => {
    const { headers, ...rest } = signed();
    const two = {
      ...rest,
      headers: {
        ...headers,
        'signature-input': `proxy=("@method");created=${CREATED}, ${headers['signature-input'] ?? ''}`,
        signature: `proxy=:AAAA:, ${headers['signature'] ?? ''}`,
      },
    };
    expect(await judge(two)).toMatchObject({ ok: true, label: 'sig1' });
  });
});

describe('a request is refused', () => {
  it.each<[string, Partial<SignedRequest>, string]>([
    ['another method', { method: 'PUT' }, 'signature_mismatch'],
    ['another host', { url: 'https://example.org/hooks/a%2Fb?x=1&y' }, 'signature_mismatch'],
    ['another path', { url: 'https://example.com/hooks/a/b?x=1&y' }, 'signature_mismatch'],
    ['another query', { url: 'https://example.com/hooks/a%2Fb?x=1' }, 'signature_mismatch'],
    ['another body', { body: '{"n":1.00}' }, 'digest_mismatch'],
    ['no URL', { url: 'hooks' }, 'missing_header'],
    ['a parsed body', { body: { n: 1 } as unknown as string }, 'unreadable_body'],
  ])('with %s', async (_, change, reason) => {
    expect(await judge({ ...signed(), ...change })).toMatchObject({ ok: false, reason });
  });

  it.each<[string, Record<string, string | undefined>, string]>([
    ['another covered header', { 'webhook-id': 'evt_2' }, 'signature_mismatch'],
    ['a covered header missing', { 'webhook-id': undefined }, 'missing_header'],
    [
      'a digest that fits another body',
      { 'content-digest': `sha-256=:AAAA:` },
      'signature_mismatch',
    ],
    ['no Signature', { signature: undefined }, 'missing_header'],
    ['no Signature-Input', { 'signature-input': undefined }, 'missing_header'],
    ['a Signature for another label', { signature: 'sig2=:AAAA:' }, 'malformed_header'],
    ['a Signature that is no bytes', { signature: 'sig1="AAAA"' }, 'malformed_header'],
    ['no dictionary', { 'signature-input': 'sig1=(' }, 'malformed_header'],
    ['an input that is no list', { 'signature-input': 'sig1=1' }, 'malformed_header'],
    ['an empty input', { 'signature-input': '' }, 'malformed_header'],
  ])('with %s', async (_, change, reason) => {
    const { headers, ...rest } = signed();
    const result = await judge({ ...rest, headers: { ...headers, ...change } as never });
    expect(result).toMatchObject({ ok: false, reason });
  });

  it.each(['@method', '@authority', '@path', 'content-digest'])(
    'when its signature does not cover %s',
    async (left) => {
      const components = ALL.filter((name) => name !== left);
      expect(await judge(signed({ components }))).toMatchObject({
        reason: 'insufficient_coverage',
        detail: `the signature sig1 does not cover "${left}"`,
      });
      expect(
        await judge(signed({ components }), { keys: jwk, required: components }),
      ).toMatchObject({ ok: true });
    },
  );

  it('when it covers a component with parameters, or twice the same', async () => {
    const { headers, ...rest } = signed();
    const input = headers['signature-input'] ?? '';
    for (const [from, to, reason] of [
      ['"webhook-id"', '"webhook-id";sf', 'unsupported_algorithm'],
      ['"webhook-id"', '"@method"', 'malformed_header'],
      ['"webhook-id"', '"Webhook-Id"', 'malformed_header'],
      ['"webhook-id"', 'webhook-id', 'malformed_header'],
      ['"webhook-id"', '"@status"', 'missing_header'],
    ] as const)
      expect(
        await judge({
          ...rest,
          headers: { ...headers, 'signature-input': input.replace(from, to) },
        }),
      ).toMatchObject({ ok: false, reason });
  });

  it('when its key is not known, or its algorithm is another than the key’s', async () => {
    expect(await judge(signed(), { keys: { ...jwk, kid: 'key-2' } })).toMatchObject({
      reason: 'unknown_key',
    });
    expect(await judge(signed(), { keys: createAsymmetricPair().jwk })).toMatchObject({
      reason: 'signature_mismatch',
    });
    expect(await judge(signed(), { keys: { keys: [] } })).toMatchObject({
      reason: 'malformed_secret',
    });
    const rsa = `;created=${CREATED};alg="rsa-pss-sha512"`;
    expect(await judge(signed({ parameters: rsa }))).toMatchObject({
      reason: 'unsupported_algorithm',
    });
    // The public key of ed25519 is no secret: who signs with it as one must not pass.
    const confused = signed({
      parameters: `;created=${CREATED};alg="hmac-sha256"`,
      sign: (base) =>
        createHmac('sha256', Buffer.from(pair.jwk.x, 'base64url')).update(base).digest('base64'),
    });
    expect(await judge(confused)).toMatchObject({ ok: false, reason: 'signature_mismatch' });
  });

  it('when it is too old, too new, expired, or does not say', async () => {
    const at = (nowMs: number, parameters?: string) =>
      verifyHttpSignature(signed(parameters === undefined ? {} : { parameters }), {
        keys: jwk,
        now: () => nowMs,
      });
    expect(await at(AT_MS + 300_999)).toMatchObject({ ok: true });
    expect(await at(AT_MS + 301_000)).toMatchObject({ reason: 'timestamp_too_old' });
    expect(await at(AT_MS - 300_000)).toMatchObject({ ok: true });
    expect(await at(AT_MS - 300_001)).toMatchObject({ reason: 'timestamp_too_new' });
    const short = `;created=${CREATED};expires=${CREATED + 10}`;
    expect(await at(AT_MS + 10_000, short)).toMatchObject({ ok: true });
    expect(await at(AT_MS + 10_001, short)).toMatchObject({ reason: 'timestamp_too_old' });
    expect(await at(AT_MS, ';keyid="key-1"')).toMatchObject({ reason: 'malformed_header' });
    expect(await at(AT_MS, `;created="${CREATED}"`)).toMatchObject({ reason: 'malformed_header' });
    expect(
      await judge(signed({ parameters: '' }), {
        keys: jwk,
        toleranceS: Number.POSITIVE_INFINITY,
      }),
    ).toMatchObject({ ok: true, createdMs: null });
  });

  it('when the receiver has no key at all', async () => {
    expect(await judge(signed(), {})).toMatchObject({ ok: false, reason: 'malformed_secret' });
    expect(await judge(signed(), { secret: 'whsec_x' })).toMatchObject({
      ok: false,
      reason: 'malformed_secret',
    });
  });
});

describe('structured fields', () => {
  it.each([
    'a=1',
    'a=1, b=2',
    'a=1 ,\tb=2',
    'a;x=1, b',
    'a="q\\"\\\\"',
    'a=:YWI=:',
    'a=?1',
    'a=-1.5',
    'a=tok/en:1',
    'a=()',
    'a=( "x";y  1 )',
    '',
    '  a=1  ',
  ])('%j is a dictionary', (text) => {
    expect(parseDictionary(text)).not.toBeNull();
  });

  it.each([
    'A=1',
    'a=',
    'a=1,',
    'a=(',
    'a=("x"1)',
    'a="',
    'a=:YW:',
    'a=1.',
    'a=?2',
    'a=1 b=2',
    '=1',
  ])('%j is none', (text) => {
    expect(parseDictionary(text)).toBeNull();
  });

  it('has the last value of a key, and the text of each member', () => {
    const members = parseDictionary('a=1, b=("x");c=2, a=:YWI=:');
    expect([...(members ?? [])].map(([key, { text }]) => [key, text])).toEqual([
      ['b', '("x");c=2'],
      ['a', ':YWI=:'],
    ]);
    expect(members?.get('b')).toMatchObject({
      isList: true,
      items: [{ value: 'x' }],
      parameters: new Map([['c', 2]]),
    });
  });
});
