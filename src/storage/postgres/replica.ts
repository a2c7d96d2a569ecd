/**
 * A server that follows the database, to read from what may be some seconds old. Each node writes the time into a row now
 * and then, at most twice a second over all of them, and looks what of it has arrived there: that holds for any kind of
 * replica. While it is far behind, or does not answer, everything is read from the database itself.
 */
import pg from 'pg';
import type { Pool } from 'pg';
import { codeOf, describeTrouble } from '../../domain/postgres-trouble.ts';
import { placeOf } from '../../domain/postgres-url.ts';
import type { Clock, Timer } from '../../domain/clock.ts';
import type { ReplicaView } from '../reading.ts';
import { StorageOpenError } from '../storage.ts';
import { connectionConfig, hearNothing } from './open.ts';
import { isAnswer } from './refusal.ts';

const CONNECTIONS = 8;
const CHECK_EVERY_MS = 1000;
/** What takes longer is given up, and with it everything that is being read there. */
const CHECK_TIMEOUT_MS = 2000;
const MAX_LAG_MS = 4000;
/** What was found counts for so long: what is read is never older than both. */
const FRESH_FOR_MS = 3000;

// Also where the clock was set back.
const NOTE = `
  WITH now AS (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms),
  noted AS (
    INSERT INTO meta (name, value) SELECT 'replica_mark', ms::text FROM now
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
    WHERE abs(meta.value::bigint - excluded.value::bigint) >= 500)
  SELECT ms FROM now`;

const ARRIVED = `
  SELECT (SELECT value FROM meta WHERE name = 'instance_mark') AS database,
         (SELECT value::bigint FROM meta WHERE name = 'replica_mark') AS ms`;

export interface ReplicaParts {
  readonly url: string;
  /** Of the database itself, for what does not wait behind long queries. */
  readonly control: Pool;
  /** What tells this database from others. */
  readonly mark: string;
  readonly clock: Clock;
  /** Why it is not read from, from now on; `null`: it is. Called when that changes. */
  readonly onChange: (problem: string | null) => void;
}

export class Replica {
  readonly #parts: ReplicaParts;
  #ways: Ways;
  #freshAtMs = -Infinity;
  /** As it was found at that moment; `null`: not yet. */
  #found: { readonly lagMs: number; readonly atMs: number } | null = null;
  /** As it was told last; `undefined`: nothing was. */
  #problem: string | null | undefined = undefined;
  #timer: Timer | null = null;
  #looking: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
    this.#ways = waysTo(parts.url);
  }

  /** To read from. */
  get pool(): Pool {
    return this.#ways.reads;
  }

  get isUsable(): boolean {
    return this.#parts.clock.monotonicMs() - this.#freshAtMs < FRESH_FOR_MS;
  }

  /** What it would answer is so old at most: what was found, and the time since. */
  get view(): ReplicaView {
    const found = this.#found;
    const lagMs =
      found === null ? null : found.lagMs + this.#parts.clock.monotonicMs() - found.atMs;
    return { isUsed: this.isUsable, lagMs };
  }

  /** Resolves after the first look. Rejects with `StorageOpenError` where it is another database. */
  async begin(): Promise<void> {
    await this.#look();
    if (this.#problem === ANOTHER)
      throw new StorageOpenError(
        'unreachable',
        `${placeOf(this.#parts.url)} ${ANOTHER}: a replica has to follow the one of ANGARIUM_DATABASE_URL`,
      );
    this.#schedule();
  }

  /** Something of it failed: it is looked at before it is used again. */
  suspect(): void {
    this.#freshAtMs = -Infinity;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#looking;
    await cutOff(this.#ways);
  }

  #schedule(): void {
    if (this.#isClosed) return;
    this.#timer = this.#parts.clock.schedule(CHECK_EVERY_MS, () => {
      this.#looking = this.#look().then(() => this.#schedule());
    });
  }

  async #look(): Promise<void> {
    const { clock, control, mark } = this.#parts;
    const askedAtMs = clock.monotonicMs();
    const noted = await control.query<{ ms: number }>(NOTE).catch(() => null);
    // The database is away: nothing is known of how far it is behind.
    if (noted === null) return;
    try {
      const { rows } = await this.#ways.looks.query<{ database: string | null; ms: number | null }>(
        ARRIVED,
      );
      const { database = null, ms = null } = rows[0] ?? {};
      if (database !== null && database !== mark) return this.#leave(ANOTHER);
      // Nothing of it has arrived yet.
      if (ms === null) return this.#leave(BEHIND);
      const lagMs = Math.abs((noted.rows[0]?.ms ?? 0) - ms);
      this.#found = { lagMs, atMs: askedAtMs };
      if (lagMs > MAX_LAG_MS) return this.#leave(BEHIND);
      this.#freshAtMs = askedAtMs;
      this.#tell(null);
    } catch (error) {
      this.#leave(codeOf(error) === NO_TABLE ? BEHIND : describeTrouble(error));
      if (isAnswer(error)) return;
      // Nobody waits for what does not answer any more.
      void cutOff(this.#ways);
      this.#ways = waysTo(this.#parts.url);
    }
  }

  #leave(problem: string): void {
    this.#freshAtMs = -Infinity;
    this.#tell(problem);
  }

  #tell(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#parts.onChange(problem);
  }
}

const ANOTHER = 'is another database';
const BEHIND = 'it is too far behind';
/** Not yet. */
const NO_TABLE = '42P01';

interface Ways {
  readonly reads: Pool;
  /** One connection, which does not wait behind long queries. */
  readonly looks: Pool;
  readonly clients: Set<Connected>;
}

type Connected = pg.ClientBase & { end(): Promise<void> };

function waysTo(url: string): Ways {
  const config = { ...connectionConfig(url), connectionTimeoutMillis: CHECK_TIMEOUT_MS };
  const reads = new pg.Pool({ ...config, max: CONNECTIONS, pipeline: true });
  const looks = new pg.Pool({ ...config, max: 1, query_timeout: CHECK_TIMEOUT_MS });
  const clients = new Set<Connected>();
  for (const pool of [reads, looks]) {
    hearNothing(pool);
    pool.on('connect', (client) => clients.add(client));
    pool.on('remove', (client) => clients.delete(client));
  }
  return { reads, looks, clients };
}

/** What is being read there fails. */
async function cutOff({ reads, looks, clients }: Ways): Promise<void> {
  for (const client of clients) void client.end().catch(() => undefined);
  await Promise.all([reads.end(), looks.end()]);
}
