/**
 * The outbox in the application's database: each call is one statement, which is a transaction of its own. So a pooler
 * may stand between, nothing there is held open while events are published, and a relay that dies leaves nothing behind.
 */
import pg from 'pg';
import type { OutboxPlace } from '../domain/outbox.ts';
import { connectionOptions } from './connection.ts';
import type { Seen } from './floor.ts';

/** An event as it waits; times are RFC 3339. */
export interface WaitingEvent {
  readonly position: string;
  readonly tenantId: string;
  readonly topic: string;
  readonly eventId: string;
  /** JSON of an object, as it was given; `null`: it is too large to be fetched. */
  readonly data: string | null;
  /** JSON. */
  readonly metadata: string | null;
  /** JSON. */
  readonly resource: string | null;
  readonly orderKey: string | null;
  readonly destinationId: string | null;
  readonly time: string;
  readonly deliverAt: string | null;
  readonly eligibleForRetry: boolean;
}

export interface ReadRequest {
  /** A position: only what comes after it. */
  readonly above: bigint;
  readonly maxEvents: number;
  /** Of all events together; one at least is given. */
  readonly maxBytes: number;
  /** Of one event, else its data are left out. */
  readonly maxEventBytes: number;
  /** Tenants whose events wait. */
  readonly without: readonly string[];
}

export interface Read {
  /** In their order. */
  readonly events: readonly WaitingEvent[];
  /** How long ago the first event of all was put in; `null`: there is none. */
  readonly oldestAgeMs: number | null;
  readonly version: number;
  /** Whether commits notify. */
  readonly notifies: boolean;
  readonly seen: Seen;
}

export interface Refusal {
  readonly position: string;
  readonly code: string;
  readonly reason: string;
}

export interface OutboxDatabase {
  read(request: ReadRequest): Promise<Read>;
  /** They are in the event store. Gives the id of the transaction that has deleted them. */
  remove(positions: readonly string[]): Promise<bigint>;
  /** To `angarium_outbox_failed`; those that are not there any more are passed over. */
  refuse(refusals: readonly Refusal[]): Promise<void>;
  /** Takes or renews the lease; `false`: another relay has it. */
  lease(relay: string): Promise<boolean>;
  release(relay: string): Promise<void>;
  /** Statements under way end first. */
  close(): Promise<void>;
}

/** Only so long does the work wait for a relay that was killed. */
const LEASE = "interval '5 seconds'";
const RFC_3339 = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

/** Connects when it is asked for something. */
export function openOutboxDatabase({ url, schema }: OutboxPlace): OutboxDatabase {
  // A second one where a statement is given up and its connection is not closed yet.
  const pool = new pg.Pool({ ...connectionOptions(url), max: 2 });
  // A connection that has ended says so to whoever uses it next: nobody has to hear it now.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const sql = statements(schema);
  return {
    async read({ above, maxEvents, maxBytes, maxEventBytes, without }) {
      const { rows } = await pool.query<Row>(sql.read, [
        without,
        maxEvents,
        maxBytes,
        maxEventBytes,
        above,
      ]);
      const [first] = rows;
      if (first === undefined) throw new Error('angarium_outbox_state has no row');
      return {
        events: rows.flatMap((row) => (row.position === null ? [] : [eventOf(row, row.position)])),
        oldestAgeMs: first.oldest_age_ms,
        version: first.version,
        notifies: first.notify,
        seen: {
          first: first.first_position === null ? null : BigInt(first.first_position),
          last: BigInt(first.last_position),
          xmin: BigInt(first.xmin),
        },
      };
    },
    async remove(positions) {
      const { rows } = await pool.query<{ xid: string }>(sql.remove, [positions]);
      return BigInt(rows[0]?.xid ?? 0);
    },
    async refuse(refusals) {
      await pool.query(sql.refuse, [
        refusals.map(({ position }) => position),
        refusals.map(({ code }) => code),
        // No text of PostgreSQL holds NUL.
        refusals.map(({ reason }) => reason.replaceAll('\0', '')),
      ]);
    },
    async lease(relay) {
      const { rowCount } = await pool.query(sql.lease, [relay]);
      return rowCount === 1;
    },
    async release(relay) {
      await pool.query(sql.release, [relay]);
    },
    close: () => pool.end(),
  };
}

function statements(schema: string) {
  const table = (name: string) => `"${schema}".${name}`;
  return {
    // No row is passed over: what commits late has its place before the others in the next read, whatever was read
    // before (docs/decisions/032). Nothing comes below $5 any more (floor.ts). The sizes are read without the values (TOAST).
    read: `
      SELECT state.version, state.notify,
             (extract(epoch FROM clock_timestamp() - first.called_at) * 1000)::float8 AS oldest_age_ms,
             first.position AS first_position,
             (SELECT CASE WHEN is_called THEN last_value ELSE 0 END
              FROM ${table('angarium_outbox_position_seq')}) AS last_position,
             pg_snapshot_xmin(pg_current_snapshot())::text AS xmin,
             event.position, event.tenant_id, event.topic, event.event_id, event.order_key, event.destination_id,
             event.eligible_for_retry,
             CASE WHEN event.size <= $4 THEN event.data END AS data,
             CASE WHEN event.size <= $4 THEN event.metadata::text END AS metadata,
             CASE WHEN event.size <= $4 THEN event.resource::text END AS resource,
             to_char(event.event_time AT TIME ZONE 'UTC', ${RFC_3339}) AS event_time,
             to_char(event.deliver_at AT TIME ZONE 'UTC', ${RFC_3339}) AS deliver_at
      FROM ${table('angarium_outbox_state')} AS state
      LEFT JOIN (
        SELECT position, called_at FROM ${table('angarium_outbox')}
        WHERE position > $5 ORDER BY position LIMIT 1
      ) AS first ON true
      LEFT JOIN (
        SELECT sized.*, sum(least(size, $4)) OVER (ORDER BY position) - least(size, $4) AS bytes_before
        FROM (
          SELECT waiting.*, octet_length(data) + coalesce(octet_length(metadata::text), 0)
                            + coalesce(octet_length(resource::text), 0) AS size
          FROM ${table('angarium_outbox')} AS waiting
          WHERE position > $5 AND tenant_id <> ALL ($1::text[])
          ORDER BY position LIMIT $2
        ) AS sized
      ) AS event ON event.bytes_before < $3
      ORDER BY event.position`,
    remove: `
      WITH gone AS (DELETE FROM ${table('angarium_outbox')} WHERE position = ANY ($1::bigint[]))
      SELECT pg_current_xact_id()::text AS xid`,
    refuse: `
      WITH refused AS (
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[]) AS refused (position, code, reason)
      ), gone AS (
        DELETE FROM ${table('angarium_outbox')} AS waiting USING refused
        WHERE waiting.position = refused.position
        RETURNING waiting.*, refused.code, refused.reason
      )
      INSERT INTO ${table('angarium_outbox_failed')}
        (position, tenant_id, topic, event_id, data, metadata, resource, order_key, destination_id, event_time,
         deliver_at, eligible_for_retry, called_at, code, reason)
      SELECT position, tenant_id, topic, event_id, data, metadata, resource, order_key, destination_id, event_time,
             deliver_at, eligible_for_retry, called_at, code, reason
      FROM gone`,
    lease: `
      UPDATE ${table('angarium_outbox_state')} SET relay = $1, relay_until = clock_timestamp() + ${LEASE}
      WHERE relay IS NULL OR relay = $1 OR relay_until < clock_timestamp()`,
    release: `UPDATE ${table('angarium_outbox_state')} SET relay = NULL, relay_until = NULL WHERE relay = $1`,
  };
}

interface Row {
  readonly version: number;
  readonly notify: boolean;
  readonly oldest_age_ms: number | null;
  readonly first_position: string | null;
  readonly last_position: string;
  readonly xmin: string;
  readonly position: string | null;
  readonly tenant_id: string;
  readonly topic: string;
  readonly event_id: string;
  readonly data: string | null;
  readonly metadata: string | null;
  readonly resource: string | null;
  readonly order_key: string | null;
  readonly destination_id: string | null;
  readonly eligible_for_retry: boolean;
  readonly event_time: string;
  readonly deliver_at: string | null;
}

function eventOf(row: Row, position: string): WaitingEvent {
  return {
    position,
    tenantId: row.tenant_id,
    topic: row.topic,
    eventId: row.event_id,
    data: row.data,
    metadata: row.metadata,
    resource: row.resource,
    orderKey: row.order_key,
    destinationId: row.destination_id,
    time: row.event_time,
    deliverAt: row.deliver_at,
    eligibleForRetry: row.eligible_for_retry,
  };
}
