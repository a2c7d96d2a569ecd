/**
 * Hears of commits in the application's database, so that the relay need not wait for its next look. Nothing rests on it:
 * what it misses, as behind a pooler in transaction mode, the relay finds by itself.
 */
import pg from 'pg';
import type { Clock } from '../domain/clock.ts';
import type { OutboxPlace } from '../domain/outbox.ts';
import { connectionOptions } from './connection.ts';

const CHANNEL = 'angarium_outbox';
const TRY_AGAIN_MS = 10_000;

export class Listener {
  readonly #place: OutboxPlace;
  readonly #clock: Clock;
  readonly #onCommit: () => void;
  #client: pg.Client | null = null;
  #triedAtMs = -Infinity;
  #isClosed = false;

  constructor(place: OutboxPlace, clock: Clock, onCommit: () => void) {
    this.#place = place;
    this.#clock = clock;
    this.#onCommit = onCommit;
  }

  /** Listens from now on, where it does not yet; does not wait for the connection. */
  listen(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#isClosed || this.#client !== null || nowMs - this.#triedAtMs < TRY_AGAIN_MS) return;
    this.#triedAtMs = nowMs;
    const client = new pg.Client(connectionOptions(this.#place.url));
    this.#client = client;
    const lost = () => {
      if (this.#client === client) this.#client = null;
    };
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', ({ payload }) => {
      if (payload === this.#place.schema) this.#onCommit();
    });
    client
      .connect()
      .then(() => client.query(`LISTEN ${CHANNEL}`))
      .catch(async () => {
        lost();
        await client.end().catch(() => {});
      });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }
}
