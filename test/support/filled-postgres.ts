/** A store that is filled over several days, and the plans by which the server finds its rows there. */
import pg from 'pg';
import type { QueryConfig } from 'pg';
import { vi } from 'vitest';

import { DAY_US, dayOf } from '../../src/storage/postgres/days.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { schemaOf } from './postgres-server.ts';
import type { PostgresServer } from './postgres-server.ts';
import { attemptOf, publish, seedTenant } from './storage-fixtures.ts';

const EVENTS = 40_000;
/** Of the tenants, so many have events. */
const PUBLISHING = 200;
const BETWEEN_EVENTS_US = 10_000_000;

const BEGINS_OR_ENDS = /^(?:BEGIN|COMMIT|ROLLBACK)\b/;

/** One tenant with the destinations `d` and `late`, and an event that `d` has; and so many others. */
export class FilledPostgres {
  readonly #server: PostgresServer;
  readonly #tenants: number;
  readonly url: string;
  readonly schema: string;
  readonly storage: Storage;
  readonly tenantId: string;
  /** The number of the event. */
  readonly seq: number;
  readonly #plain: pg.Client;

  private constructor(
    server: PostgresServer,
    tenants: number,
    at: { url: string; storage: Storage; tenantId: string; seq: number; plain: pg.Client },
  ) {
    this.#server = server;
    this.#tenants = tenants;
    this.url = at.url;
    this.schema = schemaOf(at.url);
    this.storage = at.storage;
    this.tenantId = at.tenantId;
    this.seq = at.seq;
    this.#plain = at.plain;
  }

  static async open(
    server: PostgresServer,
    { tenants = PUBLISHING } = {},
  ): Promise<FilledPostgres> {
    const url = await server.createSchema();
    const storage = await openPostgresStorage({ url });
    // Numbers go on from there: so that the last day is well filled, whatever the time is.
    await server.query(`
      UPDATE ${schemaOf(url)}.numbers
      SET last_seq = (floor(extract(epoch FROM clock_timestamp()) / 86400) + 1.5) * ${DAY_US}`);
    const tenantId = await seedTenant(storage, 'd', 'late');
    const seq = await publish(storage, tenantId, { id: 'x', toClaimed: ['d'] });
    await storage.record({ attempts: [attemptOf({ seq, ordinal: 0 })] });
    const plain = new pg.Client({ connectionString: url });
    await plain.connect();
    const filled = new FilledPostgres(server, tenants, { url, storage, tenantId, seq, plain });
    await filled.#fill();
    // All days but the last are done.
    await storage.maintain();
    return filled;
  }

  async close(): Promise<void> {
    await this.#plain.end();
    await this.storage.close();
    await this.#server.dropSchema(this.url);
  }

  /** Other tenants' delivered events, numbered before, of the last days. */
  async #fill(): Promise<void> {
    const { schema, seq } = this;
    const query = (sql: string) => this.#server.query(sql);
    const oldestDay = dayOf(seq - EVENTS * BETWEEN_EVENTS_US);
    await this.#plain.query('SELECT make_day(day) FROM generate_series($1::integer, $2) AS day', [
      oldestDay,
      dayOf(seq),
    ]);
    const tenants = `generate_series(1000, ${999 + this.#tenants}) AS n`;
    await query(`
      INSERT INTO ${schema}.tenants (no, id, metadata, settings, routing_version, created_ms, updated_ms)
      OVERRIDING SYSTEM VALUE SELECT n, 't' || n, '{}', '{}', 1, 1, 1 FROM ${tenants}`);
    await query(`
      INSERT INTO ${schema}.destinations (no, tenant_no, id, type, topics, definition, sealed_credentials, revision, created_ms,
                                          updated_ms)
      OVERRIDING SYSTEM VALUE SELECT n, n, 'd', 'webhook', '{}', '{}', '', 1, 1, 1 FROM ${tenants}`);
    await query(`
      INSERT INTO ${schema}.request_shapes (no, tenant_no, day, url, headers, payload)
      OVERRIDING SYSTEM VALUE SELECT n, n, 1, '', '', 'standard' FROM ${tenants}`);
    await this.insertEvents(`${seq} - n * ${BETWEEN_EVENTS_US}::bigint`, EVENTS);
    await query(`
      INSERT INTO ${schema}.event_keys (tenant_no, id, seq)
      SELECT tenant_no, id, seq FROM ${schema}.events WHERE tenant_no >= 1000`);
    await this.insertDeliveries(0);
    await query(`
      INSERT INTO ${schema}.attempts (tenant_no, seq, event_seq, ordinal, destination_no, number, kind, started_ms, total_us,
                                      shape_no, request_headers, response_status, response_headers, truncated)
      SELECT tenant_no, seq + 1, seq, 0, tenant_no, 1, 'first', time_ms, 1000, tenant_no, '', 200, '', false
      FROM ${schema}.events WHERE tenant_no >= 1000`);
    await this.analyze('events', 'deliveries', 'attempts', 'event_keys', 'tenants', 'destinations');
    await this.analyze('request_shapes');
  }

  async insertEvents(number: string, count: number): Promise<void> {
    await this.#server.query(`
      INSERT INTO ${this.schema}.events (tenant_no, seq, id, topic, time_ms, eligible_for_retry, test, data)
      SELECT 1000 + n % ${PUBLISHING}, ${number}, 'id-' || n, 'a', (${number}) / 1000, true, false, ''
      FROM generate_series(1, ${count}) AS n`);
  }

  async insertDeliveries(fromSeq: number): Promise<void> {
    await this.#server.query(`
      INSERT INTO ${this.schema}.deliveries (tenant_no, event_seq, ordinal, destination_no, status, attempts, step, asked_by,
                                        claimed_by, last_code, last_attempt_seq, updated_ms)
      SELECT tenant_no, seq, 0, tenant_no, 1, 1, 0, 0, 0, '200', seq + 1, time_ms
      FROM ${this.schema}.events WHERE tenant_no >= 1000 AND seq >= ${fromSeq}`);
  }

  async analyze(...tables: readonly string[]): Promise<void> {
    await this.#server.query(`ANALYZE ${tables.map((table) => `${this.schema}.${table}`).join()}`);
  }

  /** The plans of all statements that match, of those that an operation runs, each with its values. */
  async plansOf(operation: () => Promise<unknown>, wanted: RegExp): Promise<Map<string, string>> {
    const seen = new Map<string, { values: unknown[]; begin: string }>();
    const begun = new Map<unknown, string>();
    const asked = vi.spyOn(pg.Client.prototype, 'query');
    await operation();
    for (const [call, [query, given]] of (asked.mock.calls as unknown[][]).entries()) {
      const client = asked.mock.contexts[call];
      // Those that are prepared have a name.
      const { text: sql, values } =
        typeof query === 'object' ? (query as QueryConfig) : { text: query, values: given };
      if (typeof sql !== 'string') continue;
      if (BEGINS_OR_ENDS.test(sql)) begun.set(client, sql);
      else if (wanted.test(sql)) {
        const begin = begun.get(client) ?? '';
        const plainly = begin.startsWith('BEGIN') ? begin : 'BEGIN';
        seen.set(sql, { values: Array.isArray(values) ? values : [], begin: plainly });
      }
    }
    asked.mockRestore();
    const plans = new Map<string, string>();
    for (const [sql, { values, begin }] of seen) {
      // What a transaction says at its beginning is part of how its statements are planned.
      await this.#plain.query(begin);
      const { rows } = await this.#plain.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, values);
      await this.#plain.query('ROLLBACK');
      plans.set(sql, rows.map((row) => row['QUERY PLAN']).join('\n'));
    }
    return plans;
  }
}
