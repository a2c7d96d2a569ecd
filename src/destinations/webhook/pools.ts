/**
 * Connections to receivers, kept and shared by origin. Destinations with credentials of the connection itself (client
 * certificates) get pools of their own, so that no connection crosses credentials.
 */
import type { buildConnector } from 'undici';
import type { Clock, Timer } from '../../domain/clock.ts';
import { createConnector } from '../connector.ts';
import { Connection } from './connection.ts';
import type { ConnectionOwner } from './connection.ts';
import type { WebhookOptions } from './options.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const SWEEP_MS = 60_000;

export class WebhookPools {
  readonly #clock: Clock;
  /** For all pools: a TLS context of its own would cost each origin 24 KB. */
  readonly #connector: buildConnector.connector;
  readonly #pools = new Map<string, OriginPool>();
  #sweeper: Timer | null = null;
  #isClosed = false;

  constructor({ guard, clock, lookup, ca }: WebhookOptions) {
    this.#clock = clock;
    this.#connector = createConnector({
      guard,
      clock,
      timeoutMs: CONNECT_TIMEOUT_MS,
      ...(lookup === undefined ? {} : { lookup }),
      ...(ca === undefined ? {} : { tls: { ca } }),
    });
  }

  /** Ask anew for each message: a pool that nobody used for a while is gone. */
  pool(origin: string): OriginPool {
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      pool = new OriginPool(origin, this.#connector);
      if (this.#isClosed) {
        void pool.destroy();
        return pool;
      }
      this.#pools.set(origin, pool);
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

  #sweep(): void {
    this.#sweeper = null;
    for (const [origin, pool] of this.#pools) {
      if (!pool.isUsed && pool.isIdle) {
        this.#pools.delete(origin);
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
  readonly #origin: URL;
  readonly #connector: buildConnector.connector;
  readonly #connections = new Set<Connection>();
  readonly #idle: Connection[] = [];
  #isDestroyed = false;
  /** Since the last sweep. */
  isUsed = true;

  constructor(origin: string, connector: buildConnector.connector) {
    this.#origin = new URL(origin);
    this.#connector = connector;
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
    const connection = new Connection(this.#origin, this.#connector, this);
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
