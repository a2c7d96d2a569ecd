import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, Socket, type AddressInfo, type Server } from 'node:net';
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls';
import { Pool, type buildConnector } from 'undici';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { createAddressGuard, type AddressGuard } from '../../src/destinations/address-guard.ts';
import {
  BlockedAddressError,
  ConnectAbortedError,
  ConnectionLostError,
  ConnectTimeoutError,
  connectTimings,
  createConnector,
  DnsError,
  TlsError,
  type Connector,
  type ConnectorOptions,
  type Lookup,
} from '../../src/destinations/connector.ts';
import type { Clock, Timer } from '../../src/domain/clock.ts';
import { createCertificate } from '../support/certificate.ts';
import { freePort } from '../support/free-port.ts';

const HOST = 'receiver.test';
const TIMEOUT_MS = 1_000;

const certificate = createCertificate([HOST, '127.0.0.1']);
const loopback = createAddressGuard({ allowedCidrs: ['127.0.0.0/8', '::1/128'] });
const publicOnly = createAddressGuard({ allowedCidrs: [] });

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('connector, plain http', () => {
  it('connects to an allowed literal address, without a look-up', async () => {
    const { port } = await startTcp();
    const socket = await open(
      connectorOf({ lookup: unexpectedLookup }),
      `http://127.0.0.1:${port}`,
    );
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(socket).not.toBeInstanceOf(TLSSocket);
  });

  it('connects to an address that the name resolves to, after one look-up', async () => {
    const { port } = await startTcp();
    const lookup = vi.fn(answering('127.0.0.1'));
    const socket = await open(connectorOf({ lookup }), `http://${HOST}:${port}`);
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(lookup.mock.calls).toEqual([[HOST]]);
  });

  it('resolves by the system where no look-up is given', async () => {
    const { port } = await startTcp();
    const connector = createConnector({ guard: loopback, timeoutMs: 10_000 });
    const socket = await open(connector, `http://localhost:${port}`);
    expect(socket.remotePort).toBe(port);
  });

  it('refuses public addresses', async () => {
    const error = await failure(connectorOf({ lookup: answering('8.8.8.8') }), `http://${HOST}`);
    expect(error).toBeInstanceOf(BlockedAddressError);
    expect(await failure(connectorOf({}), 'http://8.8.8.8')).toBeInstanceOf(BlockedAddressError);
  });

  it('picks the allowed private one where the answer has public ones too', async () => {
    const { port } = await startTcp();
    const lookup = answering('8.8.8.8', '127.0.0.1', '2606:4700::1111');
    const socket = await open(connectorOf({ lookup }), `http://${HOST}:${port}`);
    expect(socket.remoteAddress).toBe('127.0.0.1');
  });
});

describe('connector, addresses', () => {
  it.each(['http', 'https'])('refuses blocked literal addresses (%s)', async (scheme) => {
    const connector = connectorOf({ guard: publicOnly, lookup: unexpectedLookup });
    for (const host of [
      '127.0.0.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '10.0.0.1',
      '169.254.169.254',
    ]) {
      expect(await failure(connector, `${scheme}://${host}`), host).toMatchObject({
        code: 'ANGARIUM_BLOCKED_ADDRESS',
      });
    }
  });

  it('refuses a name with one blocked address among its addresses, and connects to none', async () => {
    const { port, connections } = await startTcp();
    for (const addresses of [
      ['127.0.0.1', '10.0.0.1'],
      ['10.0.0.1', '127.0.0.1'],
      ['127.0.0.1', '8.8.8.8', '::ffff:10.0.0.1'],
      ['127.0.0.1', 'no address'],
    ]) {
      for (const scheme of ['http', 'https']) {
        const connector = connectorOf({ lookup: answering(...addresses) });
        const error = await failure(connector, `${scheme}://${HOST}:${port}`);
        expect(error, addresses.join()).toBeInstanceOf(BlockedAddressError);
      }
    }
    expect(connections).toEqual([]);
  });

  it('names the blocked address to the operator, not in the message', async () => {
    const connector = connectorOf({ guard: publicOnly, lookup: answering('8.8.8.8', '10.0.0.1') });
    const error = await failure(connector, `https://${HOST}`);
    expect(error).toMatchObject({ address: '10.0.0.1' });
    expect(error.message).not.toContain('10.0.0.1');
  });

  it('judges each connection anew, so that a rebound name is refused', async () => {
    const guard = createAddressGuard({ allowedCidrs: ['127.0.0.1/32'] });
    const server = createHttpServer((_request, response) => {
      response.setHeader('connection', 'close').end('ok');
    });
    const port = await listen(server);
    const answers = ['127.0.0.1', '127.0.0.2'];
    const lookup = vi.fn(async () => [{ address: answers.shift() ?? 'none left' }]);
    const pool = poolOf(`http://${HOST}:${port}`, connectorOf({ guard, lookup }));

    const first = await pool.request({ method: 'POST', path: '/' });
    expect(await first.body.text()).toBe('ok');
    await expect(pool.request({ method: 'POST', path: '/' })).rejects.toBeInstanceOf(
      BlockedAddressError,
    );
    expect(lookup).toHaveBeenCalledTimes(2);
  });

  it('asks the connected socket who its peer is: 0.0.0.0 leads to 127.0.0.1', async () => {
    const { port, connected } = await startTcp();
    const guard = createAddressGuard({ allowedCidrs: ['0.0.0.0/32'] });
    const error = await failure(connectorOf({ guard }), `http://0.0.0.0:${port}`);
    expect(error).toMatchObject({ code: 'ANGARIUM_BLOCKED_ADDRESS', address: '127.0.0.1' });
    const peer = await connected;
    await closed(peer);
    expect(peer.bytesRead).toBe(0);
  });

  it('refuses the names of metadata services without a look-up', async () => {
    const connector = connectorOf({ lookup: unexpectedLookup });
    const error = await failure(connector, 'http://metadata.google.internal./');
    expect(error).toBeInstanceOf(BlockedAddressError);
  });

  it('refuses other schemes', async () => {
    expect(await failure(connectorOf({}), 'ftp://127.0.0.1')).toBeInstanceOf(TypeError);
  });
});

describe('connector, failures', () => {
  it('reports a name that does not resolve, with the cause', async () => {
    const cause = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    const error = await failure(
      connectorOf({ lookup: () => Promise.reject(cause) }),
      `http://${HOST}`,
    );
    expect(error).toBeInstanceOf(DnsError);
    expect(error).toMatchObject({ code: 'ANGARIUM_DNS', cause });
  });

  it('reports an empty answer as one that does not resolve', async () => {
    expect(await failure(connectorOf({ lookup: answering() }), `http://${HOST}`)).toBeInstanceOf(
      DnsError,
    );
  });

  it('reports a refused connection as Node does', async () => {
    const port = await freePort();
    expect(await failure(connectorOf({}), `http://127.0.0.1:${port}`)).toMatchObject({
      code: 'ECONNREFUSED',
    });
  });

  it('tries the next address where one does not connect', async () => {
    const { port } = await startTcp();
    const connector = connectorOf({ lookup: answering('::1', '127.0.0.1') });
    const socket = await open(connector, `http://${HOST}:${port}`);
    expect(socket.remoteAddress).toBe('127.0.0.1');
  });

  it('gives each address its share of the time that is left', async () => {
    const { port } = await startTcp();
    const clock = new ManualClock();
    clock.onSchedule = (delayMs, nth) => {
      if (nth === 2) clock.advance(delayMs);
    };
    const connector = connectorOf({ clock, lookup: answering('127.0.0.2', '127.0.0.1') });
    const socket = await open(connector, `http://${HOST}:${port}`);
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(clock.delaysMs).toEqual([TIMEOUT_MS, TIMEOUT_MS / 2, TIMEOUT_MS / 2]);
    expect(connectTimings(socket)?.connectMs).toBe(TIMEOUT_MS / 2);
  });

  it('ends a look-up that does not answer', async () => {
    const clock = new ManualClock();
    const lookup: Lookup = () => new Promise(() => {});
    const failing = failure(connectorOf({ clock, lookup }), `http://${HOST}`);
    clock.advance(TIMEOUT_MS);
    const error = await failing;
    expect(error).toBeInstanceOf(ConnectTimeoutError);
    expect(error).toMatchObject({ code: 'ANGARIUM_CONNECT_TIMEOUT' });
  });

  it('ends a TCP connection that does not come about', async () => {
    const { port } = await startTcp();
    const clock = new ManualClock();
    clock.onSchedule = (delayMs) => clock.advance(delayMs);
    const error = await failure(connectorOf({ clock }), `http://127.0.0.1:${port}`);
    expect(error).toBeInstanceOf(ConnectTimeoutError);
  });

  it('ends a stalled TLS handshake, and its socket', async () => {
    const { port, connected } = await startTcp();
    const clock = new ManualClock();
    clock.onSchedule = () => clock.advance(100);
    const failing = failure(connectorOf({ clock }), `https://127.0.0.1:${port}`);
    const peer = await connected;
    await once(peer, 'data');
    expect(clock.delaysMs).toEqual([TIMEOUT_MS, TIMEOUT_MS - 100]);
    clock.advance(TIMEOUT_MS - 100);
    expect(await failing).toBeInstanceOf(ConnectTimeoutError);
    await closed(peer);
  });

  it('gives up a look-up, a connection and a handshake that nobody waits for any more', async () => {
    const { port } = await startTcp();
    const { port: tlsPort, connected } = await startTcp();
    const clock = new ManualClock();
    const connector = connectorOf({ clock, lookup: () => new Promise(() => {}) });
    const abandoned = async (url: string, until: () => Promise<unknown>) => {
      const { protocol, hostname, port: ofUrl } = new URL(url);
      const abort = new AbortController();
      const failing = new Promise<Error | null>((resolve) => {
        connector(
          { protocol, hostname, port: ofUrl },
          (...[error]) => resolve(error),
          abort.signal,
        );
      });
      await until();
      abort.abort();
      expect(await failing).toBeInstanceOf(ConnectAbortedError);
      expect(clock.pending).toBe(0);
    };
    await abandoned(`http://${HOST}:${port}`, () => Promise.resolve());
    await abandoned(`http://127.0.0.1:${port}`, () => Promise.resolve());
    await abandoned(`https://127.0.0.1:${tlsPort}`, async () => once(await connected, 'data'));
    await closed(await connected);
  });

  it.each(['http', 'https'])('reports a connection that is gone at once (%s)', async (scheme) => {
    const { port } = await startTcp();
    onEachClientSocket((socket) => socket.once('connect', () => socket.destroy()));
    const error = await failure(connectorOf({}), `${scheme}://127.0.0.1:${port}`);
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('hands over no socket that is gone by then', async () => {
    const { port } = await startTcp();
    const sockets: Socket[] = [];
    onEachClientSocket((socket) => sockets.push(socket));
    const guard: AddressGuard = {
      allowsPrivate: true,
      judge(address) {
        for (const socket of sockets) socket.destroy();
        return loopback.judge(address);
      },
    };
    const error = await failure(connectorOf({ guard }), `http://127.0.0.1:${port}`);
    expect(error).toBeInstanceOf(ConnectionLostError);
  });

  it('tries no other address after a blocked peer', async () => {
    const { port } = await startTcp();
    const sockets: Socket[] = [];
    onEachClientSocket((socket) => sockets.push(socket));
    const guard = createAddressGuard({ allowedCidrs: ['0.0.0.0/32'] });
    const connector = connectorOf({ guard, lookup: answering('0.0.0.0', '0.0.0.0') });
    const error = await failure(connector, `http://${HOST}:${port}`);
    expect(error).toBeInstanceOf(BlockedAddressError);
    expect(sockets).toHaveLength(1);
  });

  it('ends the socket where the handshake cannot even begin', async () => {
    const { port, connected } = await startTcp();
    const connector = connectorOf({ lookup: answering('127.0.0.1') });
    const hostname = '127.0.0.1.'; // no literal to Node, and no server name either
    await failure(connector, `https://${HOST}:${port}`, { hostname });
    await closed(await connected);
  });

  it('leaves no timer behind', async () => {
    const { port } = await startTls();
    const clock = new ManualClock();
    const connector = connectorOf({
      clock,
      lookup: answering('127.0.0.1'),
      tls: { ca: certificate.cert },
    });
    await open(connector, `https://${HOST}:${port}`);
    expect(clock.delaysMs).toHaveLength(3);
    expect(clock.pending).toBe(0);
  });
});

describe('connector, TLS', () => {
  const trusting = { lookup: answering('127.0.0.1'), tls: { ca: certificate.cert } };

  it('sends the name as SNI, verifies the certificate for it, and asks for HTTP/1.1 alone', async () => {
    const { port, accepted } = await startTls({ ALPNProtocols: ['h2', 'http/1.1'] });
    const socket = await open(connectorOf(trusting), `https://${HOST}:${port}`);
    expect(socket).toMatchObject({ authorized: true, alpnProtocol: 'http/1.1' });
    expect(await accepted).toMatchObject({ servername: HOST, alpnProtocol: 'http/1.1' });
  });

  it('leaves the dot of an absolute name out of SNI', async () => {
    const { port, accepted } = await startTls();
    await open(connectorOf(trusting), `https://${HOST}.:${port}`);
    expect(await accepted).toMatchObject({ servername: HOST });
  });

  it('sends no SNI to a literal address, and verifies the certificate for the address', async () => {
    const { port, accepted } = await startTls();
    const socket = await open(connectorOf(trusting), `https://127.0.0.1:${port}`);
    expect(socket).toMatchObject({ authorized: true });
    expect(await accepted).toMatchObject({ servername: false });
  });

  it('refuses a certificate for another name', async () => {
    const other = createCertificate(['other.test']);
    const { port } = await startTls(other);
    const connector = connectorOf({ ...trusting, tls: { ca: other.cert } });
    const error = await failure(connector, `https://${HOST}:${port}`);
    expect(error).toBeInstanceOf(TlsError);
    expect(error).toMatchObject({
      code: 'ANGARIUM_TLS',
      cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
  });

  it('refuses a certificate that names the host, but not the literal address', async () => {
    const named = createCertificate([HOST]);
    const { port } = await startTls(named);
    const connector = connectorOf({ tls: { ca: named.cert } });
    const error = await failure(connector, `https://127.0.0.1:${port}`);
    expect(error).toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
  });

  it('refuses a certificate that nobody vouches for, whatever the environment says', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const { port } = await startTls();
    const error = await failure(connectorOf({ ...trusting, tls: {} }), `https://${HOST}:${port}`);
    expect(error).toMatchObject({
      code: 'ANGARIUM_TLS',
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
  });

  it('verifies for the host of the URL, not for the server name that undici takes from a Host header', async () => {
    const other = createCertificate(['other.test']);
    const { port } = await startTls(other);
    const connector = connectorOf({ ...trusting, tls: { ca: other.cert } });
    const error = await failure(connector, `https://${HOST}:${port}`, { servername: 'other.test' });
    expect(error).toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
  });

  it('refuses TLS 1.1', async () => {
    const { port } = await startTls({
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const error = await failure(connectorOf(trusting), `https://${HOST}:${port}`);
    expect(error).toMatchObject({
      code: 'ANGARIUM_TLS',
      cause: { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' },
    });
  });

  it('speaks TLS 1.2', async () => {
    const { port } = await startTls({ maxVersion: 'TLSv1.2' });
    const socket = await open(connectorOf(trusting), `https://${HOST}:${port}`);
    expect(socket).toMatchObject({ authorized: true });
  });

  it('reports a server that does not speak TLS', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.end('SSH-2.0-OpenSSH_9.6\r\n');
    });
    const port = await listen(server);
    expect(await failure(connectorOf(trusting), `https://${HOST}:${port}`)).toBeInstanceOf(
      TlsError,
    );
  });

  it("presents the client's certificate", async () => {
    const client = createCertificate(['client.test']);
    const { port, accepted } = await startTls({ requestCert: true, ca: client.cert });
    await open(
      connectorOf({ ...trusting, tls: { ca: certificate.cert, ...client } }),
      `https://${HOST}:${port}`,
    );
    expect(await accepted).toMatchObject({ authorized: true });
  });

  it('throws at once on a key that is not of the certificate', () => {
    const { key } = createCertificate(['client.test']);
    expect(() => connectorOf({ tls: { cert: certificate.cert, key } })).toThrow();
  });
});

describe('connectTimings', () => {
  it('tells the milliseconds of each step', async () => {
    const clock = new ManualClock();
    const { port } = await startTls({
      SNICallback: (_name, done) => {
        clock.advance(30);
        done(null);
      },
    });
    const lookup: Lookup = async () => {
      clock.advance(12);
      return [{ address: '127.0.0.1' }];
    };
    const connector = connectorOf({ clock, lookup, tls: { ca: certificate.cert } });
    const socket = await open(connector, `https://${HOST}:${port}`);
    expect(connectTimings(socket)).toEqual({ dnsMs: 12, connectMs: 0, tlsMs: 30 });
  });

  it('has null for the steps that did not happen', async () => {
    const { port } = await startTcp();
    const socket = await open(
      connectorOf({ clock: new ManualClock() }),
      `http://127.0.0.1:${port}`,
    );
    expect(connectTimings(socket)).toEqual({ dnsMs: null, connectMs: 0, tlsMs: null });
  });

  it('knows only sockets of a connector', () => {
    expect(connectTimings(new Socket())).toBeUndefined();
  });
});

describe('connector under undici', () => {
  it('serves a Pool over TLS, with the host of the URL in the Host header', async () => {
    const server = createHttpsServer(certificate, (request, response) => {
      response.end(`${request.headers.host} ${request.httpVersion}`);
    });
    const port = await listen(server);
    const connector = connectorOf({
      lookup: answering('127.0.0.1'),
      tls: { ca: certificate.cert },
    });
    const pool = poolOf(`https://${HOST}:${port}`, connector);
    const response = await pool.request({ method: 'POST', path: '/', body: 'hello' });
    expect(await response.body.text()).toBe(`${HOST}:${port} 1.1`);
  });

  it('gives its errors to the request', async () => {
    const blocked = poolOf('http://[::1]:1', connectorOf({ guard: publicOnly }));
    await expect(blocked.request({ method: 'GET', path: '/' })).rejects.toBeInstanceOf(
      BlockedAddressError,
    );
    const { port } = await startTls(createCertificate(['other.test']));
    const untrusted = poolOf(`https://127.0.0.1:${port}`, connectorOf({}));
    await expect(untrusted.request({ method: 'GET', path: '/' })).rejects.toBeInstanceOf(TlsError);
  });
});

/** Time that stands still until it is moved. */
class ManualClock implements Clock {
  readonly delaysMs: number[] = [];
  onSchedule: (delayMs: number, nth: number) => void = () => {};
  #nowMs = 0;
  readonly #timers = new Map<Timer, { dueMs: number; callback: () => void }>();

  get pending(): number {
    return this.#timers.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const timer: Timer = { cancel: () => void this.#timers.delete(timer) };
    this.#timers.set(timer, { dueMs: this.#nowMs + delayMs, callback });
    const nth = this.delaysMs.push(delayMs);
    queueMicrotask(() => this.onSchedule(delayMs, nth));
    return timer;
  }

  soon(callback: () => void): void {
    this.schedule(0, callback);
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    for (const [timer, { dueMs, callback }] of this.#timers) {
      if (dueMs > this.#nowMs) continue;
      this.#timers.delete(timer);
      callback();
    }
  }
}

function connectorOf(options: Partial<ConnectorOptions>): Connector {
  return createConnector({
    guard: loopback,
    timeoutMs: TIMEOUT_MS,
    lookup: unexpectedLookup,
    clock: new ManualClock(),
    ...options,
  });
}

function answering(...addresses: readonly string[]): Lookup {
  return async () => addresses.map((address) => ({ address }));
}

async function unexpectedLookup(): Promise<never> {
  throw new Error('nobody should look this up');
}

/** Connects as undici would: the host without brackets, an empty port for the scheme's own. */
function open(
  connector: buildConnector.connector,
  url: string,
  more: Partial<buildConnector.Options> = {},
): Promise<Socket> {
  const { protocol, host, hostname, port } = new URL(url);
  const target = { protocol, host, hostname: hostname.replace(/^\[(.*)\]$/, '$1'), port, ...more };
  return new Promise((resolve, reject) => {
    connector(target, (error, socket) => {
      if (socket === null) {
        reject(error ?? new Error('neither socket nor error'));
        return;
      }
      onTestFinished(() => void socket.destroy());
      resolve(socket);
    });
  });
}

async function failure(...call: Parameters<typeof open>): Promise<Error> {
  try {
    await open(...call);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('the connection was opened');
}

function onEachClientSocket(listener: (socket: Socket) => void): void {
  const sockets = channel('net.client.socket');
  const subscriber = (message: unknown) => listener((message as { socket: Socket }).socket);
  sockets.subscribe(subscriber);
  onTestFinished(() => {
    sockets.unsubscribe(subscriber);
  });
}

function poolOf(origin: string, connect: buildConnector.connector): Pool {
  const pool = new Pool(origin, { connect, allowH2: false });
  onTestFinished(() => pool.destroy());
  return pool;
}

/** A server that accepts and says nothing; `connected` is the first connection. */
async function startTcp(): Promise<{
  port: number;
  connected: Promise<Socket>;
  connections: readonly Socket[];
}> {
  const connections: Socket[] = [];
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.resume();
    connections.push(socket);
  });
  const connected = new Promise<Socket>((resolve) => {
    server.once('connection', resolve);
  });
  return { port: await listen(server), connected, connections };
}

async function startTls(
  options: TlsOptions = {},
  address = '127.0.0.1',
): Promise<{ port: number; accepted: Promise<TLSSocket> }> {
  const server = createTlsServer({ ...certificate, ...options });
  const accepted = new Promise<TLSSocket>((resolve) => {
    server.once('secureConnection', (socket) => {
      socket.on('error', () => {});
      resolve(socket);
    });
  });
  server.on('tlsClientError', () => {});
  return { port: await listen(server, address), accepted };
}

async function listen(server: Server, address = '127.0.0.1'): Promise<number> {
  const connections = new Set<Socket>();
  server.on('connection', (socket) => connections.add(socket));
  server.listen(0, address);
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of connections) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.destroyed) await once(socket, 'close');
}
