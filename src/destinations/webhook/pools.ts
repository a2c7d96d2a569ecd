/**
 * Connections to receivers, kept and shared by origin and credential: those of one credential never carry another's
 * messages, whether it is the connection's own (a client certificate) or stands in the headers.
 */
import type { Clock, Timer } from '../../domain/clock.ts';
import { createConnector } from '../connector.ts';
import type { Connector, TlsIdentity } from '../connector.ts';
import { Connection } from './connection.ts';
import type { ConnectionOwner, Way } from './connection.ts';
import type { WebhookOptions } from './options.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const SWEEP_MS = 60_000;

/** What a pool of connections is for. */
export interface Channel {
  /** Of the pool: origin and credential. */
  readonly key: string;
  readonly origin: string;
  readonly connector: Connector;
  readonly showsCertificate: boolean;
}

export class WebhookPools {
  readonly #options: WebhookOptions;
  readonly #clock: Clock;
  /** For all that need no other: a TLS context of its own would cost each origin 24 KB. */
  readonly #connector: Connector;
  readonly #pools = new Map<string, OriginPool>();
  #sweeper: Timer | null = null;
  #isClosed = false;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#connector = this.#createConnector({});
  }

  /**
   * The way to an origin with a credential, `''` for none; `tls` where its connections differ from others.
   *
   * @throws Error of OpenSSL where `tls` cannot be used.
   */
  channel(origin: string, credential: string, tls: TlsIdentity | null): Channel {
    return {
      key: credential === '' ? origin : `${origin} ${credential}`,
      origin,
      connector: tls === null ? this.#connector : this.#createConnector(tls),
      showsCertificate: tls?.cert !== undefined && origin.startsWith('https:'),
    };
  }

  /** Ask anew for each message: a pool that nobody used for a while is gone. */
  pool(channel: Channel): OriginPool {
    const { key } = channel;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new OriginPool(channel);
      if (this.#isClosed) {
        void pool.destroy();
        return pool;
      }
      this.#pools.set(key, pool);
      this.#sweeper ??= this.#clock.schedule(SWEEP_MS, () => this.#sweep());
    }
    pool.isUsed = true;
    return pool;
  }

  /** For good: what is sent afterwards fails. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sweeper?.cancel();
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #createConnector(tls: TlsIdentity): Connector {
    const { guard, clock, lookup, ca } = this.#options;
    return createConnector({
      guard,
      clock,
      timeoutMs: CONNECT_TIMEOUT_MS,
      ...(lookup === undefined ? {} : { lookup }),
      tls: { ...tls, ca: tls.ca ?? ca },
    });
  }

  #sweep(): void {
    this.#sweeper = null;
    for (const [key, pool] of this.#pools) {
      if (!pool.isUsed && pool.isIdle) {
        this.#pools.delete(key);
        void pool.destroy();
      }
      pool.isUsed = false;
    }
    if (this.#pools.size > 0) this.#sweeper = this.#clock.schedule(SWEEP_MS, () => this.#sweep());
  }
}

/**
 * How many connections at a time is the lanes' business: one destination's hanging requests take no connection from
 * another. The one that was used last is used next, so that those of a burst come to rest and are closed.
 */
export class OriginPool implements ConnectionOwner {
  readonly #way: Way;
  readonly #connections = new Set<Connection>();
  readonly #idle: Connection[] = [];
  #isDestroyed = false;
  /** Since the last sweep. */
  isUsed = true;

  constructor({ origin, connector, showsCertificate }: Channel) {
    this.#way = { origin: new URL(origin), connector, showsCertificate };
  }

  get isIdle(): boolean {
    return this.#connections.size === this.#idle.length;
  }

  /** A kept connection, else a new one. */
  take(): Connection {
    const kept = this.#idle.pop();
    if (kept === undefined) return this.takeNew();
    kept.isIdle = false;
    return kept;
  }

  takeNew(): Connection {
    const connection = new Connection(this.#way, this);
    if (this.#isDestroyed) void connection.destroy();
    else this.#connections.add(connection);
    return connection;
  }

  free(connection: Connection): void {
    if (connection.isIdle || !this.#connections.has(connection)) return;
    connection.isIdle = true;
    this.#idle.push(connection);
  }

  gone(connection: Connection): void {
    this.#connections.delete(connection);
    if (!connection.isIdle) return;
    connection.isIdle = false;
    this.#idle.splice(this.#idle.indexOf(connection), 1);
  }

  async destroy(): Promise<void> {
    this.#isDestroyed = true;
    await Promise.all([...this.#connections].map((connection) => connection.destroy()));
  }
}
