/**
 * What nodes tell each other: NOTIFY on any connection, LISTEN on one of its own. Never in a transaction that others
 * wait for, since it makes them wait for each other. Through a pooler in transaction mode nothing is heard: then what a
 * node would have been told it finds by looking.
 */
import pg from 'pg';
import type { Pool } from 'pg';
import type { Clock, Timer } from '../../domain/clock.ts';
import type { LaneKey } from '../node-storage.ts';

const CHANNEL = "'angarium.' || current_schema()";
const LISTEN = `DO $$ BEGIN EXECUTE format('LISTEN %I', ${CHANNEL}); END $$`;
const NOTIFY = `SELECT pg_notify(${CHANNEL}, $1)`;
/** PostgreSQL takes less than 8,000 bytes. */
const MAX_BYTES = 7000;
const AGAIN_MS = 5000;

interface Told {
  readonly node: number;
  readonly lanes: readonly (readonly [tenantId: string, destinationId: string])[];
}

export class Wire {
  readonly #pool: Pool;
  readonly #config: pg.ClientConfig;
  readonly #clock: Clock;
  readonly #listeners: ((told: Told) => void)[] = [];
  #client: pg.Client | null = null;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(pool: Pool, config: pg.ClientConfig, clock: Clock) {
    this.#pool = pool;
    this.#config = config;
    this.#clock = clock;
  }

  onTold(listener: (told: { readonly node: number; readonly lanes: readonly LaneKey[] }) => void) {
    if (this.#listeners.length === 0) void this.#listen();
    this.#listeners.push(({ node, lanes }) =>
      listener({
        node,
        lanes: lanes.map(([tenantId, destinationId]) => ({ tenantId, destinationId })),
      }),
    );
  }

  async tell(node: number, lanes: readonly LaneKey[]): Promise<void> {
    const pairs = lanes.map(({ tenantId, destinationId }) => [tenantId, destinationId] as const);
    for (let from = 0; from < pairs.length;) {
      let to = from;
      let bytes = 0;
      do {
        bytes += Buffer.byteLength(JSON.stringify(pairs[to])) + 1;
        to++;
      } while (to < pairs.length && bytes < MAX_BYTES / 2);
      const told: Told = { node, lanes: pairs.slice(from, to) };
      await this.#pool.query(NOTIFY, [JSON.stringify(told)]);
      from = to;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#client?.end().catch(() => undefined);
  }

  async #listen(): Promise<void> {
    const client = new pg.Client(this.#config);
    this.#client = client;
    const again = () => {
      if (this.#client !== client || this.#isClosed) return;
      this.#client = null;
      this.#timer = this.#clock.schedule(AGAIN_MS, () => void this.#listen());
    };
    client.on('error', again);
    client.on('end', again);
    client.on('notification', ({ payload }) => {
      // JSON of another node of ours.
      const told = JSON.parse(payload ?? '') as Told;
      for (const listener of this.#listeners) listener(told);
    });
    try {
      await client.connect();
      await client.query(LISTEN);
    } catch {
      await client.end().catch(() => undefined);
      again();
    }
  }
}
