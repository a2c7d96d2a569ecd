/**
 * Connections to receivers, kept and shared by origin. Destinations with credentials of the connection itself (client
 * certificates) get pools of their own, so that no connection crosses credentials.
 */
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import type { Timer } from '../../domain/clock.ts';
import { connectTimings, createConnector } from '../connector.ts';
import type { ConnectTimings } from '../connector.ts';
import type { WebhookOptions } from './options.ts';

/** How long an unused connection is kept, unless the receiver says otherwise. */
const KEEP_ALIVE_MS = 20_000;
const CONNECT_TIMEOUT_MS = 10_000;
const SWEEP_MS = 60_000;
/** Of a receiver's answer; more is `response_too_large`. */
const MAX_RESPONSE_HEADER_BYTES = 16 * 1024;

export class WebhookPools {
  readonly #options: WebhookOptions;
  readonly #pools = new Map<string, OriginPool>();
  #sweeper: Timer | null = null;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /** Ask anew for each message: a pool that nobody used for a while is gone. */
  pool(origin: string): OriginPool {
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      pool = new OriginPool(origin, this.#options);
      this.#pools.set(origin, pool);
      this.#sweeper ??= this.#options.clock.schedule(SWEEP_MS, () => this.#sweep());
    }
    pool.isUsed = true;
    return pool;
  }

  async close(): Promise<void> {
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
    if (this.#pools.size > 0)
      this.#sweeper = this.#options.clock.schedule(SWEEP_MS, () => this.#sweep());
  }
}

export class OriginPool {
  readonly #pool: Pool;
  #fresh: ConnectTimings | null = null;
  /** Since the last sweep. */
  isUsed = true;

  constructor(origin: string, { guard, clock, lookup, ca }: WebhookOptions) {
    const connect = createConnector({
      guard,
      clock,
      timeoutMs: CONNECT_TIMEOUT_MS,
      ...(lookup === undefined ? {} : { lookup }),
      ...(ca === undefined ? {} : { tls: { ca } }),
    });
    this.#pool = new Pool(origin, {
      // How many at a time is the lanes' business: one destination's hanging requests take no connection from another.
      connections: null,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Each attempt has one deadline of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
      connect: (options, callback) => {
        connect(options, (...[error, socket]) => {
          if (error !== null) {
            callback(error, null);
            return;
          }
          this.#fresh = connectTimings(socket) ?? null;
          callback(null, socket);
        });
      },
    });
  }

  get isIdle(): boolean {
    return this.#pool.stats.size === 0;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(options, handler);
  }

  /**
   * The timings of a connection that was just opened; once, for the first request on it: undici starts that request
   * in the very call that hands the connection over.
   */
  takeFreshTimings(): ConnectTimings | null {
    const timings = this.#fresh;
    this.#fresh = null;
    return timings;
  }

  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }
}
