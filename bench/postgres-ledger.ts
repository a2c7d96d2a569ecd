/** What nodes have written down in PostgreSQL, read beside them: as `Ledger` does in a file. */
import pg from 'pg';
import type { Counts } from './ledger.ts';
import { sleep } from './part.ts';

const POLL_MS = 25;

export class PostgresLedger {
  readonly #pool: pg.Pool;

  constructor(databaseUrl: string) {
    this.#pool = new pg.Pool({
      connectionString: databaseUrl,
      max: 1,
      application_name: 'angarium bench',
    });
    this.#pool.on('error', () => undefined);
  }

  /** The number after which what comes now is numbered. */
  now(): number {
    return Date.now() * 1000;
  }

  async query(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.#pool.query<Record<string, unknown>>(sql, values)).rows;
  }

  /** Of the events numbered after that. */
  async counts(afterSeq = 0): Promise<Counts> {
    const [row = {}] = await this.query(
      `SELECT (SELECT count(*) FROM events WHERE seq > $1) AS events,
              count(*) FILTER (WHERE status = 0) AS pending, count(*) FILTER (WHERE status = 1) AS delivered,
              count(*) FILTER (WHERE status IN (2, 3)) AS lost,
              (SELECT count(*) FROM attempts WHERE seq > $1) AS attempts
       FROM deliveries WHERE event_seq > $1`,
      [afterSeq],
    );
    return {
      events: Number(row['events']),
      pending: Number(row['pending']),
      delivered: Number(row['delivered']),
      lost: Number(row['lost']),
      attempts: Number(row['attempts']),
    };
  }

  async pending(): Promise<number> {
    const [row] = await this.query('SELECT count(*) AS count FROM deliveries WHERE status = 0');
    return Number(row?.['count']);
  }

  /** When the last attempt was recorded, by the server's clock. */
  async lastRecordedMs(): Promise<number> {
    const [row] = await this.query('SELECT max(seq) AS seq FROM attempts');
    return Number(row?.['seq']) / 1000;
  }

  /** Waits until nothing is owed any more. Rejects where nothing was recorded for a while. */
  async untilDelivered(stalledMs = 30_000): Promise<void> {
    let lastMs = await this.lastRecordedMs();
    let movedAt = performance.now();
    while ((await this.query('SELECT 1 FROM deliveries WHERE status = 0 LIMIT 1')).length > 0) {
      await sleep(POLL_MS);
      const recordedMs = await this.lastRecordedMs();
      if (recordedMs !== lastMs) movedAt = performance.now();
      lastMs = recordedMs;
      if (performance.now() - movedAt > stalledMs)
        throw new Error(
          `nothing was recorded for ${stalledMs / 1000} s, and ${await this.pending()} deliveries are owed`,
        );
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
