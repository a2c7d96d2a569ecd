/** Client certificates, and receivers that are verified by an authority of their own. */
import type { TLSSocket, TlsOptions } from 'node:tls';
import { describe, expect, it } from 'vitest';

import type { Auth } from '../../../src/domain/destination.ts';
import { createCertificate, createRevocationList } from '../../support/certificate.ts';
import {
  OK,
  startRawReceiver,
  type RawReceiver,
  type RawRequest,
} from '../../support/raw-receiver.ts';
import { describeWith, startRealServer } from '../../support/real-server.ts';
import {
  checkWebhook,
  createLoopbackType,
  createMessage,
  expectDelivered,
  expectFailure,
  openWebhook,
} from '../../support/receiver-sender.ts';

const HOST = '127.0.0.1';
const authority = createCertificate(['authority.test']);
const other = createCertificate(['other-authority.test'], { name: 'Another authority' });
const server = createCertificate([HOST], { issuer: authority });
const anna = createCertificate(['anna.test'], { issuer: authority, serial: 7 });
const bert = createCertificate(['bert.test'], { issuer: authority, serial: 8 });
const stranger = createCertificate(['anna.test']);

const mtls = ({ cert, key }: { cert: string; key: string }, ca?: string) => ({
  method: 'mtls',
  certificate: cert,
  key,
  ...(ca === undefined ? {} : { ca }),
});

function start(tls: TlsOptions = {}): Promise<RawReceiver> {
  return startRawReceiver(({ socket }) => socket.write(OK), {
    tls: { ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: true, ...tls },
  });
}

describe('a client certificate', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('is shown over %s', async (version) => {
    const receiver = await start({ minVersion: version, maxVersion: version });
    const sender = openWebhook(createLoopbackType(), receiver.url, {
      auth: mtls(anna, authority.cert),
    });
    expectDelivered(await sender.send(createMessage()));
    expect(clientOf(receiver.requests[0])).toBe(7);
  });

  it('is shown to receivers of the instance’s authorities too', async () => {
    const receiver = await start();
    const type = createLoopbackType({ ca: authority.cert });
    const sender = openWebhook(type, receiver.url, { auth: mtls(anna) });
    expectDelivered(await sender.send(createMessage()));
  });

  it('never shares its connection with another, or with none', async () => {
    const receiver = await start({ rejectUnauthorized: false });
    const type = createLoopbackType({ ca: authority.cert });
    const senders = [mtls(anna), mtls(bert), null, mtls(anna)].map((auth) =>
      openWebhook(type, receiver.url, { auth }),
    );
    for (let round = 0; round < 3; round++)
      for (const sender of senders) expectDelivered(await sender.send(createMessage()));
    const round = [7, 8, null, 7];
    expect(receiver.requests.map(clientOf)).toEqual([...round, ...round, ...round]);
    expect(receiver.connections).toBe(3);
  });

  it('that the receiver does not accept lets nothing through', async () => {
    const receiver = await start({ crl: createRevocationList(authority, [7]) });
    const type = createLoopbackType({ ca: authority.cert });
    const send = (auth: unknown) => openWebhook(type, receiver.url, { auth }).send(createMessage());
    for (const auth of [mtls(anna), mtls(stranger), null])
      expect((await send(auth)).outcome.kind).toBe('failed');
    expect(receiver.requests).toEqual([]);
    expectDelivered(await send(mtls(bert)));
  });

  // With TLS 1.3 our part of the handshake is over when Node's server looks at it, and then closes without an alert.
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('that is revoked is told of (%s)', async (version) => {
    const crl = createRevocationList(authority, [7]);
    const receiver = await start({ crl, minVersion: version, maxVersion: version });
    const type = createLoopbackType({ ca: authority.cert });
    for (const auth of [mtls(anna), mtls(stranger)]) {
      const sender = openWebhook(type, receiver.url, { auth });
      expect(expectFailure(await sender.send(createMessage()), 'tls').detail).toBe(
        'The receiver closed the connection during the TLS handshake, without a reason; it may not accept the destination’s client certificate, or ask for one.',
      );
    }
    expect(receiver.requests).toEqual([]);
  });

  it.each([
    ['before an answer', ''],
    ['within an answer', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
  ])('that was accepted does not explain a connection that is lost %s', async (_when, answer) => {
    const receiver = await startRawReceiver(({ socket }) => socket.end(answer), {
      tls: { ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
    });
    const type = createLoopbackType({ ca: authority.cert });
    const sender = openWebhook(type, receiver.url, { auth: mtls(anna) });
    expectFailure(await sender.send(createMessage()), 'connection');
    expect(receiver.requests).toHaveLength(1);
  });
});

// Node's own server closes such connections without saying why.
describeWith('openssl', 'what a receiver on OpenSSL says of a client certificate', () => {
  const expired = createCertificate(['late.test'], {
    issuer: authority,
    serial: 9,
    notAfter: '200201000000Z',
  });

  it.each([
    ['-tls1_2', 'The receiver broke off the TLS handshake; it may ask for a client certificate.'],
    ['-tls1_3', 'The receiver asks for a client certificate: set the authentication `mtls`.'],
  ])('is told to the tenant (%s)', async (version, missing) => {
    const { port } = await startOpenssl(version);
    const type = createLoopbackType({ ca: authority.cert });
    const detailOf = async (auth: Auth | null) => {
      const sender = type.open({ ...checkWebhook(type, `https://${HOST}:${port}/`), auth });
      return expectFailure(await sender.send(createMessage()), 'tls').detail;
    };
    expect(await detailOf(mtls(anna))).toBe(
      'The receiver says that the destination’s client certificate is revoked: set a new one.',
    );
    expect(await detailOf(mtls(expired))).toBe(
      'The receiver says that the destination’s client certificate has expired: set a new one.',
    );
    expect(await detailOf(mtls(stranger))).toBe(
      'The receiver does not accept the destination’s client certificate.',
    );
    expect(await detailOf(null)).toBe(missing);
  });

  function startOpenssl(version: string) {
    return startRealServer({
      command: 'openssl',
      files: () => ({
        'server.pem': server.cert,
        'server.key': server.key,
        'ca.pem': authority.cert,
        'revoked.pem': createRevocationList(authority, [7]),
      }),
      args: (folder, port) => [
        's_server',
        '-www',
        version,
        '-accept',
        `${HOST}:${port}`,
        '-Verify',
        '1',
        '-verify_return_error',
        '-crl_check',
        '-CRL',
        `${folder}/revoked.pem`,
        '-CAfile',
        `${folder}/ca.pem`,
        '-cert',
        `${folder}/server.pem`,
        '-key',
        `${folder}/server.key`,
      ],
    });
  }
});

describe('an authority of the destination', () => {
  it('verifies its receiver, instead of the others', async () => {
    const receiver = await start({ requestCert: false });
    const type = createLoopbackType({ ca: other.cert });
    const trusting = openWebhook(type, receiver.url, { ca: authority.cert });
    expectDelivered(await trusting.send(createMessage()));
    for (const given of [{}, { ca: other.cert }, { auth: mtls(anna, other.cert) }]) {
      const sender = openWebhook(type, receiver.url, given);
      expectFailure(await sender.send(createMessage()), 'tls');
    }
    expectDelivered(await trusting.send(createMessage()));
    expect(receiver.requests).toHaveLength(2);
  });

  it('may be one of several', async () => {
    const receiver = await start({ requestCert: false });
    const sender = openWebhook(createLoopbackType(), receiver.url, {
      ca: `# two\n${other.cert}\n${authority.cert}`,
    });
    expectDelivered(await sender.send(createMessage()));
  });
});

/** Serial number of the client’s certificate. */
function clientOf(request: RawRequest | undefined): number | null {
  if (request === undefined) throw new Error('no request came');
  const certificate = (request.socket as TLSSocket).getPeerX509Certificate();
  return certificate === undefined ? null : Number.parseInt(certificate.serialNumber, 16);
}
