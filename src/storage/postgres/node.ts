/**
 * This node's incarnation and its lease. Claims of an incarnation whose lease is over count as free, for everybody else;
 * what it still records of them is fenced delivery by delivery. So a lease that ran out while the database was away may
 * be renewed, until another node has buried this one: then it begins anew.
 */
import type { ClientBase, Pool } from 'pg';
import type { Clock, Timer } from '../../domain/clock.ts';
import type { NodeView } from '../node-storage.ts';
import { BEGIN_WRITE } from './begin.ts';
import { FIRST_LINE, lineOf, RETRY_LINE } from './lines.ts';
import { isStandstill } from './standstill.ts';

const LEASE_S = 15;
const RENEW_MS = 5000;
/** So long before its end a lease is taken for over: an attempt that begins now is sent a little later. */
const MARGIN_MS = 1000;
const LEASE = `clock_timestamp() + interval '${LEASE_S} seconds'`;

// A node that is buried has a lease so long ago, which still tells when that was.
const BURIED_NOW = "clock_timestamp() - interval '1000 years'";
export const IS_NOT_BURIED = "lease_until > '1500-01-01'";

// While a server from before runs, all wait in the one line that it reads (lines.ts).
const READ_BY_ALL =
  'NOT EXISTS (SELECT 1 FROM nodes AS older WHERE NOT reads_retry_line AND lease_until > clock_timestamp()) AS has_retry_line';
// A node that takes publishes has a row of `meta`, which goes with that of the node.
const PUBLISHES = 'publishes ';
const BEGIN = `
  WITH node AS (
    INSERT INTO nodes (lease_until, delivers, reads_given, reads_retry_line) VALUES (${LEASE}, $1, true, true)
    RETURNING incarnation),
  mark AS (
    INSERT INTO meta (name, value) SELECT '${PUBLISHES}' || incarnation, '' FROM node WHERE $2)
  SELECT incarnation, ${READ_BY_ALL} FROM node`;
const RENEW = `
  UPDATE nodes SET lease_until = ${LEASE} WHERE incarnation = $1 AND ${IS_NOT_BURIED} RETURNING ${READ_BY_ALL}`;
const END = `UPDATE nodes SET lease_until = ${BURIED_NOW} WHERE incarnation = $1 AND ${IS_NOT_BURIED}`;

// After a start of the server everybody has time to renew.
const BURY = `
  UPDATE nodes SET lease_until = ${BURIED_NOW}
  WHERE ${IS_NOT_BURIED} AND lease_until <= clock_timestamp()
    AND clock_timestamp() > pg_postmaster_start_time() + interval '10 seconds'`;
const LIVE = `
  SELECT incarnation, delivers, incarnation::text = (SELECT value FROM meta WHERE name = 'leader') AS leads,
         EXISTS (SELECT 1 FROM meta WHERE name = '${PUBLISHES}' || incarnation) AS publishes
  FROM nodes WHERE ${IS_NOT_BURIED} ORDER BY incarnation`;
const LEAD = `
  INSERT INTO meta (name, value) VALUES ('leader', $1::bigint::text)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value
  WHERE NOT EXISTS (SELECT 1 FROM nodes WHERE incarnation = meta.value::bigint AND ${IS_NOT_BURIED})`;

// Buried for an hour: what it left is freed, and then it is forgotten. Not before: what it had sent to the server when it
// lost its lease may be carried out late, and claims of a node that is not known are found by nobody.
const LONG_DEAD = `lease_until < ${BURIED_NOW} - interval '1 hour'`;
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
    FROM lanes CROSS JOIN (
      SELECT incarnation FROM nodes WHERE ${LONG_DEAD} UNION ALL SELECT -incarnation FROM nodes WHERE ${LONG_DEAD}) AS dead
    CROSS JOIN LATERAL (
      SELECT tenant_no, event_seq, ordinal FROM deliveries
      WHERE status = 0 AND deliveries.tenant_no = lanes.tenant_no AND deliveries.destination_no = lanes.destination_no
        AND claimed_by = dead.incarnation
      LIMIT 1000) AS claims
    LIMIT 1000)
  UPDATE deliveries SET claimed_by = ${lineOf('$1')} FROM left_behind
  WHERE deliveries.tenant_no = left_behind.tenant_no AND deliveries.event_seq = left_behind.event_seq
    AND deliveries.ordinal = left_behind.ordinal AND abs(claimed_by) IN (SELECT incarnation FROM nodes WHERE ${LONG_DEAD})`;
// On Citus, which refuses that: on each worker at once, and not in slices.
const LONG_DEAD_NODES = `SELECT incarnation FROM nodes WHERE ${LONG_DEAD}`;
const FREE_ON_ALL = `
  UPDATE deliveries SET claimed_by = ${lineOf('$2')} WHERE status = 0 AND claimed_by = ANY($1::bigint[])`;
// Numbers are microseconds.
const FORGET_ENDS = `
  DELETE FROM routing_ends WHERE seq < (extract(epoch FROM clock_timestamp()) - 3600) * 1000000`;
const HAS_LONG_DEAD = `SELECT 1 FROM nodes WHERE ${LONG_DEAD} LIMIT 1`;
const FORGET = `DELETE FROM nodes WHERE ${LONG_DEAD}`;
const FORGET_PUBLISHERS = `
  DELETE FROM meta WHERE name LIKE '${PUBLISHES}%'
    AND NOT EXISTS (SELECT 1 FROM nodes WHERE name = '${PUBLISHES}' || incarnation)`;
const FORGET_LANES = 'DELETE FROM lanes WHERE owner NOT IN (SELECT incarnation FROM nodes)';

export interface NodeParts {
  readonly delivers: boolean;
  readonly publishes: boolean;
  readonly maintains: boolean;
  /** By-tenant.ts. */
  readonly isDistributed: boolean;
}

export class Node {
  readonly #pool: Pool;
  readonly #clock: Clock;
  #incarnation = 0;
  #retryLine = FIRST_LINE;
  #renewedAtMs = 0;
  #isInDoubt = false;
  readonly #parts: NodeParts;
  readonly #onReborn: (() => void)[] = [];
  #timer: Timer | null = null;
  #renewing: Promise<void> = Promise.resolve();
  #beginning: Promise<void> | null = null;
  #isEnded = false;

  constructor(pool: Pool, clock: Clock, parts: NodeParts) {
    this.#pool = pool;
    this.#clock = clock;
    this.#parts = parts;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  /** The line in which retries wait (lines.ts). */
  get retryLine(): number {
    return this.#retryLine;
  }

  /** By the monotonic clock: the lease was asked for after that moment. */
  get isAlive(): boolean {
    return (
      !this.#isInDoubt && this.#clock.monotonicMs() - this.#renewedAtMs < LEASE_S * 1000 - MARGIN_MS
    );
  }

  onReborn(listener: () => void): void {
    this.#onReborn.push(listener);
  }

  async look(): Promise<NodeView> {
    await this.#pool.query(BURY);
    let live = await this.#live();
    if (this.#parts.maintains && !live.some(({ leads }) => leads === true)) {
      await this.#pool.query(LEAD, [this.#incarnation]);
      live = await this.#live();
    }
    return {
      self: this.#incarnation,
      deliverers: live.flatMap(({ incarnation, delivers }) => (delivers ? [incarnation] : [])),
      publishers: live.filter(({ publishes }) => publishes).length,
      leads: live.some(
        ({ incarnation, leads }) => leads === true && incarnation === this.#incarnation,
      ),
    };
  }

  async #live() {
    const { rows } = await this.#pool.query<{
      incarnation: number;
      delivers: boolean;
      publishes: boolean;
      leads: boolean | null;
    }>(LIVE);
    return rows;
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
    if (this.#isInDoubt || this.#clock.monotonicMs() - this.#renewedAtMs > LEASE_S * 1000)
      await this.#renew(client);
  }

  /** Whether the row of numbers is held by somebody who stands still (standstill.ts). */
  isStandstill(): Promise<boolean> {
    return isStandstill(this.#pool);
  }

  /** Forgets which tenants ended long ago; frees a slice of what nodes left that have been dead for long, and forgets them. */
  async tidy(): Promise<void> {
    await this.#pool.query(FORGET_ENDS);
    const dead = await this.#pool.query(HAS_LONG_DEAD);
    if (dead.rowCount === 0) return;
    if ((await this.#free()) > 0) return;
    await this.#pool.query(FORGET);
    await this.#pool.query(FORGET_LANES);
    await this.#pool.query(FORGET_PUBLISHERS);
  }

  /** How many it was. */
  async #free(): Promise<number> {
    if (!this.#parts.isDistributed) return this.#freeSlice();
    const dead = await this.#pool.query<{ incarnation: number }>(LONG_DEAD_NODES);
    const claims = dead.rows.flatMap(({ incarnation }) => [incarnation, -incarnation]);
    return (await this.#pool.query(FREE_ON_ALL, [claims, this.#retryLine])).rowCount ?? 0;
  }

  async #freeSlice(): Promise<number> {
    const client = await this.#pool.connect();
    try {
      await client.query(BEGIN_WRITE);
      const { rowCount } = await client.query(FREE, [this.#retryLine]);
      await client.query('COMMIT');
      return rowCount ?? 0;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
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
    if (this.#isInDoubt) {
      await this.#beginAnew(on);
      return;
    }
    const askedAtMs = this.#clock.monotonicMs();
    const incarnation = this.#incarnation;
    const { rows } = await on.query<Lines>(RENEW, [incarnation]);
    // It may have gone on under another one, which is not to be left behind alive.
    if (incarnation !== this.#incarnation) return;
    const [renewed] = rows;
    if (renewed === undefined) return await this.#beginAnew(on);
    this.#renewedAtMs = askedAtMs;
    this.#useLines(renewed);
  }

  /** Once, whoever asks meanwhile. */
  #beginAnew(on: Pool | ClientBase): Promise<void> {
    this.#beginning ??= this.#insert(on).finally(() => (this.#beginning = null));
    return this.#beginning;
  }

  async #insert(on: Pool | ClientBase): Promise<void> {
    if (this.#isInDoubt) await on.query(END, [this.#incarnation]);
    const askedAtMs = this.#clock.monotonicMs();
    const { delivers, publishes } = this.#parts;
    const { rows } = await on.query<Lines & { incarnation: number }>(BEGIN, [delivers, publishes]);
    const [begun] = rows;
    const isFirst = this.#incarnation === 0;
    this.#incarnation = begun?.incarnation ?? 0;
    if (begun !== undefined) this.#useLines(begun);
    this.#renewedAtMs = askedAtMs;
    this.#isInDoubt = false;
    if (!isFirst) for (const listener of this.#onReborn) listener();
  }

  #useLines({ has_retry_line: hasRetryLine }: Lines): void {
    this.#retryLine = hasRetryLine ? RETRY_LINE : FIRST_LINE;
  }
}

interface Lines {
  readonly has_retry_line: boolean;
}
