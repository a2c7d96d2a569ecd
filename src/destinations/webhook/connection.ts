/**
 * One connection to a receiver, and one message on it at a time: an undici client that connects once. undici would
 * connect again by itself, and then nobody could tell whether a message went out on a kept connection or a new one, or
 * give up one that is still being opened.
 */
import type { buildConnector, Client as UndiciClient, Dispatcher } from 'undici';
import { ConnectionLostError, connectTimings, TlsError } from '../connector.ts';
import type { Connector, ConnectTimings } from '../connector.ts';
import { isLostConnection } from './failure.ts';
import { Client } from './undici.ts';

/** How long an unused connection is kept, unless the receiver says otherwise. */
const KEEP_ALIVE_MS = 20_000;
/** Of a receiver's answer; more is `response_too_large`. */
const MAX_RESPONSE_HEADER_BYTES = 16 * 1024;

const CLIENT_OPTIONS: UndiciClient.Options = {
  pipelining: 1,
  allowH2: false,
  keepAliveTimeout: KEEP_ALIVE_MS,
  // Each attempt has one deadline of its own.
  headersTimeout: 0,
  bodyTimeout: 0,
  maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
};

export interface ConnectionOwner {
  /** The connection can take the next message. */
  free(connection: Connection): void;
  /** The connection is closed, or never came about. */
  gone(connection: Connection): void;
}

/** The kept connection was closed before the message was written to it. */
class ConnectionGoneError extends Error {
  override readonly name = 'ConnectionGoneError';
  readonly code = 'ECONNRESET';

  constructor() {
    super('the connection was closed before it was used');
  }
}

/** Where a connection leads. */
export interface Way {
  readonly origin: URL;
  readonly connector: Connector;
  /** Its TLS shows a client certificate, where the receiver asks for one. */
  readonly showsCertificate: boolean;
}

export class Connection {
  readonly #client: UndiciClient;
  readonly #owner: ConnectionOwner;
  readonly #showsCertificate: boolean;
  #connector: Connector | null;
  readonly #givenUp = new AbortController();
  #opening: ConnectTimings | null = null;
  #alert: Error | null = null;
  /** The receiver gave a session ticket: it is content with the handshake. */
  #isConfirmed = false;
  #messages = 0;
  /** Kept for the next message: its owner's mark. */
  isIdle = false;

  /** Connects when the first message comes. */
  constructor({ origin, connector, showsCertificate }: Way, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#showsCertificate = showsCertificate;
    this.#connector = connector;
    this.#client = new Client(origin, {
      ...CLIENT_OPTIONS,
      connect: (options, callback) => this.#connect(options, callback),
    });
    this.#client.on('disconnect', () => owner.gone(this));
    this.#client.on('connectionError', () => owner.gone(this));
  }

  /** Whether the message now on it, or the last one, found it open. */
  get isReused(): boolean {
    return this.#messages > 1;
  }

  /** How long it took to open; `null` until then. */
  get opening(): ConnectTimings | null {
    return this.#opening;
  }

  /**
   * Why a message failed, where TLS explains it better than the error does. With TLS 1.3 a receiver looks at the client's
   * certificate when our part of the handshake is over. If it refuses that, it says so in an alert, which undici forgets
   * over the end of the connection that follows; or it closes without a word, as Node's server does. Then no session
   * ticket came, which else is the first thing that a receiver sends.
   */
  explained(error: Error, answerBegan: boolean): Error {
    if (this.#alert !== null) return this.#alert;
    const isSilent = !this.#isConfirmed && !this.isReused && !answerBegan;
    const wasOpen = this.#opening !== null || error instanceof ConnectionLostError;
    return this.#showsCertificate && isSilent && wasOpen && isLostConnection(error)
      ? new TlsError({ cause: new ConnectionLostError() })
      : error;
  }

  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#messages++;
    this.#client.dispatch(request, handler);
  }

  /** The answer was read: the next message may come. undici holds it back until it knows that the connection still stands. */
  rest(): void {
    this.#owner.free(this);
  }

  /** Closes it at once; what is under way on it fails, what was not sent yet never will be. Resolves when it is closed. */
  async destroy(): Promise<void> {
    this.#owner.gone(this);
    this.#givenUp.abort();
    await this.#client.destroy();
  }

  #connect(options: buildConnector.Options, callback: buildConnector.Callback): void {
    const connector = this.#connector;
    if (connector === null) {
      queueMicrotask(() => callback(new ConnectionGoneError(), null));
      return;
    }
    this.#connector = null;
    const opened: buildConnector.Callback = (...[error, socket]) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      this.#opening = connectTimings(socket) ?? null;
      if (this.#showsCertificate) socket.once('session', () => (this.#isConfirmed = true));
      socket.on('error', (fault: NodeJS.ErrnoException) => {
        if (fault.code?.startsWith('ERR_SSL_') === true) this.#alert ??= fault;
      });
      callback(null, socket);
    };
    connector(options, opened, this.#givenUp.signal);
  }
}
