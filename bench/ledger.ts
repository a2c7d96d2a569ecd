/**
 * What the server has written down, read from its database file beside it: how many events, deliveries and attempts, and
 * when the last one was recorded. The numbers of attempts are times (domain/id.ts), so the rate needs no polling.
 */
import { DatabaseSync } from 'node:sqlite';
import { sleep } from './part.ts';

export interface Counts {
  readonly events: number;
  readonly pending: number;
  readonly delivered: number;
  /** Failed for good, or canceled. */
  readonly lost: number;
  readonly attempts: number;
}

const POLL_MS = 25;

export class Ledger {
  readonly #db: DatabaseSync;

  constructor(databasePath: string) {
    this.#db = new DatabaseSync(databasePath, { readOnly: true });
    this.#db.exec('PRAGMA busy_timeout = 5000');
  }

  /** The number after which what comes now is numbered. */
  now(): number {
    return Date.now() * 1000;
  }

  /** Of the events numbered after that. */
  counts(afterSeq = 0): Counts {
    const one = (sql: string) => Number(this.#db.prepare(sql).get(afterSeq)?.['count']);
    const ofStatus = (statuses: string) =>
      one(
        `SELECT count(*) AS count FROM deliveries WHERE event_seq > ? AND status IN (${statuses})`,
      );
    return {
      events: one('SELECT count(*) AS count FROM events WHERE seq > ?'),
      pending: ofStatus('0'),
      delivered: ofStatus('1'),
      lost: ofStatus('2, 3'),
      attempts: one('SELECT count(*) AS count FROM attempts WHERE seq > ?'),
    };
  }

  pending(): number {
    const row = this.#db
      .prepare(
        'SELECT count(*) AS count FROM deliveries INDEXED BY deliveries_pending WHERE status = 0',
      )
      .get();
    return Number(row?.['count']);
  }

  hasPending(): boolean {
    return (
      this.#db
        .prepare('SELECT 1 FROM deliveries INDEXED BY deliveries_pending WHERE status = 0 LIMIT 1')
        .get() !== undefined
    );
  }

  /** When the last attempt was recorded, by the server's clock. */
  lastRecordedMs(): number {
    return Number(this.#db.prepare('SELECT max(seq) AS seq FROM attempts').get()?.['seq']) / 1000;
  }

  /** When the first attempt started of those that were recorded after that. */
  firstAttemptMs(afterSeq: number): number {
    const row = this.#db
      .prepare('SELECT min(started_ms) AS ms FROM attempts WHERE seq > ?')
      .get(afterSeq);
    return Number(row?.['ms']);
  }

  /** Waits until nothing is owed any more. Rejects where nothing was recorded for a while. */
  async untilDelivered(stalledMs = 30_000): Promise<void> {
    let lastMs = this.lastRecordedMs();
    let movedAt = performance.now();
    while (this.hasPending()) {
      await sleep(POLL_MS);
      const recordedMs = this.lastRecordedMs();
      if (recordedMs !== lastMs) movedAt = performance.now();
      lastMs = recordedMs;
      if (performance.now() - movedAt > stalledMs)
        throw new Error(
          `nothing was recorded for ${stalledMs / 1000} s, and ${this.pending()} deliveries are owed`,
        );
    }
  }

  close(): void {
    this.#db.close();
  }
}
