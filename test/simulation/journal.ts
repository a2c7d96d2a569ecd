/**
 * All changes of events, deliveries and attempts, as triggers see them: exactly, in order, and undone with their
 * transaction. The tables of the journal are temporary; the schema under test is as it is in a file.
 */
import type { DatabaseSync } from 'node:sqlite';

import type { DeliveryStatus } from '../../src/domain/delivery.ts';
import { DISABLED_REASONS } from '../../src/domain/ending.ts';
import type { DisabledReason } from '../../src/domain/ending.ts';
import { STATUS_OF_CODE } from '../../src/storage/sqlite/context.ts';
import { RETRY_LINE } from '../../src/storage/sqlite/lines.ts';

export interface DeliveryRow {
  readonly seq: number;
  readonly ordinal: number;
  readonly destinationNo: number;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  readonly step: number;
  /** Asked for, by hand or by a replay. */
  readonly isManual: boolean;
  readonly isReplay: boolean;
  readonly nextAttemptAtMs: number | null;
  /** 0: nobody has it. */
  readonly claimedBy: number;
  /** Nobody has it, and it stands in the line of retries. */
  readonly isInRetryLine: boolean;
  /** It failed for good, and holds its key. */
  readonly holds: boolean;
}

export type Change =
  | {
      readonly kind: 'event';
      readonly seq: number;
      readonly tenantNo: number;
      /** The caller's. */
      readonly id: string | null;
      readonly data: string;
    }
  | { readonly kind: 'event_gone'; readonly seq: number }
  | {
      readonly kind: 'delivery';
      readonly before: DeliveryRow | null;
      readonly after: DeliveryRow | null;
    }
  | {
      readonly kind: 'attempt';
      readonly seq: number;
      readonly ordinal: number;
      readonly number: number;
      readonly attemptKind: string;
      readonly startedAtMs: number;
      readonly reason: string | null;
    };

export interface DestinationRow {
  readonly no: number;
  readonly tenantNo: number;
  readonly tenantId: string;
  readonly id: string;
  /** Empty once it is deleted. */
  readonly definition: string;
  readonly isEnabled: boolean;
  /** Disabled: what it is owed waits. */
  readonly isHeld: boolean;
  readonly isDeleted: boolean;
  /** Why it is disabled; `null`: it is not. */
  readonly disabledReason: DisabledReason | null;
  readonly expiresAtMs: number | null;
}

const DELIVERY = (row: 'NEW' | 'OLD') =>
  `json_array(${row}.event_seq, ${row}.ordinal, ${row}.destination_no, ${row}.status, ${row}.attempts, ${row}.step,
              ${row}.manual, ${row}.next_attempt_ms, ${row}.claimed_by, ${row}.holds)`;

const TRIGGERS = `
  PRAGMA temp_store = MEMORY;
  CREATE TEMP TABLE journal (no INTEGER PRIMARY KEY, kind TEXT, before TEXT, after TEXT);
  CREATE TEMP TRIGGER journal_event AFTER INSERT ON main.events BEGIN
    INSERT INTO journal (kind, after)
    VALUES ('event', json_array(NEW.seq, NEW.tenant_no, NEW.id, CAST(NEW.data AS TEXT)));
  END;
  CREATE TEMP TRIGGER journal_event_gone AFTER DELETE ON main.events BEGIN
    INSERT INTO journal (kind, after) VALUES ('event_gone', json_array(OLD.seq));
  END;
  CREATE TEMP TRIGGER journal_delivery AFTER INSERT ON main.deliveries BEGIN
    INSERT INTO journal (kind, after) VALUES ('delivery', ${DELIVERY('NEW')});
  END;
  CREATE TEMP TRIGGER journal_delivery_changed AFTER UPDATE ON main.deliveries BEGIN
    INSERT INTO journal (kind, before, after) VALUES ('delivery', ${DELIVERY('OLD')}, ${DELIVERY('NEW')});
  END;
  CREATE TEMP TRIGGER journal_delivery_gone AFTER DELETE ON main.deliveries BEGIN
    INSERT INTO journal (kind, before) VALUES ('delivery', ${DELIVERY('OLD')});
  END;
  CREATE TEMP TRIGGER journal_attempt AFTER INSERT ON main.attempts BEGIN
    INSERT INTO journal (kind, after)
    VALUES ('attempt', json_array(NEW.event_seq, NEW.ordinal, NEW.number, NEW.kind, NEW.started_ms, NEW.reason));
  END;`;

export class Journal {
  readonly #db: DatabaseSync;
  readonly #read;
  readonly #clear;

  constructor(db: DatabaseSync) {
    this.#db = db;
    db.exec(TRIGGERS);
    this.#read = db.prepare('SELECT kind, before, after FROM temp.journal ORDER BY no');
    this.#clear = db.prepare('DELETE FROM temp.journal');
  }

  /** What has changed since the last call. */
  take(): Change[] {
    const rows = this.#read.all();
    if (rows.length > 0) this.#clear.run();
    return rows.map((row) =>
      changeOf(String(row['kind']), parsed(row['before']), parsed(row['after'])),
    );
  }

  /** All that there ever were. */
  destinations(): DestinationRow[] {
    const rows = this.#db
      .prepare(
        `SELECT destinations.no, tenant_no, ifnull(tenants.id, '') AS tenant_id, destinations.id, definition,
                disabled_ms, deleted_ms, disabled_reason, expires_ms
         FROM destinations LEFT JOIN tenants ON tenants.no = tenant_no ORDER BY destinations.no`,
      )
      .all();
    return rows.map((row) => ({
      no: Number(row['no']),
      tenantNo: Number(row['tenant_no']),
      tenantId: String(row['tenant_id']),
      id: String(row['id']),
      definition: String(row['definition']),
      // One that holds is owed what is published while it is disabled.
      isEnabled:
        row['deleted_ms'] === null &&
        (row['disabled_ms'] === null ||
          String(row['definition']).includes('"while_disabled":"hold"')),
      isHeld: row['disabled_ms'] !== null,
      isDeleted: row['deleted_ms'] !== null,
      disabledReason:
        DISABLED_REASONS.find(
          (reason) => row['disabled_ms'] !== null && reason === row['disabled_reason'],
        ) ?? null,
      expiresAtMs: row['expires_ms'] === null ? null : Number(row['expires_ms']),
    }));
  }

  /** Of all replays: those that have not come to their end, and the deliveries that were counted. */
  replays(): { open: number; counted: number } {
    const row = this.#db
      .prepare(
        `SELECT count(*) FILTER (WHERE status IN ('running', 'paused'))
                  + (SELECT count(*) FROM replay_deliveries) AS open,
                ifnull(sum(done + failed + canceled), 0) AS counted
         FROM replays`,
      )
      .get();
    return { open: Number(row?.['open']), counted: Number(row?.['counted']) };
  }

  tenantIds(): Map<number, string> {
    const rows = this.#db.prepare('SELECT no, id FROM tenants').all();
    return new Map(rows.map((row) => [Number(row['no']), String(row['id'])]));
  }

  storedAttempts(): Map<string, { count: number; first: number; last: number }> {
    const rows = this.#db
      .prepare(
        `SELECT event_seq || '/' || ordinal AS key, count(*) AS count, min(number) AS first, max(number) AS last
         FROM attempts GROUP BY event_seq, ordinal`,
      )
      .all();
    return new Map(
      rows.map((row) => [
        String(row['key']),
        { count: Number(row['count']), first: Number(row['first']), last: Number(row['last']) },
      ]),
    );
  }

  /** The incarnation that was begun last. */
  incarnation(): number {
    const row = this.#db.prepare("SELECT value FROM meta WHERE name = 'incarnation'").get();
    return Number(row?.['value']);
  }
}

type Cells = (string | number | null)[];

function parsed(cell: unknown): Cells | null {
  return typeof cell === 'string' ? (JSON.parse(cell) as Cells) : null;
}

function changeOf(kind: string, before: Cells | null, after: Cells | null): Change {
  const cells = after ?? [];
  switch (kind) {
    case 'event':
      return {
        kind,
        seq: Number(cells[0]),
        tenantNo: Number(cells[1]),
        id: textOf(cells[2]),
        data: String(cells[3]),
      };
    case 'event_gone':
      return { kind, seq: Number(cells[0]) };
    case 'delivery':
      return { kind, before: deliveryOf(before), after: deliveryOf(after) };
    default:
      return {
        kind: 'attempt',
        seq: Number(cells[0]),
        ordinal: Number(cells[1]),
        number: Number(cells[2]),
        attemptKind: String(cells[3]),
        startedAtMs: Number(cells[4]),
        reason: textOf(cells[5]),
      };
  }
}

function deliveryOf(cells: Cells | null): DeliveryRow | null {
  if (cells === null) return null;
  const status = STATUS_OF_CODE[Number(cells[3])];
  if (status === undefined) throw new Error(`a delivery has the status ${cells[3]}`);
  return {
    seq: Number(cells[0]),
    ordinal: Number(cells[1]),
    destinationNo: Number(cells[2]),
    status,
    attempts: Number(cells[4]),
    step: Number(cells[5]),
    isManual: cells[6] !== 0,
    isReplay: cells[6] === 2,
    nextAttemptAtMs: cells[7] === null ? null : Number(cells[7]),
    claimedBy: Math.max(0, Number(cells[8])),
    isInRetryLine: cells[8] === RETRY_LINE,
    holds: cells[9] === 1,
  };
}

function textOf(cell: string | number | null | undefined): string | null {
  return cell === null || cell === undefined ? null : String(cell);
}
