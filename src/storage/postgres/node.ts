/**
 * This node's incarnation and its lease. Claims of an incarnation whose lease is over count as free, for everybody else;
 * what it still records of them is fenced delivery by delivery. So a lease that ran out while the database was away may
 * be renewed, and a node whose row is gone begins anew.
 */
import type { ClientBase, Pool } from 'pg';
import type { Clock, Timer } from '../../domain/clock.ts';

const LEASE_S = 15;
const RENEW_MS = 5000;
const LEASE = `clock_timestamp() + interval '${LEASE_S} seconds'`;

const BEGIN = `INSERT INTO nodes (lease_until) VALUES (${LEASE}) RETURNING incarnation`;
const RENEW = `UPDATE nodes SET lease_until = ${LEASE} WHERE incarnation = $1`;
const END = "UPDATE nodes SET lease_until = '-infinity' WHERE incarnation = $1";

// Dead for an hour: what it left is freed, and then it is forgotten.
const LONG_DEAD = "lease_until < clock_timestamp() - interval '1 hour'";
const FREE = `
  WITH RECURSIVE lanes (tenant_no, destination_no) AS (
    (SELECT tenant_no, destination_no FROM deliveries WHERE status = 0 ORDER BY tenant_no, destination_no LIMIT 1)
    UNION ALL
    SELECT next.tenant_no, next.destination_no FROM lanes CROSS JOIN LATERAL (
      SELECT tenant_no, destination_no FROM deliveries
      WHERE status = 0 AND (tenant_no, destination_no) > (lanes.tenant_no, lanes.destination_no)
      ORDER BY tenant_no, destination_no LIMIT 1) AS next),
  left_behind AS (
    SELECT claims.tenant_no, claims.event_seq, claims.ordinal
    FROM lanes CROSS JOIN (SELECT incarnation FROM nodes WHERE ${LONG_DEAD}) AS dead CROSS JOIN LATERAL (
      SELECT tenant_no, event_seq, ordinal FROM deliveries
      WHERE status = 0 AND deliveries.tenant_no = lanes.tenant_no AND deliveries.destination_no = lanes.destination_no
        AND claimed_by = dead.incarnation
      LIMIT 1000) AS claims
    LIMIT 1000)
  UPDATE deliveries SET claimed_by = 0 FROM left_behind
  WHERE deliveries.tenant_no = left_behind.tenant_no AND deliveries.event_seq = left_behind.event_seq
    AND deliveries.ordinal = left_behind.ordinal AND claimed_by IN (SELECT incarnation FROM nodes WHERE ${LONG_DEAD})`;
// Numbers are microseconds.
const FORGET_ENDS = `
  DELETE FROM routing_ends WHERE seq < (extract(epoch FROM clock_timestamp()) - 3600) * 1000000`;
const HAS_LONG_DEAD = `SELECT 1 FROM nodes WHERE ${LONG_DEAD} LIMIT 1`;
const FORGET = `DELETE FROM nodes WHERE ${LONG_DEAD}`;

export class Node {
  readonly #pool: Pool;
  readonly #clock: Clock;
  #incarnation = 0;
  #renewedAtMs = 0;
  #isInDoubt = false;
  #timer: Timer | null = null;
  #renewing: Promise<void> = Promise.resolve();
  #isEnded = false;

  constructor(pool: Pool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  async begin(): Promise<void> {
    await this.#beginAnew(this.#pool);
    this.#schedule();
  }

  /**
   * Whether a commit went through is not known: what it may have claimed is in nobody's memory. The next transaction is
   * that of a new incarnation, for which all of that is free.
   */
  doubt(): void {
    this.#isInDoubt = true;
  }

  /** Before a transaction that may claim. */
  async confirm(client: ClientBase): Promise<void> {
    if (this.#isInDoubt) {
      await client.query(END, [this.#incarnation]);
      await this.#beginAnew(client);
    } else if (this.#clock.monotonicMs() - this.#renewedAtMs > LEASE_S * 1000)
      await this.#renew(client);
  }

  /** Forgets which tenants ended long ago; frees a slice of what nodes left that have been dead for long, and forgets them. */
  async tidy(): Promise<void> {
    await this.#pool.query(FORGET_ENDS);
    const dead = await this.#pool.query(HAS_LONG_DEAD);
    if (dead.rowCount === 0) return;
    const freed = await this.#pool.query(FREE);
    if (freed.rowCount === 0) await this.#pool.query(FORGET);
  }

  /** Its claims are free at once. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.#timer?.cancel();
    await this.#renewing;
    await this.#pool.query(END, [this.#incarnation]);
  }

  #schedule(): void {
    this.#timer = this.#clock.schedule(RENEW_MS, () => {
      // What refuses now is asked again: the next transaction needs the lease renewed in any case.
      this.#renewing = this.#renew(this.#pool)
        .catch(() => undefined)
        .then(() => {
          if (!this.#isEnded) this.#schedule();
        });
    });
  }

  async #renew(on: Pool | ClientBase): Promise<void> {
    const askedAtMs = this.#clock.monotonicMs();
    const renewed = await on.query(RENEW, [this.#incarnation]);
    if (renewed.rowCount === 0) await this.#beginAnew(on);
    else this.#renewedAtMs = askedAtMs;
  }

  async #beginAnew(on: Pool | ClientBase): Promise<void> {
    const askedAtMs = this.#clock.monotonicMs();
    const begun = await on.query<{ incarnation: number }>(BEGIN);
    this.#incarnation = begun.rows[0]?.incarnation ?? 0;
    this.#renewedAtMs = askedAtMs;
    this.#isInDoubt = false;
  }
}
