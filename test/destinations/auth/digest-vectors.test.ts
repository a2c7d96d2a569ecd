/** The examples of the RFCs, to the letter. */
import { describe, expect, it } from 'vitest';

import { digestChallenge } from '../../../src/destinations/webhook/auth/challenge.ts';
import { digestAuthorization } from '../../../src/destinations/webhook/auth/digest-response.ts';

const BODY = new Uint8Array();
const MUFASA = { username: 'Mufasa', password: 'Circle of Life' };

function answer(
  challenge: string,
  user: { username: string; password: string },
  cnonce: string,
  path = '/dir/index.html',
): string {
  const understood = digestChallenge([challenge]);
  if (understood === undefined) throw new Error('the challenge was not understood');
  return digestAuthorization(
    { challenge: understood, user, cnonce, count: 1 },
    { method: 'GET', path, body: BODY },
  );
}

describe('Digest', () => {
  const rfc7616 = (algorithm: string) =>
    `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, ` +
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ' +
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';

  it.each([
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
  ])('answers as RFC 7616, 3.9.1 with %s', (algorithm, response) => {
    const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';
    expect(answer(rfc7616(algorithm), MUFASA, cnonce)).toBe(
      `Digest username="Mufasa", realm="http-auth@example.org", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html", algorithm=${algorithm}, response="${response}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", qop=auth, nc=00000001, cnonce="${cnonce}"`,
    );
  });

  // With the corrections of erratum 4897: the RFC prints what SHA-512 cut short gives.
  it('answers as RFC 7616, 3.9.2: SHA-512-256, and the hash of a user name', () => {
    const challenge =
      'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, ' +
      'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", ' +
      'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true';
    const user = { username: 'Jäsøn Doe', password: 'Secret, or not?' };
    const value = answer(
      challenge,
      user,
      'NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v',
      '/doe.json',
    );
    expect(value).toContain(
      'username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"',
    );
    expect(value).toContain(
      'response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"',
    );
    expect(value).toMatch(/, userhash=true$/);
  });

  it('answers as RFC 2617, 3.5', () => {
    const challenge =
      'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"';
    const user = { username: 'Mufasa', password: 'Circle Of Life' };
    expect(answer(challenge, user, '0a4f113b')).toContain(
      'response="6629fae49393a05397450978507c4ef1"',
    );
  });

  // Erratum 749 gives the response that follows from the RFC's own rules.
  it('answers as RFC 2069, 2.4, where the challenge has no qop', () => {
    const challenge =
      'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"';
    const user = { username: 'Mufasa', password: 'CircleOfLife' };
    expect(answer(challenge, user, 'not used')).toBe(
      'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    );
  });
});

describe('a challenge', () => {
  const parse = (...values: string[]) => digestChallenge(values);

  it('is found among others, in one field or several', () => {
    const digest = 'Digest realm="a, b=c \\"d\\"" ,nonce=abc';
    for (const values of [
      [digest],
      [`Basic realm="x", ${digest}`],
      [`Negotiate, ${digest}, Basic realm="x"`],
      [`NTLM TlRMTVNTUAAB==, ${digest}`],
      ['Bearer', `, ,${digest},`],
      [digest.replace('Digest', 'dIgEsT').replace('realm', 'REALM')],
    ])
      expect(parse(...values)).toMatchObject({ realm: 'a, b=c "d"', nonce: 'abc', qop: null });
  });

  it('is the first one that can be answered', () => {
    const of = (name: string) => `Digest realm="r", nonce="${name}", algorithm=${name}, qop="auth"`;
    expect(parse(of('SHA-1'), of('SHA-256'), of('MD5'))?.nonce).toBe('SHA-256');
    expect(parse(of('md5-SESS'))?.algorithm).toEqual({
      name: 'md5-SESS',
      hash: 'md5',
      isSession: true,
    });
  });

  it.each([
    'Basic realm="r"',
    'Digest nonce="n"',
    'Digest realm="r"',
    'Digest realm="r", nonce="n", algorithm=SHA-1',
    'Digest realm="r", nonce="n", qop="auth-conf"',
    'Digest realm="r", nonce="n", algorithm=MD5-sess',
    'realm="r", nonce="n"',
    '"',
    '',
  ])('is none: %s', (value) => {
    expect(parse(value)).toBeUndefined();
  });

  it('asks for auth-int only where it offers nothing else', () => {
    const of = (qop: string) => parse(`Digest realm="r", nonce="n", qop="${qop}"`)?.qop;
    expect([of('auth-int,auth'), of('auth-int'), of('AUTH')]).toEqual(['auth', 'auth-int', 'auth']);
  });

  it('whose qop is empty has none', () => {
    expect(parse('Digest realm="r", nonce="n", qop=""')?.qop).toBeNull();
  });
});
