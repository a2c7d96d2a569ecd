import { describe, expect, it } from 'vitest';

import { createAddressGuard } from '../../src/destinations/address-guard.ts';
import { MAX_URL_LENGTH, parseTargetUrl } from '../../src/destinations/url.ts';

const publicOnly = createAddressGuard({ allowedCidrs: [] });
const loopback = createAddressGuard({ allowedCidrs: ['127.0.0.0/8', '::1/128'] });

function refusal(code: string) {
  return { ok: false, code, message: expect.stringMatching(/^The URL .+\.$/) as string };
}

/** All of them are 127.0.0.1 to the WHATWG parser. */
const SPELLINGS_OF_LOOPBACK = [
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '0x7f.1',
  '0x7f000001',
  '2130706433',
  '017700000001',
  '0177.0.0.01',
  '%31%32%37.0.0.1',
  '127%2e0%2e0%2e1',
  '１２７.0.0.1',
  '127。0。0。1',
  '127．0．0．1',
  '①②⑦.0.0.1',
];

const SPELLINGS_OF_LOOPBACK_6 = [
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::FFFF:7F00:1]',
  '[64:ff9b::127.0.0.1]',
];

describe('parseTargetUrl', () => {
  it.each([
    ['https://example.com/hooks?a=b', 'https://example.com/hooks?a=b', 'https://example.com'],
    ['HTTPS://EXAMPLE.com:443', 'https://example.com/', 'https://example.com'],
    [
      ' https://example.com:8443/a/../b\n',
      'https://example.com:8443/b',
      'https://example.com:8443',
    ],
    [
      'https://bücher.example/ü',
      'https://xn--bcher-kva.example/%C3%BC',
      'https://xn--bcher-kva.example',
    ],
    ['https://example.com./', 'https://example.com./', 'https://example.com.'],
    ['https://8.8.8.8/', 'https://8.8.8.8/', 'https://8.8.8.8'],
    ['https://[2606:4700:0::1111]/', 'https://[2606:4700::1111]/', 'https://[2606:4700::1111]'],
    ['https:\\\\example.com\\a', 'https://example.com/a', 'https://example.com'],
  ])('normalises %j', (text, url, origin) => {
    expect(parseTargetUrl(text, publicOnly)).toEqual({ ok: true, url, origin });
  });

  it.each([
    ['https://example.com/a#token', 'https://example.com/a'],
    ['https://example.com/a?b#', 'https://example.com/a?b'],
  ])('drops the fragment of %s', (text, url) => {
    expect(parseTargetUrl(text, publicOnly)).toMatchObject({ ok: true, url });
  });

  it.each([
    '',
    'example.com/hooks',
    '//example.com',
    '/hooks',
    'https://',
    'https://exa mple.com',
    'https://example.com:99999',
    'https://example.com:0/',
    'https://256.1.1.1/',
    'https://1.2.3.4.5/',
    'https://[::1',
    'https://[fe80::1%25eth0]/',
    'https://a..b/',
    'https://127.0.0.1../',
    'https://./',
    `https://${'a'.repeat(64)}.com/`,
    `https://${'a.'.repeat(126)}aa/`,
  ])('refuses %j as no URL', (text) => {
    expect(parseTargetUrl(text, loopback)).toEqual(refusal('invalid_url'));
  });

  it('takes a name of 253 characters and labels of 63', () => {
    const labels = ['a'.repeat(63), 'b'.repeat(63), 'c'.repeat(63), 'd'.repeat(61)].join('.');
    expect(parseTargetUrl(`https://${labels}./`, publicOnly)).toMatchObject({ ok: true });
    expect(parseTargetUrl(`https://${labels}e./`, publicOnly)).toEqual(refusal('invalid_url'));
  });

  it.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'gopher://127.0.0.1:6379/_',
    'data:text/plain,x',
    'javascript:alert(1)',
    'ws://example.com/',
    'localhost:8080/hooks',
  ])('refuses the scheme of %s', (text) => {
    expect(parseTargetUrl(text, loopback)).toEqual(refusal('scheme'));
  });

  it.each([
    'https://user:pass@example.com/',
    'https://user@example.com/',
    'https://:pass@example.com/',
    'https://example.com:443@127.0.0.1/',
  ])('refuses the userinfo of %s', (text) => {
    expect(parseTargetUrl(text, loopback)).toEqual(refusal('userinfo'));
  });

  it('limits the length, as written and as normalised', () => {
    const base = 'https://example.com/';
    const longest = base + 'a'.repeat(MAX_URL_LENGTH - base.length);
    expect(parseTargetUrl(longest, publicOnly)).toMatchObject({ ok: true, url: longest });
    expect(parseTargetUrl(`${longest}a`, publicOnly)).toEqual(refusal('too_long'));
    expect(parseTargetUrl(`${base}#${'a'.repeat(MAX_URL_LENGTH)}`, publicOnly)).toEqual(
      refusal('too_long'),
    );
    expect(parseTargetUrl(base + 'ü'.repeat(400), publicOnly)).toEqual(refusal('too_long'));
  });

  it.each([...SPELLINGS_OF_LOOPBACK, ...SPELLINGS_OF_LOOPBACK_6])(
    'sees the loopback address in %s',
    (host) => {
      expect(parseTargetUrl(`https://${host}/`, publicOnly)).toEqual(refusal('blocked_address'));
      expect(parseTargetUrl(`http://${host}:8080/`, publicOnly)).toEqual(
        refusal('blocked_address'),
      );
      expect(parseTargetUrl(`http://${host}:8080/`, loopback)).toMatchObject({ ok: true });
    },
  );

  it.each(SPELLINGS_OF_LOOPBACK)('stores %s as 127.0.0.1', (host) => {
    expect(parseTargetUrl(`http://${host}/`, loopback)).toEqual({
      ok: true,
      url: 'http://127.0.0.1/',
      origin: 'http://127.0.0.1',
    });
  });

  it.each([
    '10.0.0.1',
    '192.168.1.1',
    '0',
    '0.0.0.0',
    '[::]',
    '[fc00::1]',
    '[fe80::1]',
    '[::ffff:10.0.0.1]',
    '[2002:7f00:1::]',
  ])('refuses %s, which is not of the allowed range', (host) => {
    expect(parseTargetUrl(`https://${host}/`, loopback)).toEqual(refusal('blocked_address'));
  });

  it.each([
    '169.254.169.254',
    '0xa9fea9fe',
    '[::ffff:169.254.169.254]',
    '169.254.170.2',
    '[fd00:ec2::254]',
    '100.100.100.200',
    'metadata',
    'metadata.',
    'metadata.google.internal',
    'MetaData.Google.Internal.',
    'metadata。google。internal',
    'instance-data',
    'instance-data.ec2.internal',
    'instance-data.ec2.internal.',
  ])('refuses %s of a metadata service, whatever is allowed', (host) => {
    const everything = createAddressGuard({ allowedCidrs: ['0.0.0.0/0', '::/0'] });
    expect(parseTargetUrl(`http://${host}/latest`, everything)).toEqual(refusal('blocked_address'));
    expect(parseTargetUrl(`https://${host}/latest`, everything)).toEqual(
      refusal('blocked_address'),
    );
  });

  it('takes http to a name only where the operator allows some private range', () => {
    expect(parseTargetUrl('http://example.com/', publicOnly)).toEqual(refusal('plain_http'));
    expect(parseTargetUrl('http://localhost:3000/', publicOnly)).toEqual(refusal('plain_http'));
    expect(parseTargetUrl('http://example.com/', loopback)).toMatchObject({ ok: true });
    expect(parseTargetUrl('http://localhost:3000/', loopback)).toMatchObject({ ok: true });
  });

  it('takes https to any name, as names are judged at each connect', () => {
    expect(parseTargetUrl('https://localhost/', publicOnly)).toMatchObject({ ok: true });
    expect(parseTargetUrl('https://intranet/', publicOnly)).toMatchObject({ ok: true });
  });

  it.each(['8.8.8.8', '[2606:4700::1111]', '[::ffff:8.8.8.8]'])(
    'refuses http to the public address %s',
    (host) => {
      expect(parseTargetUrl(`http://${host}/`, publicOnly)).toEqual(refusal('plain_http'));
      expect(parseTargetUrl(`http://${host}/`, loopback)).toEqual(refusal('plain_http'));
      expect(parseTargetUrl(`https://${host}/`, loopback)).toMatchObject({ ok: true });
    },
  );

  it('does not repeat what was written', () => {
    const parsed = parseTargetUrl('https://user:hunter2@example.com/', publicOnly);
    expect(JSON.stringify(parsed)).not.toContain('hunter2');
  });
});
