/** What an authentication may be, and what is said of one that it may not. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import type { Auth } from '../../../src/domain/destination.ts';
import { standard } from '../../../src/profiles/standard.ts';
import { createCertificate } from '../../support/certificate.ts';
import { createLoopbackType } from '../../support/receiver-sender.ts';

const NOW_MS = Date.UTC(2026, 10, 21);
const client = createCertificate(['client.test']);
const other = createCertificate(['client.test']);
const late = createCertificate(['client.test'], { notAfter: '261120000000Z' });
const soon = createCertificate(['client.test'], { notAfter: '261215000000Z' });
const early = createCertificate(['client.test'], { notBefore: '270101000000Z' });
const mtls = ({ cert, key }: { cert: string; key: string }) => ({
  method: 'mtls',
  certificate: cert,
  key,
});
const OAUTH2 = { method: 'oauth2', token_url: 'https://login.test/token', client_id: 'id' };
const rsa1024 = generateKeyPairSync('rsa', {
  modulusLength: 1024,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
}).privateKey;

function check(auth: unknown, currentAuth: Auth | null = null, config: object = {}) {
  return createLoopbackType().check({
    config: { url: 'http://127.0.0.1/', ...config },
    credentials: {},
    current: null,
    auth,
    currentAuth,
    profile: standard,
    httpSignature: null,
    nowMs: NOW_MS,
  });
}

function problems(...given: Parameters<typeof check>): string[] {
  const checked = check(...given);
  return checked.ok ? [] : checked.problems.map(({ pointer, code }) => `${pointer} ${code}`);
}

describe('an authentication', () => {
  it.each<[string, unknown, string[]]>([
    ['is an object', 'basic', ['/auth type']],
    ['has a method', {}, ['/auth/method enum']],
    ['has one that is known', { method: 'ntlm', username: 'a' }, ['/auth/method enum']],
    [
      'has no members of other methods',
      { method: 'bearer', token: 'a', username: 'b' },
      ['/auth/username unknown_field'],
    ],
    ['of none has no members', { method: 'none', token: 'a' }, ['/auth/token unknown_field']],
    [
      'has all it needs, said at once',
      { method: 'basic' },
      ['/auth/username required', '/auth/password required'],
    ],
    [
      'has no colon in a user name',
      { method: 'digest', username: 'a:b', password: '' },
      ['/auth/username format'],
    ],
    [
      'has no line break in a password',
      { method: 'basic', username: 'a', password: 'a\nb' },
      ['/auth/password format'],
    ],
    [
      'has strings',
      { method: 'basic', username: 1, password: [] },
      ['/auth/username type', '/auth/password type'],
    ],
    ['has a token without blanks', { method: 'bearer', token: 'a b' }, ['/auth/token format']],
    ['has headers', { method: 'header' }, ['/auth/headers required']],
    ['has at least one', { method: 'header', headers: {} }, ['/auth/headers count']],
    [
      'has at most ten',
      {
        method: 'header',
        headers: Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`h${n}`, 'v'])),
      },
      ['/auth/headers count'],
    ],
    [
      'has headers that may be set, with values that can be sent',
      {
        method: 'header',
        headers: { host: 'a', 'webhook-id': 'a', 'a b': 'c', 'x/y': 'd', ok: 'e\n', OK: 'f', n: 1 },
      },
      [
        '/auth/headers/host header_reserved',
        '/auth/headers/webhook-id header_reserved',
        '/auth/headers/a b header_name',
        '/auth/headers/x~1y header_name',
        '/auth/headers/ok header_value',
        '/auth/headers/OK duplicate',
        '/auth/headers/n header_value',
      ],
    ],
    [
      'asks no token of a blocked address',
      { ...OAUTH2, token_url: 'http://169.254.169.254/token', client_secret: 's' },
      ['/auth/token_url blocked_address'],
    ],
    ['has a secret or a key', OAUTH2, ['/auth/client_secret required']],
    [
      'has not both',
      { ...OAUTH2, client_secret: 's', private_key: client.key },
      ['/auth/client_secret unknown_field'],
    ],
    [
      'has a key that is long enough',
      { ...OAUTH2, private_key: rsa1024 },
      ['/auth/private_key format'],
    ],
    [
      'has an algorithm that fits the key',
      { ...OAUTH2, private_key: client.key, token_endpoint_auth_signing_alg: 'RS256' },
      ['/auth/token_endpoint_auth_signing_alg mismatch'],
    ],
    [
      'has a scope of words',
      { ...OAUTH2, client_secret: 's', scope: 'a  b' },
      ['/auth/scope format'],
    ],
    [
      'has a certificate and a key',
      { method: 'mtls' },
      ['/auth/certificate required', '/auth/key required'],
    ],
    [
      'has PEM',
      { method: 'mtls', certificate: 'x', key: 'y' },
      ['/auth/certificate format', '/auth/key format'],
    ],
    [
      'has PEM that is whole',
      {
        method: 'mtls',
        certificate: client.cert.replace('MII', 'MI'),
        key: client.key.replace('MI', 'M'),
      },
      ['/auth/certificate format', '/auth/key format'],
    ],
    [
      'has no key among its certificates',
      { ...mtls(client), certificate: client.cert + client.key },
      ['/auth/certificate format'],
    ],
    ['has the certificate’s own key', { ...mtls(client), key: other.key }, ['/auth/key mismatch']],
    ['has a certificate that has not expired', mtls(late), ['/auth/certificate expired']],
    ['has an authority in PEM', { ...mtls(client), ca: 'x' }, ['/auth/ca format']],
  ])('%s', (_rule, auth, expected) => {
    expect(problems(auth)).toEqual(expected);
  });

  it('is none where it is null, `none` or was never given', () => {
    for (const auth of [null, { method: 'none' }, undefined])
      expect(check(auth)).toMatchObject({ ok: true, auth: null });
  });

  it('normalises once: what it gave passes again as it is', () => {
    for (const given of [
      { method: 'basic', username: 'a', password: '' },
      { method: 'header', headers: { a: 'b' } },
      { ...OAUTH2, client_secret: 's', scope: 'a b', audience: 'c' },
      { ...OAUTH2, private_key: client.key, key_id: 'k' },
      { ...mtls(client), certificate: `before\n${client.cert}${other.cert}after`, ca: other.cert },
    ]) {
      const once = check(given);
      if (!once.ok) throw new Error(JSON.stringify(once.problems));
      expect(check(once.auth)).toEqual({ ...once, credentials: expect.any(Object) });
    }
  });

  it('keeps a header of its own from the custom ones', () => {
    const config = { custom_headers: { Authorization: 'mine', 'X-Key': 'mine' } };
    expect(problems({ method: 'bearer', token: 'a' }, null, config)).toEqual([
      '/config/custom_headers/Authorization header_reserved',
    ]);
    expect(problems({ method: 'header', headers: { 'x-key': 'a' } }, null, config)).toEqual([
      '/config/custom_headers/X-Key header_reserved',
    ]);
    expect(problems(null, null, config)).toEqual([]);
  });

  it('takes one authority, which is PEM', () => {
    expect(problems(null, null, { ca: 'x' })).toEqual(['/config/ca format']);
    expect(problems({ ...mtls(client), ca: other.cert }, null, { ca: other.cert })).toEqual([
      '/auth/ca conflict',
    ]);
  });
});

describe('a masked secret', () => {
  it('stands for the one that is there', () => {
    const current = { method: 'header', headers: { a: 'secret', b: 'other' } };
    const auth = { method: 'header', headers: { a: '********', c: 'new' } };
    expect(check(auth, current)).toMatchObject({
      auth: { method: 'header', headers: { a: 'secret', c: 'new' } },
    });
    const basic = { method: 'basic', username: 'a', password: 'secret' };
    expect(check({ ...basic, username: 'b', password: '********' }, basic)).toMatchObject({
      auth: { ...basic, username: 'b' },
    });
  });

  it('of a client stays on its token server, and goes to no other', () => {
    const current = { ...OAUTH2, client_secret: 'SECRET' };
    const moved = (tokenUrl: string, secret = '********') => ({
      ...current,
      token_url: tokenUrl,
      client_secret: secret,
    });
    const { origin, port, hostname } = new URL(current.token_url);
    expect(port).toBe('');
    for (const url of [current.token_url, `${origin}/other?path=1`, `${origin}:443/token`])
      expect(check(moved(url), current)).toMatchObject({ auth: { client_secret: 'SECRET' } });
    for (const url of [
      'https://other.example.com/token',
      `https://${hostname}.example.org/token`,
      `${origin}:8443/token`,
      `http://127.0.0.1/token`,
    ]) {
      expect(problems(moved(url), current)).toEqual(['/auth/client_secret masked']);
      expect(check(moved(url, 'NEW'), current)).toMatchObject({ auth: { client_secret: 'NEW' } });
    }
    // What is sent there is only signed with it.
    const byKey = { ...OAUTH2, private_key: client.key };
    const elsewhere = { ...byKey, token_url: 'https://other.example.com/token' };
    expect(check({ ...elsewhere, private_key: '********' }, byKey)).toMatchObject({ ok: true });
  });

  it('stands for one of the same method alone', () => {
    const digest = { method: 'digest', username: 'a', password: 'SECRET' };
    const basic = { method: 'basic', username: 'a', password: '********' };
    expect(problems(basic, digest)).toEqual(['/auth/password masked']);
  });

  it('stands for nothing where there is none', () => {
    expect(problems({ method: 'bearer', token: '********' })).toEqual(['/auth/token masked']);
    expect(problems({ method: 'header', headers: { a: '********' } })).toEqual([
      '/auth/headers/a header_value',
    ]);
  });
});

describe('what is shown', () => {
  it.each<[Auth, Auth]>([
    [
      { method: 'basic', username: 'a', password: 'SECRET' },
      { method: 'basic', username: 'a', password: '********' },
    ],
    [
      { method: 'bearer', token: 'SECRET' },
      { method: 'bearer', token: '********' },
    ],
    [
      { method: 'header', headers: { a: 'SECRET' } },
      { method: 'header', headers: { a: '********' } },
    ],
    [{ ...mtls(client) }, { ...mtls(client), key: '********' }],
    [
      { ...OAUTH2, client_secret: 'SECRET' },
      { ...OAUTH2, client_secret: '********' },
    ],
    [
      { ...OAUTH2, private_key: 'SECRET' },
      { ...OAUTH2, private_key: '********' },
    ],
  ])('holds no secret', (auth, shown) => {
    expect(createLoopbackType().showAuth(auth, NOW_MS)).toEqual({ auth: shown, warnings: [] });
  });

  it.each([
    ['certificate_expired', late],
    ['certificate_expires', soon],
    ['certificate_not_yet_valid', early],
  ])('warns: %s', (code, certificate) => {
    expect(createLoopbackType().showAuth(mtls(certificate), NOW_MS).warnings).toMatchObject([
      { pointer: '/auth/certificate', code },
    ]);
  });
});
