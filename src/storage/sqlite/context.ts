/** What all operations of the driver share: the connection, prepared statements, numbers, and who is who. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Clock } from '../../domain/clock.ts';
import { ingestedAtMs } from '../../domain/event.ts';
import { createIdCodec, newInstanceMark } from '../../domain/id.ts';
import type { IdCodec, Random } from '../../domain/id.ts';
import type { DeliveryStatus } from '../../domain/delivery.ts';
import type { RequestShape } from '../../domain/attempt.ts';
import { FIRST_LINE, RETRY_LINE } from './lines.ts';
import { RequestShapes } from './request-shapes.ts';

/** How a status is stored. */
export const STATUS_CODE: Record<DeliveryStatus, number> = {
  pending: 0,
  delivered: 1,
  failed: 2,
  canceled: 3,
};
export const STATUS_OF_CODE: readonly DeliveryStatus[] = [
  'pending',
  'delivered',
  'failed',
  'canceled',
];

export interface TenantNumbers {
  readonly no: number;
  routingVersion: number;
  /** Numbers of its destinations by id. */
  readonly destinations: Map<string, number>;
}

export interface ReadContext {
  readonly db: DatabaseSync;
  readonly ids: IdCodec;
  readonly clock: Clock;
  /** Prepares once. */
  statement(sql: string): StatementSync;
}

export interface WriteContext extends ReadContext {
  /** Number of this start of the process; written into claims. */
  readonly incarnation: number;
  /** The lines of what nobody has (lines.ts), and incarnations that are dead and left claims behind. */
  readonly claimants: readonly number[];
  /** The next number, of an event, an attempt, or a moment between them: later than all before. */
  nextSeq(): number;
  /** The number that was taken last. */
  lastSeq(): number;
  /**
   * A number that begins a millisecond of its own: milliseconds are enough to tell what was before from what comes after,
   * whatever the clock does. What a destination was owed up to then is canceled.
   */
  nextBoundary(): number;
  /** The time of the next number, for what is asked for by hand or by a replay: to be compared with boundaries. */
  nextAskedMs(): number;
  /** A tenant's numbers, kept in memory: the only writer is this context. */
  tenant(id: string): TenantNumbers | undefined;
  /** The number of the row that holds the shape; it is written if need be. */
  shapeNo(shape: RequestShape, tenantNo: number): number;
  /** Forgets what is kept of a tenant, or of all (after a rollback). */
  forget(tenantId?: string): void;
}

export function createReadContext(db: DatabaseSync, clock: Clock): ReadContext {
  const mark = metaValue(db, 'instance_mark');
  if (mark === undefined) throw new Error('the database was not set up');
  return { db, clock, ids: createIdCodec(mark), statement: statementCache(db) };
}

export function createWriteContext(db: DatabaseSync, clock: Clock, random: Random): WriteContext {
  const incarnation = begin(db, random);
  const statement = statementCache(db);
  const tenants = new Map<string, TenantNumbers>();
  const shapes = new RequestShapes(clock, statement);
  let lastSeq = readLastSeq(db);
  const putAskedSeq = db.prepare(
    "INSERT OR REPLACE INTO meta (name, value) VALUES ('asked_seq', ?)",
  );
  const nextSeq = () => {
    lastSeq = Math.max(lastSeq + 1, clock.nowMs() * 1000);
    return lastSeq;
  };

  return {
    ...createReadContext(db, clock),
    statement,
    incarnation,
    claimants: [FIRST_LINE, RETRY_LINE, ...leftClaimants(db)],
    nextSeq,
    lastSeq: () => lastSeq,
    nextBoundary() {
      lastSeq = Math.max(Math.floor(lastSeq / 1000 + 1), clock.nowMs()) * 1000;
      return lastSeq;
    },
    nextAskedMs() {
      const seq = nextSeq();
      putAskedSeq.run(String(seq));
      return ingestedAtMs(seq);
    },
    tenant(id) {
      const known = tenants.get(id);
      if (known !== undefined) return known;
      const row = statement('SELECT no, id, routing_version FROM tenants WHERE id = ?').get(id);
      if (row === undefined) return undefined;
      const rows = statement(
        'SELECT no, id FROM destinations WHERE tenant_no = ? AND deleted_ms IS NULL',
      ).all(Number(row['no']));
      const numbers: TenantNumbers = {
        no: Number(row['no']),
        routingVersion: Number(row['routing_version']),
        destinations: new Map(
          rows.map((destination) => [String(destination['id']), Number(destination['no'])]),
        ),
      };
      // The row's id: the one that was asked for may be cut from the text of a whole batch, and keep it.
      tenants.set(String(row['id']), numbers);
      return numbers;
    },
    shapeNo: (shape, tenantNo) => shapes.no(shape, tenantNo),
    forget(tenantId) {
      if (tenantId === undefined) {
        tenants.clear();
        shapes.forget();
      } else tenants.delete(tenantId);
    },
  };
}

/** Writes down that a new incarnation has begun, and gives its number. */
function begin(db: DatabaseSync, random: Random): number {
  db.exec('BEGIN IMMEDIATE');
  try {
    setMetaDefault(db, 'instance_mark', newInstanceMark(random));
    const incarnation = Number(metaValue(db, 'incarnation') ?? 0) + 1;
    db.prepare('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)').run(
      'incarnation',
      String(incarnation),
    );
    db.exec('COMMIT');
    return incarnation;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function statementCache(db: DatabaseSync): (sql: string) => StatementSync {
  const prepared = new Map<string, StatementSync>();
  return (sql) => {
    let statement = prepared.get(sql);
    if (statement === undefined) {
      statement = db.prepare(sql);
      prepared.set(sql, statement);
    }
    return statement;
  };
}

export function metaValue(db: DatabaseSync, name: string): string | undefined {
  const value = db.prepare('SELECT value FROM meta WHERE name = ?').get(name)?.['value'];
  return value === undefined ? undefined : String(value);
}

function setMetaDefault(db: DatabaseSync, name: string, value: string): void {
  db.prepare('INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)').run(name, value);
}

/** The last number that an event, an attempt, or what stands between them was given. */
export function readLastSeq(db: DatabaseSync): number {
  const row = db
    .prepare(
      `SELECT max((SELECT ifnull(max(seq), 0) FROM events),
                  (SELECT ifnull(max(seq), 0) FROM attempts),
                  (SELECT to_seq FROM rollup_progress),
                  ifnull((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'asked_seq'), 0),
                  (SELECT ifnull(max(cancel_below_seq), 0) FROM destinations WHERE cancel_below_seq IS NOT NULL)) AS seq`,
    )
    .get();
  return Number(row?.['seq'] ?? 0);
}

/** The incarnations that left claims. A loop of look-ups, each the next larger (lane, claimant) of the index. */
function leftClaimants(db: DatabaseSync): number[] {
  const next = db.prepare(
    `SELECT destination_no, claimed_by FROM deliveries INDEXED BY deliveries_pending
     WHERE status = 0 AND (destination_no, claimed_by) > (?, ?)
     ORDER BY destination_no, claimed_by LIMIT 1`,
  );
  const found = new Set<number>();
  for (
    let row = next.get(0, 0);
    row !== undefined;
    row = next.get(Number(row['destination_no']), Number(row['claimed_by']))
  ) {
    if (Number(row['claimed_by']) > 0) found.add(Number(row['claimed_by']));
  }
  return [...found];
}
