/** TLS: what is verified, what the tenant is told when it fails, and that a handshake cannot outlast the deadline. */
import type { Socket } from 'node:net';
import type { TlsOptions, TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';

import type { WebhookOptions } from '../../src/destinations/webhook/options.ts';
import { createCertificate } from '../support/certificate.ts';
import { OK, startRawReceiver, type RawReceiver } from '../support/raw-receiver.ts';
import { startReceiver } from '../support/receiver.ts';
import {
  createMessage,
  expectDelivered,
  expectFailure,
  senderTo,
  type Failed,
} from '../support/receiver-sender.ts';

const HOST = 'receiver.test';
const authority = createCertificate(['authority.test']);
const good = createCertificate([HOST, '127.0.0.1'], { issuer: authority });
const trusting: Partial<WebhookOptions> = {
  lookup: async () => [{ address: '127.0.0.1' }],
  ca: authority.cert,
};
const CLOSED =
  'The receiver closed the connection during the TLS handshake, without a reason; it may not accept the destination’s client certificate, or ask for one.';

describe('TLS', () => {
  it('delivers, and only the first message has the times of opening', async () => {
    const receiver = await startReceiver((_request, response) => void response.end('ok'), good);
    const sender = senderTo(`https://${HOST}:${receiver.port}/a`, trusting);
    const first = expectDelivered(await sender.send(createMessage()));
    expect(first.response?.body).toEqual(Buffer.from('ok'));
    expect(first.timings).toMatchObject({
      dnsMs: expect.any(Number),
      connectMs: expect.any(Number),
      tlsMs: expect.any(Number),
    });
    const second = expectDelivered(await sender.send(createMessage()));
    expect(second.timings).toMatchObject({ dnsMs: null, connectMs: null, tlsMs: null });
    expect(receiver.requests[0]?.headers['host']).toBe(`${HOST}:${receiver.port}`);
  });

  it('names the host of the URL, and verifies an address as one', async () => {
    const named: unknown[] = [];
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK), {
      tls: good,
      onConnection: (socket) => named.push((socket as TLSSocket).servername),
    });
    expectDelivered(
      await senderTo(`https://${HOST}:${receiver.port}/`, trusting).send(createMessage()),
    );
    expectDelivered(await senderTo(receiver.url, trusting).send(createMessage()));
    expect(named).toEqual([HOST, false]);
  });

  it.each([
    [
      'has expired',
      { issuer: authority, notAfter: '210101000000Z' },
      'The receiver’s certificate has expired: renew it.',
    ],
    [
      'is not valid yet',
      { issuer: authority, notBefore: '490101000000Z' },
      'The receiver’s certificate is not valid yet.',
    ],
    [
      'signed itself',
      {},
      'The receiver’s certificate is self-signed: use one of a public authority, or give its authority as `ca`.',
    ],
  ])('refuses a certificate that %s', async (_what, options, detail) => {
    const certificate = createCertificate([HOST], options);
    expect(await failureOf(certificate)).toMatchObject({ reason: 'tls', detail, retryable: true });
  });

  it('refuses a certificate for another host', async () => {
    const certificate = createCertificate(['other.test'], { issuer: authority });
    expect((await failureOf(certificate)).detail).toBe(
      'The receiver’s certificate is for another host name.',
    );
  });

  it('refuses a certificate whose issuer is neither public nor sent along', async () => {
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK), { tls: good });
    const sender = senderTo(receiver.url);
    const { detail } = expectFailure(await sender.send(createMessage()), 'tls');
    expect(detail).toBe(
      'The receiver’s certificate cannot be verified: serve the whole chain, intermediates too.',
    );
    expect(receiver.requests).toEqual([]);
  });

  it('refuses a chain that ends in an authority of its own', async () => {
    const chain = { key: good.key, cert: good.cert + authority.cert };
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK), { tls: chain });
    const { detail } = expectFailure(await senderTo(receiver.url).send(createMessage()), 'tls');
    expect(detail).toBe(
      'The receiver’s certificate is self-signed: use one of a public authority, or give its authority as `ca`.',
    );
  });

  it('refuses TLS 1.1', async () => {
    const failed = await failureOf({
      ...good,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    expect(failed.detail).toBe('The receiver speaks no TLS 1.2 or newer.');
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('delivers over %s', async (version) => {
    const tls = { ...good, minVersion: version, maxVersion: version };
    const receiver = await startRawReceiver(({ socket }) => socket.write(OK), { tls });
    expectDelivered(await senderTo(receiver.url, trusting).send(createMessage()));
  });

  it('tells of a receiver that has HTTP/2 only', async () => {
    const failed = await failureOf({ ...good, ALPNProtocols: ['h2'] });
    expect(failed.detail).toBe('The receiver does not offer HTTP/1.1.');
  });

  it('tells of a receiver that speaks no TLS', async () => {
    const receiver = await startReceiver();
    const sender = senderTo(`https://${HOST}:${receiver.port}/`, trusting);
    const { detail } = expectFailure(await sender.send(createMessage()), 'tls');
    expect(detail).toBe('The receiver does not speak TLS on this port.');
  });

  it.each<[string, (socket: Socket) => void, string]>([
    ['is reset', (socket) => socket.resetAndDestroy(), CLOSED],
    ['is closed', (socket) => socket.end(), CLOSED],
    [
      'is answered with garbage',
      (socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n'),
      'The receiver does not speak TLS on this port.',
    ],
  ])('tells of a handshake that %s', async (_how, onHello, detail) => {
    const receiver = await startSilent((socket) => socket.once('data', () => onHello(socket)));
    const sender = senderTo(`https://${HOST}:${receiver.port}/`, trusting);
    expect(expectFailure(await sender.send(createMessage()), 'tls').detail).toBe(detail);
  });

  it('ends a handshake that stalls by the deadline', async () => {
    const receiver = await startSilent(() => {});
    const sender = senderTo(`https://${HOST}:${receiver.port}/`, trusting);
    const failed = expectFailure(await sender.send(createMessage({ timeoutMs: 60 })), 'timeout');
    expect(failed.timings.totalMs).toBeGreaterThanOrEqual(58);
    expect(receiver.requests).toEqual([]);
    // The connection that was still being opened ends with the attempt.
    await receiver.allClosed();
  });

  it('tells of a connection that is lost in the body', async () => {
    const receiver = await startRawReceiver(
      ({ socket }) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'),
      { tls: good },
    );
    expectFailure(await senderTo(receiver.url, trusting).send(createMessage()), 'connection');
  });

  it('costs the next message nothing', async () => {
    const certificates = [createCertificate(['other.test'], { issuer: authority }), good];
    const first = await startRawReceiver(({ socket }) => socket.write(OK), {
      tls: certificates[0] ?? good,
    });
    const second = await startRawReceiver(({ socket }) => socket.write(OK), { tls: good });
    for (const { port } of [first, second, first, second]) {
      const sent = await senderTo(`https://${HOST}:${port}/`, trusting).send(createMessage());
      if (port === first.port) expectFailure(sent, 'tls');
      else expectDelivered(sent);
    }
    expect(first.requests).toEqual([]);
    expect(second.requests).toHaveLength(2);
  });
});

/** What comes of a message to such a server, which must not get to see it. */
async function failureOf(tls: TlsOptions, options: Partial<WebhookOptions> = {}): Promise<Failed> {
  const receiver = await startRawReceiver(({ socket }) => socket.write(OK), { tls });
  const sender = senderTo(`https://${HOST}:${receiver.port}/`, { ...trusting, ...options });
  const failed = expectFailure(await sender.send(createMessage()), 'tls');
  expect(receiver.requests).toEqual([]);
  return failed;
}

/** Accepts TCP and knows nothing of TLS. */
function startSilent(onConnection: (socket: Socket) => void): Promise<RawReceiver> {
  return startRawReceiver(() => {}, { onConnection });
}
