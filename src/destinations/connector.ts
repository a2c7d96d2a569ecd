/**
 * Opens the connections of outgoing requests, to vetted addresses only.
 *
 * A name that was harmless when the destination was written may resolve to 10.0.0.1 now (DNS
 * rebinding). So each connection resolves the name once, judges every address of the answer, and
 * connects to one of those very addresses: there is no second look-up between the check and the
 * use. Literal addresses take the same way (Node skips a custom `lookup` for them), and the socket
 * is asked once more who its peer is, before a byte is sent. Proxies from the environment play no
 * part.
 */
import { lookup as lookupAddresses } from 'node:dns/promises';
import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { buildConnector } from 'undici';

import { systemClock, type Clock } from '../domain/clock.ts';
import { isMetadataName, type AddressGuard } from './address-guard.ts';

const KEEP_ALIVE_PROBE_AFTER_MS = 60_000;
const NEVER_ABORTED = new AbortController().signal;

/** Resolves a host name to all its addresses, in the order in which they are to be tried. */
export type Lookup = (hostname: string) => Promise<readonly { readonly address: string }[]>;

/** PEM. */
export interface TlsIdentity {
  /** Trusted instead of the public authorities. */
  readonly ca?: string | undefined;
  /** The client's own, for mutual TLS. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** As undici takes it; the signal gives up a connection that is still being opened. */
export type Connector = (
  options: Pick<buildConnector.Options, 'protocol' | 'hostname' | 'port'>,
  callback: buildConnector.Callback,
  signal?: AbortSignal,
) => void;

export interface ConnectorOptions {
  readonly guard: AddressGuard;
  /** For DNS, TCP and TLS together. */
  readonly timeoutMs: number;
  readonly tls?: TlsIdentity;
  /** Default: the system's resolver, addresses in the order in which it gives them. */
  readonly lookup?: Lookup;
  readonly clock?: Clock;
}

/**
 * Milliseconds, not rounded; `null` for a step that did not happen: DNS of a literal address, TLS
 * of plain http.
 */
export interface ConnectTimings {
  readonly dnsMs: number | null;
  /** With the addresses that were tried in vain. */
  readonly connectMs: number;
  readonly tlsMs: number | null;
}

/** The host, or an address that it resolves to, may not be delivered to; or not by plain http. */
export class BlockedAddressError extends Error {
  override readonly name = 'BlockedAddressError';
  readonly code = 'ANGARIUM_BLOCKED_ADDRESS';
  /** For the operator's eyes: a tenant could map the network with it. */
  readonly address: string;

  constructor(address: string) {
    super('the address may not be delivered to');
    this.address = address;
  }
}

/** DNS, TCP and TLS together took longer than `timeoutMs`. */
export class ConnectTimeoutError extends Error {
  override readonly name = 'ConnectTimeoutError';
  readonly code = 'ANGARIUM_CONNECT_TIMEOUT';

  constructor() {
    super('the connection was not open in time');
  }
}

/** Whoever wanted the connection wants it no more. */
export class ConnectAbortedError extends Error {
  override readonly name = 'ConnectAbortedError';
  readonly code = 'ANGARIUM_CONNECT_ABORTED';

  constructor() {
    super('the connection is not wanted any more');
  }
}

/**
 * The name did not resolve; `cause` is the resolver's error, and missing where the answer was
 * empty.
 */
export class DnsError extends Error {
  override readonly name = 'DnsError';
  readonly code = 'ANGARIUM_DNS';

  constructor(options?: ErrorOptions) {
    super('the host name did not resolve', options);
  }
}

/** The handshake failed, or the certificate is not good for the host; `cause` is Node's error. */
export class TlsError extends Error {
  override readonly name = 'TlsError';
  readonly code = 'ANGARIUM_TLS';

  constructor(options: ErrorOptions) {
    super('the TLS handshake failed', options);
  }
}

/** The connection was open and is gone before anybody could use it. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
  readonly code = 'ECONNRESET';

  constructor() {
    super('the connection was closed at once');
  }
}

const timingsOfSockets = new WeakMap<Socket, ConnectTimings>();

/** How long it took to open this socket, where a connector of this file did. */
export function connectTimings(socket: Socket): ConnectTimings | undefined {
  return timingsOfSockets.get(socket);
}

/**
 * A connector for undici: `new Pool(origin, { connect: createConnector({ guard, timeoutMs }) })`.
 *
 * The whole answer of the resolver must be fit for delivery: one blocked address in it refuses the
 * connection, as a name that mixes public and private addresses is either an attack or a mistake.
 * Plain http takes only the `allowed_private` ones. The addresses are tried one after the other,
 * each for its share of the time that is left; after TCP has connected there is no other try. TLS
 * is 1.2 or newer, ALPN offers `http/1.1` alone, and SNI and the certificate check use the host of
 * the URL: not a `Host` header, and not `NODE_TLS_REJECT_UNAUTHORIZED`.
 *
 * Calls back with `BlockedAddressError`, `DnsError`, `ConnectTimeoutError`, `ConnectAbortedError`,
 * `TlsError`, or Node's error of the last address (`ECONNREFUSED`, ...). No socket outlives a
 * failure.
 *
 * @throws Error of OpenSSL where `tls` does not parse, or the key is not the certificate's.
 */
export function createConnector({
  guard,
  timeoutMs,
  tls = {},
  lookup = lookupAll,
  clock = systemClock,
}: ConnectorOptions): Connector {
  const { ca, cert, key } = tls;
  const secureContext = createSecureContext({ minVersion: 'TLSv1.2', ca, cert, key });
  return (target, callback, signal = NEVER_ABORTED) => {
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    const opening = { target, guard, lookup, clock, deadlineMs, secureContext, signal };
    void report(open(opening), callback);
  };
}

interface Opening {
  readonly target: Pick<buildConnector.Options, 'protocol' | 'hostname' | 'port'>;
  readonly guard: AddressGuard;
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly secureContext: SecureContext;
  readonly signal: AbortSignal;
}

async function report(opening: Promise<Socket>, callback: buildConnector.Callback): Promise<void> {
  let socket: Socket;
  try {
    socket = await opening;
  } catch (error) {
    callback(error instanceof Error ? error : new Error(String(error)), null);
    return;
  }
  callback(null, socket);
}

async function open(opening: Opening): Promise<Socket> {
  const { target, clock } = opening;
  const secure = isSecure(target);
  const literal = isIP(target.hostname) !== 0;
  const startMs = clock.monotonicMs();
  const addresses = vet(literal ? [target.hostname] : await resolve(opening), opening);
  const resolvedMs = clock.monotonicMs();
  const tcpSocket = await connectToFirst(addresses, opening);
  const connectedMs = clock.monotonicMs();
  const socket = secure
    ? await orDestroy(tcpSocket, () => startTls(tcpSocket, opening))
    : tcpSocket;
  if (socket.destroyed) throw new ConnectionLostError();
  timingsOfSockets.set(socket, {
    dnsMs: literal ? null : resolvedMs - startMs,
    connectMs: connectedMs - resolvedMs,
    tlsMs: secure ? clock.monotonicMs() - connectedMs : null,
  });
  return socket;
}

async function resolve(opening: Opening): Promise<string[]> {
  const { target, lookup, clock, deadlineMs } = opening;
  const { hostname } = target;
  if (isMetadataName(hostname)) throw new BlockedAddressError(hostname);
  const answer = lookup(hostname).catch((cause: unknown) => {
    throw new DnsError({ cause });
  });
  const found = await within(deadlineMs - clock.monotonicMs(), answer, opening);
  if (found.length === 0) throw new DnsError();
  return found.map(({ address }) => address);
}

async function lookupAll(hostname: string): Promise<readonly { readonly address: string }[]> {
  return lookupAddresses(hostname, { all: true, order: 'verbatim' });
}

/** Those of the addresses that may be connected to: at least one. */
function vet(addresses: readonly string[], opening: Opening): string[] {
  const blocked = addresses.find((address) => opening.guard.judge(address) === 'blocked');
  if (blocked !== undefined) throw new BlockedAddressError(blocked);
  const fit = addresses.filter((address) => isFit(address, opening));
  if (fit.length === 0) throw new BlockedAddressError(addresses[0] ?? opening.target.hostname);
  return fit;
}

function isFit(address: string, { target, guard }: Opening): boolean {
  const judgement = guard.judge(address);
  return isSecure(target) ? judgement !== 'blocked' : judgement === 'allowed_private';
}

function isSecure({ protocol }: Opening['target']): boolean {
  if (protocol === 'https:') return true;
  if (protocol === 'http:') return false;
  throw new TypeError('only http and https are connected to');
}

async function connectToFirst(addresses: readonly string[], opening: Opening): Promise<Socket> {
  let lastError: unknown;
  for (const [index, address] of addresses.entries()) {
    const leftMs = opening.deadlineMs - opening.clock.monotonicMs();
    try {
      return await connectTo(address, leftMs / (addresses.length - index), opening);
    } catch (error) {
      if (error instanceof BlockedAddressError || opening.signal.aborted) throw error;
      lastError = error;
    }
  }
  throw lastError;
}

async function connectTo(address: string, limitMs: number, opening: Opening): Promise<Socket> {
  const { target } = opening;
  const socket = connectTcp({
    host: address,
    port: Number(target.port || (isSecure(target) ? 443 : 80)),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_PROBE_AFTER_MS,
  });
  return orDestroy(socket, async () => {
    await within(limitMs, once(socket, 'connect'), opening);
    if (socket.remoteAddress === undefined) throw new ConnectionLostError();
    if (!isFit(socket.remoteAddress, opening)) throw new BlockedAddressError(socket.remoteAddress);
    return socket;
  });
}

async function startTls(tcpSocket: Socket, opening: Opening): Promise<Socket> {
  const { target, clock, deadlineMs, secureContext } = opening;
  const socket = connectTls({
    socket: tcpSocket,
    host: target.hostname,
    servername: isIP(target.hostname) === 0 ? target.hostname.replace(/\.$/, '') : '',
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
    secureContext,
  });
  const handshake = once(socket, 'secureConnect').catch((cause: unknown) => {
    throw new TlsError({ cause });
  });
  await orDestroy(socket, () => within(deadlineMs - clock.monotonicMs(), handshake, opening));
  return socket;
}

/**
 * Takes a step with a socket that does not outlive the step's failure. Errors that come later are
 * ignored here: undici listens too, once it has the socket.
 */
async function orDestroy<T>(socket: Socket, step: () => Promise<T>): Promise<T> {
  socket.on('error', () => {});
  try {
    return await step();
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/**
 * The value of the work, or a `ConnectTimeoutError` after the limit, or a `ConnectAbortedError`; what
 * the work comes to after that is nobody's concern.
 */
function within<T>(
  limitMs: number,
  work: Promise<T>,
  { clock, signal }: Pick<Opening, 'clock' | 'signal'>,
): Promise<T> {
  return new Promise((fulfil, reject) => {
    const give = (error: Error) => {
      done();
      reject(error);
    };
    const abort = () => give(new ConnectAbortedError());
    const timer = clock.schedule(limitMs, () => give(new ConnectTimeoutError()));
    const done = () => {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    };
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    void work.then(fulfil, reject).finally(done);
  });
}
